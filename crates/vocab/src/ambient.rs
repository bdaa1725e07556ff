//! The one seam through which time and randomness enter, so that a test can replay a turn, a crash
//! or a week in a second.

pub use jiff::{SignedDuration, Timestamp};

/// Where the time and fresh random bytes come from. The gateway uses the machine's; a test its own.
pub trait Ambient: Send + Sync {
    /// The current time, UTC.
    fn now(&self) -> Timestamp;

    /// Sixteen bytes that nobody can guess.
    fn random(&self) -> [u8; 16];
}
