//! An erasure that cannot be carried out at once, or that is cut off, is carried out later; one that a hold came to is not.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use bulkhead_tests::{Home, Said, eventually, procs, skipped};
use journal::{Draft, Kind};
use serde_json::{Value, json};
use vocab::{AgentName, ProposalId, SessionId};

use crate::erasure::{gone, told, with, write, write_drafts};
use crate::unfounded::on_record;

const ID: &str = "e-aaaaaaaa";

/// A model that always says the same.
const FINE: &str = "turns: [{say: fine, repeat: true}]";

/// A heartbeat that cannot be written, with what it said: a folder is in its place.
struct Blocked {
    heartbeat: PathBuf,
    text: String,
}

impl Blocked {
    fn of(home: &Home, agent: &str) -> Self {
        let heartbeat = home.at("agents").join(agent).join("HEARTBEAT.md");
        let text = fs::read_to_string(&heartbeat).unwrap();
        fs::remove_file(&heartbeat).unwrap();
        fs::create_dir(&heartbeat).unwrap();
        Self { heartbeat, text }
    }

    fn mended(self) {
        fs::remove_dir(&self.heartbeat).unwrap();
        fs::write(&self.heartbeat, self.text).unwrap();
    }
}

/// The person and the conversation of the first message to an agent.
pub(crate) fn first(home: &Home, agent: &str) -> (String, String) {
    let message = home.records(&["--kind", "message", "--agent", agent]).remove(0);
    (message["person"].as_str().unwrap().to_owned(), message["session"].as_str().unwrap().to_owned())
}

/// An erasure that was agreed to.
pub(crate) fn running(id: &str, by: &str, of: &Value) -> Value {
    json!({
        "id": id, "of": of, "reason": "asked", "asked_by": by, "asked": "2026-11-21T10:00:00Z",
        "expires": "2036-11-28T10:00:00Z", "state": "running", "decided_by": by, "why": null, "contents": 0,
        "records": [],
    })
}

/// An erasure as it stands.
pub(crate) fn erasure(home: &Home, id: &str) -> Value {
    let all = home.json(&["audit", "erase", "list", "--all"]);
    all.as_array().unwrap().iter().find(|view| view["id"] == id).unwrap().clone()
}

#[test]
fn one_that_cannot_be_carried_out_is_tried_again_whole_and_keeps_no_other_waiting() {
    for home in Home::both_playing(
        "security::carried::one_that_cannot_be_carried_out_is_tried_again_whole_and_keeps_no_other_waiting",
        FINE,
    ) {
        home.run(&["chat", "helper", "of the quokka"]).done();
        home.run(&["chat", "echo", "of the numbat"]).done();
        let (me, quokka) = first(&home, "helper");
        let (_, numbat) = first(&home, "echo");
        home.run(&["gateway", "stop"]).done();
        let blocked = Blocked::of(&home, "helper");
        assert!(blocked.text.contains("quokka"), "{}", blocked.text);
        for (id, session) in [(ID, &quokka), ("e-bbbbbbbb", &numbat)] {
            on_record(&home, id, &format!("session:{session}"), &me, Some(&me));
            home.leave("erasure", id, &running(id, &me, &json!({ "session": session })));
        }
        let mut late = running("e-cccccccc", &me, &json!({ "session": numbat }));
        (late["state"], late["expires"]) = ("waiting".into(), "2026-11-21T10:00:01Z".into());
        home.leave("erasure", "e-cccccccc", &late);

        home.start();
        eventually("those behind it are looked after", || {
            erasure(&home, "e-bbbbbbbb")["state"] == "done"
                && erasure(&home, "e-cccccccc")["state"] == "expired"
        });
        gone(&home, &["numbat"]);
        assert_eq!(erasure(&home, ID)["state"], "running");
        let log = fs::read_to_string(home.at("data/gateway.log")).unwrap();
        assert!(
            log.contains("an erasure could not be looked after") && log.contains("HEARTBEAT.md"),
            "{log}"
        );

        // Whatever it has come to, a gateway that ends now leaves nothing that the next does not find.
        home.crash();
        blocked.mended();
        assert!(!with(&home, "quokka").is_empty());
        home.start();
        eventually("it is done", || erasure(&home, ID)["state"] == "done");
        gone(&home, &["quokka"]);
        home.verifies();
    }
}

