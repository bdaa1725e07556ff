//! Turns as a gateway drives them, step by step and over the socket.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test stands on may panic: it fails then")]

use std::io::{self, Cursor, Read, Write};

use bulkhead_agent::{AgentError, EMPTY_ANSWER, NO_RESULT, estimate, run, step};
use vocab::frame::{self, FrameError, FromAgent, ToAgent};
use vocab::limits::{MAX_TRANSCRIPT_BYTES, MAX_TRANSCRIPT_ENTRIES};
use vocab::{Answer, ChatMessage, Entry, Intent, Status, ToolCall};

const PLENTY: u32 = 100_000;

fn person(text: &str) -> Entry {
    Entry::Person { text: text.into() }
}

fn answer(text: &str, calls: &[(&str, &str)]) -> Entry {
    let call = |(id, name): &(&str, &str)| ToolCall {
        id: (*id).into(),
        name: (*name).into(),
        arguments: "{}".into(),
    };
    let tool_calls = calls.iter().map(call).collect();
    Entry::Answer { answer: Answer { text: text.into(), tool_calls, ..Answer::default() } }
}

fn result(text: &str) -> Entry {
    Entry::Result { call_id: String::new(), skill: "x".into(), status: Status::Done, text: text.into() }
}

fn skill(transcript: &[Entry]) -> String {
    match step(transcript, PLENTY) {
        Some(Intent::SkillCall { skill, .. }) => skill,
        other => panic!("{other:?}"),
    }
}

fn call(transcript: &[Entry], tokens: u32) -> (Vec<ChatMessage>, u32) {
    match step(transcript, tokens) {
        Some(Intent::ModelCall { messages, dropped }) => (messages, dropped),
        other => panic!("{other:?}"),
    }
}

fn contents(messages: &[ChatMessage]) -> Vec<&str> {
    messages.iter().map(|message| message.content.as_str()).collect()
}

#[test]
fn a_turn_goes_from_question_to_calls_to_reply() {
    let mut transcript = vec![person("hello")];
    assert_eq!(contents(&call(&transcript, PLENTY).0), ["hello"]);
    transcript.push(answer("let me look", &[("1", "first"), ("2", "second")]));
    assert_eq!(skill(&transcript), "first");
    transcript.push(result("one"));
    assert_eq!(skill(&transcript), "second");
    transcript.push(result("two"));
    let (messages, dropped) = call(&transcript, PLENTY);
    assert_eq!(contents(&messages), ["hello", "let me look", "one", "two"]);
    assert_eq!(dropped, 0);
    let ids: Vec<_> = messages.iter().map(|message| message.tool_call_id.as_deref()).collect();
    assert_eq!(ids, [None, None, Some("1"), Some("2")]);
    transcript.push(answer("done", &[]));
    assert_eq!(step(&transcript, PLENTY), Some(Intent::Reply { text: "done".into() }));
}

#[test]
fn nobody_asked() {
    assert_eq!(step(&[], PLENTY), None);
    assert_eq!(step(&[result("stray")], PLENTY), None);
}

#[test]
fn an_empty_answer_says_so() {
    for empty in ["", " \n"] {
        let transcript = [person("hello"), answer(empty, &[])];
        assert_eq!(step(&transcript, PLENTY), Some(Intent::Reply { text: EMPTY_ANSWER.into() }));
    }
    let transcript = [person("hello"), answer("", &[]), person("again")];
    assert_eq!(contents(&call(&transcript, PLENTY).0), ["hello", EMPTY_ANSWER, "again"]);
}

#[test]
fn calls_get_their_results_by_place() {
    let mut transcript =
        vec![person("hello"), answer("", &[("", "a"), ("same", "b"), ("same", "c"), ("", "d")])];
    for name in ["a", "b", "c", "d"] {
        assert_eq!(skill(&transcript), name);
        transcript.push(result(name));
    }
    let (messages, _) = call(&transcript, PLENTY);
    let called: Vec<&str> = messages[1].tool_calls.iter().map(|call| call.id.as_str()).collect();
    let answered: Vec<&str> =
        messages[2..].iter().map(|message| message.tool_call_id.as_deref().unwrap()).collect();
    assert_eq!(called, answered);
    assert_eq!(contents(&messages[2..]), ["a", "b", "c", "d"]);
    assert!(called.iter().all(|id| !id.is_empty()));
    let unique: std::collections::BTreeSet<_> = called.iter().collect();
    assert_eq!(unique.len(), 4);
    assert_eq!(called[1], "same", "the first of its kind keeps the model's own id");
}

