//! Sessions and turns as rows: all that a gateway needs to carry a turn on after a restart.

use journal::{Change, Journal};
use serde::{Deserialize, Serialize};
use vocab::limits::{MAX_TRANSCRIPT_BYTES, MAX_TRANSCRIPT_ENTRIES};
use vocab::{
    AgentName, ApprovalId, Entry, Labels, PersonId, ProposalId, SessionId, Status, ToolCall, TurnId, Verb,
};

use crate::records::{get, misfit, push, put};
use crate::{Refusal, RefusalKind};

const SESSION: &str = "session";
const TURN: &str = "turn";
const ENTRY: &str = "entry";

/// A conversation of one person with one agent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SessionRow {
    pub(crate) agent: AgentName,
    pub(crate) person: PersonId,
    /// The labels of all data that the conversation has seen; they only ever rise.
    pub(crate) labels: Labels,
    /// How many entries its transcript has.
    pub(crate) entries: u32,
    /// How many bytes of JSON they are.
    pub(crate) bytes: u64,
}

/// A turn that is not over. When it is, its row goes; the record keeps what happened.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TurnRow {
    pub(crate) session: SessionId,
    pub(crate) agent: AgentName,
    pub(crate) person: PersonId,
    /// How many proposals it has made.
    pub(crate) proposals: u32,
    /// How long it has run, without the time that it waited for a person.
    pub(crate) elapsed_ms: u64,
    /// The approval that it waits for.
    pub(crate) waiting: Option<ApprovalId>,
    /// The effect that was let through and whose outcome is not recorded yet.
    pub(crate) open: Option<Open>,
    /// Whether a program that nobody here wrote drives it. It keeps its conversation itself.
    #[serde(default)]
    pub(crate) program: bool,
}

/// An effect that was let through.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Open {
    pub(crate) proposal: ProposalId,
    pub(crate) verb: Verb,
    /// The model's name for the call, when it is a skill's.
    pub(crate) call: Option<Call>,
}

/// Which tool call a proposal came from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) skill: String,
}

pub(crate) fn session(journal: &Journal, id: &SessionId) -> Result<Option<SessionRow>, Refusal> {
    get(journal, SESSION, id.as_str())
}

pub(crate) fn put_session(id: &SessionId, row: &SessionRow) -> Result<Change, Refusal> {
    put(SESSION, id.as_str(), row)
}

pub(crate) fn turn(journal: &Journal, id: &TurnId) -> Result<Option<TurnRow>, Refusal> {
    get(journal, TURN, id.as_str())
}

pub(crate) fn put_turn(id: &TurnId, row: &TurnRow) -> Result<Change, Refusal> {
    put(TURN, id.as_str(), row)
}

fn delete_turn(id: &TurnId) -> Change {
    Change::delete(TURN, id.as_str())
}

/// The changes that take a conversation out of the rows of state: nobody carries it on.
pub(crate) fn erase(id: &SessionId) -> [Change; 2] {
    [Change::drop_list(ENTRY, id.as_str()), Change::delete(SESSION, id.as_str())]
}

/// Every turn that is not over.
pub(crate) fn open_turns(journal: &Journal) -> Result<Vec<(TurnId, TurnRow)>, Refusal> {
    let rows = journal.states(TURN, "")?;
    rows.into_iter()
        .map(|(key, value)| {
            let id = TurnId::new(&key)
                .map_err(|error| Refusal::new(RefusalKind::Unavailable, error.to_string()))?;
            let row = serde_json::from_value(value).map_err(|error| misfit(TURN, &key, &error))?;
            Ok((id, row))
        })
        .collect()
}

/// The transcript of a session, oldest first.
pub(crate) fn transcript(journal: &Journal, id: &SessionId) -> Result<Vec<Entry>, Refusal> {
    let entries = journal.list(ENTRY, id.as_str())?;
    entries
        .into_iter()
        .map(|value| serde_json::from_value(value).map_err(|error| misfit(ENTRY, id.as_str(), &error)))
        .collect()
}

/// What a call's result adds to the transcript.
pub(crate) fn result(call: &Call, status: Status, text: String) -> Entry {
    Entry::Result { call_id: call.id.clone(), skill: call.skill.clone(), status, text }
}

/// Results for the calls of the last answer that were never reached, so that the conversation can go on.
pub(crate) fn unanswered(transcript: &[Entry]) -> Vec<Entry> {
    let last = transcript.iter().rposition(|entry| !matches!(entry, Entry::Result { .. }));
    let Some((at, Entry::Answer { answer })) = last.and_then(|at| Some((at, transcript.get(at)?))) else {
        return Vec::new();
    };
    let answered = transcript.len().saturating_sub(at).saturating_sub(1);
    let text = "the turn ended before this call was reached";
    let call = |call: &ToolCall| Call { id: call.id.clone(), skill: call.name.clone() };
    answer
        .tool_calls
        .iter()
        .skip(answered)
        .map(|c| result(&call(c), Status::Denied, text.to_owned()))
        .collect()
}

/// The changes that end a turn: its row goes, and its conversation is fit for the next message.
pub(crate) fn end(
    id: &TurnId,
    row: &TurnRow,
    session: &mut SessionRow,
    transcript: &[Entry],
) -> Result<Vec<Change>, Refusal> {
    let mut changes = Vec::new();
    for entry in unanswered(transcript) {
        changes.push(grow(&row.session, session, &entry)?);
    }
    changes.push(put_session(&row.session, session)?);
    changes.push(delete_turn(id));
    Ok(changes)
}

/// The changes that add `entry` to a session's transcript, and the session's row after it.
///
/// # Errors
/// When the session has no room left for it.
pub(crate) fn grow(id: &SessionId, row: &mut SessionRow, entry: &Entry) -> Result<Change, Refusal> {
    let change = push(ENTRY, id.as_str(), row.entries, entry)?;
    let bytes = change.value_bytes() as u64;
    let entries = row.entries.saturating_add(1);
    let total = row.bytes.saturating_add(bytes);
    if entries as usize > MAX_TRANSCRIPT_ENTRIES || total > MAX_TRANSCRIPT_BYTES as u64 {
        let message = format!(
            "the conversation `{id}` is full ({MAX_TRANSCRIPT_ENTRIES} entries or {MAX_TRANSCRIPT_BYTES} bytes); begin a new one"
        );
        return Err(Refusal::new(RefusalKind::Conflict, message));
    }
    row.entries = entries;
    row.bytes = total;
    Ok(change)
}

#[cfg(test)]
mod tests;
