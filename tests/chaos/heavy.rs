//! Many turns at once, and an end in the middle of them.

use std::process::Child;

use bulkhead_tests::procs::{self, Jailed};
use bulkhead_tests::{Home, Said, eventually, skipped};

/// How many conversations go on at once.
const SESSIONS: usize = 8;

/// Each turn has a worker that has read a file, and waits for its model.
const READS_THEN_THINKS: &str = "
turns:
  - calls: [{skill: file-reader, arguments: {path: HOME/handbook/expenses.md}}]
  - say: too late
    delay_ms: 600000
  - say: a late call
    calls: [{skill: file-reader, arguments: {path: HOME/handbook/time-off.md}}]
";

const POSTER: &str = "# Poster

## Identity

- Name: poster
- Role: Tells others

## Skills

- message: Tell others

## Channels

- board: forum
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
    let kill = records.iter().position(|record| record["event"] == "agent.killed").unwrap();
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
fn a_crash_leaves_no_process_even_when_somebody_keeps_its_sockets_open() {
    let (home, chats, jailed) = busy();
    // No end of file tells a process that the gateway is gone: the kernel alone ends it.
    let Some(held) = procs::sockets_of(home.gateway()) else {
        skipped(
            "chaos::heavy::a_crash_leaves_no_process_even",
            "the sockets of the gateway cannot be had: run as root",
        );
        home.run(&["gateway", "stop"]).done();
        chats.into_iter().for_each(|chat| drop(Said::of(chat)));
        return;
    };
    assert!(held.len() >= 2 * SESSIONS, "{} sockets", held.len());
    let gateway = home.gateway();
    let killed = std::process::Command::new("kill").args(["-9", &gateway.to_string()]).status().unwrap();
    assert!(killed.success());
    none_is_left(&jailed);
    eventually("the gateway's process is gone", || !procs::lives(gateway));
    drop(held);
    for chat in chats {
        Said::of(chat).with(4).lacks("too late");
    }
    home.start();
    home.verifies();
}

#[test]
fn a_signal_ends_every_process_and_what_waits_and_says_so() {
    let (home, chats, jailed) = busy();
    home.soul("poster", POSTER);
    home.scene("turns: [{calls: [{skill: message, arguments: {channel: \"board:forum\", text: hello}}]}]");
    let waits = home.begin(&["chat", "poster", "tell them"]);
    let approval = home.waiting();
    let gateway = home.gateway();
    let told = std::process::Command::new("kill").args(["-TERM", &gateway.to_string()]).status().unwrap();
    assert!(told.success());
    eventually("the gateway's process is gone", || !procs::lives(gateway));
    assert!(jailed.iter().all(|process| !procs::lives(process.pid)), "{jailed:?}");
    for chat in chats.into_iter().chain([waits]) {
        let said = Said::of(chat);
        assert_ne!(said.code, 0, "{}", said.out);
        said.lacks("too late");
    }
    let records = home.whole(&[]);
    let last = records.last().unwrap();
    assert_eq!((&last["kind"], &last["event"]), (&"admin".into(), &"gateway.stopped".into()));
    let open = |record: &&serde_json::Value| record["kind"] == "outcome" && record["status"] == "unknown";
    assert_eq!(records.iter().filter(open).count(), SESSIONS);
    home.start();
    assert_eq!(home.json(&["approvals", "show", &approval])["state"], "cancelled");
    home.run(&["approvals", "approve", &approval]).fails(3, "does not wait any more");
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

/// How many times an agent is stopped right after an approval, each time a little later.
const STOPS: u64 = 8;

#[test]
fn a_stop_right_after_a_yes_ends_the_turn_once_and_posts_at_most_once() {
    let home = Home::new();
    home.soul("poster", POSTER);
    home.scene("turns: [{calls: [{skill: message, arguments: {channel: \"board:forum\", text: hello}}]}]");
    home.start();
    for number in 0..STOPS {
        let posted = home.posts("hello");
        let chat = home.begin(&["chat", "poster", "tell them", "--json"]);
        let id = home.waiting();
        let yes = home.begin(&["approvals", "approve", &id]);
        // No time is measured here: each round meets another moment.
        std::thread::sleep(std::time::Duration::from_millis(number * 3));
        home.run(&["agents", "kill", "poster"]).done();
        drop((Said::of(yes), Said::of(chat)));
        home.until("poster", "killed");
        let turn = home.json(&["approvals", "show", &id])["turn"].as_str().unwrap().to_owned();
        let ends = || {
            let messages = home.whole(&["--agent", "poster", "--kind", "message"]);
            messages
                .iter()
                .filter(|record| record["turn"] == *turn && record["event"] == "turn.ended")
                .count()
        };
        eventually("the turn is over", || ends() > 0);
        assert_eq!(ends(), 1, "round {number}");
        assert!(home.posts("hello") <= posted + 1);
        home.run(&["agents", "resume", "poster"]).done();
    }
    home.verifies();
}