#[test]
fn what_was_kept_long_enough_goes_from_the_files_too_though_they_could_not_be_written_at_first() {
    for home in Home::both(
        "security::carried::what_was_kept_long_enough_goes_from_the_files_too_though_they_could_not_be_written_at_first",
    ) {
        home.scene(FINE);
        // A gateway has its name from its first start.
        home.start();
        home.run(&["gateway", "stop"]).done();
        write(&home, 500, 1, &[("internal", "aardvark")]);
        fs::write(home.at("agents/helper/HEARTBEAT.md"), "# Helper\n\nof the aardvark\n").unwrap();
        let blocked = Blocked::of(&home, "helper");
        home.start();
        eventually("it was tried", || {
            let log = fs::read_to_string(home.at("data/gateway.log")).unwrap_or_default();
            log.contains("content whose time is over could not be erased")
        });
        home.crash();
        blocked.mended();
        assert!(!with(&home, "aardvark").is_empty());
        home.start();
        eventually("it is gone", || with(&home, "aardvark").is_empty());
        assert!(
            home.records(&["--kind", "admin"]).iter().any(|record| record["event"] == "retention.applied")
        );
        home.verifies();
    }
}

#[test]
fn what_was_posted_goes_when_its_time_is_over_and_other_posts_stay() {
    let scene = "turns:\n  - calls: [{skill: message, arguments: {channel: \"board:content-team\", text: a quokka}}]\n  \
         - say: done\n    repeat: true\n";
    for home in Home::both_playing(
        "security::carried::what_was_posted_goes_when_its_time_is_over_and_other_posts_stay",
        scene,
    ) {
        posts_go(&home);
    }
}

fn posts_go(home: &Home) {
    for _ in 0..2 {
        let chat = home.begin(&["chat", "echo", "post it"]);
        home.run(&["approvals", "approve", &home.waiting()]).done();
        Said::of(chat).done().has("done");
    }
    home.run(&["gateway", "stop"]).done();
    let proposed = home.records(&["--kind", "proposal", "--action", "message.post"]);
    let [one, two] = [proposed.first(), proposed.last()]
        .map(|record| record.unwrap()["proposal"].as_str().unwrap().to_owned());
    let board = || fs::read_to_string(home.at("data/board/content-team.md")).unwrap();
    assert!(board().contains(&one) && board().contains(&two), "{}", board());
    // The first of them is said to have been proposed long ago, too.
    let mut old = Draft::new(Kind::Proposal);
    old.proposal = ProposalId::new(&one).ok();
    old.agent = AgentName::new("echo").ok();
    old.session = SessionId::new("s-old").ok();
    old.payload = json!({ "args": { "text": "a quokka" } });
    write_drafts(home, 500, 1, vec![old]);
    home.start();
    eventually("the old post is gone", || !board().contains(&one));
    assert!(board().contains(&two) && board().matches("a quokka").count() == 1, "{}", board());
    home.verifies();
}

#[test]
fn a_hold_that_is_put_on_it_before_it_is_carried_out_ends_it() {
    for home in Home::both_playing(
        "security::carried::a_hold_that_is_put_on_it_before_it_is_carried_out_ends_it",
        FINE,
    ) {
        home.run(&["chat", "helper", "of the quokka"]).done();
        let (me, session) = first(&home, "helper");
        home.run(&["gateway", "restart"]).done();
        let blocked = Blocked::of(&home, "helper");
        let request = ["audit", "erase", "request", "--session", &session, "--reason", "asked"];
        home.run(&request).fails(4, "HEARTBEAT.md");
        let id = home.json(&["audit", "erase", "list"])[0]["id"].as_str().unwrap().to_owned();
        assert_eq!(erasure(&home, &id)["state"], "running");
        home.run(&["audit", "hold", "add", "--session", &session, "--reason", "lawsuit"]).done();
        blocked.mended();
        home.run(&["gateway", "restart"]).done();
        eventually("it is refused", || erasure(&home, &id)["state"] == "refused");
        let ended = erasure(&home, &id);
        assert_eq!(ended["decided_by"], me.as_str(), "who agreed stays");
        assert!(ended["why"].as_str().unwrap().contains("the legal hold `h-"), "{ended}");
        assert_eq!(
            told(&home),
            ["erasure.asked", "erasure.consented", "hold.added", "erasure.refused hold"],
            "nothing was erased"
        );
        let kept = |file: &String| file.contains("journal.sqlite") || file.contains("table payload");
        assert!(with(&home, "quokka").iter().any(kept));
        home.run(&["chat", "helper", "--session", &session, "go on"]).done();
        home.verifies();
    }
}

