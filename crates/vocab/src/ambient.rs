//! The one seam through which time and randomness enter, so that a test can replay a turn, a crash
//! or a week in a second.

pub use jiff::{SignedDuration, Timestamp};

/// Where the time and fresh random bytes come from. The gateway uses the machine's; a test its own.
pub trait Ambient: Send + Sync {
    /// The current time, UTC.
    fn now(&self) -> Timestamp;

    /// Sixteen bytes that nobody can guess.
    fn random(&self) -> [u8; 16];

    /// Thirty-two such bytes, for a salt or a key.
    fn salt(&self) -> [u8; 32] {
        let mut salt = [0; 32];
        let random = self.random().into_iter().chain(self.random());
        salt.iter_mut().zip(random).for_each(|(byte, random)| *byte = random);
        salt
    }
}
