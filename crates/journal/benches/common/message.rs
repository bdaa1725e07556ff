//! One record with its content: a message with a few words.

use bulkhead_journal::{Draft, Entry, Kind};
use serde_json::json;
use vocab::{AgentName, Digest, PersonId, SessionId, TurnId};

use crate::common::Done;

pub(crate) fn message(number: u64) -> Done<Draft> {
    let mut draft = Draft::new(Kind::Message);
    draft.agent = Some(AgentName::new(&format!("agent-{}", number / 40 % 4))?);
    draft.session = Some(SessionId::new(&format!("s-{}", number / 40 % 1_000))?);
    draft.turn = Some(TurnId::new(&format!("t-{number}"))?);
    draft.person = Some(PersonId::new(&format!("person-{}", number / 40 % 8))?);
    draft.payload = json!({ "text": format!("The words of message {number}, which are not many.") });
    Ok(draft)
}

pub(crate) fn entry(records: Vec<Draft>) -> Entry {
    Entry { subject: Digest::of(b"x"), records, state: vec![] }
}
