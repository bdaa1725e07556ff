//! Model servers that are down, speak nonsense or too much, and models that call what is not there: one clear
//! sentence each, the documented exit code, and a whole record.

use bulkhead_tests::server::{Deed, Server, says, stream, whole};
use bulkhead_tests::{Home, Said};
use serde_json::{Value, json};

/// Arguments far beyond what a call may have, in bytes.
const TOO_MANY: usize = 10 * 1024 * 1024;

fn home(server: &Server) -> Home {
    let home = Home::new();
    home.edit("default = \"rehearsal/scene\"", "default = \"box/m\"");
    home.add(&server.settings());
    home.start();
    home
}

/// The turn ends with exit code 4 and these words, its call has one failed outcome, nothing was replied, and
/// the conversation goes on when the server is well again.
fn fails(bytes: Vec<u8>, words: &str) {
    let ill = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let now = std::sync::Arc::clone(&ill);
    let server = Server::model(move |_| {
        if now.load(std::sync::atomic::Ordering::SeqCst) {
            return Deed::Say(bytes.clone());
        }
        Deed::Say(stream(&says("well again"), true))
    });
    let home = home(&server);
    home.run(&["chat", "helper", "hi"]).fails(4, words);
    let records = home.records(&["--agent", "helper"]);
    let failed: Vec<&Value> = records.iter().filter(|record| record["kind"] == "outcome").collect();
    assert_eq!((failed.len(), failed[0]["status"].as_str()), (1, Some("failed")), "{failed:?}");
    assert!(records.iter().all(|record| record["action"]["verb"] != "reply"), "{records:?}");
    ill.store(false, std::sync::atomic::Ordering::SeqCst);
    let session = records.iter().find_map(|record| record["session"].as_str()).unwrap();
    home.run(&["chat", "helper", "--session", session, "and now?"]).done().has("well again");
    home.verifies();
}

#[test]
fn garbage() {
    fails(whole("text/html", b"<html>It works!</html>"), "what is not a model's answer");
    fails(whole("text/event-stream", b"data: {\"choices\": [\x00\xff\n\n"), "`box`");
}

#[test]
fn half_a_stream() {
    fails(stream(&says("half of it")[..1], false), "broke off in the middle");
}

/// The events of an answer, a piece each, as they come over the wire.
fn pieces(texts: &[&str]) -> Vec<Vec<u8>> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    let event = |text: &&str| json!({"choices": [{"index": 0, "delta": {"content": text}}]});
    let events = texts.iter().map(|text| format!("data: {}\n\n", event(text)).into_bytes());
    std::iter::once(head.as_bytes().to_vec()).chain(events).collect()
}

/// A server that is waited for no longer than the settings say is one sentence, and the end of the turn; the
/// conversation goes on with a quicker one.
fn slow(wait: &str, words: &str, deed: impl Fn() -> Deed + Send + Sync + 'static) {
    let server = Server::model(move |call| {
        let asked = call.to_string();
        if asked.contains("and now?") { Deed::Say(stream(&says("well again"), true)) } else { deed() }
    });
    let home = Home::new();
    home.edit("default = \"rehearsal/scene\"", "default = \"box/m\"");
    home.add(&server.settings());
    let settings = std::fs::read_to_string(home.at("bulkhead.toml")).unwrap();
    home.add(&format!("[models.wait]\n{wait}\n"));
    home.start();
    home.run(&["chat", "helper", "hi"]).fails(4, words);
    let records = home.records(&["--agent", "helper"]);
    let failed: Vec<&Value> = records.iter().filter(|record| record["kind"] == "outcome").collect();
    assert_eq!((failed.len(), failed[0]["status"].as_str()), (1, Some("failed")), "{failed:?}");
    let session = records.iter().find_map(|record| record["session"].as_str()).unwrap();
    home.until("helper", "idle");
    // A machine that is busy with tests may keep a good server waiting for so long, too.
    std::fs::write(home.at("bulkhead.toml"), settings).unwrap();
    home.run(&["gateway", "restart"]).done();
    home.run(&["chat", "helper", "--session", session, "and now?"]).done().has("well again");
    home.verifies();
}

#[test]
fn a_server_that_never_begins_its_answer() {
    slow("first = \"1s\"", "sent nothing for 1 s while we waited for its answer to begin", || Deed::Hang);
}

#[test]
fn a_server_that_trickles_and_then_stalls() {
    let words = "sent nothing for 1 s while we waited for the next piece of its answer";
    slow("next = \"1s\"", words, || Deed::Stall(pieces(&["an answer", " that", " never"])));
}

#[test]
fn a_server_that_trickles_without_end() {
    let words = "had not finished its answer after 2 s";
    slow("whole = \"2s\"", words, || {
        let mut pieces = pieces(&["on", " and on"]);
        let again = pieces.pop().unwrap();
        Deed::Endless(pieces.concat(), again)
    });
}