/// The records that say that something was erased of `of`.
fn done_of(home: &Home, of: &str) -> Vec<Value> {
    let of_it = |record: &Value| record["event"] == "erasure.done" && record["facts"]["of"] == of;
    home.records(&["--kind", "admin"]).into_iter().filter(of_it).collect()
}

#[test]
fn one_whose_gateway_ended_before_it_could_say_so_is_said_to_be_done_once() {
    for home in Home::both_playing(
        "security::carried::one_whose_gateway_ended_before_it_could_say_so_is_said_to_be_done_once",
        FINE,
    ) {
        home.run(&["chat", "helper", "of the quokka"]).done();
        let (_, session) = first(&home, "helper");
        let done = home.json(&["audit", "erase", "request", "--session", &session, "--reason", "asked"]);
        assert_eq!(done["state"], "done");
        home.run(&["gateway", "stop"]).done();
        // As the row stood in the transaction that erased the last of it.
        let mut row = done.clone();
        (row["state"], row["records"]) = ("running".into(), json!([]));
        let id = done["id"].as_str().unwrap();
        home.leave("erasure", id, &row);
        home.start();
        eventually("it is done", || erasure(&home, id)["state"] == "done");
        let again = erasure(&home, id);
        assert_eq!((&again["records"], &again["contents"]), (&done["records"], &done["contents"]));
        assert_eq!(done_of(&home, &format!("session:{session}")).len(), 1);
        home.verifies();
    }
}

#[test]
fn what_one_gateway_erased_is_gone_from_what_another_keeps_beside_the_record() {
    let test = "security::carried::what_one_gateway_erased_is_gone_from_what_another_keeps_beside_the_record";
    for home in Home::both_playing(test, FINE) {
        let Some(other) = home.beside() else { continue };
        other.scene(FINE);
        other.start();
        for word in ["of the quokka", "of the numbat", "of the wombat"] {
            other.run(&["chat", "helper", word]).done();
        }
        let sessions: Vec<String> = home
            .records(&["--kind", "message", "--agent", "helper"])
            .iter()
            .filter(|record| record["event"] == "message.received")
            .map(|record| record["session"].as_str().unwrap().to_owned())
            .collect();
        let [quokka, numbat, wombat] = [&sessions[0], &sessions[1], &sessions[2]];
        assert!(with(&other, "quokka").contains(&"the server's table state".to_owned()));
        // By somebody's order.
        home.run(&["audit", "erase", "request", "--session", quokka, "--reason", "asked"]).done();
        eventually("no word of it is left", || with(&other, "quokka").is_empty());
        assert!(!with(&other, "numbat").is_empty() && !with(&other, "wombat").is_empty());
        // And by time: something was said long ago in a conversation that rests at the other one.
        home.run(&["gateway", "stop"]).done();
        let mut old = Draft::new(Kind::Message);
        old.session = SessionId::new(numbat).ok();
        old.agent = AgentName::new("helper").ok();
        old.payload = json!({ "words": "once" });
        write_drafts(&home, 500, 1, vec![old]);
        home.start();
        eventually("its copy is gone", || {
            !with(&other, "numbat").contains(&"the server's table state".to_owned())
        });
        other.run(&["chat", "helper", "--session", numbat, "go on"]).fails(2, "no conversation");
        other.run(&["chat", "helper", "--session", wombat, "go on"]).done();
        home.verifies();
    }
}

