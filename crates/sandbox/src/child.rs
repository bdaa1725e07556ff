//! A jailed process as the gateway sees it: a socket with bounded frames on it, and a way to end it.
//!
//! What comes from the child is hostile until proven otherwise: every frame has a bound on its size and
//! its time, no more memory is taken than bytes have arrived, and a child that breaks the form is killed.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream as StdStream;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout, timeout_at};
use vocab::Waiters;
use vocab::frame::{self, FrameError};

use crate::handoff;
use crate::owner::Lease;
use crate::roster::{KILL_WAIT, Later};
use crate::spares::{Score, Shelved};
use crate::{Layer, SpawnError};

/// How long the rest of a frame may take once its first byte has come.
pub const FRAME_WAIT: Duration = Duration::from_secs(10);

/// How long a child may take to read one frame.
pub const SEND_WAIT: Duration = Duration::from_secs(10);

/// How long whoever waits alone for a process looks for its answer before they sleep: a small read takes less.
const SPIN: Duration = Duration::from_micros(100);

/// How often they look before they let the other tasks of their thread go on.
const LOOKS: u32 = 8;

/// Those who wait for some process's answer.
static WAITERS: Waiters = Waiters::new();

/// How much is read at once, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// Said of a process whose frame is not whole in time.
const UNFINISHED: &str = "a frame began and did not end";

/// Bytes of a frame's length.
const LENGTH_BYTES: usize = 4;

/// A jailed process. It is killed when this is dropped.
#[derive(Debug)]
pub struct Child {
    lease: Lease,
    stream: UnixStream,
    /// What has arrived and is not yet a whole frame.
    arrived: Vec<u8>,
    /// When the first byte of an unfinished frame came.
    begun: Option<Instant>,
    /// A frame was being sent, or the child broke the form: the stream is of no use any more.
    broken: bool,
    layers: Vec<Layer>,
    /// What nobody waits for, done once there is an answer, or the caller sleeps until there is.
    later: Option<Later>,
}

