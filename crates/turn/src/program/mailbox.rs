//! What people decided on a run's held actions, until the run takes it up.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use tokio::sync::Notify;
use vocab::{ApprovalId, Timestamp};

use crate::state::Answer;

/// A decision, and when it is too late to use it.
#[derive(Debug)]
pub(crate) struct Decided {
    pub(crate) answer: Answer,
    pub(crate) expires: Timestamp,
    /// Since when it waited.
    pub(crate) since: Option<Timestamp>,
}

/// Decisions by approval. A run has few actions that wait, and each is decided once.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    decided: Mutex<BTreeMap<ApprovalId, Decided>>,
    changed: Notify,
}

impl Mailbox {
    pub(crate) fn put(&self, id: ApprovalId, decided: Decided) {
        self.decided.lock().insert(id, decided);
        self.changed.notify_one();
    }

    pub(crate) fn forget(&self, id: &ApprovalId) {
        self.decided.lock().remove(id);
    }

    /// The decision on `id`, as soon as there is one.
    pub(crate) async fn take(&self, id: &ApprovalId) -> Decided {
        loop {
            // Only the run itself waits here, and a notice that came before is kept for it.
            if let Some(decided) = self.decided.lock().remove(id) {
                return decided;
            }
            self.changed.notified().await;
        }
    }
}
