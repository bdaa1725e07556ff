//! Roles on a running gateway: what an operator and a custom role may, and what no role ever gives. Every route for each of them
//! is in `routes.rs`.

use std::fs;

use bulkhead_tests::{Browser, Home, POSTS, eventually, members};
use serde_json::{Value, json};

/// Everything that a policy of a role can give.
const ALL: &str = "@id(\"all\")\npermit (principal, action, resource);\n";

/// Bob may ask; opi is an operator and nothing else; max holds a role that gives all that a role can.
fn home(role: &str) -> Home {
    let home = Home::made(&["--team", "--person", "ada"]);
    home.add(&members(&["bob", "max"], "echo"));
    home.add(
        "[[person]]\nid = \"opi\"\n[[role]]\nname = \"operator\"\npeople = [\"opi\"]\n\
         [[role]]\nname = \"all\"\npeople = [\"max\"]\n",
    );
    fs::write(home.at("roles/all.cedar"), role).unwrap();
    home.scene(POSTS);
    home.start();
    home
}

#[test]
fn an_operator_stops_and_sees_health_and_neither_reads_nor_decides() {
    let home = home(ALL);
    let [bob, opi] = home.signed_in(["bob", "opi"]);
    bob.say("echo", "announce it");
    let approval = home.waiting();
    let session = bob.get("sessions").json()["sessions"][0]["session"].as_str().unwrap().to_owned();
    assert_eq!(opi.get("status").is(200).json()["ready"], true);
    assert_eq!(opi.get("agents").is(200).json()["items"].as_array().unwrap().len(), 2);
    let me = opi.get("me").is(200).json();
    assert_eq!((&me["roles"], &me["administrator"]), (&json!(["operator"]), &json!(false)));
    assert_eq!((&me["may"]["stop_all"], &me["may"]["approve"]), (&json!(true), &json!([])));
    // Nothing of what was said, nothing to decide, nobody's records.
    drop(opi.get(&format!("sessions/{session}")).is(404));
    drop(opi.get(&format!("approvals/{approval}")).is(404));
    drop(opi.post(&format!("approvals/{approval}/deny"), &json!({ "reason": "x" })).is(404));
    assert_eq!(opi.get("approvals").is(200).json()["items"], json!([]));
    drop(opi.get(&format!("records?session={session}")).is(403));
    drop(opi.post("agents/echo/messages", &json!({ "text": "hi" })).is(403));
    for (verb, state) in [("pause", "paused"), ("resume", "idle"), ("kill", "killed"), ("resume", "idle")] {
        drop(opi.post(&format!("agents/echo/{verb}"), &json!({})).is(200));
        eventually(state, || opi.get("agents/echo").json()["state"] == state);
    }
    drop(opi.post("kill", &json!({})).is(200));
    let stopped = home.records(&["--event", "agent.killed"]);
    assert!(!stopped.is_empty() && stopped.iter().all(|record| record["person"] == "opi"), "{stopped:?}");
    home.verifies();
}

#[test]
fn a_role_that_gives_all_that_a_role_can_gives_nobody_more_than_that() {
    let home = home(ALL);
    let [bob, max, ada] = home.signed_in(["bob", "max", "ada"]);
    // Not a yes to one's own request.
    max.say("echo", "announce it");
    let view = home.json(&["approvals", "show", &home.waiting()]);
    let yes = format!("approvals/{}/approve", view["id"].as_str().unwrap());
    let said = max.post(&yes, &json!({ "digest": view["digest"] })).is(403).json();
    assert!(said["detail"].as_str().unwrap().contains("nobody approves their own request"), "{said}");
    // Not an agent that their groups do not grant, nor what a guardrail keeps: a yes to bob's is judged again.
    drop(max.post("agents/helper/messages", &json!({ "text": "hi" })).is(403));
    bob.say("echo", "announce it");
    eventually("bob's waits too", || max.get("approvals").json()["items"].as_array().unwrap().len() == 2);
    let waits = max.get("approvals").json()["items"].clone();
    let bobs = waits.as_array().unwrap().iter().find(|view| view["asked_by"] == "bob").unwrap().clone();
    fs::write(
        home.at("guardrails/none.cedar"),
        "@id(\"none\")\n@message(\"nobody posts\")\nforbid (principal, action == Action::\"message.post\", resource);\n",
    )
    .unwrap();
    let path = format!("approvals/{}/approve", bobs["id"].as_str().unwrap());
    drop(max.post(&path, &json!({ "digest": bobs["digest"] })));
    eventually("it has come to an end", || bob.get("sessions").json()["sessions"][0]["turn"] == Value::Null);
    assert_eq!(home.posts("the draft is ready"), 0);
    // Not a way to become somebody else, to take somebody out, or to end the gateway.
    drop(max.post("people/ada/invite", &json!({})).is(403));
    drop(max.post("accounts/d-x/remove", &json!({})).is(403));
    drop(max.post("key/rotate", &json!({})).is(403));
    drop(max.post("checkpoint", &json!({})).is(403));
    drop(max.post("shutdown", &json!({ "pending": "keep" })).is(403));
    drop(max.get("sign-ins?person=ada").is(403));
    drop(ada.get("me").is(200));
    home.verifies();
}

