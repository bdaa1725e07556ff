//! A conversation stays fit for the next message, and has an end to its growth.

use vocab::{AgentName, Answer, Labels, PersonId};

use super::*;

fn row() -> SessionRow {
    SessionRow::new(AgentName::new("echo").unwrap(), PersonId::new("ada").unwrap(), Labels::default())
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

#[test]
fn a_place_in_the_list_is_a_time_and_a_conversation_and_nothing_else() {
    let id = SessionId::new("s-abc").unwrap();
    let key = listed_key(&PersonId::new("ada").unwrap(), Timestamp::from_second(7).unwrap(), &id);
    let place = key.strip_prefix("ada/").unwrap();
    assert_eq!(at_place(place), Some(id));
    for bad in [
        "",
        "-",
        "s-abc",
        "7-s-abc",
        "+0000000000007000000-s-abc",
        "00000000000007000000-",
        "00000000000007000000-../x",
    ] {
        assert_eq!(at_place(bad), None, "{bad}");
    }
}

#[test]
fn the_first_words_are_one_short_line_of_whatever_was_said() {
    assert_eq!(first_words("  look\n\tit   up "), "look it up");
    assert_eq!(first_words(""), "");
    let long = first_words(&"\u{1F600}".repeat(1_000_000));
    assert_eq!(long.chars().count(), MAX_TITLE_CHARS + 1);
    assert!(long.ends_with('\u{2026}'));
    assert_eq!(first_words(&"x".repeat(MAX_TITLE_CHARS)), "x".repeat(MAX_TITLE_CHARS));
}

#[test]
fn a_conversation_is_there_to_be_found_until_all_that_is_of_it_is_gone() {
    let id = SessionId::new("s-1").unwrap();
    let row = SessionRow { last: Some(Timestamp::UNIX_EPOCH), entries: 9, ..row() };
    let gone = erase(&id, &row);
    assert_eq!(gone.len(), 4);
    assert_eq!(gone[3], Change::delete(SESSION, id.as_str()));
    let left = cut(&id, &row, 3, 30).unwrap();
    let kept = SessionRow { entries: 3, last: None, ended: true, ..row };
    assert_eq!(left[2], put_session(&id, &kept).unwrap());
}
