//! Contained turns from the terminal: permitted, denied, held, stopped, and what the record says of them.

#[cfg(test)]
#[expect(dead_code, reason = "each test binary uses its part of it")]
mod common;

use std::fs;
use std::io::{BufRead as _, BufReader};

use common::{Home, ended, eventually, eventually_or, types};
use serde_json::Value;

const READS: &str = "
turns:
  - say: I will look it up.
    calls:
      - skill: file-reader
        arguments: {path: HOME/handbook/expenses.md}
  - expect: receipt
    say: Hand receipts in by the fifth.
";

const READS_OUTSIDE: &str = "
turns:
  - calls:
      - skill: file-reader
        arguments: {path: /etc/passwd}
  - say: I may not read that.
";

const POSTS: &str = "
turns:
  - calls:
      - skill: message
        arguments: {channel: \"board:content-team\", text: \"A draft\\u202e \\e[2Jis ready\"}
  - say: That is what became of it.
";

const SLOW: &str = "turns: [{say: too late, delay_ms: 600000}]";

#[test]
fn a_permitted_turn_is_told_step_by_step_and_recorded() {
    let home = Home::playing(READS);
    let said = home.run(&["chat", "helper", "When are receipts due?"]).done();
    said.has("proposed   model.call").has("permitted  file.read").has("done       file.read");
    said.has("skill:file-reader:paths:").has("Hand receipts in by the fifth.");

    let events = home.run(&["chat", "helper", "And again?", "--json"]).done().lines();
    let types = types(&events);
    assert_eq!(types.last().unwrap(), "end");
    for kind in ["proposal", "verdict", "outcome", "reply"] {
        assert!(types.iter().any(|t| t == kind), "{kind} is not in {types:?}");
    }
    let session = events[0]["session"].as_str().unwrap();
    assert!(events.iter().all(|event| event["session"] == session && event["seq"].is_u64()));

    let records = home.run(&["audit", "query", "--session", session, "--json"]).done().lines();
    assert!(records.iter().any(|record| record["kind"] == "verdict" && record["decision"] == "permit"));
    assert!(records.iter().all(|record| record["hash"].is_string()));
    let seq = records[0]["seq"].as_u64().unwrap().to_string();
    assert_eq!(home.json(&["audit", "show", &seq]), records[0]);
    home.run(&["audit", "show", "999999"]).fails(2, "there is no record");
    home.run(&["audit", "tail", "-n", "3"]).done().has("helper");

    let heart = home.path().join("agents/helper/HEARTBEAT.md");
    eventually("the heartbeat names the skill", || {
        fs::read_to_string(&heart).is_ok_and(|text| text.contains("Used skill: file-reader"))
    });
}

#[test]
fn a_conversation_goes_on_in_its_session() {
    let home = Home::playing("turns: [{say: one}, {say: two}]");
    let first = home.run(&["chat", "helper", "1", "--json"]).done().lines();
    let session = first[0]["session"].as_str().unwrap();
    home.run(&["chat", "helper", "--session", session, "2"]).done().has("two");
    home.run(&["chat", "helper", "--session", "s-none", "3"]).fails(2, "no conversation");
    home.pipe(&["chat", "helper"], b"from a pipe").done().has("one");
    home.pipe(&["chat", "helper"], &[0xff]).fails(2, "not UTF-8");
    home.pipe(&["chat", "helper"], &vec![b'a'; 300 * 1024]).fails(2, "over the limit");
    home.pipe(&["chat", "helper"], b"  ").fails(2, "a message has");
}

#[test]
fn what_is_outside_the_grant_is_denied_with_its_reason() {
    let home = Home::playing(READS_OUTSIDE);
    let said = home.run(&["chat", "helper", "Who has an account?"]).done();
    said.has("denied     file.read path:/etc/passwd")
        .has("(policy: ")
        .lacks("root:x:0")
        .has("I may not read that.");
    let denials =
        home.run(&["audit", "query", "--decision", "deny", "--since", "1h", "--json"]).done().lines();
    assert_eq!(denials.len(), 1);
    assert_eq!(denials[0]["action"]["resource"]["name"], "/etc/passwd");
    let heart = fs::read_to_string(home.path().join("agents/helper/HEARTBEAT.md")).unwrap();
    assert!(heart.contains("DENIED"), "{heart}");
}

#[test]
fn the_words_of_a_soul_for_what_is_out_of_scope_are_shown_where_it_is() {
    let home = Home::playing(READS_OUTSIDE);
    let words = "I answer questions about the handbook only.";
    home.edit_soul(
        "helper",
        "## Rules\n",
        &format!("## Rules\n\n- If a request falls outside the handbook, respond: \"{words}\"\n"),
    );
    home.run(&["chat", "helper", "What is in /etc/passwd?"]).done().has("denied     file.read").has(words);
    home.scene(&READS.replace("HOME", home.path().to_str().unwrap()));
    home.run(&["gateway", "restart"]).done();
    home.run(&["chat", "helper", "When are receipts due?"]).done().has("by the fifth").lacks(words);
}

#[test]
fn a_held_action_waits_shows_itself_whole_and_happens_once_approved() {
    let home = Home::playing(POSTS);
    let chat = home.start(&["chat", "echo", "Announce it"]);
    let id = home.waiting();
    let shown = home.run(&["approvals", "show", &id]).done();
    shown
        .has("everyone who reads the channel `board:content-team`")
        .has("A draft<U+202E> <U+001B>[2Jis ready");
    shown.has("digest").has("expires").lacks("\u{1b}").lacks("\u{202e}");
    let view = home.json(&["approvals", "show", &id]);
    assert_eq!((&view["state"], &view["agent"]), (&"waiting".into(), &"echo".into()));
    assert!(!home.path().join("data/board").exists(), "nothing happens before the yes");
    home.run(&["approvals", "approve", &id, "--digest", &"0".repeat(64)]).fails(3, "not for the digest");
    home.run(&["approvals", "approve", &id]).done().has("approved");
    let said = ended(chat).done();
    said.has("held       message.post")
        .has(&format!("approvals approve {id}"))
        .has("That is what became of it.");
    assert!(!said.out.contains(['\u{1b}', '\u{202e}']), "{:?}", said.out);
    let board: String = common::tree(&home.path().join("data/board"))
        .iter()
        .map(|(_, text)| String::from_utf8_lossy(text).into_owned())
        .collect();
    assert!(board.contains("is ready"), "{board}");
    home.run(&["approvals", "approve", &id]).fails(3, "does not wait any more");
    home.run(&["approvals", "list"]).done().has("nothing waits for you");
    home.run(&["approvals", "list", "--all"]).done().has(&id).has("used");
    home.run(&["approvals", "show", "a-none"]).fails(2, "there is no approval");
    let approvals = home.run(&["audit", "query", "--kind", "approval", "--json"]).done().lines();
    assert!(approvals.iter().any(|record| record.to_string().contains("self_approved")));
}

#[test]
fn a_held_action_that_is_denied_does_not_happen() {
    let home = Home::playing(POSTS);
    let chat = home.start(&["chat", "echo", "Announce it"]);
    let id = home.waiting();
    home.run(&["approvals", "deny", &id, "--digest", &"0".repeat(64)]).fails(3, "not for the digest");
    let digest = home.json(&["approvals", "show", &id])["digest"].as_str().unwrap().to_owned();
    home.run(&["approvals", "deny", &id, "--digest", &digest, "--reason", "not today"]).done().has("denied");
    ended(chat).done().has("denied").has("That is what became of it.");
    assert!(!home.path().join("data/board").exists());
}

#[test]
fn leaving_with_ctrl_c_leaves_the_request_and_a_restart_keeps_it() {
    let home = Home::playing(POSTS);
    let chat = home.start(&["chat", "echo", "Announce it"]);
    let id = home.waiting();
    // The line that says so has been printed once the approval can be listed and the pipe has it.
    let told = std::process::Command::new("kill").args(["-INT", &chat.id().to_string()]).status().unwrap();
    assert!(told.success());
    let said = ended(chat).with(130);
    assert!(said.err.contains("you left"), "{}", said.err);
    home.run(&["gateway", "restart"]).done();
    assert_eq!(home.waiting(), id);
    home.run(&["approvals", "approve", &id]).done();
    home.until("echo", "idle");
    home.run(&["gateway", "stop"]).done();
    home.run(&["audit", "verify"]).done();
}

#[test]
fn stopping_the_gateway_cancels_what_waits() {
    let home = Home::playing(POSTS);
    let chat = home.start(&["chat", "echo", "Announce it"]);
    let id = home.waiting();
    home.run(&["gateway", "stop"]).done();
    let said = ended(chat);
    assert!([3, 4].contains(&said.code), "{}: {}", said.code, said.err);
    home.run(&["gateway", "start"]).done();
    home.run(&["approvals", "list", "--all"]).done().has(&id).has("cancelled");
    home.run(&["approvals", "approve", &id]).fails(3, "does not wait any more");
}

#[test]
fn a_kill_in_mid_turn_ends_it_and_the_agent_refuses_until_it_is_resumed() {
    let home = Home::playing(SLOW);
    let chat = home.start(&["chat", "helper", "Take your time"]);
    home.until("helper", "running");
    let report = home.json(&["agents", "kill", "helper"]);
    assert_eq!(report["killed"][0]["agent"], "helper");
    assert!(report["killed"][0]["ms"].is_number() && report["killed"][0]["processes"].is_u64());
    let said = ended(chat).fails(3, "");
    said.lacks("too late");
    assert_eq!(home.json(&["agents", "show", "helper"])["state"], "killed");
    home.run(&["chat", "helper", "Hello?"]).fails(3, "bulkhead agents resume helper");
    home.run(&["agents", "resume", "helper"]).done();
    home.scene("turns: [{say: back}]");
    home.run(&["chat", "helper", "Hello?"]).done().has("back");
    home.run(&["agents", "pause", "helper"]).done();
    home.run(&["chat", "helper", "Hello?"]).fails(3, "is paused");
    home.run(&["agents", "kill", "--all"]).done().has("echo").has("helper");
    home.run(&["agents", "kill", "nobody"]).fails(2, "there is no agent");
}

#[test]
fn hostile_words_of_a_model_are_harmless_on_the_terminal() {
    let hostile = r#"turns: [{say: "all \e[2J\e]0;pwned\a well\u202e evil\u200b \u009b31m", repeat: true}]"#;
    let home = Home::playing(hostile);
    let said = home.run(&["chat", "helper", "hi"]).done();
    let bad = ['\u{1b}', '\u{7}', '\u{202e}', '\u{200b}', '\u{9b}'];
    assert!(!said.out.contains(bad), "{:?}", said.out);
    said.has("<U+001B>[2J").has("<U+202E> evil<U+200B>");
    let json = home.run(&["chat", "helper", "hi", "--json"]).done();
    assert!(!json.out.contains(bad), "{:?}", json.out);
    let reply = json.lines().into_iter().find(|event| event["type"] == "reply").unwrap();
    assert!(reply["text"].as_str().unwrap().contains("\u{202e} evil\u{200b}"));
    let tail = home.run(&["audit", "tail", "-n", "50"]).done();
    assert!(!tail.out.contains(bad), "{:?}", tail.out);
}

#[test]
fn a_model_server_that_is_not_there_is_said_with_the_way_out() {
    let home = Home::new();
    home.edit(
        "default = \"rehearsal/scene\"",
        "default = \"box/m\"\n[[models.server]]\nname = \"box\"\nurl = \"http://127.0.0.1:1/v1\"",
    );
    home.run(&["gateway", "start"]).done();
    home.run(&["chat", "helper", "hi"]).fails(4, "box");
    home.run(&["audit", "verify"]).done();
}

#[test]
fn an_agent_that_does_not_compile_answers_with_the_way_out() {
    let home = Home::playing(READS);
    fs::write(home.path().join("agents/helper/SOUL.md"), "# nothing").unwrap();
    home.run(&["chat", "helper", "hi"]).fails(2, "bulkhead check helper");
    home.run(&["chat", "nobody", "hi"]).fails(2, "there is no agent `nobody`");
    home.run(&["agents", "list"]).done().has("invalid");
}

#[test]
fn a_record_that_was_changed_or_cut_is_found() {
    let home = Home::playing("turns: [{say: hello, repeat: true}]");
    home.run(&["chat", "helper", "hi"]).done();
    home.run(&["gateway", "stop"]).done();
    let report = home.json(&["audit", "verify"]);
    assert_eq!((&report["ok"], &report["first_bad"]), (&true.into(), &Value::Null));
    let (records, hash) =
        (report["checkpoint"]["records"].as_u64().unwrap(), report["checkpoint"]["hash"].as_str().unwrap());
    home.run(&["audit", "verify", "--head", &format!("{records}:{hash}")]).done();
    let beyond = home.run(&["audit", "verify", "--head", &format!("{}:{hash}", records + 1)]).with(1);
    beyond.has("the tail was cut off");

    let copy = home.path().join("copy.sqlite");
    let mut bytes = fs::read(home.settled()).unwrap();
    let body = b"{\"agent\":\"helper\",\"commit\"";
    // The last one: SQLite leaves copies of rows that it has moved, and those belong to no record.
    let at = bytes.windows(body.len()).rposition(|window| window == body).unwrap();
    bytes[at + 10] = b'H';
    fs::write(&copy, bytes).unwrap();
    let broken = home.run(&["audit", "verify", "--file", copy.to_str().unwrap()]).with(1);
    broken.has("the record is broken at");
    home.run(&["audit", "verify", "--file", "/nonexistent"]).fails(4, "cannot be read");
}

#[test]
fn events_come_one_by_one_and_a_client_that_leaves_stops_nothing() {
    let home = Home::playing(
        "turns: [{say: \"\", delay_ms: 1500, calls: [{skill: file-reader, arguments: {path: nowhere}}]}, {say: done}]",
    );
    let mut chat = home.start(&["chat", "helper", "hi", "--json"]);
    let mut lines = BufReader::new(chat.stdout.take().unwrap()).lines();
    let first: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(first["type"], "proposal");
    chat.kill().unwrap();
    chat.wait().unwrap();
    let session = first["session"].as_str().unwrap();
    let query = ["audit", "query", "--session", session, "--kind", "outcome", "--json"];
    let replied = |record: &Value| record["action"]["verb"] == "reply" && record["status"] == "done";
    let ends = || home.run(&query).done().lines().iter().any(replied);
    eventually_or("the turn comes to its reply", ends, || home.recent());
    home.until("helper", "idle");
}
