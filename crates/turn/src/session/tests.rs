//! A conversation stays fit for the next message, and has an end to its growth.

use vocab::{AgentName, Answer, Labels, PersonId};

use super::*;

fn row() -> SessionRow {
    SessionRow {
        agent: AgentName::new("echo").unwrap(),
        person: PersonId::new("ada").unwrap(),
        labels: Labels::default(),
        entries: 0,
        bytes: 0,
    }
}

fn asks(calls: &[&str]) -> Entry {
    let call = |id: &&str| ToolCall { id: (*id).into(), name: "file-reader".into(), arguments: "{}".into() };
    Entry::Answer { answer: Answer { tool_calls: calls.iter().map(call).collect(), ..Answer::default() } }
}

fn answered(id: &str) -> Entry {
    result(&Call { id: id.into(), skill: "file-reader".into() }, Status::Done, "text".into())
}

fn person() -> Entry {
    Entry::Person { text: "hello".into() }
}

#[test]
fn calls_that_were_never_reached_get_a_result() {
    let transcript = [person(), asks(&["a", "b", "c"]), answered("a")];
    let left: Vec<String> = unanswered(&transcript)
        .into_iter()
        .map(|entry| match entry {
            Entry::Result { call_id, status: Status::Denied, .. } => call_id,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(left, ["b", "c"]);
}

#[test]
fn a_conversation_at_rest_needs_nothing() {
    assert!(unanswered(&[]).is_empty());
    assert!(unanswered(&[person()]).is_empty());
    assert!(unanswered(&[person(), asks(&["a"]), answered("a")]).is_empty());
    assert!(unanswered(&[person(), asks(&["a"]), answered("a"), asks(&[])]).is_empty());
    // An earlier answer's calls are not counted again.
    assert!(unanswered(&[person(), asks(&["a", "b"]), answered("a"), answered("b"), person()]).is_empty());
}

#[test]
fn a_conversation_ends_growing_at_its_bounds() {
    let id = SessionId::new("s-1").unwrap();
    let mut full = SessionRow { entries: u32::try_from(MAX_TRANSCRIPT_ENTRIES).unwrap(), ..row() };
    assert_eq!(grow(&id, &mut full, &person()).unwrap_err().kind, RefusalKind::Conflict);
    let mut heavy = SessionRow { bytes: MAX_TRANSCRIPT_BYTES as u64, ..row() };
    assert!(grow(&id, &mut heavy, &person()).is_err());
    assert_eq!(heavy.entries, 0, "what has no room changes nothing");
    let mut fresh = row();
    assert!(grow(&id, &mut fresh, &person()).is_ok());
    assert_eq!(fresh.entries, 1);
    assert!(fresh.bytes > 0);
}

#[test]
fn entries_keep_their_order_as_keys() {
    let id = SessionId::new("s-1").unwrap();
    let mut session = row();
    let keys: Vec<String> =
        (0..1_200).map(|_| grow(&id, &mut session, &person()).unwrap().key().to_owned()).collect();
    let mut sorted = keys.clone();
    sorted.sort();
    assert_eq!(keys, sorted);
}