/// Where an erasure is cut off: at this call of the machine's, by whichever of the gateway's threads has made so many first.
/// Between asking and done there are some commits of the record, the files beside it, and the wiping of the database's file.
const CUTS: [(&str, u32); 16] = [
    ("fdatasync", 1),
    ("fdatasync", 2),
    ("fdatasync", 3),
    ("fdatasync", 4),
    ("pwrite64", 2),
    ("pwrite64", 5),
    ("pwrite64", 9),
    ("pwrite64", 14),
    ("pwrite64", 20),
    ("fsync", 1),
    ("fsync", 2),
    ("rename", 1),
    ("rename", 2),
    ("unlink", 1),
    ("ftruncate", 1),
    ("ftruncate", 2),
];

/// The same where the record is on a server: what is said to it and heard from it, and the files beside it.
const SERVER_CUTS: [(&str, u32); 18] = [
    ("sendto", 2),
    ("sendto", 5),
    ("sendto", 8),
    ("sendto", 11),
    ("sendto", 14),
    ("sendto", 17),
    ("sendto", 20),
    ("sendto", 24),
    ("sendto", 28),
    ("sendto", 33),
    ("recvfrom", 6),
    ("recvfrom", 12),
    ("recvfrom", 18),
    ("recvfrom", 24),
    ("fsync", 1),
    ("fsync", 2),
    ("fsync", 4),
    ("renameat", 1),
];

/// Has the gateway end at such a call, as a machine that loses its power does.
fn cut(gateway: u32, (call, nth): (&str, u32)) -> Child {
    let inject = format!("inject={call}:signal=KILL:when={nth}");
    let watch = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject, "-p"])
        .arg(gateway.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    eventually("every thread is watched", || procs::every_thread_is_traced(gateway));
    watch
}

#[test]
fn an_erasure_that_is_cut_anywhere_is_finished_by_the_next_gateway() {
    if Command::new("strace").arg("--version").output().is_err() {
        skipped("security::carried::an_erasure_that_is_cut_anywhere", "strace is not installed");
        return;
    }
    for home in Home::both_playing("security::carried::an_erasure_that_is_cut_anywhere", FINE) {
        let cuts: &[_] = if home.is_on_server() { &SERVER_CUTS } else { &CUTS };
        let left: usize = cuts.iter().enumerate().map(|(round, at)| finished(&home, round, *at)).sum();
        eprintln!("{left} of {} were cut off between consent and end", cuts.len());
        assert!(left >= 3, "only {left} of {} were cut off between consent and end", cuts.len());
    }
}

/// Has an erasure cut off there and the next gateway finish it; how many were left in between.
fn finished(home: &Home, round: usize, at: (&str, u32)) -> usize {
    let word = format!("quokka{round}x");
    let said = home.run(&["chat", "helper", &word, "--json"]).done().lines();
    let session = said[0]["session"].as_str().unwrap().to_owned();
    let gateway = home.gateway();
    let mut watch = cut(gateway, at);
    let request =
        home.begin(&["audit", "erase", "request", "--session", &session, "--reason", "asked", "--json"]);
    let said = Said::of(request);
    if said.code != 0 {
        eventually("it was cut off", || !procs::lives(gateway));
    }
    watch.kill().unwrap();
    watch.wait().unwrap();
    let mut left = 0;
    if said.code != 0 {
        left = home.left("erasure").iter().filter(|row| row["state"] == "running").count();
        home.start();
    }
    let asked = || {
        let all = home.json(&["audit", "erase", "list", "--all"]);
        let of = |view: &&Value| view["of"]["session"] == session.as_str();
        all.as_array().unwrap().iter().find(of).map(|view| view["state"].clone())
    };
    // What was not yet asked for, or not yet agreed to, is asked for again.
    if asked().is_none_or(|state| state == "waiting") {
        assert!(!with(home, &word).is_empty(), "{at:?}: something went that nobody agreed to");
        home.run(&["audit", "erase", "request", "--session", &session, "--reason", "again"]).done();
    } else {
        eventually(&format!("it is done, cut at {at:?}"), || asked().unwrap() == "done");
    }
    // While somebody reads an older state of the database, its log keeps it; the gateway empties that as soon as nobody does.
    eventually(&format!("no file has the words, cut at {at:?}"), || with(home, &word).is_empty());
    let done = done_of(home, &format!("session:{session}"));
    assert_eq!(done.len(), 1, "{at:?}: {done:?}");
    assert!(done[0]["facts"]["contents"].as_u64() > Some(0), "{at:?}: {done:?}");
    home.verifies();
    left
}
