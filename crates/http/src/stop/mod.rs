//! Kills and stops: a socket of their own, on which nothing is served but these.
//!
//! In: one frame that says what to stop; the kernel says who asks. Out: one frame with what was killed, or why not.
//!
//! Both ends are plain threads that block. What a jailed program can use up of what its user may have (the descriptors that
//! are watched with `epoll` above all, which the kernel counts for each user of the machine) is needed by neither, so that a
//! program cannot keep its own end from being heard. Nobody is listened to before it is known who they are, and that they may
//! stop something.

mod ask;
mod serve;
mod words;

pub use ask::{AskError, ask};
pub(crate) use serve::Stops;
pub use words::{Answer, MAX_WORD_BYTES, Waits, Word};

#[cfg(test)]
mod tests;