#[test]
fn a_turn_that_was_cut_short_leaves_no_open_call() {
    let transcript = [person("hello"), answer("", &[("1", "a"), ("2", "b")]), result("one"), person("again")];
    let (messages, dropped) = call(&transcript, PLENTY);
    assert_eq!(contents(&messages), ["hello", "", "one", NO_RESULT, "again"]);
    assert_eq!(dropped, 0);
}

#[test]
fn a_result_that_nobody_asked_for_is_left_out() {
    let transcript = [person("hello"), answer("", &[("1", "a")]), result("one"), result("stray")];
    let (messages, dropped) = call(&transcript, PLENTY);
    assert_eq!(contents(&messages), ["hello", "", "one"]);
    assert_eq!(dropped, 1);
}

#[test]
fn the_oldest_exchanges_go_first_and_whole() {
    let long = "x".repeat(300);
    let transcript = [
        person("first"),
        answer("", &[("1", "a")]),
        result(&long),
        answer("one", &[]),
        person("second"),
        answer("two", &[]),
        person("third"),
    ];
    let (messages, dropped) = call(&transcript, 40);
    assert_eq!(contents(&messages), ["second", "two", "third"]);
    assert_eq!(dropped, 4);
    assert!(estimate(&messages) <= 40);
}

#[test]
fn results_of_the_newest_exchange_are_cut_from_the_oldest() {
    let long = "ä".repeat(150);
    let transcript = [
        person("do"),
        answer("", &[("1", "a"), ("2", "b"), ("3", "c")]),
        result(&long),
        result(&long),
        result("short"),
    ];
    let (messages, dropped) = call(&transcript, 180);
    assert_eq!(dropped, 0);
    assert!(estimate(&messages) <= 180);
    let first = &messages[2].content;
    assert!(first.starts_with('ä') && first.contains("[cut: ") && first.ends_with(" bytes]"), "{first}");
    assert_eq!(messages[3].content, long, "the newer result is whole as long as the older one can give");
    assert_eq!(messages[4].content, "short");
}

#[test]
fn the_newest_question_and_step_stay_even_when_nothing_fits() {
    let transcript = [
        person("before"),
        answer("old", &[]),
        person("the question"),
        answer("step one", &[("1", "a")]),
        result(&"x".repeat(1000)),
        answer("step two", &[("2", "b")]),
        result(&"y".repeat(1000)),
    ];
    let (messages, dropped) = call(&transcript, 0);
    assert_eq!(contents(&messages), ["the question", "step two", "[cut: 1000 bytes]"]);
    assert_eq!(dropped, 4);
}

