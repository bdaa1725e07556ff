//! What comes while an erasure is carried out, or before a gateway hears of one: a no in somebody else's conversation, a hold; and
//! a gateway that may not erase.

use std::fs;
use std::path::PathBuf;

use bulkhead_tests::{Home, POSTS, Said, eventually};
use rustix::fs::{Mode, OFlags};
use serde_json::Value;

use crate::branches::{ask, owner};
use crate::carried::first;
use crate::erasure::with;
use crate::people::{BOB, EVE, Team};
use crate::since::{GOES_ON, done, goes_on, unhurried};

/// Where a gateway waits that erases something of an agent: before the words of the record go, it looks into what is left of those
/// of that name that were removed, which here is a pipe.
struct Gate(PathBuf);

impl Gate {
    fn of(home: &Home, agent: &str) -> Self {
        let folder = home.at("data/removed").join(format!("{agent}-20261121T101112.123456Z"));
        fs::create_dir_all(&folder).unwrap();
        let pipe = folder.join("HEARTBEAT.md");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, Mode::from_raw_mode(0o600)).unwrap();
        Self(pipe)
    }

    /// Once a gateway waits there, it does until what this gives is dropped.
    fn reached(self) -> impl Sized {
        let mut held = None;
        // Nobody who does not wait opens it before somebody reads.
        let open = || rustix::fs::open(&self.0, OFlags::WRONLY | OFlags::NONBLOCK, Mode::empty()).ok();
        eventually("an erasure is being carried out", || {
            held = open();
            held.is_some()
        });
        held
    }
}

fn seq(record: &Value) -> u64 {
    record["seq"].as_u64().unwrap()
}

#[test]
fn what_somebody_says_no_with_in_anothers_conversation_while_they_are_erased_goes_too() {
    let test = "security::meanwhile::what_somebody_says_no_with";
    for team in Team::both_playing(test, POSTS) {
        let home = &team.home;
        home.add("[[group]]\nname = \"privacy\"\nerase = true\n");
        home.edit("groups = [\"guests\"]", "groups = [\"guests\", \"privacy\"]");
        drop(team.run(BOB, &["chat", "helper", "of the wombat"]));
        assert!(!with(home, "wombat").is_empty());
        let chat = home.begin(&["chat", "echo", "announce it"]);
        let approval = home.waiting();
        let request = ["audit", "erase", "request", "--person", "bob", "--reason", "he left"];
        let id = home.json(&request)["id"].as_str().unwrap().to_owned();

        let gate = Gate::of(home, "helper");
        let consent = team.begin(EVE, &["audit", "erase", "consent", &id]);
        let held = gate.reached();
        team.run(BOB, &["approvals", "deny", &approval, "--reason", "the numbat says no"]).done();
        assert_eq!(done(home).len(), 0, "nothing was erased yet");
        drop(held);
        drop(Said::of(consent).done());
        drop(Said::of(chat));

        // While somebody reads an older state of the database, its file keeps it.
        eventually("no file has what they said", || with(home, "wombat").is_empty());
        let done = done(home);
        let denied = home.records(&["--event", "approval.denied"]).remove(0);
        assert!(seq(&denied) < seq(&done[0]) && denied["erased"] == true, "{denied}");
        assert_eq!(denied["erased_by"], done[1]["seq"], "{done:?}");
        assert_eq!((done.len(), &done[1]["facts"]["follows"]), (2, &done[0]["seq"]), "{done:?}");
        // What the other one said stays on the record, and nobody goes on with what they were told.
        assert!(!with(home, "announce it").is_empty());
        let session = denied["session"].as_str().unwrap();
        home.run(&["chat", "echo", "--session", session, "go on"]).fails(2, "no conversation");
        home.verifies();
    }
}

