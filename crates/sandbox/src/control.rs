//! Small messages with descriptors between the gateway and its spawner: one message is one datagram, so
//! that neither end ever holds half of one.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::cmsg_space;
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use vocab::frame;

/// The largest message, in bytes. A role's name and the reason of a refusal fit many times over.
pub(crate) const MAX_MESSAGE_BYTES: usize = 8 * 1024;

/// The most descriptors beside one message.
pub(crate) const MAX_DESCRIPTORS: usize = 2;

/// What the gateway asks of its spawner. The new process's end of its socket comes along, and
/// the cgroup that it is to be born into, if there is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    /// What the process is to be, one of the roles that the spawner serves.
    pub(crate) role: String,
    /// Whether it may be born without a namespace that this machine lacks.
    pub(crate) reduced: bool,
}

/// What the spawner answers, once for each request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Reply {
    /// The process is there. Its pidfd comes along.
    Born {
        /// Its number.
        pid: u32,
        /// Whether it is in the cgroup that came with the request.
        grouped: bool,
    },
    /// A namespace cannot be had, and the request did not say `reduced`.
    Refused { layer: String, why: String, mend: String },
    /// No process could be made.
    Failed { errno: i32 },
}

/// Both ends of a line.
pub(crate) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}

/// Sends one message. A gone other end is an error, not a signal.
pub(crate) fn send<T: Serialize>(socket: impl AsFd, message: &T, with: &[BorrowedFd<'_>]) -> io::Result<()> {
    let bytes = frame::encode(message).map_err(io::Error::other)?;
    if bytes.len() > MAX_MESSAGE_BYTES || with.len() > MAX_DESCRIPTORS {
        return Err(Errno::MSGSIZE.into());
    }
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    if !with.is_empty() && !beside.push(SendAncillaryMessage::ScmRights(with)) {
        return Err(Errno::MSGSIZE.into());
    }
    retry_on_intr(|| sendmsg(&socket, &[IoSlice::new(&bytes)], &mut beside, SendFlags::NOSIGNAL))?;
    Ok(())
}

/// Receives one message and the descriptors beside it; `None` when the other end is gone.
pub(crate) fn receive<T: DeserializeOwned>(socket: impl AsFd) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
    let mut bytes = [0; MAX_MESSAGE_BYTES];
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let got = retry_on_intr(|| {
        recvmsg(&socket, &mut [IoSliceMut::new(&mut bytes)], &mut beside, RecvFlags::CMSG_CLOEXEC)
    })?;
    let rights = beside.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(rights) => Some(rights),
        _ => None,
    });
    let descriptors: Vec<OwnedFd> = rights.flatten().collect();
    if got.bytes == 0 {
        return Ok(None);
    }
    if got.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
        return Err(Errno::MSGSIZE.into());
    }
    let mut whole = bytes.get(..got.bytes).unwrap_or_default();
    let message = frame::read(&mut whole).map_err(io::Error::other)?;
    match message {
        Some(message) if whole.is_empty() => Ok(Some((message, descriptors))),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "a message with something behind it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        Request { role: "agent".into(), reduced: false }
    }

    #[test]
    fn a_message_and_its_descriptors_arrive_whole() {
        let (ours, theirs) = pair().unwrap();
        send(&ours, &request(), &[ours.as_fd()]).unwrap();
        let (got, descriptors) = receive::<Request>(&theirs).unwrap().unwrap();
        assert_eq!((got, descriptors.len()), (request(), 1));
        drop((ours, descriptors));
        assert!(receive::<Request>(&theirs).unwrap().is_none());
    }

    #[test]
    fn what_does_not_keep_to_the_form_is_an_error() {
        let (ours, theirs) = pair().unwrap();
        let whole = frame::encode(&request()).unwrap();
        let behind = [whole.as_slice(), b"x"].concat();
        let wrong = frame::encode(&Reply::Failed { errno: 1 }).unwrap();
        let long = vec![b'1'; MAX_MESSAGE_BYTES + 1];
        let cases: [&[u8]; 6] =
            [&whole[..whole.len() - 1], &behind, &wrong, &long, b"\xff\xff\xff\xff", b"x"];
        for bytes in cases {
            rustix::net::send(&ours, bytes, SendFlags::empty()).unwrap();
            assert!(receive::<Request>(&theirs).is_err(), "{bytes:?}");
        }
        let large = Request { role: "x".repeat(MAX_MESSAGE_BYTES), ..request() };
        assert!(send(&ours, &large, &[]).is_err());
        let many = [ours.as_fd(); MAX_DESCRIPTORS + 1];
        assert!(send(&ours, &request(), &many).is_err());
    }

    #[test]
    fn a_gone_other_end_is_an_error() {
        let (ours, theirs) = pair().unwrap();
        drop(theirs);
        // First the waiting one: until its own program begins, a child of another test has a copy of it.
        assert!(receive::<Request>(&ours).unwrap().is_none());
        assert!(send(&ours, &request(), &[]).is_err());
    }
}