/// A socket whose other end has said everything already.
struct Wire {
    said: Cursor<Vec<u8>>,
    heard: Vec<u8>,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.said.read(buffer)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.heard.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn converse(said: &[ToAgent]) -> (Result<(), AgentError>, Vec<Intent>) {
    let bytes = said.iter().flat_map(|frame| frame::encode(frame).unwrap()).collect();
    over(bytes)
}

fn over(bytes: Vec<u8>) -> (Result<(), AgentError>, Vec<Intent>) {
    let mut wire = Wire { said: Cursor::new(bytes), heard: Vec::new() };
    let ended = run(&mut wire);
    let mut heard = wire.heard.as_slice();
    let mut intents = Vec::new();
    while let Some(FromAgent::Propose { intent }) = frame::read(&mut heard).unwrap() {
        intents.push(intent);
    }
    (ended, intents)
}

fn begin(transcript: Vec<Entry>) -> ToAgent {
    ToAgent::Begin { transcript, context_tokens: PLENTY }
}

#[test]
fn a_whole_turn_over_the_socket() {
    let then = |entry| ToAgent::Entry { entry };
    let (ended, intents) = converse(&[
        begin(vec![person("hello")]),
        then(answer("", &[("1", "file-reader")])),
        then(result("denied")),
        then(answer("done", &[])),
        then(person("and now?")),
        then(answer("nothing", &[])),
    ]);
    assert!(ended.is_ok());
    let kinds: Vec<&str> = intents
        .iter()
        .map(|intent| match intent {
            Intent::ModelCall { .. } => "model",
            Intent::SkillCall { .. } => "skill",
            Intent::Reply { .. } | Intent::ReplyPart { .. } => "reply",
            Intent::ProgramCall { .. } | Intent::ProgramAnswer { .. } => "of a program",
        })
        .collect();
    assert_eq!(kinds, ["model", "skill", "model", "reply", "model", "reply"]);
}

#[test]
fn what_has_come_of_an_answer_is_proposed_as_it_comes_and_nowhere_else() {
    let then = |entry| ToAgent::Entry { entry };
    let part = |text: &str| ToAgent::Part { text: text.into() };
    let said = [
        begin(vec![person("hello")]),
        part("one\n\n"),
        part("two\n\n"),
        then(answer("one\n\ntwo\n\nthree", &[])),
    ];
    let (ended, intents) = converse(&said);
    assert!(ended.is_ok());
    let given = |intent: &Intent, words: &str| matches!(intent, Intent::ReplyPart { text } if text == words);
    assert!(matches!(intents[0], Intent::ModelCall { .. }), "{intents:?}");
    assert!(given(&intents[1], "one\n\n") && given(&intents[2], "two\n\n"), "{intents:?}");
    assert!(matches!(&intents[3], Intent::Reply { text } if text == "one\n\ntwo\n\nthree"), "{intents:?}");

    assert!(matches!(converse(&[part("one")]), (Err(AgentError::Place(_)), said) if said.is_empty()));
    let calls = begin(vec![person("hello"), answer("", &[("1", "a")])]);
    let (ended, intents) = converse(&[calls, part("one")]);
    assert!(matches!(ended, Err(AgentError::Place(_))) && intents.len() == 1, "{intents:?}");
}

#[test]
fn a_fresh_process_takes_a_turn_up_where_it_stands() {
    let transcript = vec![person("hello"), answer("", &[("1", "a"), ("2", "b")]), result("one")];
    let (ended, intents) = converse(&[begin(transcript)]);
    assert!(ended.is_ok());
    assert!(matches!(intents.as_slice(), [Intent::SkillCall { skill, .. }] if skill == "b"));
}

#[test]
fn a_gateway_out_of_step_ends_the_process() {
    let first = ToAgent::Entry { entry: person("hello") };
    assert!(matches!(converse(&[first]), (Err(AgentError::Place(_)), said) if said.is_empty()));
    let twice = [begin(vec![person("one")]), begin(vec![person("two")])];
    assert!(matches!(converse(&twice), (Err(AgentError::Place(_)), said) if said.len() == 1));
    assert!(matches!(converse(&[]), (Ok(()), said) if said.is_empty()));
    assert!(matches!(converse(&[begin(vec![])]), (Ok(()), said) if said.is_empty()));
    assert!(matches!(over(vec![0, 0, 0, 9, 1]), (Err(AgentError::Frame(FrameError::Io(_))), _)));
    assert!(matches!(over(vec![0xff; 9]), (Err(AgentError::Frame(FrameError::TooLarge(_))), _)));
}

#[test]
fn a_transcript_has_bounds() {
    let many = vec![person("x"); MAX_TRANSCRIPT_ENTRIES + 1];
    assert!(matches!(converse(&[begin(many)]).0, Err(AgentError::Entries)));
    let large = vec![person(&"x".repeat(MAX_TRANSCRIPT_BYTES + 1))];
    assert!(matches!(converse(&[begin(large)]).0, Err(AgentError::Bytes)));
    let then = ToAgent::Entry { entry: person("one more") };
    let full = vec![person("x"); MAX_TRANSCRIPT_ENTRIES];
    assert!(matches!(converse(&[begin(full), then]).0, Err(AgentError::Entries)));
}
