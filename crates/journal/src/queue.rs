//! The way from callers to the writer: in order, bounded in bytes, with entries that can wait a little.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, oneshot};
use vocab::Ambient;

use crate::body::time_text;
use crate::entry::Head;
use crate::journal::AppendError;
use crate::placed::Placed;
use crate::prepare::Prepared;
use crate::writer::FOLLOW_DELAY;

/// The most bytes that wait for the writer; callers beyond that wait for room.
pub const QUEUE_BYTES: usize = 64 * 1024 * 1024;

/// The unit in which room in the queue is given out, in bytes; also the least that an entry takes.
const UNIT_BYTES: usize = 1024;

/// The most bytes of entries that one commit takes up, unless a single entry is larger.
pub(crate) const MAX_GROUP_BYTES: usize = 8 * 1024 * 1024;

/// The most entries that one commit takes up.
pub(crate) const MAX_GROUP_ENTRIES: usize = 512;

/// The most bytes of entries that a caller commits by themselves.
pub(crate) const BRIEF_BYTES: usize = 256 * 1024;

/// The most entries that a caller commits by themselves, with those that nobody waits for.
pub(crate) const BRIEF_ENTRIES: usize = 16;

/// An entry on its way.
pub(crate) struct Item {
    pub(crate) entry: Prepared,
    /// Its records where they will stand, if that is known and nothing before them falls away.
    pub(crate) placed: Option<Placed>,
    /// Who waits until it is durable; nobody for one that follows behind.
    pub(crate) reply: Option<oneshot::Sender<Result<Head, AppendError>>>,
    /// Its place in the queue, given back when it has been dealt with.
    _room: OwnedSemaphorePermit,
}

/// Why the writer woke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    /// There is something to write.
    Work,
    /// Nothing came for as long as the writer was willing to wait.
    Idle,
    /// Nothing will come any more; what was left has been handed out.
    Closed,
}

/// How the writer waits for work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// So long it looks again and again, before it sleeps.
    pub(crate) spin: Duration,
    /// So long it sleeps; until it is woken when there is no bound.
    pub(crate) sleep: Option<Duration>,
}

impl Patience {
    pub(crate) const fn sleep(sleep: Option<Duration>) -> Self {
        Self { spin: Duration::ZERO, sleep }
    }
}

/// Whether the writer's thread has to be woken.
#[derive(Default, Clone, Copy)]
enum Asleep {
    /// It will look by itself.
    #[default]
    No,
    /// Until then, or until it is woken.
    Until(Option<Instant>),
}

impl Asleep {
    /// Whether something that may wait for `hold` would wait for longer.
    fn is_longer_than(self, hold: Duration) -> bool {
        match self {
            Self::No => false,
            Self::Until(None) => true,
            Self::Until(Some(end)) => end.saturating_duration_since(Instant::now()) > hold,
        }
    }
}

/// Whether the writer has to hear of what was put into the queue.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// It will see it by itself.
    Seen,
    /// It sleeps: [`Queue::wake`].
    Unseen,
}

#[derive(Default)]
struct Waiting {
    items: VecDeque<Item>,
    /// Where the log will stand after all that has been handed in; unknown until a writer says where it does.
    next: Option<Head>,
    asleep: Asleep,
    /// It has been told to look, whether there is something or not.
    nudged: bool,
    closed: bool,
}

/// The room that an entry takes.
fn units(entry: &Prepared) -> u32 {
    u32::try_from(entry.weight().div_ceil(UNIT_BYTES).max(1)).unwrap_or(u32::MAX)
}

/// The queue.
pub(crate) struct Queue {
    ambient: Arc<dyn Ambient>,
    room: Arc<Semaphore>,
    waiting: Mutex<Waiting>,
    arrival: Condvar,
    /// Something has come since the writer took what there was.
    arrived: AtomicBool,
}

impl Queue {
    pub(crate) fn new(ambient: Arc<dyn Ambient>) -> Self {
        Self {
            ambient,
            room: Arc::new(Semaphore::new(QUEUE_BYTES / UNIT_BYTES)),
            waiting: Mutex::default(),
            arrival: Condvar::new(),
            arrived: AtomicBool::new(false),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the room that `entry` takes.
    pub(crate) async fn room(&self, entry: &Prepared) -> Result<OwnedSemaphorePermit, AppendError> {
        let room = Arc::clone(&self.room).acquire_many_owned(units(entry)).await;
        room.map_err(|_| AppendError::Closed)
    }

    /// Puts `entry` at the end for somebody who waits for it.
    pub(crate) fn put(
        &self,
        entry: Prepared,
        reply: oneshot::Sender<Result<Head, AppendError>>,
        room: OwnedSemaphorePermit,
    ) -> Result<Arrival, AppendError> {
        self.enter(entry, Some(reply), room, Duration::ZERO)
    }

    /// Puts `entry`, for which nobody waits, at the end as soon as there is room. Dropped while it waits for room, it has
    /// done nothing.
    pub(crate) async fn push(&self, entry: Prepared) -> Result<(), AppendError> {
        let room = self.room(&entry).await?;
        self.follow(entry, room)
    }

    /// The same, at once or not at all.
    pub(crate) fn push_now(&self, entry: Prepared) -> Result<(), AppendError> {
        let room = Arc::clone(&self.room).try_acquire_many_owned(units(&entry));
        let room = room.map_err(|error| match error {
            TryAcquireError::Closed => AppendError::Closed,
            TryAcquireError::NoPermits => AppendError::Busy,
        })?;
        self.follow(entry, room)
    }

    /// A writer that looks within the time that such an entry may wait anyway is let sleep.
    fn follow(&self, entry: Prepared, room: OwnedSemaphorePermit) -> Result<(), AppendError> {
        if self.enter(entry, None, room, FOLLOW_DELAY)? == Arrival::Unseen {
            self.wake();
        }
        Ok(())
    }

    fn enter(
        &self,
        entry: Prepared,
        reply: Option<oneshot::Sender<Result<Head, AppendError>>>,
        room: OwnedSemaphorePermit,
        hold: Duration,
    ) -> Result<Arrival, AppendError> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(AppendError::Closed);
        }
        let placed = waiting.next.filter(|_| !entry.records.is_empty()).map(|next| self.place(&entry, next));
        if let Some(placed) = &placed {
            waiting.next = Some(placed.after());
        }
        waiting.items.push_back(Item { entry, placed, reply, _room: room });
        let asleep = waiting.asleep;
        drop(waiting);
        self.arrived.store(true, Ordering::Release);
        Ok(if asleep.is_longer_than(hold) { Arrival::Unseen } else { Arrival::Seen })
    }

