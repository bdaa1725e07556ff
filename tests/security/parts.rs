//! A reply that comes in parts: each is judged with all before it, recorded before it leaves, and the last that anybody
//! hears once the agent or the turn is stopped. The model says the next words only when the test has seen the ones before.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout};

use bulkhead_tests::described::Described;
use bulkhead_tests::server::{Server, Speaker};
use bulkhead_tests::team::CAREFUL;
use bulkhead_tests::{Browser, Home, Said, eventually, procs};
use serde_json::{Value, json};

use crate::erasure;

mod refused;

fn home() -> (Home, Speaker) {
    let speaker = Server::speaker();
    let home = Home::new();
    home.edit("default = \"rehearsal/scene\"", "default = \"box/m\"");
    home.add(&speaker.server.settings());
    (home, speaker)
}

/// The home's own person, signed in.
fn own_browser(home: &Home) -> Browser {
    let me = home.json(&["gateway", "status"])["person"].as_str().unwrap().to_owned();
    Browser::signed_in(home, &me)
}

/// A chat whose events are read one by one.
struct Chat {
    child: Child,
    out: BufReader<ChildStdout>,
    heard: Vec<Value>,
}

impl Chat {
    fn of(home: &Home, agent: &str) -> Self {
        let mut child = home.begin(&["chat", agent, "Tell me", "--json"]);
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out, heard: Vec::new() }
    }

    /// The next event of this type.
    #[track_caller]
    fn next(&mut self, kind: &str) -> Value {
        loop {
            let mut line = String::new();
            assert_ne!(self.out.read_line(&mut line).unwrap(), 0, "no `{kind}` came: {:?}", self.heard);
            let event: Value = serde_json::from_str(&line).unwrap();
            self.heard.push(event.clone());
            if event["type"] == kind {
                return event;
            }
        }
    }

    /// All events, once the chat has ended with this code.
    #[track_caller]
    fn over(mut self, code: i32) -> Vec<Value> {
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        self.heard.extend(rest.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
        drop(Said::of(self.child).with(code));
        self.heard
    }
}

/// Has the gateway take up what its models have said so far: a whole turn of another agent comes and goes behind it, while the
/// models go on. What was not to be delivered would have been.
fn meanwhile(home: &Home, speaker: &Speaker) {
    let words = speaker.answer();
    words.say("One thing.\n\nAnother");
    let mut other = Chat::of(home, "echo");
    other.next("part");
    words.end();
    other.over(0);
}

fn texts<'a>(events: &'a [Value], kind: &str) -> Vec<&'a str> {
    events.iter().filter(|event| event["type"] == kind).map(|event| event["text"].as_str().unwrap()).collect()
}

/// The outcomes of an agent and verb.
fn of_agent(home: &Home, agent: &str, verb: &str) -> Vec<Value> {
    home.records(&["--kind", "outcome", "--agent", agent, "--action", verb])
}

