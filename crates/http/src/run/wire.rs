//! The socket of a run: bounded frames, and three descriptors beside the first.
//!
//! The frames are those of `vocab::frame`: a length, a version, JSON. The descriptors travel as `SCM_RIGHTS`
//! of unix(7) with the first byte. The kernel keeps what does not fit into the space for three of them from
//! ever becoming a descriptor of the gateway.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::Interest;
use tokio::net::UnixStream;
use vocab::frame::{self, FrameError};

use super::frames::{Ask, AskError};
use super::stdio::{self, StdioError};

/// How many descriptors come beside the first frame: standard input, output and error.
pub const DESCRIPTORS: usize = 3;

/// The largest first frame, in bytes: a command whose every byte is written as a number.
pub const MAX_ASK_BYTES: usize = 1024 * 1024;

/// The largest frame after it, in bytes.
pub const MAX_WORD_BYTES: usize = 16 * 1024;

/// How much is read at once, in bytes.
const CHUNK_BYTES: usize = 16 * 1024;

/// Bytes of a frame before its version: the length.
const LENGTH_BYTES: usize = 4;

/// Why a run's socket cannot be used any further.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// A frame that breaks its bounds or its form, or a stream that broke.
    #[error("{0}")]
    Frame(#[from] FrameError),
    /// More than belongs into a frame of this kind.
    #[error("a frame of {0} bytes is over the limit of {1}")]
    TooLarge(usize, usize),
    /// Not three descriptors.
    #[error(
        "{0} descriptors came with the command instead of {DESCRIPTORS}: its standard input, output and error"
    )]
    Descriptors(String),
    /// Descriptors that no program gets.
    #[error("{0}")]
    Stdio(#[from] StdioError),
    /// A command that breaks its bounds.
    #[error("{0}")]
    Ask(#[from] AskError),
    /// The other end said nothing, or only half.
    #[error("the other end left before it had said anything")]
    Silent,
}

impl From<io::Error> for WireError {
    fn from(error: io::Error) -> Self {
        Self::Frame(error.into())
    }
}

/// One end of a run's socket.
#[derive(Debug)]
pub struct Wire {
    stream: UnixStream,
    held: Vec<u8>,
}

impl Wire {
    /// Over a socket on which nothing has been said.
    #[must_use]
    pub const fn new(stream: UnixStream) -> Self {
        Self { stream, held: Vec::new() }
    }

    /// Sends what a command asks for, and the descriptors that become its program's.
    ///
    /// # Errors
    /// When it is too large or the stream breaks.
    pub async fn ask(&mut self, ask: &Ask, stdio: [BorrowedFd<'_>; DESCRIPTORS]) -> Result<(), WireError> {
        let bytes = frame::encode(ask)?;
        if bytes.len() > MAX_ASK_BYTES {
            return Err(WireError::TooLarge(bytes.len(), MAX_ASK_BYTES));
        }
        let stream = &self.stream;
        let sent = stream.async_io(Interest::WRITABLE, || {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
            let mut beside = SendAncillaryBuffer::new(&mut space);
            if !beside.push(SendAncillaryMessage::ScmRights(&stdio)) {
                return Err(io::ErrorKind::OutOfMemory.into());
            }
            Ok(sendmsg(stream, &[IoSlice::new(&bytes)], &mut beside, SendFlags::NOSIGNAL)?)
        });
        let sent = sent.await?;
        self.write(bytes.get(sent..).unwrap_or_default()).await
    }

    /// Receives what a command asks for, with its descriptors, which are closed on exec.
    ///
    /// # Errors
    /// When the frame breaks its bounds or its form, the stream breaks, or there are not three descriptors
    /// that a program may have.
    pub async fn asked(&mut self) -> Result<(Ask, [OwnedFd; DESCRIPTORS]), WireError> {
        let mut descriptors = Vec::new();
        let ask: Ask = loop {
            if let Some(ask) = self.take(MAX_ASK_BYTES)? {
                break ask;
            }
            let stream = &self.stream;
            let mut chunk = vec![0; CHUNK_BYTES];
            let (count, more) =
                stream.async_io(Interest::READABLE, || receive(stream.as_fd(), &mut chunk)).await?;
            descriptors.extend(more?);
            if descriptors.len() > DESCRIPTORS {
                return Err(WireError::Descriptors(descriptors.len().to_string()));
            }
            if count == 0 {
                return Err(WireError::Silent);
            }
            self.held.extend_from_slice(chunk.get(..count).unwrap_or_default());
        };
        let count = descriptors.len();
        let three = descriptors.try_into().map_err(|_| WireError::Descriptors(count.to_string()))?;
        ask.check()?;
        stdio::check(&three, ask.terminal)?;
        Ok((ask, three))
    }

    /// Sends one frame.
    ///
    /// # Errors
    /// When it is too large or the stream breaks.
    pub async fn send<T: Serialize>(&mut self, value: &T) -> Result<(), WireError> {
        self.write(&frame::encode(value)?).await
    }

    /// Receives one frame; `None` when the other end has left between frames, whether it had read all that it was sent or
    /// not. Cancel-safe.
    ///
    /// # Errors
    /// When the frame breaks its bounds or its form, or the stream breaks.
    pub async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, WireError> {
        loop {
            if let Some(value) = self.take(MAX_WORD_BYTES)? {
                return Ok(Some(value));
            }
            self.stream.readable().await?;
            let mut chunk = [0; 1024];
            match self.stream.try_read(&mut chunk) {
                Ok(0) if self.held.is_empty() => return Ok(None),
                Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Ok(count) => self.held.extend_from_slice(chunk.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // What it had not read was lost with it (unix(7)).
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset && self.held.is_empty() => {
                    return Ok(None);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The first frame among what has arrived, if it is whole.
    fn take<T: DeserializeOwned>(&mut self, limit: usize) -> Result<Option<T>, WireError> {
        let Some((prefix, rest)) = self.held.split_first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let length = frame::length(*prefix)?;
        if length > limit {
            return Err(WireError::TooLarge(length, limit));
        }
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let value = frame::decode(body)?;
        self.held.drain(..LENGTH_BYTES.saturating_add(length));
        Ok(Some(value))
    }

    async fn write(&mut self, mut bytes: &[u8]) -> Result<(), WireError> {
        while !bytes.is_empty() {
            self.stream.writable().await?;
            match self.stream.try_write(bytes) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

type Beside = Result<Vec<OwnedFd>, WireError>;

/// Reads some bytes and what came beside them.
fn receive(socket: BorrowedFd<'_>, bytes: &mut [u8]) -> io::Result<(usize, Beside)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let read = recvmsg(socket, &mut [IoSliceMut::new(bytes)], &mut beside, RecvFlags::CMSG_CLOEXEC)?;
    let mut found = Vec::new();
    for message in beside.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            found.extend(descriptors);
        }
    }
    if read.flags.contains(ReturnFlags::CTRUNC) {
        return Ok((read.bytes, Err(WireError::Descriptors(format!("more than {}", found.len())))));
    }
    Ok((read.bytes, Ok(found)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_leaves_without_having_read_has_left_all_the_same() {
        for read in [true, false] {
            let (ours, mut theirs) = UnixStream::pair().unwrap();
            let mut wire = Wire::new(ours);
            wire.send(&"a word").await.unwrap();
            if read {
                tokio::io::AsyncReadExt::read(&mut theirs, &mut [0; 1024]).await.unwrap();
            }
            drop(theirs);
            assert!(matches!(wire.next::<String>().await, Ok(None)), "{read}");
        }
    }
}
