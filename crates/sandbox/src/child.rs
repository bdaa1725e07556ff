//! A jailed process as the gateway sees it: a socket with bounded frames on it, and a way to end it.
//!
//! What comes from the child is hostile until proven otherwise: every frame has a bound on its size and
//! its time, no more memory is taken than bytes have arrived, and a child that breaks the form is killed.

use std::io;
use std::os::unix::net::UnixStream as StdStream;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::{Instant, timeout_at};
use vocab::frame::{self, FrameError};

use crate::owner::Lease;
use crate::spares::Shelved;
use crate::{Layer, SpawnError};

/// How long the rest of a frame may take once its first byte has come.
pub const FRAME_WAIT: Duration = Duration::from_secs(10);

/// How long a child may take to read one frame.
pub const SEND_WAIT: Duration = Duration::from_secs(10);

/// How much is read at once, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

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
}

impl Child {
    pub(crate) fn new(lease: Lease, stream: StdStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self {
            lease,
            stream: UnixStream::from_std(stream)?,
            arrived: Vec::new(),
            begun: None,
            broken: false,
            layers: Vec::new(),
        })
    }

    pub(crate) fn with_layers(self, layers: Vec<Layer>) -> Self {
        Self { layers, ..self }
    }

    pub(crate) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Takes the child off its runtime. Nothing has been received from it but whole frames.
    pub(crate) fn shelve(self) -> io::Result<Shelved> {
        Ok(Shelved { lease: self.lease, stream: self.stream.into_std()?, layers: self.layers })
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
        loop {
            if let Some(value) = self.take()? {
                return Ok(Some(value));
            }
            self.arrived.reserve(CHUNK_BYTES);
            let read = self.stream.read_buf(&mut self.arrived);
            let count = match self.begun {
                None => read.await?,
                Some(begun) => match timeout_at(begun + FRAME_WAIT, read).await {
                    Ok(read) => read?,
                    Err(_) => return Err(timed_out("a frame began and did not end")),
                },
            };
            match (count, self.begun) {
                (0, None) => return Ok(None),
                (0, Some(_)) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                (_, None) => self.begun = Some(Instant::now()),
                (_, Some(_)) => {}
            }
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