impl Child {
    pub(crate) fn new(lease: Lease, stream: StdStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self::with(lease, UnixStream::from_std(stream)?))
    }

    /// The same, with a socket that is on the caller's runtime already.
    pub(crate) fn with(lease: Lease, stream: UnixStream) -> Self {
        let (arrived, layers) = (Vec::new(), Vec::new());
        Self { lease, stream, arrived, begun: None, broken: false, layers, later: None }
    }

    pub(crate) fn with_layers(self, layers: Vec<Layer>) -> Self {
        Self { layers, ..self }
    }

    /// Leaves something for when the process has answered or is waited for, or the child is dropped before.
    pub(crate) fn with_later(self, later: Later) -> Self {
        Self { later: Some(later), ..self }
    }

    pub(crate) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Puts the child aside. Nothing has been received from it but whole frames.
    pub(crate) fn shelve(self) -> Shelved {
        let score = Score::of(&self.lease);
        Shelved {
            lease: self.lease,
            stream: self.stream,
            runtime: Handle::current().id(),
            layers: self.layers,
            score,
        }
    }

    pub(crate) fn stopped(&self) -> Option<SpawnError> {
        self.lease.stopped()
    }

    /// The process's number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.lease.pid()
    }

    /// Every layer of its jail. All are present, unless the jail was `reduced`.
    #[must_use]
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Sends one frame. Not cancel-safe: when the future is dropped half-way, or the child does not read
    /// within [`SEND_WAIT`], the child is of no use any more and every later call says so.
    ///
    /// # Errors
    /// When the frame is too large or has no JSON form (the child stays usable), or the child is gone,
    /// broken or does not read.
    pub async fn send<T: Serialize>(&mut self, value: &T) -> Result<(), FrameError> {
        self.check()?;
        let bytes = frame::encode(value)?;
        self.broken = true;
        match timeout_at(Instant::now() + SEND_WAIT, self.stream.write_all(&bytes)).await {
            Ok(sent) => sent?,
            Err(_) => return Err(self.give_up(timed_out("the process does not read"))),
        }
        self.broken = false;
        Ok(())
    }

    /// Sends one frame with descriptors beside its first byte, as [`Child::send`] does.
    pub(crate) async fn hand<T: Serialize>(
        &mut self,
        value: &T,
        with: &[BorrowedFd<'_>],
    ) -> Result<(), FrameError> {
        self.check()?;
        let bytes = frame::encode(value)?;
        self.broken = true;
        let until = Instant::now() + SEND_WAIT;
        let stream = &mut self.stream;
        let sent = async {
            let first = stream.async_io(Interest::WRITABLE, || handoff::send(&*stream, &bytes, with)).await?;
            stream.write_all(bytes.get(first..).unwrap_or_default()).await
        };
        match timeout_at(until, sent).await {
            Ok(sent) => sent?,
            Err(_) => return Err(self.give_up(timed_out("the process does not read"))),
        }
        self.broken = false;
        Ok(())
    }

    /// Receives one frame and the descriptors beside it, which nothing came before that was not asked for.
    /// Not cancel-safe; the caller bounds the time.
    pub(crate) async fn take_handed<T: DeserializeOwned>(
        &mut self,
    ) -> Result<Option<(T, Vec<OwnedFd>)>, FrameError> {
        self.check()?;
        self.later = None;
        let (stream, mut handed, mut first) = (&self.stream, Vec::new(), [0]);
        let got = stream
            .async_io(Interest::READABLE, || handoff::receive(stream, &mut first, &mut handed))
            .await
            .map_err(FrameError::from);
        match got {
            Ok(0) => return Ok(None),
            Ok(_) => self.arrived.extend(first),
            Err(error) => return Err(self.give_up(error)),
        }
        self.begun = Some(Instant::now());
        Ok(self.recv().await?.map(|value| (value, handed)))
    }

    /// Kills the process and waits until it is gone, and with the first of a PID namespace all others. Says
    /// whether it is within [`KILL_WAIT`].
    pub(crate) async fn end(&self) -> io::Result<bool> {
        self.lease.kill()?;
        let pidfd = self.lease.pidfd()?;
        #[expect(unsafe_code, reason = "the safe call is deprecated in favour of this one")]
        // SAFETY: the descriptor is owned by what it is registered with, and so open until it is taken out.
        let ended = unsafe { AsyncFd::register_with_interest(pidfd, Interest::READABLE) }?;
        match timeout(KILL_WAIT, ended.readable()).await {
            Ok(ready) => ready.map(|_| true),
            Err(_) => Ok(false),
        }
    }

    /// Receives one frame; `None` when the process has ended between frames. Waits as long as no frame
    /// has begun; the caller bounds that. Cancel-safe: what has arrived is kept for the next call.
    ///
    /// # Errors
    /// When a frame breaks its bounds or its form, the stream breaks inside a frame, or the rest of a frame
    /// does not come within [`FRAME_WAIT`]. The child has then been killed.
    pub async fn recv<T: DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        self.check()?;
        let received = self.receive().await;
        received.map_err(|error| self.give_up(error))
    }

    async fn receive<T: DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        let mut late = false;
        loop {
            if let Some(value) = self.take()? {
                self.later = None;
                return Ok(Some(value));
            }
            if late {
                return Err(timed_out(UNFINISHED));
            }
            self.arrived.reserve(CHUNK_BYTES);
            let count = match self.begun {
                None => match self.look().await? {
                    Some(count) => count,
                    None => {
                        self.later = None;
                        self.stream.read_buf(&mut self.arrived).await?
                    }
                },
                Some(begun) => {
                    let read = self.stream.read_buf(&mut self.arrived);
                    match timeout_at(begun + FRAME_WAIT, read).await {
                        Ok(read) => read?,
                        Err(_) => return Err(timed_out(UNFINISHED)),
                    }
                }
            };
            // What came while nobody received was still looked at once; a frame that drips gets no more time than
            // one that stands still.
            late = self.begun.is_some_and(|begun| begun.elapsed() >= FRAME_WAIT);
            match (count, self.begun) {
                (0, None) => return Ok(None),
                (0, Some(_)) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                (_, None) => self.begun = Some(Instant::now()),
                (_, Some(_)) => {}
            }
        }
    }

    /// Looks for a frame to have begun, for a moment and without sleeping, while nobody else waits for a process. The
    /// bytes that it took in; `None` when nothing came.
    async fn look(&mut self) -> io::Result<Option<usize>> {
        let waiting = WAITERS.join();
        // The time of the machine, which goes on where a test lets the runtime's stand still.
        let begun = std::time::Instant::now();
        loop {
            for _ in 0..LOOKS {
                // Read by its descriptor: what the runtime knows of it, it knows only once a thread has been woken for that.
                match rustix::io::read(&self.stream, rustix::buffer::spare_capacity(&mut self.arrived)) {
                    Ok(count) => return Ok(Some(count)),
                    Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
                    Err(error) => return Err(error.into()),
                }
                if !waiting.is_alone() || begun.elapsed() >= SPIN {
                    return Ok(None);
                }
                // The kernel likes to wake the process on the processor of whoever wrote to it.
                std::thread::yield_now();
            }
            tokio::task::yield_now().await;
        }
    }

    /// The first frame among what has arrived, if it is whole.
    fn take<T: DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        let Some((prefix, rest)) = self.arrived.split_first_chunk::<LENGTH_BYTES>() else {
            return Ok(None);
        };
        let length = frame::length(*prefix)?;
        let Some(body) = rest.get(..length) else {
            return Ok(None);
        };
        let value = frame::decode(body)?;
        self.arrived.drain(..LENGTH_BYTES.saturating_add(length));
        self.begun = (!self.arrived.is_empty()).then(Instant::now);
        Ok(Some(value))
    }

    fn check(&self) -> Result<(), FrameError> {
        if self.broken {
            return Err(io::Error::new(io::ErrorKind::BrokenPipe, "an earlier frame broke off").into());
        }
        Ok(())
    }

    /// Ends a child that does not keep to the form.
    fn give_up(&mut self, error: FrameError) -> FrameError {
        self.broken = true;
        self.arrived = Vec::new();
        match self.lease.kill() {
            Ok(()) => error,
            Err(failed) => failed.into(),
        }
    }
}

