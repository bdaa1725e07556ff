//! The records that a turn writes beside proposals and verdicts, which are the monitor's.

use journal::{Change, Draft, Entry, Event, Facts, Journal, Kind, Written};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use vocab::{AgentName, Body, Digest, Person, Reason, Status, TurnId};

use crate::session::{Open, TurnRow};
use crate::{Refusal, RefusalKind};

/// A draft that names a turn's conversation, agent and asker.
pub(crate) fn of_turn(kind: Kind, turn: &TurnId, row: &TurnRow) -> Draft {
    let mut draft = Draft::new(kind);
    draft.turn = Some(turn.clone());
    draft.session = Some(row.session.clone());
    draft.agent = Some(row.agent.clone());
    draft.person = Some(row.person.clone());
    draft
}

/// A draft of something that a person, or the gateway itself, did to an agent.
pub(crate) fn of_agent(
    kind: Kind,
    event: Event,
    by: Option<&Person>,
    agent: &AgentName,
    facts: Facts,
) -> Draft {
    let mut draft = Draft::of_event(kind, event, facts);
    draft.agent = Some(agent.clone());
    draft.person = by.map(|person| person.id.clone());
    draft
}

/// The content of a record that has nothing to say but why.
pub(crate) fn why(why: &str) -> Value {
    json!({ "why": why })
}

/// The alert that a row of state is not what the record says, and was not believed.
pub(crate) fn unfounded(what: &str, key: &str, why: &str) -> Draft {
    let facts = Facts::new().with("what", what).with("key", key);
    let mut draft = Draft::of_event(Kind::Alert, Event::RowUnfounded, facts);
    draft.payload = self::why(why);
    draft
}

/// The content of a record about an approval: what it binds to, and why. The digest is of the very words that would have
/// gone out; on the chain, somebody who guesses them could tell that they guessed right after they were erased.
pub(crate) fn of_approval(digest: &Digest, why: Option<&str>) -> Value {
    why.map_or_else(|| json!({ "digest": digest }), |why| json!({ "digest": digest, "why": why }))
}

/// The outcome of an effect that was let through and never came back to this gateway.
pub(crate) fn unknown(turn: &TurnId, row: &TurnRow, open: &Open, why: &str) -> Draft {
    let mut draft = of_turn(Kind::Outcome, turn, row);
    draft.proposal = Some(open.proposal.clone());
    draft.verb = Some(open.verb);
    draft.status = Some(Status::Unknown);
    draft.payload = json!({ "body": Body::Text { text: why.to_owned() }, "reasons": [] });
    draft
}

/// The content of an outcome's record.
#[derive(Serialize)]
pub(crate) struct Came<'a> {
    pub(crate) body: &'a Body,
    pub(crate) reasons: &'a [Reason],
    /// What the digests of a model call are made with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) salt: Option<Digest>,
}

/// The content of a record, as JSON.
pub(crate) fn write<T: Serialize>(content: &T) -> Result<Written, Refusal> {
    Written::of(content).map_err(|error| unstorable("record's content", &error))
}

/// What a draft is about, for its receipt.
pub(crate) fn subject(draft: &Draft) -> Result<Digest, Refusal> {
    Digest::of_canonical(&draft.payload).map_err(|error| {
        Refusal::new(RefusalKind::Unavailable, format!("a record has no canonical form: {error}"))
    })
}

/// What several drafts are about.
pub(crate) fn subject_of(drafts: &[Draft]) -> Result<Digest, Refusal> {
    let subjects: Vec<Digest> = drafts.iter().map(subject).collect::<Result<_, _>>()?;
    let parts: Vec<&[u8]> = subjects.iter().map(|digest| digest.as_bytes().as_slice()).collect();
    Ok(Digest::of_parts(&parts))
}

/// An entry of one record with the rows that change with it.
pub(crate) fn entry(draft: Draft, state: Vec<Change>) -> Result<Entry, Refusal> {
    Ok(Entry { subject: subject(&draft)?, records: vec![draft], state })
}

/// A row.
pub(crate) fn put<T: Serialize>(kind: &str, key: &str, value: &T) -> Result<Change, Refusal> {
    Change::put(kind, key, value).map_err(|error| unstorable(kind, &error))
}

/// The item `nth` of a list.
pub(crate) fn push<T: Serialize>(kind: &str, list: &str, nth: u32, value: &T) -> Result<Change, Refusal> {
    Change::push(kind, list, nth, value).map_err(|error| unstorable(kind, &error))
}

fn unstorable(kind: &str, error: &serde_json::Error) -> Refusal {
    Refusal::new(RefusalKind::Unavailable, format!("a {kind} cannot be stored: {error}"))
}

/// A row, read back.
pub(crate) fn get<T: DeserializeOwned>(
    journal: &Journal,
    kind: &str,
    key: &str,
) -> Result<Option<T>, Refusal> {
    let Some(value) = journal.state(kind, key)? else { return Ok(None) };
    serde_json::from_value(value).map(Some).map_err(|error| misfit(kind, key, &error))
}

/// A row that does not fit its form.
pub(crate) fn misfit(kind: &str, key: &str, error: &serde_json::Error) -> Refusal {
    let message = format!(
        "the {kind} `{key}` in the database does not fit its form ({error}); run `bulkhead audit verify`"
    );
    Refusal::new(RefusalKind::Unavailable, message)
}
