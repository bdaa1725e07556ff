//! The entries that become durable together.

use std::time::{Duration, Instant};

use crate::entry::Head;
use crate::queue::{Item, MAX_GROUP_BYTES};

/// Entries in order, the first of them perhaps written already.
#[derive(Default)]
pub(crate) struct Group {
    pub(crate) items: Vec<Item>,
    /// Where the log stands after each entry that is written.
    pub(crate) heads: Vec<Head>,
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
        let bytes = || self.items.iter().map(|item| item.entry.bytes).sum::<usize>();
        late || self.items.iter().any(|item| item.reply.is_some()) || bytes() >= MAX_GROUP_BYTES
    }

    /// Where the log stands after what is written of it; `before` is where it stood before.
    pub(crate) fn head(&self, before: Head) -> Head {
        self.heads.last().copied().unwrap_or(before)
    }

    /// Its entries, and where the log stands after each that is written; it is empty then.
    pub(crate) fn take(&mut self) -> (Vec<Item>, Vec<Head>) {
        let Self { items, heads, .. } = std::mem::take(self);
        (items, heads)
    }
}