fn timed_out(what: &'static str) -> FrameError {
    io::Error::new(io::ErrorKind::TimedOut, what).into()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use vocab::frame::FRAME_VERSION;

    use super::*;

    /// Bytes of a frame that is whole one day.
    const DRIPS: u32 = 4096;

    /// A further byte is there at each look, and the time of the frame passes.
    #[tokio::test(start_paused = true)]
    async fn a_frame_that_drips_gets_no_more_time_than_one_that_stands_still() {
        let mut process = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let (ours, mut theirs) = StdStream::pair().unwrap();
        let mut child = Child::new(Lease::of(&process), ours).unwrap();
        theirs.write_all(&DRIPS.to_be_bytes()).unwrap();
        let drips = async {
            for _ in 0..DRIPS {
                theirs.write_all(&[FRAME_VERSION]).unwrap();
                tokio::time::advance(FRAME_WAIT / 64).await;
            }
            std::future::pending().await
        };
        let received = tokio::select! {
            received = child.recv::<String>() => received,
            never = drips => never,
        };
        assert!(
            matches!(&received, Err(FrameError::Io(error)) if error.kind() == io::ErrorKind::TimedOut),
            "{received:?}"
        );
        drop(child);
        // The lease may have reaped it.
        drop(process.wait());
    }
}
