//! How long an answer takes of late, and so whether it is worth to be looked for.
//!
//! To look for what takes much longer than to be woken costs a processor and gains nothing; to stop looking just before it comes costs
//! both. How long a disk or a process takes is known best from the last times.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Which part of what is known one more time makes up.
const SHARE: u64 = 8;

/// A time counts as so many bounds at most, so that one long wait is soon made up for by short ones.
const LONGEST_BOUNDS: u64 = 2;

/// So many processors it takes for more than one to look while another answers: else who looks is in the way of the answer.
const LOOKERS_PROCESSORS: usize = 4;

/// Whether this machine has processors to spare, so that several may look at once for what belongs together.
#[must_use]
pub fn may_several_look() -> bool {
    std::thread::available_parallelism().is_ok_and(|processors| processors.get() >= LOOKERS_PROCESSORS)
}

/// How long answers of one kind have taken of late, beside how long one may be looked for.
#[derive(Debug)]
pub struct Pace {
    /// In nanoseconds.
    of_late: AtomicU64,
    /// In nanoseconds.
    bound: u64,
}

impl Pace {
    /// Nothing is known yet, and the first answers are looked for. Nothing is ever looked for longer than `bound`.
    #[must_use]
    pub const fn within(bound: Duration) -> Self {
        let bound = bound.as_nanos() as u64;
        Self { of_late: AtomicU64::new(bound / 2), bound }
    }

    /// How long the next answer is to be looked for: the bound where answers came within it of late, and else not at all.
    #[must_use]
    pub fn look(&self) -> Duration {
        let soon = self.of_late.load(Ordering::Relaxed) <= self.bound;
        if soon { Duration::from_nanos(self.bound) } else { Duration::ZERO }
    }

    /// One more answer has taken `time`.
    pub fn took(&self, time: Duration) {
        let longest = self.bound.saturating_mul(LONGEST_BOUNDS);
        let time = u64::try_from(time.as_nanos()).map_or(longest, |time| time.min(longest));
        let before = self.of_late.load(Ordering::Relaxed);
        // Of two that are told at once one may be lost, which changes little.
        self.of_late.store(before - before / SHARE + time / SHARE, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Duration = Duration::from_micros(400);

    fn after(times: &[Duration]) -> Pace {
        let pace = Pace::within(BOUND);
        times.iter().for_each(|time| pace.took(*time));
        pace
    }

    #[test]
    fn what_comes_within_the_bound_is_looked_for_and_what_takes_longer_is_not() {
        assert_eq!(after(&[]).look(), BOUND);
        assert_eq!(after(&[BOUND / 2; 100]).look(), BOUND);
        assert_eq!(after(&[BOUND * 3 / 2; 100]).look(), Duration::ZERO);
        assert_eq!(after(&[Duration::MAX; 1_000_000]).look(), Duration::ZERO);
    }

    #[test]
    fn one_long_wait_changes_nothing_and_some_short_ones_make_up_for_many() {
        let pace = after(&[BOUND / 2; 100]);
        pace.took(Duration::from_secs(60));
        assert_eq!(pace.look(), BOUND);
        let pace = after(&[Duration::from_secs(60); 100]);
        (0..16).for_each(|_| pace.took(BOUND / 2));
        assert_eq!(pace.look(), BOUND);
    }
}
