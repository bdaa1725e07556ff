//! The socket of a server on this machine.

use std::io::{self, ErrorKind, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::unix::pipe::{Receiver, Sender};

/// A Unix socket whose owner sleeps until the server says something.
///
/// Linux wakes whoever waits for room in such a socket each time that the other side has read (`sock_wfree`), and a thread that is
/// woken while the server works holds the server up. So room is waited for only while there is none. The two halves are waited for as
/// those of a pipe are, each for its own; to be read and written, a socket is no different.
pub(super) struct Socket {
    stream: UnixStream,
    answers: Receiver,
    /// While there is no room.
    room: Option<Sender>,
}

impl Socket {
    /// Connects to the server that listens at `path`. Has to be called within a runtime.
    pub(super) async fn connect(path: &Path) -> io::Result<Self> {
        Self::new(tokio::net::UnixStream::connect(path).await?.into_std()?)
    }

    /// One that is connected and does not block.
    fn new(stream: UnixStream) -> io::Result<Self> {
        let answers = Receiver::from_owned_fd_unchecked(stream.try_clone()?.into())?;
        Ok(Self { stream, answers, room: None })
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().answers).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Self { stream, room, .. } = self.get_mut();
        let waiting = match room {
            Some(waiting) => waiting,
            None => match stream.write(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    room.insert(Sender::from_owned_fd_unchecked(stream.try_clone()?.into())?)
                }
                done => return Poll::Ready(done),
            },
        };
        let done = ready!(Pin::new(waiting).poll_write(cx, bytes));
        *room = None;
        Poll::Ready(done)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.stream.shutdown(Shutdown::Write))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    fn pair() -> (Socket, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        (Socket::new(ours).unwrap(), theirs)
    }

    /// More than a socket holds.
    const MUCH: usize = 4 * 1024 * 1024;

    fn much() -> Vec<u8> {
        (0..MUCH).map(|at| u8::try_from(at % 251).unwrap()).collect()
    }

    #[tokio::test]
    async fn what_has_no_room_goes_when_the_server_reads() {
        let (mut socket, mut server) = pair();
        let reading = tokio::task::spawn_blocking(move || {
            let mut read = vec![0; MUCH];
            server.read_exact(&mut read).unwrap();
            server.write_all(b"thanks").unwrap();
            read
        });
        socket.write_all(&much()).await.unwrap();
        assert!(socket.room.is_none(), "room is waited for while there is some");
        let mut said = [0; 6];
        socket.read_exact(&mut said).await.unwrap();
        assert_eq!((&said, reading.await.unwrap() == much()), (b"thanks", true));
    }

    #[tokio::test]
    async fn while_there_is_no_room_it_is_waited_for() {
        let (mut socket, mut server) = pair();
        let much = much();
        let mut sending = Box::pin(socket.write_all(&much));
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(sending.as_mut().poll(&mut cx).is_pending());
        drop(sending);
        assert!(socket.room.is_some());
        // What else is sent waits for the same.
        let reading = tokio::task::spawn_blocking(move || {
            let mut read = Vec::new();
            server.read_to_end(&mut read).unwrap();
            read
        });
        socket.write_all(b"the end").await.unwrap();
        socket.shutdown().await.unwrap();
        assert!(reading.await.unwrap().ends_with(b"the end"));
    }

    #[tokio::test]
    async fn what_is_said_in_parts_is_heard_whole() {
        let (mut socket, mut server) = pair();
        let saying = tokio::task::spawn_blocking(move || {
            for part in much().chunks(100_000) {
                server.write_all(part).unwrap();
            }
        });
        let mut heard = Vec::new();
        socket.read_to_end(&mut heard).await.unwrap();
        saying.await.unwrap();
        assert!(heard == much());
    }

    #[tokio::test]
    async fn a_server_that_is_gone_is_an_end_and_then_an_error() {
        let (mut socket, server) = pair();
        drop(server);
        assert_eq!(socket.read(&mut [0; 8]).await.unwrap(), 0);
        assert_eq!(socket.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = Socket::connect(&folder.path().join("none")).await.map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}
