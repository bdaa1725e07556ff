//! Whose content is erased cannot hold that up: not by beginning turn after turn, nor by going on from a conversation while
//! others look into the record.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bulkhead_tests::{Home, Said, eventually};
use serde_json::json;

use crate::branches::{ask, branch, id, owner};
use crate::erasure::{gone, with};

/// An answer, after a while.
const SLOW: &str = "
turns:
  - say: So much for that.
    delay_ms: 300
    repeat: true
";

/// How many conversations their owner keeps busy.
const BUSY: usize = 24;

/// What each of them leaves to the others in between.
const PAUSE: Duration = Duration::from_millis(10);

/// How often somebody goes on from a conversation at once and is let in.
const BRANCHING: usize = 4;

#[test]
fn whoever_begins_turn_after_turn_in_many_conversations_holds_no_erasure_up() {
    let home = Home::playing(SLOW);
    let soul = home.at("agents/echo/SOUL.md");
    let text = std::fs::read_to_string(&soul).unwrap();
    std::fs::write(&soul, text + "\n## Limits\n- actions-per-minute: 10000\n").unwrap();
    let me = owner(&home);
    let (session, turn) = ask(&me, "echo", None, "of the quokka");
    let branches: Vec<String> =
        (0..BUSY).map(|_| id(&branch(&me, &session, &turn, false)).to_owned()).collect();
    let (over, begun) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for near in &branches {
            let (me, over, begun) = (&me, &over, &begun);
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    let said = me.post("agents/echo/messages", &json!({ "text": "and on", "session": near }));
                    begun.fetch_add(usize::from(said.status == 200), Ordering::Relaxed);
                    std::thread::sleep(PAUSE);
                }
            });
        }
        eventually("all of them are busy", || begun.load(Ordering::Relaxed) > 2 * BUSY);
        let erase = ["audit", "erase", "request", "--session", &session, "--reason", "a test", "--json"];
        let said = home.run(&erase);
        over.store(true, Ordering::Relaxed);
        assert_eq!(said.done().json()["state"], "done");
    });
    gone(&home, &["quokka"]);
    // They go on when it is done.
    eventually("one of them is taken up", || {
        let more = json!({ "text": "and on", "session": branches[0] });
        me.post("agents/echo/messages", &more).status == 200
    });
    home.verifies();
}

#[test]
fn whoever_waits_to_go_on_from_a_conversation_holds_no_erasure_up() {
    let test = "security::stubborn::whoever_waits_to_go_on_from_a_conversation_holds_no_erasure_up";
    for home in Home::both_playing(test, SLOW) {
        if !home.is_on_server() {
            continue;
        }
        home.run(&["gateway", "stop"]).done();
        home.edit("eraser = ", "wait = \"60s\"\neraser = ");
        home.start();
        let me = owner(&home);
        let (session, turn) = ask(&me, "echo", None, "of the quokka");
        home.run(&["audit", "checkpoint"]).done();
        let seq = home.records(&["--session", &session])[0]["seq"].as_u64().unwrap();
        let (through, refused) = (AtomicBool::new(false), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            let locked = home.lock("bulkhead.key").unwrap();
            // All places of those who look are taken, and stay so for as long as a step with the server may take.
            for _ in 0..8 {
                scope.spawn(|| drop(me.get(&format!("records/{seq}/proof"))));
            }
            eventually("they wait for the table", || locked.waiting() >= 4);
            for _ in 0..=BRANCHING {
                scope.spawn(|| {
                    let said = me.post(&format!("sessions/{session}/branches"), &json!({ "turn": turn }));
                    match said.body.contains("right now") {
                        true => drop(refused.fetch_add(1, Ordering::Relaxed)),
                        false => through.store(true, Ordering::Relaxed),
                    }
                });
            }
            // One is turned away because of the others, which wait.
            eventually("the others are let in", || refused.load(Ordering::Relaxed) == 1);
            let erase =
                home.begin(&["audit", "erase", "request", "--session", &session, "--reason", "a test"]);
            eventually("it is erased", || with(&home, "quokka").is_empty());
            assert!(!through.load(Ordering::Relaxed), "it was not let through before the erasure");
            drop(locked);
            Said::of(erase).done();
        });
        home.verifies();
    }
}