/// The status of each outcome of this verb.
fn ended(home: &Home, verb: &str) -> Vec<String> {
    let outcomes = home.records(&["--kind", "outcome", "--action", verb]);
    outcomes.iter().map(|outcome| outcome["status"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_part_is_seen_before_the_model_has_made_the_rest_and_is_on_the_record_before_it_is_seen() {
    let (home, speaker) = home();
    home.start();
    let words = speaker.answer();
    let mut chat = Chat::of(&home, "helper");
    words.say("The first paragraph.\n\nThe sec");
    assert_eq!(chat.next("part")["text"], "The first paragraph.\n\n");
    let kinds: Vec<Value> = home.whole(&["--action", "reply.part"]);
    let told: Vec<(&str, &str)> = kinds
        .iter()
        .map(|record| (record["kind"].as_str().unwrap(), record["decision"].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(told[..2], [("proposal", ""), ("verdict", "permit")], "{kinds:?}");
    assert_eq!(kinds[0]["action"]["args"]["text"], "The first paragraph.\n\n");
    words.say("ond.\n\n```sh\nls\n\n");
    assert_eq!(chat.next("part")["text"], "The second.\n\n");
    words.say("```\nThe last");
    assert_eq!(chat.next("part")["text"], "```sh\nls\n\n```\n");
    words.end();
    let heard = chat.over(0);
    let whole = "The first paragraph.\n\nThe second.\n\n```sh\nls\n\n```\nThe last";
    assert_eq!(texts(&heard, "reply"), [whole]);
    assert_eq!(texts(&heard, "part").concat(), "The first paragraph.\n\nThe second.\n\n```sh\nls\n\n```\n");
    assert_eq!(ended(&home, "reply.part"), ["done"; 3]);
    // They are no actions of the agent's own: the model call is the first, the reply the second.
    let proposals = home.records(&["--kind", "proposal"]);
    assert_eq!(proposals.len(), 5, "{proposals:?}");
    home.verifies();

    // The page that is loaded anew is told the same, and the conversation has the reply once.
    let session = heard[0]["session"].as_str().unwrap();
    let browser = own_browser(&home);
    let described = Described::to(&browser);
    for event in &heard {
        let wrong = described.wrong_line("POST", "agents/{name}/messages", event);
        assert!(wrong.is_empty(), "{event}: {wrong:?}");
    }
    let steps = browser.get(&format!("sessions/{session}/steps")).is(200);
    assert_eq!(described.wrong("GET", "sessions/{id}/steps", &steps), Vec::<String>::new());
    let steps = steps.json();
    assert_eq!(texts(steps["steps"].as_array().unwrap(), "part"), texts(&heard, "part"));
    let said = browser.get(&format!("sessions/{session}")).is(200).json();
    let said: Vec<&str> =
        said["said"].as_array().unwrap().iter().map(|said| said["text"].as_str().unwrap()).collect();
    assert_eq!(said, ["Tell me", whole]);

    // What was said goes whole, the parts of it too.
    assert!(!erasure::with(&home, "The second").is_empty());
    let asked = ["audit", "erase", "request", "--session", session, "--reason", "the wrong agent"];
    assert_eq!(home.json(&asked)["state"], "done");
    assert_eq!(erasure::with(&home, "The second"), Vec::<String>::new());
    home.verifies();
}

#[test]
fn a_terminal_shows_each_part_as_it_comes_and_none_twice() {
    let (home, speaker) = home();
    home.start();
    let words = speaker.answer();
    let mut chat = home.begin(&["chat", "helper", "Tell me"]);
    let mut out = BufReader::new(chat.stdout.take().unwrap());
    words.say("The first paragraph.\n\n");
    let mut shown = String::new();
    while !shown.contains("The first paragraph.") {
        assert_ne!(out.read_line(&mut shown).unwrap(), 0, "{shown}");
    }
    words.say("The last.");
    words.end();
    out.read_to_string(&mut shown).unwrap();
    drop(Said::of(chat).done());
    assert_eq!((shown.matches("The first").count(), shown.matches("The last").count()), (1, 1), "{shown}");
}

#[test]
fn nothing_is_delivered_after_a_kill_in_mid_stream() {
    let (home, speaker) = home();
    let gateway = home.start();
    let words = speaker.answer();
    let mut chat = Chat::of(&home, "helper");
    words.say("The first paragraph.\n\n");
    chat.next("part");
    home.run(&["agents", "kill", "helper"]).done();
    assert_eq!(procs::jailed(gateway), []);
    words.say("The second.\n\nThe third.\n\n");
    words.end();
    let heard = chat.over(3);
    assert_eq!(texts(&heard, "part"), ["The first paragraph.\n\n"]);
    assert_eq!(texts(&heard, "reply"), Vec::<&str>::new());
    assert_eq!(
        (ended(&home, "reply.part"), ended(&home, "model.call")),
        (vec!["done".into()], vec!["unknown".into()])
    );
    assert!(home.records(&["--action", "reply"]).is_empty());
    home.verifies();
    // A killed agent takes up nothing where it was; resumed it begins anew.
    home.run(&["agents", "resume", "helper"]).done();
    speaker.answer().end();
    home.run(&["chat", "helper", "Again"]).done();
}

#[test]
fn a_turn_that_its_person_stops_in_mid_stream_says_nothing_more() {
    let (home, speaker) = home();
    home.start();
    let browser = own_browser(&home);
    let words = speaker.answer();
    let mut chat = Chat::of(&home, "helper");
    words.say("The first paragraph.\n\n");
    let turn = chat.next("part")["turn"].as_str().unwrap().to_owned();
    drop(browser.post(&format!("turns/{turn}/stop"), &json!({})));
    words.say("The second.\n\n");
    words.end();
    let heard = chat.over(3);
    assert_eq!(texts(&heard, "part"), ["The first paragraph.\n\n"]);
    assert!(heard.iter().any(|event| event["type"] == "error" && event["stopped"] == true), "{heard:?}");
    assert_eq!(ended(&home, "model.call"), ["unknown"]);
    home.verifies();
}

/// An agent that may use few tokens a day.
const THRIFTY: &str = "# Thrifty

## Identity

- Name: thrifty
- Role: Answers questions

## Limits

- model-tokens-per-day: 20
";

#[test]
fn words_that_were_heard_are_counted_though_the_call_was_stopped() {
    let (home, speaker) = home();
    home.soul("thrifty", THRIFTY);
    home.start();
    let browser = own_browser(&home);
    let words = speaker.answer();
    let mut chat = Chat::of(&home, "thrifty");
    words.say("The first paragraph, which is read and then stopped.\n\n");
    let turn = chat.next("part")["turn"].as_str().unwrap().to_owned();
    drop(browser.post(&format!("turns/{turn}/stop"), &json!({})));
    words.end();
    drop(chat.over(3));
    home.run(&["chat", "thrifty", "go on"]).has("limit:model-tokens-per-day");
    home.verifies();
}

#[test]
fn what_may_not_be_said_ends_the_parts_and_the_reply_is_denied_whole() {
    let (home, speaker) = home();
    home.soul("careful", CAREFUL);
    home.start();
    let browser = own_browser(&home);
    for (first, second) in [
        ("All is well.\n\n", "Write to jane.doe@corp.com\n\n"),
        ("So is this:\n\n", "```\nAHV 756.9217.0769.85\n```\n"),
    ] {
        let words = speaker.answer();
        let mut chat = Chat::of(&home, "careful");
        words.say(first);
        assert_eq!(chat.next("part")["text"], first);
        words.say(second);
        meanwhile(&home, &speaker);
        words.say("And that is all.\n\n");
        meanwhile(&home, &speaker);
        words.say("The end");
        words.end();
        let heard = chat.over(3);
        let told = serde_json::to_string(&heard).unwrap();
        assert_eq!(texts(&heard, "part"), [first], "{told}");
        assert!(
            !told.contains("jane.doe") && !told.contains("756.9217") && !told.contains("that is all"),
            "{told}"
        );
        assert!(texts(&heard, "reply").is_empty(), "{told}");
        // The verdict on the whole says it, and says it once.
        assert_eq!(refused::told(&heard, "deny"), ["reply"], "{told}");
        let session = heard[0]["session"].as_str().unwrap();
        let steps = browser.get(&format!("sessions/{session}/steps")).is(200).json();
        assert_eq!(refused::told(steps["steps"].as_array().unwrap(), "deny"), ["reply"], "{steps}");
    }
    assert_eq!(of_agent(&home, "careful", "reply.part").len(), 2);
    let denied = home.records(&["--kind", "verdict", "--decision", "deny", "--action", "reply"]);
    assert_eq!(denied.len(), 2, "{denied:?}");
    assert_eq!(refused::grounds(&home, "careful").len(), 2);
    home.verifies();
}

#[test]
fn what_a_person_has_to_see_first_is_held_whole_and_comes_whole() {
    let (home, speaker) = home();
    home.soul("careful", CAREFUL);
    home.start();
    let words = speaker.answer();
    let mut chat = Chat::of(&home, "careful");
    words.say("All is well.\n\n");
    chat.next("part");
    let whole = "All is well.\n\nYou should sell your shares now.\n\nThe end";
    words.say("You should sell your shares now.\n\n");
    meanwhile(&home, &speaker);
    words.say("The end");
    words.end();
    chat.next("approval");
    assert_eq!(
        home.json(&["approvals", "list"]).as_array().unwrap().len(),
        1,
        "a part was put before a person"
    );
    home.run(&["approvals", "approve", &home.waiting()]).done();
    let heard = chat.over(0);
    assert_eq!((texts(&heard, "part"), texts(&heard, "reply")), (vec!["All is well.\n\n"], vec![whole]));
    home.verifies();
}

/// The same as [`meanwhile`] where every reply waits for a person.
fn looked_at(home: &Home, speaker: &Speaker) {
    let words = speaker.answer();
    words.say("One thing.");
    words.end();
    let other = Chat::of(home, "echo");
    home.run(&["approvals", "approve", &home.waiting()]).done();
    other.over(0);
}

#[test]
fn an_agent_whose_replies_are_reviewed_streams_nothing() {
    let (home, speaker) = home();
    let rule = "\n@id(\"replies-wait\")\n@message(\"a person reads every reply first\")\n@decision(\"ask\")\n\
                forbid (principal, action == Action::\"reply\", resource) unless { context.approved };\n";
    let guardrails = home.at("guardrails/base.cedar");
    let text = fs::read_to_string(&guardrails).unwrap();
    fs::write(&guardrails, text + rule).unwrap();
    home.start();
    let words = speaker.answer();
    let mut chat = Chat::of(&home, "helper");
    words.say("One.\n\nTwo.\n\n");
    chat.next("verdict");
    // Another turn comes and goes; here nobody reads its reply first.
    looked_at(&home, &speaker);
    words.say("Three.\n\n");
    looked_at(&home, &speaker);
    words.say("Four");
    words.end();
    home.run(&["approvals", "approve", &home.waiting()]).done();
    let heard = chat.over(0);
    assert!(texts(&heard, "part").is_empty(), "{heard:?}");
    assert_eq!(texts(&heard, "reply"), ["One.\n\nTwo.\n\nThree.\n\nFour"]);
    let parts = home.records(&["--action", "reply.part"]);
    let kinds: Vec<&str> = parts.iter().map(|record| record["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["proposal", "verdict"], "{parts:?}");
    assert!(!serde_json::to_string(&heard).unwrap().contains("reply.part"), "{heard:?}");
}

#[test]
fn a_gateway_that_crashes_in_mid_stream_knows_what_it_delivered() {
    let (home, speaker) = home();
    home.start();
    let words = speaker.answer();
    let mut chat = Chat::of(&home, "helper");
    words.say("The first paragraph.\n\n");
    let session = chat.next("part")["session"].as_str().unwrap().to_owned();
    home.crash();
    drop(chat.over(4));
    home.start();
    assert_eq!(ended(&home, "model.call"), ["unknown"]);
    // Its outcome follows the words, and may not have been on the disk yet.
    let parts = ended(&home, "reply.part");
    assert!(parts == ["done"] || parts == ["unknown"], "{parts:?}");
    home.verifies();
    let next = speaker.answer();
    next.say("Well.");
    next.end();
    home.run(&["chat", "helper", "--session", &session, "Go on"]).done().has("Well.");
}

#[test]
fn words_before_a_call_of_a_skill_stay_what_was_said_before_it() {
    let (home, speaker) = home();
    home.start();
    let words = speaker.answer();
    let mut chat = Chat::of(&home, "helper");
    words.say("I will look it up.\n\nOne moment");
    chat.next("part");
    words.call("file-reader", &json!({ "path": home.at("handbook/expenses.md") }));
    words.end();
    let words = speaker.answer();
    words.say("By the fifth.\n\nThat is all");
    words.end();
    let heard = chat.over(0);
    assert_eq!(texts(&heard, "reply"), ["By the fifth.\n\nThat is all"]);
    assert_eq!(texts(&heard, "part")[0], "I will look it up.\n\n");
    let first = |kind: &str, word: &str| {
        heard.iter().position(|event| event["type"] == kind && event.to_string().contains(word)).unwrap()
    };
    assert!(first("part", "look it up") < first("proposal", "file.read"));
}

#[test]
fn so_many_parts_and_no_more() {
    let (home, speaker) = home();
    home.start();
    let words = speaker.answer();
    let mut chat = Chat::of(&home, "helper");
    let paragraph = |nth: u32| format!("Paragraph {nth}.\n\n");
    for nth in 0..vocab::limits::MAX_REPLY_PARTS {
        words.say(&paragraph(nth));
        assert_eq!(chat.next("part")["text"], paragraph(nth));
    }
    words.say("One more.\n\nAnd more.\n\nThe end");
    words.end();
    let heard = chat.over(0);
    assert_eq!(texts(&heard, "part").len(), vocab::limits::MAX_REPLY_PARTS as usize);
    assert!(texts(&heard, "reply")[0].ends_with("One more.\n\nAnd more.\n\nThe end"));
    eventually("the record has them all", || {
        ended(&home, "reply.part").len() == vocab::limits::MAX_REPLY_PARTS as usize
    });
}
