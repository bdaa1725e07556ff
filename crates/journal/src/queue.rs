//! The way from callers to the writer: in order, bounded in bytes, with entries that can wait a little.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::entry::Head;
use crate::journal::AppendError;
use crate::prepare::Prepared;

/// The most bytes that wait for the writer; callers beyond that wait for room.
pub const QUEUE_BYTES: usize = 64 * 1024 * 1024;

/// The unit in which room in the queue is given out, in bytes; also the least that an entry takes.
const UNIT_BYTES: usize = 1024;

/// The most bytes of entries that one commit takes up, unless a single entry is larger.
const MAX_GROUP_BYTES: usize = 8 * 1024 * 1024;

/// The most entries that one commit takes up.
const MAX_GROUP_ENTRIES: usize = 512;

/// An entry on its way.
pub(crate) struct Item {
    pub(crate) entry: Prepared,
    /// Who waits until it is durable; nobody for one that follows behind.
    pub(crate) reply: Option<oneshot::Sender<Result<Head, AppendError>>>,
    /// Its place in the queue, given back when it has been dealt with.
    _room: OwnedSemaphorePermit,
}

/// Why the writer woke.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// There is something to write.
    Work,
    /// Nothing came for as long as the writer was willing to wait.
    Idle,
    /// Nothing will come any more; what was left has been handed out.
    Closed,
}

#[derive(Default)]
struct Waiting {
    items: VecDeque<Item>,
    /// How many of the items have somebody waiting for them.
    urgent: usize,
    /// The writer looks again by itself within [`Queue::hold`], so that what can wait need not wake it.
    dozing: bool,
    closed: bool,
}

/// The queue.
pub(crate) struct Queue {
    room: Arc<Semaphore>,
    waiting: Mutex<Waiting>,
    arrival: Condvar,
    /// How long an item that nobody waits for is held back, so that it shares the next commit.
    hold: Duration,
}

impl Queue {
    pub(crate) fn new(hold: Duration) -> Self {
        Self {
            room: Arc::new(Semaphore::new(QUEUE_BYTES / UNIT_BYTES)),
            waiting: Mutex::default(),
            arrival: Condvar::new(),
            hold,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts `entry` at the end, as soon as there is room. Dropped while it waits for room, it has done nothing.
    pub(crate) async fn push(
        &self,
        entry: Prepared,
        reply: Option<oneshot::Sender<Result<Head, AppendError>>>,
    ) -> Result<(), AppendError> {
        let units = u32::try_from(entry.bytes.div_ceil(UNIT_BYTES).max(1)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(units).await.map_err(|_| AppendError::Closed)?;
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(AppendError::Closed);
        }
        let wakes = reply.is_some() || !waiting.dozing;
        waiting.urgent += usize::from(reply.is_some());
        waiting.items.push_back(Item { entry, reply, _room: room });
        drop(waiting);
        if wakes {
            self.arrival.notify_one();
        }
        Ok(())
    }

    /// Waits for anything, at most `patience`.
    fn idle<'a>(
        &'a self,
        waiting: MutexGuard<'a, Waiting>,
        patience: Option<Duration>,
    ) -> MutexGuard<'a, Waiting> {
        let nothing = |waiting: &mut Waiting| waiting.items.is_empty() && !waiting.closed;
        let Some(patience) = patience else {
            return self.arrival.wait_while(waiting, nothing).unwrap_or_else(PoisonError::into_inner);
        };
        let woken = self.arrival.wait_timeout_while(waiting, patience, nothing);
        woken.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Waits for something urgent, at most [`Queue::hold`]. What can wait then shares its commit.
    fn doze<'a>(&'a self, mut waiting: MutexGuard<'a, Waiting>) -> MutexGuard<'a, Waiting> {
        waiting.dozing = true;
        let calm = |waiting: &mut Waiting| waiting.urgent == 0 && !waiting.closed;
        let woken = self.arrival.wait_timeout_while(waiting, self.hold, calm);
        let mut waiting = woken.unwrap_or_else(PoisonError::into_inner).0;
        waiting.dozing = false;
        waiting
    }

    /// Lets nobody in any more.
    pub(crate) fn close(&self) {
        self.room.close();
        self.lock().closed = true;
        self.arrival.notify_one();
    }

    /// Waits for work, at most `patience`, and appends one group's worth of it to `group`.
    pub(crate) fn take(&self, group: &mut Vec<Item>, patience: Option<Duration>) -> Wake {
        let mut waiting = self.doze(self.lock());
        if waiting.items.is_empty() {
            waiting = self.idle(waiting, patience);
            if waiting.items.is_empty() {
                return if waiting.closed { Wake::Closed } else { Wake::Idle };
            }
            waiting = self.doze(waiting);
        }
        let mut bytes = 0_usize;
        for _ in 0..MAX_GROUP_ENTRIES {
            let Some(item) = waiting.items.pop_front() else { break };
            bytes = bytes.saturating_add(item.entry.bytes);
            waiting.urgent -= usize::from(item.reply.is_some());
            group.push(item);
            if bytes > MAX_GROUP_BYTES {
                break;
            }
        }
        Wake::Work
    }
}
