//! What ends after its agent was stopped is recorded as late, and nobody uses it.

use std::process::{Child, Command};

use bulkhead_tests::server::{Deed, Server};
use bulkhead_tests::{Home, POSTS, Said, eventually, procs, skipped};
use serde_json::Value;

/// How long the disk takes to say that a post is on it, in microseconds: time enough to stop the agent meanwhile, and less by far than
/// the three seconds for which the gateway waits for late words.
const DISK_MICROS: u32 = 1_000_000;

/// How often to try to stop the agent in that time, on a machine that is busy with other things.
const TRIES: usize = 5;

/// The gateway of `home`, on a disk that is slow to confirm a post.
fn on_a_slow_disk(home: &Home) -> Child {
    let board = home.at("data/board/content-team.md");
    let delay = format!("inject=fsync:delay_exit={DISK_MICROS}");
    home.start_watched(&["-o", "/dev/null", "-P", board.to_str().unwrap(), "-e", "trace=fsync", "-e", &delay])
}

/// The outcomes of posts so far.
fn outcomes(home: &Home) -> Vec<Value> {
    let mut outcomes = home.whole(&["--kind", "outcome", "--agent", "echo"]);
    outcomes.retain(|outcome| outcome["action"]["verb"] == "message.post");
    outcomes
}

#[test]
fn an_outcome_that_comes_late_is_recorded_as_late_and_not_used() {
    if Command::new("strace").arg("--version").output().is_err() {
        skipped("security::late::an_outcome_that_comes_late", "strace is not installed");
        return;
    }
    let home = Home::new();
    home.scene(POSTS);
    let mut watched = on_a_slow_disk(&home);
    for tried in 1..=TRIES {
        let chat = home.begin(&["chat", "echo", "announce it", "--json"]);
        home.run(&["approvals", "approve", &home.waiting()]).done();
        eventually("the words are on the board", || home.posts("the draft is ready") == tried);
        home.run(&["agents", "kill", "echo"]).done();
        let said = Said::of(chat);
        eventually("the outcome is on the record", || outcomes(&home).len() == tried);
        home.run(&["agents", "resume", "echo"]).done();
        let outcome = outcomes(&home).pop().unwrap();
        if outcome["status"] == "done" {
            // The disk was done before the agent was stopped.
            continue;
        }
        assert_eq!(outcome["status"], "late", "{outcome}");
        assert!(outcome["content"]["body"].to_string().contains("posted to"), "{outcome}");
        said.with(3).lacks("posted to").lacks("That is what became of it");
        let session = outcome["session"].as_str().unwrap();
        home.run(&["chat", "echo", "--session", session, "what came of it?"]).done();
        let told = home.whole(&["--session", session, "--kind", "proposal"]);
        let last = told.iter().rfind(|record| record["action"]["verb"] == "model.call").unwrap().to_string();
        assert!(last.contains("is not used") && !last.contains("posted to"), "{last}");
        home.run(&["gateway", "stop"]).done();
        watched.wait().unwrap();
        home.verifies();
        return;
    }
    panic!("in {TRIES} tries the agent was never stopped before the disk was done");
}

#[test]
fn a_model_that_answers_after_the_stop_is_not_heard() {
    let held = std::sync::Arc::new(std::sync::Barrier::new(2));
    let answer = std::sync::Arc::clone(&held);
    let server = Server::model(move |_| {
        answer.wait();
        Deed::Say(bulkhead_tests::server::stream(&bulkhead_tests::server::says("too late"), true))
    });
    let home = Home::new();
    home.edit("default = \"rehearsal/scene\"", "default = \"box/m\"");
    home.add(&server.settings());
    let gateway = home.start();
    let chat = home.begin(&["chat", "helper", "hello", "--json"]);
    eventually("the model was asked", || server.requests("/chat/completions").len() == 1);
    home.run(&["agents", "kill", "helper"]).done();
    assert_eq!(procs::jailed(gateway), []);
    held.wait();
    Said::of(chat).with(3).lacks("too late");
    let outcomes = home.records(&["--kind", "outcome", "--agent", "helper"]);
    let statuses: Vec<&str> = outcomes.iter().map(|outcome| outcome["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["unknown"]);
    home.verifies();
}
