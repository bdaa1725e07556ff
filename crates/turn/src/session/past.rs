//! What a conversation goes on from: entries of other conversations of the same person with the same agent. They are held
//! by reference and never copied, so that what is erased there is gone here.

use journal::Journal;
use serde::{Deserialize, Serialize};
use vocab::{Entry, Labels, SessionId, TurnId};

use super::{SessionRow, own, session};
use crate::Refusal;

/// The most conversations that one goes on from.
pub(crate) const MAX_STRETCHES: usize = 32;

/// Where a conversation came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Branch {
    /// The conversation that its person had before them.
    pub(crate) from: SessionId,
    /// The last turn of its past; none where it begins anew.
    pub(crate) upto: Option<TurnId>,
    /// What it goes on from, the oldest first.
    pub(crate) past: Vec<Stretch>,
}

/// The beginning of another conversation's own entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stretch {
    /// Which conversation.
    pub(crate) session: SessionId,
    /// How many of its own entries; at least one.
    pub(crate) entries: u32,
    /// How many bytes of JSON they are.
    pub(crate) bytes: u64,
    /// The record that ends the last of its turns.
    pub(crate) end: u64,
    /// The labels of all data that the conversation had seen by then, its own past's among them.
    pub(crate) labels: Labels,
}

impl SessionRow {
    /// What it goes on from, the oldest first.
    pub(crate) fn past(&self) -> &[Stretch] {
        self.branch.as_ref().map_or(&[], |branch| &branch.past)
    }

    /// How many entries and bytes of its room its past takes. What of it was erased is counted still.
    pub(super) fn past_size(&self) -> (u32, u64) {
        self.past().iter().fold((0, 0), |(entries, bytes), stretch| {
            (entries.saturating_add(stretch.entries), bytes.saturating_add(stretch.bytes))
        })
    }
}

/// The labels of all that a past has seen.
pub(crate) fn labels(past: &[Stretch]) -> Labels {
    past.iter().map(|stretch| &stretch.labels).fold(Labels::default(), |all, labels| all.join(labels))
}

/// Whether what a stretch is of is still there as a whole, of the same person with the same agent.
pub(crate) fn is_there(journal: &Journal, row: &SessionRow, stretch: &Stretch) -> Result<bool, Refusal> {
    let other = session(journal, &stretch.session)?;
    let theirs = |other: &SessionRow| other.person == row.person && other.agent == row.agent;
    Ok(other.is_some_and(|other| theirs(&other) && other.entries >= stretch.entries))
}

/// The entries of a conversation's past, oldest first, as far as they are still there.
pub(super) fn entries(journal: &Journal, row: &SessionRow) -> Result<Vec<Entry>, Refusal> {
    let mut all = Vec::new();
    for stretch in row.past() {
        if !is_there(journal, row, stretch)? {
            continue;
        }
        let wanted = usize::try_from(stretch.entries).unwrap_or(usize::MAX);
        match own(journal, &stretch.session, stretch.entries) {
            Ok(mut entries) => {
                entries.truncate(wanted);
                all.append(&mut entries);
            }
            // Of what is being erased, nothing is taken up in part.
            Err(_) if !is_there(journal, row, stretch)? => {}
            Err(refusal) => return Err(refusal),
        }
    }
    Ok(all)
}
