//! Who waits for the same kind of thing.
//!
//! To be woken takes a thread longer than many an answer does to come. Whoever waits alone may therefore look for
//! it for a moment before they sleep; where several wait there is other work for the processors.

use std::sync::atomic::{AtomicUsize, Ordering};

/// A count of those who wait.
#[derive(Debug, Default)]
pub struct Waiters(AtomicUsize);

/// One who waits, until this is dropped.
#[derive(Debug)]
pub struct Waiting<'a>(&'a AtomicUsize);

impl Waiters {
    /// Nobody waits.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// One more waits.
    pub fn join(&self) -> Waiting<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Waiting(&self.0)
    }
}

impl Waiting<'_> {
    /// Whether nobody else waits just now.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 1
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_is_alone_until_another_does() {
        let waiters = Waiters::new();
        let one = waiters.join();
        assert!(one.is_alone());
        let other = waiters.join();
        assert!(!one.is_alone() && !other.is_alone());
        drop(one);
        assert!(other.is_alone());
    }
}
