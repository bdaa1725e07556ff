//! The records of an entry at their place in the log, ahead of their turn.
//!
//! A body holds the hash of the record before it, so that bodies can only be made one after the other. Whoever hands an entry in
//! makes its own, while the writer is at an earlier group: the writer is one thread, and everybody waits for it. Should an entry
//! before it fall away, its place is another one, and the writer makes its bodies anew.

use crate::entry::Head;
use crate::merkle;
use crate::prepare::Prepared;

/// Bodies that are right behind one record, and behind no other.
#[derive(Debug)]
pub(crate) struct Placed {
    before: Head,
    /// Each body, and where the log stands after it.
    pub(crate) records: Vec<(String, Head)>,
}

impl Placed {
    /// The records of `entry` after `before`, which come at `time`.
    pub(crate) fn of(entry: &Prepared, before: Head, time: &str) -> Self {
        let mut head = before;
        let body = |record: &crate::prepare::Record| {
            let body = record.form.at(&head, time);
            head = Head { records: head.records.saturating_add(1), hash: merkle::leaf(body.as_bytes()) };
            (body, head)
        };
        Self { before, records: entry.records.iter().map(body).collect() }
    }

    /// Whether this is what stands right behind `head`.
    pub(crate) fn is_behind(&self, head: &Head) -> bool {
        self.before == *head
    }

    /// Where the log stands after all of them.
    pub(crate) fn after(&self) -> Head {
        self.records.last().map_or(self.before, |(_, head)| *head)
    }
}
