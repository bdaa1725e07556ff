//! Rows of approvals that somebody writes or changes: no yes counts that the record does not have, and none for anything else
//! or for anybody else than the record says.

use bulkhead_tests::{Home, Said, eventually};
use serde_json::{Value, json};

use crate::unfounded::alerts;

/// A post, which waits, and an answer to whatever becomes of it.
const POSTS: &str = "turns: [{calls: [{skill: message, arguments: {channel: \"board:content-team\", text: \"the quokka\"}}]}, \
     {say: so be it, repeat: true}]";

/// The turn that waits and its approval, as the gateway left them that is gone now.
fn left(home: &Home) -> (Value, Value) {
    (home.left("turn").remove(0), home.left("approval").remove(0))
}

/// Has an approval be approved by `by`, in its row.
fn approve(home: &Home, approval: &Value, by: &[&str]) {
    let mut row = approval.clone();
    (row["view"]["state"], row["view"]["approved_by"]) = (json!("approved"), json!(by));
    home.leave("approval", approval["view"]["id"].as_str().unwrap(), &row);
}

fn disbelieved(home: &Home, id: &str) {
    let alert = ("approval".to_owned(), id.to_owned());
    eventually("it is said", || alerts(home).contains(&alert));
    eventually("its turn is over", || home.json(&["agents", "show", "echo"])["state"] == "idle");
}

#[test]
fn a_row_that_says_yes_lets_nothing_happen_that_nobody_said_yes_to() {
    for home in Home::both_playing(
        "security::unapproved::a_row_that_says_yes_lets_nothing_happen_that_nobody_said_yes_to",
        POSTS,
    ) {
        let chat = home.begin(&["chat", "echo", "post it"]);
        let id = home.waiting();
        home.crash();
        drop(Said::of(chat));
        let (turn, approval) = left(&home);
        let me = approval["view"]["asked_by"].as_str().unwrap().to_owned();
        approve(&home, &approval, &[&me]);
        home.start();
        disbelieved(&home, &id);
        assert_eq!(home.posts("the quokka"), 0);

        // A yes that was used is not used again.
        let chat = home.begin(&["chat", "echo", "post it"]);
        let id = home.waiting();
        let (_, waited) = left(&home);
        home.run(&["approvals", "approve", &id]).done();
        Said::of(chat).done().has("so be it");
        assert_eq!(home.posts("the quokka"), 1);
        home.run(&["gateway", "stop"]).done();
        let mut again = turn;
        again["session"] = waited["view"]["session"].clone();
        again["waiting"] = id.as_str().into();
        home.leave("turn", waited["view"]["turn"].as_str().unwrap(), &again);
        approve(&home, &waited, &[&me]);
        home.start();
        disbelieved(&home, &id);
        assert_eq!(home.posts("the quokka"), 1);

        // One to the same again, of which no record knows.
        home.run(&["gateway", "stop"]).done();
        let view = &waited["view"];
        let pattern = json!({
            "id": id, "agent": "echo", "asked_by": me, "approved_by": me, "verb": "message.post",
            "resource": view["action"]["resource"], "digest": view["digest"], "since": "2026-01-01T00:00:00Z",
            "expires": "2036-01-01T00:00:00Z", "uses": 0,
        });
        home.leave("pattern", &id, &pattern);
        home.start();
        eventually("it is said", || alerts(&home).contains(&("pattern".to_owned(), id.clone())));
        let chat = home.begin(&["chat", "echo", "post it"]);
        let waits = home.waiting();
        assert_eq!(home.posts("the quokka"), 1);
        home.run(&["approvals", "deny", &waits, "--reason", "no"]).done();
        drop(Said::of(chat));
        home.verifies();
    }
}

#[test]
fn a_wait_that_is_changed_in_its_row_is_said_yes_to_by_nobody() {
    for home in Home::both_playing(
        "security::unapproved::a_wait_that_is_changed_in_its_row_is_said_yes_to_by_nobody",
        POSTS,
    ) {
        let chat = home.begin(&["chat", "echo", "post it"]);
        let id = home.waiting();
        let (_, row) = left(&home);
        let change = |path: &str, value: Value| {
            let mut changed = row.clone();
            *changed.pointer_mut(path).unwrap() = value;
            home.leave("approval", &id, &changed);
        };
        let other = row["view"]["digest"].as_str().unwrap().replace(['0', '1', '2', '3'], "4");
        for (path, value) in [
            // What is shown is not what would happen.
            ("/view/action/args/text", json!("nothing bad")),
            ("/view/digest", json!(other)),
            ("/view/labels", json!(["public"])),
            ("/proposal/id", json!("p-another")),
        ] {
            change(path, value);
            home.run(&["approvals", "approve", &id]).fails(3, "is not what the record says");
            assert!(alerts(&home).contains(&("approval".to_owned(), id.clone())), "{path}");
        }
        assert_eq!(home.posts("the quokka"), 0);
        home.leave("approval", &id, &row);
        home.run(&["approvals", "approve", &id]).done();
        Said::of(chat).done().has("so be it");
        assert_eq!(home.posts("the quokka"), 1);
        home.verifies();
    }
}
