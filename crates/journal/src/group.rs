//! The entries that become durable together.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::entry::Head;
use crate::journal::AppendError;
use crate::queue::{Item, MAX_GROUP_BYTES};

/// Entries in order, the first of them perhaps written already.
#[derive(Default)]
pub(crate) struct Group {
    pub(crate) items: Vec<Item>,
    /// Where the log stands after each entry that is written.
    pub(crate) heads: Vec<Head>,
    /// Those among them of which nothing was written, by their place, and why.
    pub(crate) refused: BTreeMap<usize, AppendError>,
    /// When the transaction was begun, if one is open.
    pub(crate) begun: Option<Instant>,
}

impl Group {
    pub(crate) const fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether it is to be committed: somebody waits for it, it is large, or its first entry has waited so long.
    pub(crate) fn is_due(&self, hold: Duration) -> bool {
        let late = self.begun.is_some_and(|begun| begun.elapsed() >= hold);
        late || self.items.iter().any(|item| item.reply.is_some()) || self.bytes() >= MAX_GROUP_BYTES
    }

    /// The bytes of its entries.
    pub(crate) fn bytes(&self) -> usize {
        self.items.iter().map(|item| item.entry.bytes).sum()
    }

    /// Where the log stands after what is written of it; `before` is where it stood before.
    pub(crate) fn head(&self, before: Head) -> Head {
        self.heads.last().copied().unwrap_or(before)
    }

    /// Its entries, each with where the log stands after it or why it was not written; it is empty then.
    pub(crate) fn settle(&mut self) -> impl Iterator<Item = (Item, Result<Head, AppendError>)> {
        let Self { items, heads, mut refused, .. } = std::mem::take(self);
        let result = move |(nth, (item, head))| (item, refused.remove(&nth).map_or(Ok(head), Err));
        items.into_iter().zip(heads).enumerate().map(result)
    }

    /// Its entries, of which nothing is written; it is empty then.
    pub(crate) fn take(&mut self) -> Vec<Item> {
        std::mem::take(self).items
    }
}
