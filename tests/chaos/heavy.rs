//! Many turns at once, and an end in the middle of them.

use std::process::Child;

use bulkhead_tests::procs::{self, Jailed};
use bulkhead_tests::{Home, Said, eventually};

/// How many conversations go on at once.
const SESSIONS: usize = 8;

/// Each turn has a worker that has read a file, and waits for its model.
const READS_THEN_THINKS: &str = "
turns:
  - calls: [{skill: file-reader, arguments: {path: HOME/handbook/expenses.md}}]
  - say: too late
    delay_ms: 10000
  - say: a late call
    calls: [{skill: file-reader, arguments: {path: HOME/handbook/time-off.md}}]
";

/// A home where as many turns as that are in the middle of it, with all their processes.
fn busy() -> (Home, Vec<Child>, Vec<Jailed>) {
    let home = Home::playing(READS_THEN_THINKS);
    let gateway = home.gateway();
    let chats = (0..SESSIONS).map(|_| home.begin(&["chat", "helper", "look it up", "--json"])).collect();
    let of = |role: &str| procs::jailed(gateway).iter().filter(|process| process.role == role).count();
    eventually("every turn has an agent's process and a worker", || {
        of("agent") == SESSIONS && of("worker") == SESSIONS
    });
    eventually("every turn waits for its model", || {
        let calls = home.records(&["--kind", "verdict", "--decision", "permit"]);
        calls.iter().filter(|verdict| verdict["action"]["verb"] == "model.call").count() == 2 * SESSIONS
    });
    let jailed = procs::jailed(gateway);
    (home, chats, jailed)
}

fn none_is_left(jailed: &[Jailed]) {
    eventually("no process is left", || jailed.iter().all(|process| !procs::lives(process.pid)));
}

#[test]
fn a_kill_ends_every_process_and_refuses_what_comes_late() {
    let (home, chats, jailed) = busy();
    let report = home.json(&["agents", "kill", "helper"]);
    assert_eq!(report["killed"][0]["processes"], jailed.len());
    // Dead when the command returns, not some time after.
    assert!(jailed.iter().all(|process| !procs::lives(process.pid)), "{jailed:?}");
    assert_eq!(procs::jailed(home.gateway()), []);
    for chat in chats {
        let said = Said::of(chat).with(3);
        assert_eq!(said.lines().last().unwrap()["type"], "end");
        said.lacks("too late").lacks("\"reply\"");
    }
    let records = home.records(&["--agent", "helper"]);
    let kill = records.iter().position(|record| record["kind"] == "admin").unwrap();
    let after = &records[kill..];
    assert!(
        after.iter().all(|record| record["decision"] != "permit" && record["status"] != "done"),
        "{after:?}"
    );
    // A call that had not quite begun is denied. The record of the kill follows the kill, so that some come before it.
    let refused = |status: &str| ["unknown", "late", "denied"].contains(&status);
    let open = records.iter().filter(|record| record["status"].as_str().is_some_and(refused)).count();
    assert_eq!(open, SESSIONS, "{records:?}");
    home.run(&["chat", "helper", "hello?"]).fails(3, "bulkhead agents resume helper");
    home.verifies();
}

#[test]
fn a_crash_leaves_no_process_and_every_turn_is_accounted_for() {
    let (home, chats, jailed) = busy();
    home.crash();
    none_is_left(&jailed);
    for chat in chats {
        Said::of(chat).with(4).lacks("too late");
    }
    home.scene("turns: [{say: on it, repeat: true}]");
    home.start();
    let unknown = home.records(&["--kind", "outcome", "--agent", "helper"]);
    let unknown: Vec<_> = unknown.iter().filter(|outcome| outcome["status"] == "unknown").collect();
    assert_eq!(unknown.len(), SESSIONS, "{unknown:?}");
    for outcome in unknown {
        let session = outcome["session"].as_str().unwrap();
        home.run(&["chat", "helper", "--session", session, "and now?"]).done().has("on it");
    }
    home.verifies();
}

#[test]
fn a_stop_ends_every_process() {
    let (home, chats, jailed) = busy();
    home.run(&["gateway", "stop"]).done();
    assert!(jailed.iter().all(|process| !procs::lives(process.pid)), "{jailed:?}");
    for chat in chats {
        let said = Said::of(chat);
        assert_ne!(said.code, 0, "{}", said.out);
        said.lacks("too late");
    }
    home.verifies();
}