/// Something is erased at `home` of a conversation at `other` in which models are asked on and on, which `other` hears of only after
/// `meanwhile` and a further prompt with the words; gives the record that says it, and the conversation.
fn unheard(home: &Home, other: &Home, meanwhile: impl FnOnce(&str)) -> (Value, String) {
    other.scene(GOES_ON);
    unhurried(other);
    other.start();
    let me = owner(other);
    let (before, _) = ask(&me, "helper", None, "of the bilby");
    let (session, _) = ask(&me, "echo", None, "of the quokka");
    let stream = goes_on(home, &me, &session, "and of the numbat");
    // Erasures are followed one after the other.
    let gate = Gate::of(other, "helper");
    let erase = |session: &str| {
        let request = ["audit", "erase", "request", "--session", session, "--reason", "a test"];
        assert_eq!(home.json(&request)["state"], "done");
    };
    erase(&before);
    let held = gate.reached();
    erase(&session);
    let done = done(home).pop().unwrap();
    let calls = ["--session", &session, "--kind", "proposal", "--action", "model.call"];
    eventually("a model is asked with what was erased", || {
        home.records(&calls).iter().any(|call| seq(call) > seq(&done))
    });
    meanwhile(&session);
    drop(held);
    drop(stream);
    (done, session)
}

/// What the log of a gateway has once these words are in it.
fn logged(home: &Home, words: &str) -> String {
    let log = || fs::read_to_string(home.at("data/gateway.log")).unwrap();
    eventually(&format!("the log says `{words}`"), || log().contains(words));
    log().lines().find(|line| line.contains(words)).unwrap().to_owned()
}

/// Nothing further was erased by that order, and nothing but the record has the words.
#[track_caller]
fn stays_on_the_record_alone(home: &Home, other: &Home, first: &Value) {
    eventually("its own copies are gone", || {
        with(other, "quokka").iter().all(|place| place == "the server's table payload")
    });
    assert!(!with(other, "quokka").is_empty(), "what was recorded since is gone");
    assert!(done(home).iter().all(|done| done["facts"]["follows"] != first["seq"]));
    home.verifies();
}

#[test]
fn what_is_held_before_a_gateway_hears_of_an_erasure_stays_and_its_log_says_so() {
    let test = "security::meanwhile::what_is_held_before_a_gateway_hears_of_an_erasure";
    for home in Home::both_playing(test, GOES_ON) {
        let Some(other) = home.beside() else { continue };
        let mut hold = String::new();
        let (first, session) = unheard(&home, &other, |session| {
            let add = ["audit", "hold", "add", "--session", session, "--reason", "lawsuit"];
            hold = home.json(&add)["id"].as_str().unwrap().to_owned();
        });
        let said = logged(&other, "what was recorded since an erasure stays");
        assert!(said.contains(&hold), "{said}");
        stays_on_the_record_alone(&home, &other, &first);
        // Once it is let go it can be asked for.
        home.run(&["audit", "hold", "remove", &hold, "--reason", "settled"]).done();
        let again = ["audit", "erase", "request", "--session", &session, "--reason", "a test"];
        assert_eq!(home.json(&again)["state"], "done");
        assert_eq!(with(&other, "quokka"), Vec::<String>::new());
        home.verifies();
    }
}

#[test]
fn a_gateway_without_an_eraser_takes_its_copies_away_and_says_what_it_leaves() {
    let test = "security::meanwhile::a_gateway_without_an_eraser";
    for home in Home::both_playing(test, GOES_ON) {
        let Some(other) = home.beside() else { continue };
        other.edit("eraser = \"bulkhead_er\"", "");
        let (first, session) = unheard(&home, &other, |_| ());
        let said = logged(&other, "since the erasure");
        let id = first["facts"]["erasure"].as_str().unwrap();
        assert!(
            said.contains(id) && said.contains(&session) && said.contains("contents from record"),
            "{said}"
        );
        stays_on_the_record_alone(&home, &other, &first);
        // One that may erase does what was left, when it is asked to.
        let again = ["audit", "erase", "request", "--session", &session, "--reason", "a test"];
        assert_eq!(home.json(&again)["state"], "done");
        assert_eq!(with(&other, "quokka"), Vec::<String>::new());
        let (me, _) = self::first(&home, "echo");
        assert_eq!(first["person"], me.as_str());
        home.verifies();
    }
}