#[test]
fn an_error_in_a_role_denies_is_one_sentence_and_keeps_nobody_from_stopping() {
    let home = home(ALL);
    let [bob, opi, max] = home.signed_in(["bob", "opi", "max"]);
    drop(max.get("people").is(200));
    fs::write(
        home.at("roles/all.cedar"),
        "@id(\"all\")\npermit (principal, action == Action::\"everything\", resource);\n",
    )
    .unwrap();
    let said = bob.post("agents/echo/messages", &json!({ "text": "hi" }));
    assert!(said.status >= 400, "{said:?}");
    let detail = said.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("`role:all:all` in `all.cedar` does not fit the schema of roles"), "{detail}");
    assert_eq!(detail.lines().count(), 1, "{detail}");
    home.run(&["doctor"]).has("does not fit the schema of roles");
    drop(opi.post("agents/echo/kill", &json!({})).is(200));
    // A file that is gone is no role that gives nothing unseen: it is said, too.
    fs::remove_file(home.at("roles/all.cedar")).unwrap();
    let said = bob.post("agents/echo/messages", &json!({ "text": "hi" })).json();
    assert!(said["detail"].as_str().unwrap().contains("write `roles/all.cedar`"), "{said}");
    fs::write(home.at("roles/all.cedar"), format!("// The same, and another file.\n{ALL}")).unwrap();
    drop(max.get("people").is(200));
    eventually("the record has that the role was changed", || {
        let changed = home.records(&["--event", "guardrail.changed"]);
        changed.iter().any(|record| record.to_string().contains("roles/all.cedar"))
    });
    home.verifies();
}

#[test]
fn a_role_whose_file_is_broken_or_gone_gives_nothing_any_more_but_stopping() {
    let home = home(ALL);
    let [bob, opi, max, ada] = home.signed_in(["bob", "opi", "max", "ada"]);
    let export = || max.post("exports", &json!({ "format": "csv", "conditions": [] }));
    drop((max.get("people").is(200), max.get("grants").is(200), export().is(200)));
    drop(max.get("agents/echo").is(200));
    let stream = max.follow("events");
    assert_eq!(stream.status, 200);
    for gone in [false, true] {
        if gone {
            fs::remove_file(home.at("roles/all.cedar")).unwrap();
        } else {
            fs::write(home.at("roles/all.cedar"), "permit (").unwrap();
        }
        let answers = [max.get("people"), max.get("grants"), export(), max.get("agents/echo")];
        for answer in answers {
            assert!(answer.status >= 400, "gone: {gone}: {answer:?}");
        }
        assert!(max.follow("events").status >= 400, "gone: {gone}");
        drop(opi.post("agents/echo/pause", &json!({})).is(200));
        drop(opi.post("agents/echo/kill", &json!({})).is(200));
        drop(opi.post("kill", &json!({})).is(200));
        // Somebody of whom no role ever said anything is no wiser, and an administrator goes on by being one.
        drop(bob.post("agents/echo/kill", &json!({})).is(403));
        assert!(opi.post("agents/echo/resume", &json!({})).status >= 400);
        drop(ada.get("people").is(200));
        drop(ada.post("agents/echo/resume", &json!({})).is(200));
    }
    // What was open ends as well.
    drop(stream.rest());
    fs::write(home.at("roles/all.cedar"), ALL).unwrap();
    drop(max.get("people").is(200));
    home.verifies();
}

#[test]
fn what_an_agent_was_is_shown_to_whoever_may_see_it_and_change_it_by_a_role() {
    // Max may see it by a group.
    let change = "@id(\"change\")\npermit (principal, action == Action::\"soul.change\", resource == Agent::\"echo\");\n";
    let see = "@id(\"see\")\npermit (principal, action == Action::\"agent.see\", resource);\n";
    let unseen = "@id(\"unseen\")\n@message(\"it is its owners' to see\")\n\
                  forbid (principal, action == Action::\"agent.see\", resource);\n";
    let home = home(change);
    let max = Browser::signed_in(&home, "max");
    let rolled = json!({ "number": 1, "version": "0".repeat(64) });
    let back = || max.post("agents/echo/soul/rollback", &rolled).status;
    let paths = ["agents/echo/soul/versions", "agents/echo/soul/versions/1", "agents/echo/soul/diff"];
    let answers = || paths.map(|path| max.get(path).status);
    // There is one version alone, and what lies there is another than the one that is named.
    assert_eq!((answers(), back()), ([200, 200, 404], 409));
    assert_eq!(max.get("agents/helper/soul/versions").status, 403);
    for role in [format!("{change}{unseen}"), see.to_owned()] {
        fs::write(home.at("roles/all.cedar"), &role).unwrap();
        assert_eq!((answers(), back()), ([403; 3], 403), "{role}");
    }
    home.verifies();
}

#[test]
fn a_forbid_of_a_role_is_named_and_is_on_the_record_and_what_is_taken_away_is_gone_at_once() {
    let home = home(
        "@id(\"stop\")\npermit (principal, action in [Action::\"agent.stop\", Action::\"activity.follow\"], resource);\n\
         @id(\"not-helper\")\n@message(\"helper is looked after by its owners\")\n\
         forbid (principal, action, resource == Agent::\"helper\");\n",
    );
    let max = Browser::signed_in(&home, "max");
    drop(max.post("agents/echo/kill", &json!({})).is(200));
    let said = max.post("agents/helper/kill", &json!({})).is(403).json();
    let detail = said["detail"].as_str().unwrap();
    assert!(detail.contains("helper is looked after by its owners (`role:all:not-helper`)"), "{detail}");
    eventually("it is on the record", || {
        let refused = home.records(&["--event", "right.refused", "--person", "max"]);
        refused.iter().any(|record| record["facts"]["policy"] == "role:all:not-helper")
    });
    // A stream that is open ends with the role, within a second or so.
    let stream = max.follow("events");
    assert_eq!(stream.status, 200);
    home.edit("name = \"all\"\npeople = [\"max\"]", "name = \"all\"\npeople = [\"bob\"]");
    drop(stream.rest());
    drop(max.post("agents/echo/kill", &json!({})).is(403));
    home.verifies();
}