    /// Whether something has come that nobody has taken up.
    #[cfg(test)]
    pub(crate) fn is_waiting(&self) -> bool {
        !self.lock().items.is_empty()
    }

    /// Has the writer's thread look.
    pub(crate) fn wake(&self) {
        self.lock().nudged = true;
        self.arrival.notify_one();
    }

    fn place(&self, entry: &Prepared, next: Head) -> Placed {
        Placed::of(entry, next, &time_text(self.ambient.now()))
    }

    /// Has what waits, and all that comes, stand behind `head`. A writer says so once it is there, and again when something that
    /// was handed in did not get its place.
    pub(crate) fn stand_behind(&self, head: Head) {
        let mut waiting = self.lock();
        let mut next = head;
        for item in waiting.items.iter_mut().filter(|item| !item.entry.records.is_empty()) {
            let placed = self.place(&item.entry, next);
            next = placed.after();
            item.placed = Some(placed);
        }
        waiting.next = Some(next);
    }

    /// Looks for something to have come, for as long as `patience` has it look.
    fn spin(&self, patience: Patience) {
        let begun = Instant::now();
        while !self.arrived.load(Ordering::Acquire) && begun.elapsed() < patience.spin {
            std::hint::spin_loop();
        }
    }

    /// Sleeps until something comes or it is woken, at most as long as `patience` says.
    fn sleep(&self, mut waiting: MutexGuard<'_, Waiting>, patience: Patience) {
        let nothing = |waiting: &mut Waiting| waiting.items.is_empty() && !waiting.closed && !waiting.nudged;
        if !nothing(&mut waiting) {
            return;
        }
        waiting.asleep = Asleep::Until(patience.sleep.map(|sleep| Instant::now() + sleep));
        let mut waiting = match patience.sleep {
            None => self.arrival.wait_while(waiting, nothing).unwrap_or_else(PoisonError::into_inner),
            Some(sleep) => {
                let woken = self.arrival.wait_timeout_while(waiting, sleep, nothing);
                woken.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        waiting.asleep = Asleep::No;
    }

    /// Lets nobody in any more.
    pub(crate) fn close(&self) {
        self.room.close();
        self.lock().closed = true;
        self.arrival.notify_one();
    }

    /// Lets nobody in any more and drops what waits, whose callers are told that the journal is closed.
    pub(crate) fn abandon(&self) {
        self.close();
        let left = std::mem::take(&mut self.lock().items);
        // Outside of the lock: whoever hears of it may come back at once.
        drop(left);
    }

    /// Waits for work, or to be woken, as `patience` says.
    pub(crate) fn wait(&self, patience: Patience) {
        self.spin(patience);
        self.sleep(self.lock(), patience);
    }

    /// Waits for work as `patience` says, and appends what has come to `group`.
    pub(crate) fn take(&self, group: &mut Vec<Item>, patience: Patience) -> Wake {
        self.wait(patience);
        self.take_now(group)
    }

    /// Appends what has come to `group`, at most one group's worth of it.
    pub(crate) fn take_now(&self, group: &mut Vec<Item>) -> Wake {
        let mut waiting = self.lock();
        waiting.nudged = false;
        if waiting.items.is_empty() {
            return if waiting.closed { Wake::Closed } else { Wake::Idle };
        }
        let mut bytes = 0_usize;
        for _ in 0..MAX_GROUP_ENTRIES {
            let Some(item) = waiting.items.pop_front() else { break };
            bytes = bytes.saturating_add(item.entry.bytes);
            group.push(item);
            if bytes > MAX_GROUP_BYTES {
                break;
            }
        }
        self.arrived.store(!waiting.items.is_empty(), Ordering::Release);
        Wake::Work
    }

    /// Appends all that has come to `group`, if it is so little that whoever waits for it may commit it by themselves.
    pub(crate) fn take_brief(&self, group: &mut Vec<Item>) -> bool {
        let mut waiting = self.lock();
        let bytes: usize = waiting.items.iter().take(BRIEF_ENTRIES).map(|item| item.entry.weight()).sum();
        let brief = (1..=BRIEF_ENTRIES).contains(&waiting.items.len())
            && bytes <= BRIEF_BYTES
            && waiting.items.iter().all(|item| item.entry.is_plain());
        if brief {
            group.extend(waiting.items.drain(..));
            self.arrived.store(false, Ordering::Release);
        }
        brief
    }
}
