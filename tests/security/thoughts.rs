//! What a model thinks, in a field of its own or between marks in its words, is on the record and nowhere else: whoever
//! asked has the words alone, in parts and whole, and so has a program.

use std::process::{Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use bulkhead_tests::server::{Deed, Server, stream};
use bulkhead_tests::{Browser, Home, Said, skipped};
use serde_json::{Value, json};

/// A thought in its own field, and one between marks.
const OWN_FIELD: &str = "they must not hear of the quokka";
const MARKED: &str = "nor of the wombat";

/// The words.
const FIRST: &str = "The first paragraph.\n\n";
const LAST: &str = "The last words.";

/// What is between two pieces of its answer. Nothing depends on it: a part that comes is one that may.
const BETWEEN: Duration = Duration::from_millis(20);

/// Prints what a model answers, plain and streamed.
const PROGRAM: &str = r#"
import json, os, urllib.request

for more in ({}, {"stream": True}):
    asked = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **more}
    headers = {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"], "Content-Type": "application/json"}
    url = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
    request = urllib.request.Request(url, json.dumps(asked).encode(), headers)
    print(urllib.request.urlopen(request).read().decode())
"#;

/// A model that thinks in every way before it speaks.
fn thinker() -> Server {
    let delta = |delta: Value| json!({"choices": [{"index": 0, "delta": delta}]});
    let (own, more) = OWN_FIELD.split_at(OWN_FIELD.len() / 2);
    let events = [
        delta(json!({"role": "assistant", "reasoning_content": own})),
        delta(json!({"reasoning_content": format!("{more}\n\n")})),
        delta(json!({"content": "<thi"})),
        delta(json!({"content": format!("nk>\n{MARKED}\n\nand so on\n\n</thi")})),
        delta(json!({"content": format!("nk>\n\n{FIRST}")})),
        delta(json!({"content": LAST})),
        json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
    ];
    Server::model(move |_| {
        let (say, said) = sync_channel(events.len() + 2);
        let whole = String::from_utf8(stream(&events, true)).unwrap();
        // As it comes, so that parts of it may be delivered before the rest is there.
        std::thread::spawn(move || {
            for piece in whole.split_inclusive("\n\n") {
                std::thread::sleep(BETWEEN);
                drop(say.send(piece.as_bytes().to_vec()));
            }
        });
        Deed::Relay(said)
    })
}

/// A home whose model it is.
fn home(model: &Server) -> Home {
    let home = Home::new();
    home.edit("default = \"rehearsal/scene\"", "default = \"box/m\"");
    home.add(&model.settings());
    home.soul("coder", "# Coder\n\n## Identity\n\n- Name: coder\n- Role: Runs programs\n");
    home.start();
    home
}

#[track_caller]
fn has_no_thought(place: &str, text: &str) {
    for thought in [OWN_FIELD, MARKED, "quokka", "wombat", "and so on", "<think", "think>"] {
        assert!(!text.contains(thought), "`{thought}` in {place}: {text}");
    }
}

/// The contents of what was recorded of this verb, a kind at a time.
fn recorded(home: &Home, kind: &str, verb: &str) -> Vec<Value> {
    let records = home.whole(&["--kind", kind]);
    records.into_iter().filter(|record| record["action"]["verb"] == verb).collect()
}

/// Every model call of the record has both thoughts apart from the words, and no proposal has any.
#[track_caller]
fn is_on_the_record(home: &Home, calls: usize) {
    let outcomes = recorded(home, "outcome", "model.call");
    assert_eq!(outcomes.len(), calls);
    for outcome in outcomes {
        let answer = &outcome["content"]["body"]["answer"];
        let reasoning = answer["reasoning"].as_str().unwrap_or_else(|| panic!("{outcome}"));
        assert!(reasoning.contains(OWN_FIELD) && reasoning.contains(MARKED), "{reasoning}");
        assert_eq!(answer["text"], format!("{FIRST}{LAST}"), "{outcome}");
    }
    for verb in ["reply", "reply.part", "model.call"] {
        for proposal in recorded(home, "proposal", verb) {
            has_no_thought(verb, &proposal.to_string());
        }
    }
    home.verifies();
}

#[test]
fn what_a_model_thinks_is_recorded_and_told_to_nobody() {
    let model = thinker();
    let home = home(&model);
    let said = home.run(&["chat", "helper", "hi", "--json"]).done();
    has_no_thought("chat --json", &said.out);
    let events = said.lines();
    let texts = |kind: &str| -> String {
        let told = events.iter().filter(|event| event["type"] == kind);
        told.map(|event| event["text"].as_str().unwrap()).collect()
    };
    assert_eq!(texts("reply"), format!("{FIRST}{LAST}"));
    assert!(FIRST.starts_with(&texts("part")), "{events:?}");
    let session = events[0]["session"].as_str().unwrap();
    let said = home.run(&["chat", "helper", "--session", session, "and again"]).done();
    has_no_thought("chat", &format!("{}{}", said.out, said.err));
    said.has("The last words.");

    let me = home.json(&["gateway", "status"])["person"].as_str().unwrap().to_owned();
    let browser = Browser::signed_in(&home, &me);
    let (sse, asked) = ([("accept", "text/event-stream")], json!({ "text": "hi" }));
    let heard = browser.post_stream("agents/helper/messages", &sse, &asked).rest();
    assert!(heard.contains("The first paragraph.") && heard.contains("\"reply\""), "{heard}");
    has_no_thought("server-sent events", &heard);
    has_no_thought("a conversation", &browser.get(&format!("sessions/{session}")).is(200).body);

    // Nor is the model told again what it thought.
    let asked = model.requests("/chat/completions");
    asked.iter().for_each(|call| has_no_thought("a prompt", &String::from_utf8_lossy(&call.body)));
    is_on_the_record(&home, 3);
}

#[test]
fn what_a_model_thinks_is_not_handed_to_a_program() {
    if !Command::new("python3").arg("-V").output().is_ok_and(|said| said.status.success()) {
        skipped("security::thoughts::what_a_model_thinks_is_not_handed", "`python3` is not installed");
        return;
    }
    let model = thinker();
    let home = home(&model);
    let mut run = home.command(&["run", "coder", "--", "python3", "-c", PROGRAM]);
    let said = Said::of(run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()).done();
    has_no_thought("what a program is handed", &format!("{}{}", said.out, said.err));
    assert_eq!(said.out.matches("The last words.").count(), 2, "{}", said.out);
    is_on_the_record(&home, 2);
}
