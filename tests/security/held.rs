//! A hold on a conversation that goes on from another keeps what it refers to there, whatever else of that goes, and no longer
//! than it is held.

use bulkhead_tests::{Browser, Home, eventually};
use journal::{Draft, Kind};
use serde_json::{Value, json};
use vocab::{AgentName, SessionId};

use crate::branches::{SAYS, ask, branch, has, id, owner, prompt, said};
use crate::erasure::{with, write_drafts};

/// A conversation of two turns, and two that go on from it: one from the end of its first, which is held, and one from its end.
struct Held {
    session: String,
    held: String,
    longer: String,
    hold: String,
    /// The first and the last record of the second turn.
    second: (u64, u64),
}

impl Held {
    /// In the gateway of `at`, and held at that of `home`, which is another of the same record or the same.
    fn new(home: &Home, at: &Home) -> Self {
        let me = owner(at);
        let (session, first) = ask(&me, "echo", None, "of the quokka");
        let (_, second) = ask(&me, "echo", Some(&session), "of the wombat");
        let held = id(&branch(&me, &session, &first, false)).to_owned();
        drop(ask(&me, "echo", Some(&held), "my own numbat"));
        let longer = id(&branch(&me, &session, &second, false)).to_owned();
        let add = ["audit", "hold", "add", "--session", &held, "--reason", "lawsuit"];
        let hold = home.json(&add)["id"].as_str().unwrap().to_owned();
        let of_turn =
            |record: &Value| (record["turn"] == second.as_str()).then(|| record["seq"].as_u64().unwrap());
        let second: Vec<u64> = home.records(&["--session", &session]).iter().filter_map(of_turn).collect();
        let second = (*second.first().unwrap(), *second.last().unwrap());
        Self { session, held, longer, hold, second }
    }

    /// All that the held conversation has, and nothing else, is there.
    #[track_caller]
    fn is_whole(&self, at: &Home) {
        let me = owner(at);
        let told = me.get(&format!("sessions/{}", self.held)).is(200).json();
        assert_eq!(
            (&told["branch"]["erased"], &told["branch"]["there"]),
            (&json!(false), &json!(true)),
            "{told}"
        );
        let said = said(&me, &self.held);
        assert_eq!((&*said[0], &*said[2]), ("of the quokka", "my own numbat"), "{said:?}");
        assert!(said.iter().all(|text| text != "-"), "{said:?}");
        drop(ask(&me, "echo", Some(&self.held), "and a bilby"));
        has(&prompt(at, &self.held), &["of the quokka", "my own numbat", "and a bilby"], &["wombat"]);
    }

    fn is_erased(&self, me: &Browser) -> bool {
        Self::has_gone_before(me, &self.held)
    }

    /// Whether something of what a conversation goes on from is gone, as it is shown.
    fn has_gone_before(me: &Browser, session: &str) -> bool {
        me.get(&format!("sessions/{session}")).is(200).json()["branch"]["erased"] == true
    }

    fn let_go(&self, home: &Home) {
        home.run(&["audit", "hold", "remove", &self.hold, "--reason", "settled"]).done();
    }
}

#[test]
fn what_a_held_conversation_goes_on_from_stays_whatever_goes_behind_it_until_it_is_let_go() {
    let test = "security::held::what_a_held_conversation_goes_on_from_stays_whatever_goes_behind_it_until_it_is_let_go";
    for home in Home::both_playing(test, SAYS) {
        let held = Held::new(&home, &home);
        let person = home.json(&["gateway", "status"])["person"].as_str().unwrap().to_owned();
        let erase = ["audit", "erase", "request", "--session", &held.session, "--reason", "a test"];
        home.run(&erase).fails(3, "the legal hold `h-");
        home.run(&["audit", "erase", "request", "--person", &person, "--reason", "a test"])
            .fails(3, "the legal hold `h-");
        held.is_whole(&home);

        // What it does not need goes, also from what a gateway keeps beside the record, and nobody carries the other on.
        let numbers = format!("{}-{}", held.second.0, held.second.1);
        assert!(!Held::has_gone_before(&owner(&home), &held.longer));
        let by_number = ["audit", "erase", "request", "--records", &numbers, "--reason", "a test"];
        assert_eq!(home.json(&by_number)["state"], "done");
        assert_eq!(with(&home, "wombat"), Vec::<String>::new());
        held.is_whole(&home);
        // One that nobody holds has lost all that it went on from there, and is shown so.
        assert!(Held::has_gone_before(&owner(&home), &held.longer));
        home.run(&["chat", "echo", "--session", &held.session, "go on"]).fails(2, "no conversation");
        let listed = owner(&home).get("sessions").is(200).json().to_string();
        assert!(!listed.contains(&format!("\"session\":\"{}\",\"agent\"", held.session)), "{listed}");
        home.run(&["audit", "erase", "request", "--records", &numbers, "--reason", "again"])
            .fails(2, "no content");
        home.run(&["gateway", "restart"]).done();
        held.is_whole(&home);

        held.let_go(&home);
        held.is_whole(&home);
        assert_eq!(home.json(&erase)["state"], "done");
        assert_eq!(with(&home, "quokka"), Vec::<String>::new());
        assert!(held.is_erased(&owner(&home)));
        home.verifies();
    }
}

#[test]
fn what_another_gateway_erases_behind_what_a_held_conversation_refers_to_leaves_that_whole() {
    let test = "security::held::what_another_gateway_erases_behind_what_a_held_conversation_refers_to_leaves_that_whole";
    for home in Home::both_playing(test, SAYS) {
        let Some(other) = home.beside() else { continue };
        other.scene(SAYS);
        other.start();
        let held = Held::new(&home, &other);
        let numbers = format!("{}-{}", held.second.0, held.second.1);
        home.run(&["audit", "erase", "request", "--records", &numbers, "--reason", "a test"]).done();
        eventually("what it does not need is gone", || with(&other, "wombat").is_empty());
        held.is_whole(&other);
        held.let_go(&home);
        home.run(&["audit", "erase", "request", "--session", &held.session, "--reason", "a test"]).done();
        eventually("no word of it is left", || with(&other, "quokka").is_empty());
        assert!(held.is_erased(&owner(&other)));
        home.verifies();
    }
}

#[test]
fn what_was_kept_long_enough_behind_what_a_held_conversation_refers_to_goes_and_that_stays() {
    let home = Home::playing(SAYS);
    let held = Held::new(&home, &home);
    let grows_old = |number| {
        home.run(&["gateway", "stop"]).done();
        let mut draft = Draft::new(Kind::Message);
        (draft.session, draft.agent) = (SessionId::new(&held.session).ok(), AgentName::new("echo").ok());
        draft.payload = json!({ "words": "of the bandicoot" });
        write_drafts(&home, 500, number, vec![draft]);
        home.start();
        eventually("it is gone", || with(&home, "bandicoot").is_empty());
    };
    grows_old(1);
    held.is_whole(&home);
    home.run(&["chat", "echo", "--session", &held.session, "go on"]).fails(2, "no conversation");
    held.let_go(&home);
    grows_old(1 << 10);
    assert!(held.is_erased(&owner(&home)));
    home.verifies();
}
