//! Where entries are written, by one at a time: the writer's own thread, or for one commit a caller who is alone.
//!
//! To hand an entry to another thread and be woken by it takes longer than many a commit. A caller whom nobody else waits
//! beside therefore commits by themselves when the desk is free, with all that is in the queue before. In the literature of
//! group commit this is the leader; with several callers it is always the thread.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::group::Group;
use crate::queue::{BRIEF_BYTES, Item, Patience, Queue, Wake};

/// A commit that lately took longer than this is left to the thread: whoever commits by themselves holds up a thread of the
/// runtime meanwhile.
const BRIEF: Duration = Duration::from_millis(2);

/// How long a caller waits for the desk to be free, and the thread before it sleeps: about as long as a commit.
const SPIN: Duration = Duration::from_micros(200);

/// What writes at a desk.
pub(crate) trait Writes: Send {
    /// How the thread waits for work before it comes back by itself.
    fn patience(&mut self) -> Patience;

    /// Where what comes is put.
    fn items(&mut self) -> &mut Vec<Item>;

    /// Deals with what came, or has come to an end; everything that takes its time is done here.
    fn work(&mut self, wake: Wake);

    /// Whether it is in good order and a commit is brief, so that a caller may do it.
    fn may_be_led(&self) -> bool;

    /// Commits what came. Says whether there is something left to do for the thread.
    fn lead(&mut self) -> Rest;
}

/// What a caller's commit leaves to the thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    Nothing,
    Something,
}

/// Somebody's way to the desk.
pub(crate) trait Lead: Send + Sync {
    /// Commits all that is in the queue in the caller's own thread, if it is little and nobody else is at it. False when
    /// nothing was done.
    fn lead(&self) -> bool;
}

/// Who has committed of late, and how fast.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    /// How long the last commit took.
    took: Duration,
    /// A caller has committed since the thread was there last.
    led: bool,
    /// Callers commit by themselves, and the thread comes by for what nobody waits for.
    rounds: bool,
}

impl Turns {
    /// A commit that began then is done.
    pub(crate) fn done_since(&mut self, begun: Instant) {
        self.took = begun.elapsed();
    }

    /// A caller has committed.
    pub(crate) const fn led(&mut self) {
        self.led = true;
    }

    /// The thread is there. Whether it came by of itself, while callers commit.
    pub(crate) const fn thread_comes(&mut self) -> bool {
        mem::replace(&mut self.rounds, mem::replace(&mut self.led, false))
    }

    /// Whether callers commit, so that the thread has to come by.
    pub(crate) const fn are_callers(&self) -> bool {
        self.rounds
    }

    /// Whether to commit what comes on top of `group` would be brief.
    pub(crate) fn are_brief(&self, group: &Group) -> bool {
        self.took <= BRIEF && group.bytes() <= BRIEF_BYTES
    }
}

/// A writer that was started.
pub(crate) struct Started<S> {
    pub(crate) thread: JoinHandle<()>,
    /// What reads rows of state.
    pub(crate) states: S,
    pub(crate) desk: Arc<dyn Lead>,
}

/// One desk with its queue.
pub(crate) struct Desk<W> {
    queue: Arc<Queue>,
    /// Nobody once the thread has ended.
    writer: Mutex<Option<W>>,
}

/// Closes the queue when whoever is at the desk panics, so that nobody waits for a writer that is gone.
struct Closing<'a>(&'a Queue);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// The same for the thread, which takes the writer along with all that it has in hand: whoever waits for that is told.
struct Leaving<'a, W>(&'a Desk<W>);

impl<W> Drop for Leaving<'_, W> {
    fn drop(&mut self) {
        self.0.queue.abandon();
        drop(self.0.writer.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

impl<W: Writes> Desk<W> {
    pub(crate) const fn new(queue: Arc<Queue>, writer: W) -> Self {
        Self { queue, writer: Mutex::new(Some(writer)) }
    }

    /// Writes until the queue is closed and empty. What the writer holds is released on this thread.
    pub(crate) fn run(&self) {
        let _leaving = Leaving(self);
        while self.turn() {}
    }

    /// Waits for work and does it. False when there will be no more.
    fn turn(&self) -> bool {
        let patience = match self.sit().as_deref_mut() {
            Some(Some(writer)) => writer.patience(),
            _ => return false,
        };
        self.queue.wait(patience);
        match self.sit().as_deref_mut() {
            Some(Some(writer)) => {
                let wake = self.queue.take_now(writer.items());
                writer.work(wake);
                wake != Wake::Closed
            }
            _ => false,
        }
    }

    /// Waits for the desk. None if whoever was there panicked.
    fn sit(&self) -> Option<MutexGuard<'_, Option<W>>> {
        self.sit_soon().or_else(|| self.writer.lock().ok())
    }

    /// The same, for a moment.
    fn sit_soon(&self) -> Option<MutexGuard<'_, Option<W>>> {
        let mut begun = None;
        loop {
            match self.writer.try_lock() {
                Ok(seat) => return Some(seat),
                Err(TryLockError::Poisoned(_)) => return None,
                Err(TryLockError::WouldBlock) if begun.get_or_insert_with(Instant::now).elapsed() < SPIN => {
                    std::hint::spin_loop();
                }
                Err(TryLockError::WouldBlock) => return None,
            }
        }
    }
}

impl<W: Writes> Lead for Desk<W> {
    fn lead(&self) -> bool {
        let Some(mut seat) = self.sit_soon() else { return false };
        let Some(writer) = seat.as_mut().filter(|writer| writer.may_be_led()) else { return false };
        if !self.queue.take_brief(writer.items()) {
            return false;
        }
        let closing = Closing(&self.queue);
        let rest = writer.lead();
        mem::forget(closing);
        drop(seat);
        if rest == Rest::Something {
            self.queue.wake();
        }
        true
    }
}

#[cfg(test)]
mod tests;