#[test]
fn ten_megabytes_of_arguments() {
    let part = "x".repeat(64 * 1024);
    let call = |arguments: &str| {
        let function = json!({"name": "file-reader", "arguments": arguments});
        json!({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "id": "a", "function": function}]}}]})
    };
    let events: Vec<Value> = (0..TOO_MANY / part.len()).map(|_| call(&part)).collect();
    fails(stream(&events, true), "sent too much");
}

#[test]
fn an_answer_of_no_utf8_is_still_one_sentence() {
    fails(whole("application/json", b"\xff\xfe\xfd"), "`box`");
}

#[test]
fn a_server_that_goes_down_in_mid_conversation() {
    let server = Server::model(|_| Deed::Say(stream(&says("hello"), true)));
    let home = home(&server);
    let events = home.run(&["chat", "helper", "hi", "--json"]).done().lines();
    let session = events[0]["session"].as_str().unwrap().to_owned();
    drop(server);
    home.run(&["chat", "helper", "--session", &session, "hi"]).fails(4, "cannot be reached");
    home.verifies();
}

/// Plays these calls and gives the verdicts on all but model calls and replies.
fn judged(calls: &str) -> (Home, Vec<Value>) {
    let home = Home::playing(&format!("turns: [{{calls: [{calls}]}}, {{say: so be it}}]"));
    home.run(&["chat", "helper", "go on"]).done().has("so be it").has("denied");
    let own = ["model.call", "reply", "reply.part"];
    let mut verdicts = home.whole(&["--kind", "verdict"]);
    verdicts.retain(|verdict| !own.contains(&verdict["action"]["verb"].as_str().unwrap()));
    (home, verdicts)
}

#[test]
fn calls_of_skills_that_do_not_exist_or_with_arguments_that_do_not_fit() {
    let (none, unfit) = ("skill:none", "skill:arguments");
    for (call, policy, words) in [
        (
            "{skill: teleport, arguments: {to: mars}}",
            none,
            "there is no skill `teleport` here; the skills of `helper` are `file-reader`",
        ),
        (
            "{skill: exec, arguments: {command: id}}",
            none,
            "`exec` is not among the skills in the SOUL.md of `helper`; it has `file-reader`",
        ),
        (
            "{skill: file-reader, raw: \"{\\\"path\\\": \"}",
            unfit,
            "the arguments of `file-reader` are not usable JSON: EOF while parsing",
        ),
        (
            "{skill: file-reader, raw: \"[]\"}",
            unfit,
            "the arguments of `file-reader` are not usable JSON: expected an object, such as {\"name\": \"value\"}",
        ),
        (
            "{skill: file-reader, arguments: {path: 7}}",
            unfit,
            "the arguments of `file-reader` do not fit its schema: value is not of type \"string\" (at `/path`)",
        ),
        (
            "{skill: file-reader, arguments: {path: a, sudo: true}}",
            unfit,
            "the arguments of `file-reader` do not fit its schema: Additional properties are not allowed ('sudo'",
        ),
        (
            "{skill: file-reader, arguments: {path: \"a\\0b\"}}",
            unfit,
            "the argument `path` of `file-reader`: has a control character in it",
        ),
        (
            "{skill: file-reader, raw: \"{\\\"path\\\": \\\"a\\\", \\\"path\\\": \\\"/etc/passwd\\\"}\"}",
            unfit,
            "the arguments of `file-reader` are not usable JSON: the key `path` comes twice",
        ),
    ] {
        let (home, verdicts) = judged(call);
        assert_eq!(verdicts.len(), 1, "{call}: {verdicts:?}");
        assert_eq!(verdicts[0]["decision"], "deny", "{call}");
        let reasons = verdicts[0]["content"]["reasons"].as_array().unwrap();
        let reason = reasons.iter().find(|reason| reason["policy"] == policy).unwrap_or(&Value::Null);
        let message = reason["message"].as_str().unwrap_or_default();
        assert!(message.starts_with(words), "{call}: `{words}`: {}", verdicts[0]);
        home.verifies();
    }
}

/// That a turn's time is up is a limit that was set, and no fault: the exit code says so, and so does the event.
#[test]
fn a_turn_whose_time_is_up_while_its_model_is_asked_was_stopped_and_did_not_fail() {
    let server = Server::model(|_| Deed::Hang);
    let home = home(&server);
    home.soul(
        "brief",
        "# Brief\n\n## Identity\n\n- Name: brief\n- Role: Answers\n\n## Limits\n\n- turn-time: 10 s\n",
    );
    let words = "the turn's time was up while this was under way";
    let chat = home.begin(&["chat", "brief", "hi"]);
    let said = home.run(&["chat", "brief", "hi", "--json"]).with(3);
    Said::of(chat).fails(3, words);
    let error = said.lines().into_iter().find(|event| event["type"] == "error").unwrap();
    assert_eq!((&error["message"], &error["stopped"]), (&json!(words), &json!(true)));
    home.verifies();
}
