//! What is said on the socket, and how it is read: within a size and a time for the whole of it.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use turn::{KillReport, Pending};
use vocab::AgentName;
use vocab::frame::{self, FrameError};

use crate::problem::Problem;

/// The longest word, in bytes.
pub const MAX_WORD_BYTES: u64 = 4096;

/// The longest answer, in bytes: a line for each of many agents.
pub(crate) const MAX_ANSWER_BYTES: u64 = 16 * 1024 * 1024;

/// What is to be stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "word", rename_all = "snake_case", deny_unknown_fields)]
pub enum Word {
    /// End every process of an agent.
    Kill {
        /// Which.
        agent: AgentName,
    },
    /// End every process of every agent.
    KillAll {},
    /// End every agent, then the gateway.
    Shutdown {
        /// What becomes of actions that wait for a person.
        pending: Waits,
    },
}

/// What becomes of actions that wait for a person when the gateway stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Waits {
    /// They are cancelled.
    Cancel,
    /// They wait on, for the gateway that starts next.
    Keep,
}

impl From<Waits> for Pending {
    fn from(waits: Waits) -> Self {
        match waits {
            Waits::Cancel => Self::Cancel,
            Waits::Keep => Self::Keep,
        }
    }
}

/// What became of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// It is done.
    Done {
        /// What was killed.
        report: KillReport,
    },
    /// It is not, or not all of it.
    No {
        /// Why.
        problem: Problem,
    },
}

/// A stream that is good until a moment, however slowly bytes come.
#[derive(Debug)]
pub(crate) struct Timed<'a> {
    stream: &'a UnixStream,
    until: Instant,
}

impl<'a> Timed<'a> {
    pub(crate) fn new(stream: &'a UnixStream, time: Duration) -> Self {
        Self { stream, until: Instant::now() + time }
    }

    /// What is left of the time; never nothing, which would mean no bound to the kernel.
    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(Some(left)) }
    }

    /// Reads one frame of at most `limit` bytes; `None` when the other end has closed without one.
    pub(crate) fn read<T: DeserializeOwned>(&mut self, limit: u64) -> Result<Option<T>, FrameError> {
        frame::read(&mut self.take(limit))
    }

    /// Writes one frame.
    pub(crate) fn write<T: Serialize>(&mut self, value: &T) -> Result<(), FrameError> {
        frame::write(self, value)
    }
}

impl Read for Timed<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(into)
    }
}

impl Write for Timed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
