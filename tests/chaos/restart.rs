//! A gateway that is killed in the middle: what was open is known as unknown and never done twice, what waited
//! waits on, and no process is left.

use std::fs;
use std::os::unix::net::UnixStream;
use std::process::Command;

use bulkhead_tests::server::{Deed, Server};
use bulkhead_tests::{Home, POSTS, Said, eventually, procs, skipped};
use serde_json::Value;

/// How many times a gateway is killed right after an approval, each time a little later.
const KILLS: u64 = 8;

/// The records of a session: proposals of a verb, and outcomes of a status.
fn count(records: &[Value], kind: &str, verb: &str, status: Option<&str>) -> usize {
    let fits = |record: &&Value| {
        record["kind"] == kind
            && record["action"]["verb"] == verb
            && status.is_none_or(|status| record["status"] == status)
    };
    records.iter().filter(fits).count()
}

/// The only session that the record has a message of.
fn session(home: &Home, agent: &str) -> String {
    let records = home.records(&["--agent", agent, "--kind", "proposal"]);
    records[0]["session"].as_str().unwrap().to_owned()
}

/// Waits until a proposal of this verb was let through.
fn permitted(home: &Home, verb: &str) {
    eventually(&format!("a {verb} was let through"), || {
        let verdicts = home.records(&["--kind", "verdict", "--decision", "permit"]);
        verdicts.iter().any(|verdict| verdict["action"]["verb"] == verb)
    });
}

#[test]
fn a_model_call_that_was_open_is_unknown_and_the_session_goes_on() {
    let home = Home::playing("turns: [{say: too late, delay_ms: 600000}]");
    let gateway = home.gateway();
    let chat = home.begin(&["chat", "helper", "hello"]);
    permitted(&home, "model.call");
    eventually("the agent's process runs", || !procs::jailed(gateway).is_empty());
    let jailed = procs::jailed(gateway);
    home.crash();
    eventually("its processes are gone", || jailed.iter().all(|process| !procs::lives(process.pid)));
    let said = Said::of(chat).with(4);
    said.lacks("too late");

    home.scene("turns: [{say: and on, repeat: true}]");
    home.start();
    let session = session(&home, "helper");
    let records = home.records(&["--session", &session]);
    assert_eq!(count(&records, "outcome", "model.call", Some("unknown")), 1, "{records:?}");
    assert_eq!(count(&records, "proposal", "model.call", None), 1, "{records:?}");
    home.run(&["chat", "helper", "--session", &session, "again"]).done().has("and on");
    let records = home.records(&["--session", &session]);
    assert_eq!(count(&records, "proposal", "model.call", None), 2, "{records:?}");
    assert_eq!(count(&records, "outcome", "model.call", Some("unknown")), 1, "{records:?}");
    home.verifies();
}

#[test]
fn a_skill_that_was_open_is_unknown_and_is_not_done_again() {
    let site = Server::new(|_| Deed::Hang);
    let home = Home::new();
    home.add("[browser]\nprivate-hosts = [\"127.0.0.1\"]\n");
    home.soul(
        "scout",
        "# Scout\n\n## Identity\n\n- Name: scout\n- Role: Looks\n\n## Skills\n\n- browser: Look\n  - hosts: 127.0.0.1\n",
    );
    let fetch = format!(
        "turns: [{{calls: [{{skill: browser, arguments: {{url: \"http://{}/page\"}}}}]}}, {{say: after, repeat: true}}]",
        site.address
    );
    home.scene(&fetch);
    home.start();
    let chat = home.begin(&["chat", "scout", "look"]);
    if let Some(id) = held(&home) {
        home.run(&["approvals", "approve", &id]).done();
    }
    eventually("the page was asked for", || site.requests("/page").len() == 1);
    home.crash();
    drop(Said::of(chat));
    home.start();
    let session = session(&home, "scout");
    let records = home.records(&["--session", &session]);
    assert_eq!(count(&records, "outcome", "web.get", Some("unknown")), 1, "{records:?}");
    home.run(&["chat", "scout", "--session", &session, "what came of it?"]).done().has("after");
    let told = home.whole(&["--session", &session, "--kind", "proposal"]);
    let last = told.iter().rfind(|record| record["action"]["verb"] == "model.call").unwrap();
    assert!(last.to_string().contains("UNKNOWN"), "the model is told that nobody knows: {last}");
    assert_eq!(site.requests("/page").len(), 1, "it was done twice");
    home.verifies();
}

