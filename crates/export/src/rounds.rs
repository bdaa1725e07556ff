//! When a place is given a checkpoint: each size once, the newest only, and again after a pause when it was not taken.
//!
//! Only the newest counts: one that comes while another could not be delivered takes its place, since it holds for all
//! that the older one held for.

use std::sync::Arc;
use std::time::Duration;

use journal::checkpoint::Sealed;
use tokio::sync::watch;

/// The first pause after a failure; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

/// The checkpoints for one place.
pub(crate) struct Rounds {
    newest: watch::Receiver<Option<Arc<Sealed>>>,
    /// The size of the last that was taken.
    carried: Option<u64>,
    pause: Duration,
}

impl Rounds {
    pub(crate) const fn new(newest: watch::Receiver<Option<Arc<Sealed>>>) -> Self {
        Self { newest, carried: None, pause: FIRST_PAUSE }
    }

    /// The newest one that was not taken yet, as soon as there is one; nothing when none is to come any more.
    pub(crate) async fn next(&mut self) -> Option<Arc<Sealed>> {
        loop {
            self.newest.mark_unchanged();
            let fresh = self.untaken();
            if fresh.is_some() {
                return fresh;
            }
            self.newest.changed().await.ok()?;
        }
    }

    /// The newest one, if it was not taken yet.
    pub(crate) fn untaken(&self) -> Option<Arc<Sealed>> {
        let newest = self.newest.borrow().clone();
        // Each size once: the same checkpoint with a witness's signature comes back as another, and sent again it
        // would be signed again.
        newest.filter(|sealed| self.carried.is_none_or(|size| size < sealed.tree().size))
    }

    /// One of this size was taken.
    pub(crate) const fn taken(&mut self, size: u64) {
        (self.carried, self.pause) = (Some(size), FIRST_PAUSE);
    }

    /// Waits for the time to try again, or for another.
    pub(crate) async fn wait(&mut self) {
        tokio::select! {
            // When none is to come any more, this one is still tried.
            Ok(()) = self.newest.changed() => self.pause = FIRST_PAUSE,
            () = tokio::time::sleep(self.pause) => {
                self.pause = self.pause.saturating_mul(2).min(LONGEST_PAUSE);
            }
        }
    }
}
