//! Sessions and turns as rows: all that a gateway needs to carry a turn on after a restart.

use journal::{Change, Journal};
use serde::{Deserialize, Serialize};
use vocab::limits::{MAX_TRANSCRIPT_BYTES, MAX_TRANSCRIPT_ENTRIES};
use vocab::{
    AgentName, ApprovalId, Entry, Labels, PersonId, ProposalId, SessionId, Status, Timestamp, ToolCall,
    TurnId, Verb,
};

use crate::records::{get, misfit, push, put};
use crate::{Refusal, RefusalKind};

mod past;

pub(crate) use past::{Branch, MAX_STRETCHES, Stretch, is_there, labels as past_labels};

const SESSION: &str = "session";
const TURN: &str = "turn";
const ENTRY: &str = "entry";

/// The order of a person's conversations; the rows are without content.
const LISTED: &str = "conversation";

/// The first words of a conversation.
const TITLE: &str = "title";

/// The most characters of them.
const MAX_TITLE_CHARS: usize = 80;

/// A conversation of one person with one agent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SessionRow {
    pub(crate) agent: AgentName,
    pub(crate) person: PersonId,
    /// The labels of all data that the conversation has seen; they only ever rise.
    pub(crate) labels: Labels,
    /// How many entries of its own its transcript has.
    pub(crate) entries: u32,
    /// How many bytes of JSON they are.
    pub(crate) bytes: u64,
    /// How many messages the person has sent.
    #[serde(default)]
    pub(crate) turns: u32,
    /// When the first of them came in; of a conversation that goes on from another, when it did.
    #[serde(default)]
    pub(crate) started: Option<Timestamp>,
    /// When the last of them did: the place in the list of the person's conversations.
    #[serde(default)]
    pub(crate) last: Option<Timestamp>,
    /// Where it came from, if it goes on from another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) branch: Option<Branch>,
    /// Nobody carries it on: something of it was erased, and what is left is there for those that go on from it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) ended: bool,
}

impl SessionRow {
    /// A conversation in which nothing was said yet.
    pub(crate) const fn new(agent: AgentName, person: PersonId, labels: Labels) -> Self {
        Self {
            agent,
            person,
            labels,
            entries: 0,
            bytes: 0,
            turns: 0,
            started: None,
            last: None,
            branch: None,
            ended: false,
        }
    }
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
    /// The part of a reply that was let through while that effect is under way, and whose outcome is not recorded yet.
    #[serde(default)]
    pub(crate) part: Option<Open>,
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

/// The changes that take a conversation out of the rows of state: nobody carries it on. They go at once, or in this order: it
/// is found by the last.
pub(crate) fn erase(id: &SessionId, row: &SessionRow) -> Vec<Change> {
    let mut changes = vec![Change::drop_list(ENTRY, id.as_str()), Change::delete(TITLE, id.as_str())];
    changes.extend(row.last.map(|last| Change::delete(LISTED, &listed_key(&row.person, last, id))));
    changes.push(Change::delete(SESSION, id.as_str()));
    changes
}

/// The changes that take all but its first `entries`, of so many `bytes`, out of a conversation, which nobody carries on. None
/// where that was done before.
pub(crate) fn cut(
    id: &SessionId,
    row: &SessionRow,
    entries: u32,
    bytes: u64,
) -> Result<Vec<Change>, Refusal> {
    if row.ended && row.entries <= entries {
        return Ok(Vec::new());
    }
    let left = SessionRow {
        entries: row.entries.min(entries),
        bytes: row.bytes.min(bytes),
        last: None,
        ended: true,
        ..row.clone()
    };
    let mut changes = vec![Change::cut_list(ENTRY, id.as_str(), entries)];
    changes.extend(row.last.map(|last| Change::delete(LISTED, &listed_key(&row.person, last, id))));
    changes.push(put_session(id, &left)?);
    Ok(changes)
}

/// The changes that put a conversation before all others of its person: a message has come in.
pub(crate) fn list(
    id: &SessionId,
    row: &mut SessionRow,
    text: &str,
    now: Timestamp,
) -> Result<Vec<Change>, Refusal> {
    let mut changes = relist(id, row, now)?;
    if row.turns == 0 {
        changes.push(put(TITLE, id.as_str(), &first_words(text))?);
    }
    row.turns = row.turns.saturating_add(1);
    Ok(changes)
}

/// The changes that put a conversation before all others of its person, without a message in it.
pub(crate) fn relist(id: &SessionId, row: &mut SessionRow, now: Timestamp) -> Result<Vec<Change>, Refusal> {
    let before = row.last.map(|last| Change::delete(LISTED, &listed_key(&row.person, last, id)));
    row.started.get_or_insert(now);
    row.last = Some(now);
    let here = put(LISTED, &listed_key(&row.person, now, id), &())?;
    Ok(before.into_iter().chain([here]).collect())
}

/// The first words of a text, on one line.
fn first_words(text: &str) -> String {
    let words = text.split_whitespace().flat_map(|word| [" ", word]).skip(1);
    let mut title: String = words.flat_map(str::chars).take(MAX_TITLE_CHARS + 1).collect();
    if title.chars().count() > MAX_TITLE_CHARS {
        title.pop();
        title.push('\u{2026}');
    }
    title
}

/// The key of a conversation in the list of its person's: it sorts by time and ends in the id.
fn listed_key(person: &PersonId, last: Timestamp, id: &SessionId) -> String {
    format!("{}{:020}-{id}", listed_prefix(person), last.as_microsecond().max(0))
}

fn listed_prefix(person: &PersonId) -> String {
    format!("{person}/")
}

/// A place in the list of a person's conversations, at most `limit` of which come before it, the last first.
pub(crate) fn listed(
    journal: &Journal,
    person: &PersonId,
    before: Option<&str>,
    limit: usize,
) -> Result<Vec<String>, Refusal> {
    let prefix = listed_prefix(person);
    let before = before.map(|place| format!("{prefix}{place}"));
    let keys = journal.last_keys(LISTED, &prefix, before.as_deref(), limit)?;
    Ok(keys.into_iter().filter_map(|key| key.strip_prefix(&prefix).map(str::to_owned)).collect())
}

/// The conversation at a place in the list; none where it is no place.
pub(crate) fn at_place(place: &str) -> Option<SessionId> {
    let (time, id) = place.split_once('-')?;
    let is_time = time.len() == 20 && time.bytes().all(|byte| byte.is_ascii_digit());
    is_time.then(|| SessionId::new(id).ok()).flatten()
}

/// The first words of a conversation.
pub(crate) fn title(journal: &Journal, id: &SessionId) -> Result<Option<String>, Refusal> {
    get(journal, TITLE, id.as_str())
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

/// The transcript of a session, oldest first: what is left of its past, then its own entries.
pub(crate) fn transcript(journal: &Journal, id: &SessionId, row: &SessionRow) -> Result<Vec<Entry>, Refusal> {
    let mut entries = past::entries(journal, row)?;
    entries.append(&mut own(journal, id, row.entries)?);
    Ok(entries)
}

/// A session's own entries, oldest first, of which at least so many are known to be there.
pub(crate) fn own(journal: &Journal, id: &SessionId, least: u32) -> Result<Vec<Entry>, Refusal> {
    let entries = journal.list(ENTRY, id.as_str(), least)?;
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
    let (past_entries, past_bytes) = row.past_size();
    if past_entries.saturating_add(entries) as usize > MAX_TRANSCRIPT_ENTRIES
        || past_bytes.saturating_add(total) > MAX_TRANSCRIPT_BYTES as u64
    {
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