/// What waits, should a fetch wait; nothing once it was let through.
fn held(home: &Home) -> Option<String> {
    let mut id = None;
    eventually("the fetch was judged", || {
        let verdicts = home.records(&["--kind", "verdict"]);
        id = home.json(&["approvals", "list"])[0]["id"].as_str().map(str::to_owned);
        id.is_some() || verdicts.iter().any(|verdict| verdict["action"]["verb"] == "web.get")
    });
    id
}

#[test]
fn what_waits_survives_two_crashes_and_happens_once() {
    let home = Home::playing(POSTS);
    let chat = home.begin(&["chat", "echo", "announce it"]);
    let id = home.waiting();
    let before = home.json(&["approvals", "show", &id]);
    eventually("a turn that waits has no process", || procs::jailed(home.gateway()).is_empty());
    for _ in 0..2 {
        home.crash();
        home.start();
        assert_eq!(home.json(&["approvals", "show", &id]), before);
    }
    drop(Said::of(chat));
    assert_eq!(home.posts("the draft is ready"), 0);
    home.run(&["approvals", "approve", &id]).done();
    home.until("echo", "idle");
    eventually("it is posted", || home.posts("the draft is ready") == 1);
    home.run(&["approvals", "approve", &id]).fails(3, "does not wait any more");
    home.crash();
    home.start();
    home.run(&["approvals", "approve", &id]).fails(3, "does not wait any more");
    home.until("echo", "idle");
    assert_eq!(home.posts("the draft is ready"), 1);
    home.verifies();
}

#[test]
fn a_crash_right_after_the_yes_never_doubles_what_was_approved() {
    let home = Home::playing(POSTS);
    for number in 0..KILLS {
        let posted = home.posts("the draft is ready");
        let chat = home.begin(&["chat", "echo", "announce it"]);
        let id = home.waiting();
        let gateway = home.gateway();
        let yes = home.begin(&["approvals", "approve", &id]);
        // No time is measured here: each round meets another moment.
        std::thread::sleep(std::time::Duration::from_millis(number * 4));
        let killed = std::process::Command::new("kill").args(["-9", &gateway.to_string()]).status().unwrap();
        assert!(killed.success());
        drop((Said::of(yes), Said::of(chat)));
        eventually("the gateway's process is gone", || !procs::lives(gateway));
        home.start();
        let state = || home.json(&["approvals", "show", &id])["state"].as_str().unwrap().to_owned();
        if state() == "waiting" {
            home.run(&["approvals", "approve", &id]).done();
        }
        eventually("it is decided", || state() == "used");
        home.until("echo", "idle");
        let proposal = home
            .records(&["--kind", "proposal", "--agent", "echo"])
            .into_iter()
            .rfind(|record| record["action"]["verb"] == "message.post")
            .unwrap()["proposal"]
            .clone();
        let outcomes: Vec<Value> = home
            .records(&["--kind", "outcome", "--agent", "echo"])
            .into_iter()
            .filter(|outcome| outcome["proposal"] == proposal)
            .collect();
        assert_eq!(outcomes.len(), 1, "{outcomes:?}");
        let now = home.posts("the draft is ready") - posted;
        match outcomes[0]["status"].as_str().unwrap() {
            "done" => assert_eq!(now, 1),
            "unknown" => assert!(now <= 1, "posted {now} times"),
            other => panic!("{other}: {outcomes:?}"),
        }
    }
    home.verifies();
}

#[test]
fn the_record_is_free_before_the_next_gateway_can_begin() {
    if Command::new("strace").arg("--version").output().is_err() {
        let test = "chaos::restart::the_record_is_free_before_the_next_gateway_can_begin";
        skipped(test, "strace is not installed");
        return;
    }
    let home = Home::playing("turns: [{say: hello}]");
    home.run(&["gateway", "stop"]).done();
    let log = home.outside().join("calls");
    let log_of = log.to_str().unwrap();
    let mut watched = home.start_watched(&["-y", "-e", "trace=close", "-e", "signal=none", "-o", log_of]);
    // Somebody has come and says nothing: what hears kills holds on to all that the gateway has, as it may at any moment.
    let silent = UnixStream::connect(home.at("stop.sock")).unwrap();
    home.run(&["gateway", "stop"]).done();
    assert!(watched.wait().unwrap().success());
    drop(silent);
    let calls = fs::read_to_string(&log).unwrap();
    let last = |name: &str| calls.rfind(&format!("/data/{name}>"));
    let (record, gateway) = (last("journal.sqlite.lock"), last("gateway.lock"));
    assert!(record.is_some() && record < gateway, "{record:?}, then {gateway:?}");
}
