//! A write that waits for a person is shown as what it changes, and a yes replaces what was shown and nothing else.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Child;

use bulkhead_tests::{Browser, Home, Said, content, eventually};
use serde_json::{Value, json};
use vocab::Digest;

const WRITES: &str = "
turns:
  - calls:
      - {skill: file-writer, arguments: {path: HOME/agents/echo/workspace/draft.md, content: \"one\\nnew\\nthree\\n\"}}
  - say: That is what became of it.
    repeat: true
";

const ADDS: &str = "
turns:
  - calls:
      - skill: file-writer
        arguments: {path: HOME/agents/echo/workspace/draft.md, content: \"four\\n\", append: true}
  - say: That is what became of it.
    repeat: true
";

const OLD: &str = "one\nline-two\nthree\n";
const NEW: &str = "one\nnew\nthree\n";

/// A person looks at each write.
const LOOK: &str = "@id(\"look\") @message(\"a person looks at every write\") @decision(\"ask\")\n\
    forbid (principal, action == Action::\"file.write\", resource) unless { context.approved };\n";

fn home(scene: &str) -> Home {
    let home = Home::new();
    begun(&home, scene);
    home
}

fn begun(home: &Home, scene: &str) {
    fs::write(home.at("guardrails/ours.cedar"), LOOK).unwrap();
    home.scene(scene);
    home.start();
}

fn draft(home: &Home) -> PathBuf {
    home.at("agents/echo/workspace/draft.md")
}

/// Asks, and gives what waits when it does.
fn asked(home: &Home) -> (Child, String, Value) {
    let chat = home.begin(&["chat", "echo", "write it", "--json"]);
    let id = home.waiting();
    let view = home.json(&["approvals", "show", &id]);
    (chat, id, view["change"].clone())
}

/// Says yes, and gives what the agent heard.
fn yes(home: &Home, chat: Child, id: &str) -> Said {
    home.run(&["approvals", "approve", id]).done();
    Said::of(chat)
}

/// What a diff shows, a line each.
fn drawn(change: &Value) -> Vec<String> {
    let pieces = change["diff"]["pieces"].as_array().unwrap_or_else(|| panic!("no diff: {change}"));
    let lines = |piece: &Value| {
        let kind = piece["kind"].as_str().unwrap().to_owned();
        let lines = piece["lines"].as_array().unwrap().clone();
        lines.into_iter().map(move |line| format!("{kind} {}", line.as_str().unwrap()))
    };
    pieces.iter().flat_map(lines).collect()
}

/// Nothing was written, and the agent was told why.
#[track_caller]
fn not_written(said: &Said) {
    said.has("is not what a person saw when they said yes");
}

#[test]
fn a_write_that_waits_is_shown_as_what_it_changes_and_happens_when_nothing_else_did() {
    let home = home(WRITES);
    fs::write(draft(&home), OLD).unwrap();
    let (chat, id, change) = asked(&home);
    assert_eq!(drawn(&change), ["same one", "removed line-two", "added new", "same three"]);
    assert_eq!((&change["created"], &change["bytes"]), (&json!(false), &json!(OLD.len())));
    home.run(&["approvals", "show", &id]).done().has("  - line-two").has("  + new");
    // A list has none of it, and neither has the record.
    assert_eq!(home.json(&["approvals", "list"])[0]["change"], Value::Null);
    assert!(home.json(&["approvals", "show", &id])["patternable"] == false, "each is another file");
    yes(&home, chat, &id).done().has("replaced, 14 bytes now");
    assert_eq!(fs::read_to_string(draft(&home)).unwrap(), NEW);
    // An auditor can tell which file the yes was for.
    let approved = home.records(&["--event", "approval.approved"]).remove(0);
    let said = content(&home.at("data/journal.sqlite"), approved["seq"].as_u64().unwrap());
    assert_eq!(said["over"], json!({ "only": Digest::of(OLD.as_bytes()) }));
    home.verifies();
}

#[test]
fn a_new_file_and_an_addition_are_shown_as_what_they_come_to() {
    let home = home(WRITES);
    let (chat, id, change) = asked(&home);
    assert_eq!(change["created"], true);
    assert_eq!(drawn(&change), ["added one", "added new", "added three"]);
    yes(&home, chat, &id).done().has("made, 14 bytes now");
    home.scene(ADDS);
    let (chat, id, change) = asked(&home);
    assert_eq!(drawn(&change), ["same one", "same new", "same three", "added four"]);
    yes(&home, chat, &id).done().has("added to, 19 bytes now");
    assert_eq!(fs::read_to_string(draft(&home)).unwrap(), format!("{NEW}four\n"));
}

#[test]
fn what_was_changed_after_it_was_shown_is_not_written_over() {
    for scene in [WRITES, ADDS] {
        let home = home(scene);
        fs::write(draft(&home), OLD).unwrap();
        let (chat, id, shown) = asked(&home);
        let theirs = "what somebody else wrote meanwhile\n";
        fs::write(draft(&home), theirs).unwrap();
        // What is shown stays what the yes is for.
        assert_eq!(home.json(&["approvals", "show", &id])["change"], shown);
        not_written(&yes(&home, chat, &id));
        assert_eq!(fs::read_to_string(draft(&home)).unwrap(), theirs);
        let left = fs::read_dir(home.at("agents/echo/workspace")).unwrap().count();
        assert_eq!(left, 1, "nothing is left beside it");
        home.verifies();
    }
}

#[test]
fn what_came_after_it_was_shown_that_nothing_was_there_is_not_written_over() {
    for scene in [WRITES, ADDS] {
        let home = home(scene);
        let (chat, id, shown) = asked(&home);
        assert_eq!(shown["created"], true);
        fs::write(draft(&home), "theirs").unwrap();
        not_written(&yes(&home, chat, &id));
        assert_eq!(fs::read_to_string(draft(&home)).unwrap(), "theirs");
    }
}

#[test]
fn what_was_shown_and_is_gone_since_is_not_written() {
    let home = home(WRITES);
    fs::write(draft(&home), OLD).unwrap();
    let (chat, id, _) = asked(&home);
    fs::remove_file(draft(&home)).unwrap();
    not_written(&yes(&home, chat, &id));
    assert!(!draft(&home).exists());
}

#[test]
fn what_was_shown_counts_after_a_restart() {
    let home = home(WRITES);
    fs::write(draft(&home), OLD).unwrap();
    let (chat, id, shown) = asked(&home);
    home.crash();
    drop(Said::of(chat));
    home.start();
    assert_eq!(home.json(&["approvals", "show", &id])["change"], shown);
    fs::write(draft(&home), "theirs").unwrap();
    home.run(&["approvals", "approve", &id]).done();
    eventually("it is used", || home.json(&["approvals", "show", &id])["state"] == "used");
    eventually("it has ended", || {
        home.records(&["--kind", "outcome", "--action", "file.write"])
            .iter()
            .any(|record| record["status"] == "failed")
    });
    assert_eq!(fs::read_to_string(draft(&home)).unwrap(), "theirs");
}

#[test]
fn nothing_is_read_through_a_link_and_what_cannot_be_shown_says_why() {
    let secret = "the number of the safe is 47-11\n";
    let home = home(WRITES);
    let outside = home.outside().join("secret");
    fs::write(&outside, secret).unwrap();
    symlink(&outside, draft(&home)).unwrap();
    let (chat, id, change) = asked(&home);
    assert_eq!(change["diff"], Value::Null);
    assert!(change["why"].as_str().unwrap().contains("symbolic link"), "{change}");
    let shown = home.json(&["approvals", "show", &id]).to_string();
    assert!(!shown.contains("47-11") && !shown.contains("safe"), "{shown}");
    // Nor once the link is gone: nobody has seen what lies there then.
    fs::remove_file(draft(&home)).unwrap();
    fs::write(draft(&home), "theirs").unwrap();
    not_written(&yes(&home, chat, &id));
    assert_eq!(fs::read_to_string(draft(&home)).unwrap(), "theirs");
    assert_eq!(fs::read_to_string(&outside).unwrap(), secret);

    // What is no text, or too long, is bound to all the same.
    for (old, kept) in [(vec![0xff, 0xfe, 0], true), (b"x\n".repeat(100_000), false)] {
        fs::write(draft(&home), &old).unwrap();
        let (chat, id, change) = asked(&home);
        assert_eq!((&change["diff"], &change["bytes"]), (&Value::Null, &json!(old.len())));
        assert!(change["why"].as_str().unwrap().contains("no text, or too long"), "{change}");
        if kept {
            yes(&home, chat, &id).done().has("replaced");
        } else {
            fs::write(draft(&home), [old, b"y".to_vec()].concat()).unwrap();
            not_written(&yes(&home, chat, &id));
        }
    }
    home.verifies();
}

#[test]
fn who_is_not_cleared_for_the_file_sees_what_would_be_written_and_no_more() {
    let home = Home::made(&["--team", "--person", "ada"]);
    home.add(
        "[[person]]\nid = \"bob\"\ngroups = [\"owners\"]\n\
         [[person]]\nid = \"cyn\"\ngroups = [\"owners\"]\nclearance = [\"restricted\"]\n\
         [[label]]\npath = \"HOME/agents/echo/workspace\"\nlabels = [\"confidential\"]\n",
    );
    begun(&home, WRITES);
    fs::write(draft(&home), OLD).unwrap();
    let [ada, bob, cyn] = home.signed_in(["ada", "bob", "cyn"]);
    let chat = home.begin(&["chat", "echo", "write it", "--json"]);
    let id = home.waiting();
    let seen = |who: &Browser| who.get(&format!("approvals/{id}")).is(200).json();
    let to_bob = seen(&bob);
    assert_eq!(to_bob["decidable"], true);
    assert_eq!(to_bob["action"]["args"]["content"], NEW);
    assert_eq!((&to_bob["change"]["diff"], &to_bob["change"]["bytes"]), (&Value::Null, &json!(0)));
    assert!(to_bob["change"]["why"].as_str().unwrap().contains("you are cleared for"), "{to_bob}");
    assert!(!to_bob.to_string().contains("line-two"), "{to_bob}");
    assert_eq!(drawn(&seen(&cyn)["change"])[1], "removed line-two");
    // Ada asked: what she does not decide on is not shown to her.
    assert!(!seen(&ada)["decidable"].as_bool().unwrap());
    assert_eq!(seen(&ada)["change"], Value::Null);
    // A clearance that is taken away counts at once.
    let cyns =
        |clearance: &str| format!("id = \"cyn\"\ngroups = [\"owners\"]\nclearance = [\"{clearance}\"]");
    home.edit(&cyns("restricted"), &cyns("internal"));
    assert_eq!(seen(&cyn)["change"]["diff"], Value::Null);
    // The yes is for the settings by which it was asked, too.
    home.edit(&cyns("internal"), &cyns("restricted"));
    let digest = &to_bob["digest"];
    drop(bob.post(&format!("approvals/{id}/approve"), &json!({ "digest": digest, "person": "bob" })).is(200));
    Said::of(chat).done().has("replaced");
    assert_eq!(fs::read_to_string(draft(&home)).unwrap(), NEW);
    home.verifies();
}

#[test]
fn who_asked_sees_nothing_of_what_lies_there_though_they_may_approve_and_are_cleared() {
    let home = Home::made(&["--team", "--person", "ada"]);
    home.add("[[person]]\nid = \"bob\"\ngroups = [\"owners\"]\n");
    begun(&home, WRITES);
    fs::write(draft(&home), OLD).unwrap();
    let people: [Browser; 2] = home.signed_in(["ada", "bob"]);
    let chat = home.begin(&["chat", "echo", "write it", "--json"]);
    let id = home.waiting();
    let [to_ada, to_bob] = people.each_ref().map(|who| who.get(&format!("approvals/{id}")).is(200).json());
    // Both have the right to approve and are cleared for the file.
    assert_eq!(drawn(&to_bob["change"])[1], "removed line-two");
    assert_eq!(to_ada["change"], Value::Null);
    assert_eq!(home.json(&["approvals", "show", &id])["change"], Value::Null);
    drop(people[1].post(&format!("approvals/{id}/deny"), &json!({ "reason": "no" })).is(200));
    drop(Said::of(chat));
}

/// What a gateway keeps for the diff of what waits.
fn kept(home: &Home) -> Vec<Value> {
    home.left("approval-before")
}

/// Asks, and gives the name of what waits when its text is kept beside it and not in its row.
fn asked_and_kept(home: &Home) -> (Child, String) {
    fs::write(draft(home), OLD).unwrap();
    let (chat, id, change) = asked(home);
    assert_eq!(drawn(&change)[1], "removed line-two");
    assert_eq!(kept(home), [json!(OLD)]);
    assert!(!json!(home.left("approval")).to_string().contains("line-two"));
    (chat, id)
}

/// The wait is over in this way, and nothing of the file is left in the database.
#[track_caller]
fn over(home: &Home, id: &str, state: &str) {
    eventually(&format!("it is {state}"), || home.json(&["approvals", "show", id])["state"] == state);
    assert_eq!(kept(home), Vec::<Value>::new(), "{state}");
    assert!(!json!(home.left("decided")).to_string().contains("line-two"), "{state}");
    let change = &home.json(&["approvals", "show", id])["change"];
    assert_eq!(change["diff"], Value::Null);
    assert!(change["why"].as_str().unwrap().contains("does not wait any more"), "{change}");
}

#[test]
fn the_text_that_would_be_replaced_is_kept_beside_what_waits_and_goes_with_the_wait() {
    for home in Home::both(
        "security::replaced::the_text_that_would_be_replaced_is_kept_beside_what_waits_and_goes_with_the_wait",
    ) {
        begun(&home, WRITES);
        let (chat, id) = asked_and_kept(&home);
        home.run(&["approvals", "deny", &id, "--reason", "no"]).done();
        drop(Said::of(chat));
        over(&home, &id, "denied");

        let (chat, id) = asked_and_kept(&home);
        yes(&home, chat, &id).done().has("replaced");
        over(&home, &id, "used");

        // A rule that came meanwhile: the yes counts for nothing.
        let (chat, id) = asked_and_kept(&home);
        let never = "@id(\"never\") @message(\"nobody writes now\")\n\
            forbid (principal, action == Action::\"file.write\", resource);\n";
        fs::write(home.at("guardrails/ours.cedar"), format!("{LOOK}{never}")).unwrap();
        drop(yes(&home, chat, &id));
        over(&home, &id, "void");
        fs::write(home.at("guardrails/ours.cedar"), LOOK).unwrap();

        // Its time is over.
        let (chat, id) = asked_and_kept(&home);
        home.crash();
        drop(Said::of(chat));
        let mut row = home.left("approval").remove(0);
        row["view"]["expires"] = json!("2026-01-01T00:00:00Z");
        home.leave("approval", &id, &row);
        home.start();
        over(&home, &id, "expired");
        home.until("echo", "idle");

        let (chat, id) = asked_and_kept(&home);
        home.run(&["agents", "kill", "echo"]).done();
        drop(Said::of(chat));
        over(&home, &id, "cancelled");
        home.run(&["agents", "resume", "echo"]).done();

        // Its conversation is erased while it waits.
        let (chat, id) = asked_and_kept(&home);
        let view = home.json(&["approvals", "show", &id]);
        let session = view["session"].as_str().unwrap();
        let erase = ["audit", "erase", "request", "--session", session, "--reason", "the wrong agent"];
        assert_eq!(home.json(&erase)["state"], "done");
        drop(Said::of(chat));
        assert_eq!(kept(&home), Vec::<Value>::new());
        home.run(&["approvals", "show", &id]).fails(2, "there is no approval");
        home.verifies();
    }
}

#[test]
fn a_wait_whose_row_has_the_text_within_it_is_shown_and_loses_it_at_its_end() {
    for home in Home::both(
        "security::replaced::a_wait_whose_row_has_the_text_within_it_is_shown_and_loses_it_at_its_end",
    ) {
        begun(&home, WRITES);
        let (chat, id) = asked_and_kept(&home);
        let shown = home.json(&["approvals", "show", &id])["change"].clone();
        home.crash();
        drop(Said::of(chat));
        let mut row = home.left("approval").remove(0);
        row["before"]["text"] = json!(OLD);
        home.leave("approval", &id, &row);
        home.take("approval-before", &id);
        home.start();
        assert_eq!(home.json(&["approvals", "show", &id])["change"], shown);
        home.run(&["approvals", "approve", &id]).done();
        over(&home, &id, "used");
        eventually("it is written", || fs::read_to_string(draft(&home)).unwrap() == NEW);
        home.verifies();
    }
}
