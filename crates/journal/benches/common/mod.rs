//! What the benchmarks of the record share.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use vocab::{Ambient, Timestamp};

pub(crate) type Done<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// The machine's clock would do; a counter takes its cost out of the figures.
struct Counter(AtomicU64);

impl Ambient for Counter {
    fn now(&self) -> Timestamp {
        let second = self.0.fetch_add(1, Ordering::Relaxed);
        Timestamp::from_second(1_790_000_000 + i64::try_from(second % 1_000_000).unwrap_or(0))
            .unwrap_or(Timestamp::UNIX_EPOCH)
    }

    fn random(&self) -> [u8; 16] {
        u128::from(self.0.fetch_add(1, Ordering::Relaxed)).to_le_bytes()
    }
}

pub(crate) fn ambient() -> Arc<dyn Ambient> {
    Arc::new(Counter(AtomicU64::new(0)))
}

/// The time in the middle, in microseconds.
pub(crate) fn middle(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1e6)
}

pub(crate) fn per_second(operations: usize, time: Duration) -> f64 {
    f64::from(u32::try_from(operations).unwrap_or(u32::MAX)) / time.as_secs_f64()
}
