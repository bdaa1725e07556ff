//! Descriptors beside the first byte of a frame: how a guest's standard descriptors go in and its listener
//! comes out. As many as were agreed upon, or the frame is not taken.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::cmsg_space;
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

/// The most descriptors beside one frame: the three standard ones.
pub(crate) const MAX_HANDED: usize = 3;

/// Sends the beginning of `bytes` with `with` beside it. Says how many went.
pub(crate) fn send(socket: impl AsFd, bytes: &[u8], with: &[BorrowedFd<'_>]) -> io::Result<usize> {
    if with.len() > MAX_HANDED {
        return Err(Errno::MSGSIZE.into());
    }
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MAX_HANDED))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    if !with.is_empty() && !beside.push(SendAncillaryMessage::ScmRights(with)) {
        return Err(Errno::MSGSIZE.into());
    }
    Ok(retry_on_intr(|| sendmsg(&socket, &[IoSlice::new(bytes)], &mut beside, SendFlags::NOSIGNAL))?)
}

/// Receives into `bytes`, and adds what is beside it to `handed`. Says how many bytes came; none means that
/// the other end is gone.
pub(crate) fn receive(socket: impl AsFd, bytes: &mut [u8], handed: &mut Vec<OwnedFd>) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MAX_HANDED))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let got = retry_on_intr(|| {
        recvmsg(&socket, &mut [IoSliceMut::new(bytes)], &mut beside, RecvFlags::CMSG_CLOEXEC)
    })?;
    for message in beside.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            handed.extend(rights);
        }
    }
    if got.flags.contains(ReturnFlags::CTRUNC) || handed.len() > MAX_HANDED {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "more descriptors than belong there"));
    }
    Ok(got.bytes)
}

/// Exactly `N` descriptors.
pub(crate) fn exactly<const N: usize>(handed: Vec<OwnedFd>) -> io::Result<[OwnedFd; N]> {
    handed.try_into().map_err(|other: Vec<OwnedFd>| {
        let why = format!("{} descriptors came where {N} belong", other.len());
        io::Error::new(io::ErrorKind::InvalidData, why)
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn descriptors_arrive_beside_the_first_byte() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let sent = send(&ours, b"frame", &[ours.as_fd(), theirs.as_fd()]).unwrap();
        assert_eq!(sent, 5);
        let (mut bytes, mut handed) = ([0; 2], Vec::new());
        assert_eq!(receive(&theirs, &mut bytes, &mut handed).unwrap(), 2);
        assert_eq!((&bytes, handed.len()), (b"fr", 2));
        assert_eq!(receive(&theirs, &mut bytes, &mut handed).unwrap(), 2);
        assert_eq!((&bytes, handed.len()), (b"am", 2));
        assert!(exactly::<2>(handed).is_ok());
    }

    #[test]
    fn more_descriptors_than_belong_there_are_refused() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        assert!(send(&ours, b"x", &[ours.as_fd(); MAX_HANDED + 1]).is_err());
        let mut handed = Vec::new();
        for _ in 0..2 {
            send(&ours, b"x", &[ours.as_fd(); MAX_HANDED]).unwrap();
        }
        assert!(receive(&theirs, &mut [0], &mut handed).is_ok());
        assert!(receive(&theirs, &mut [0], &mut handed).is_err());
        assert!(exactly::<1>(Vec::new()).is_err());
    }

    #[test]
    fn a_gone_other_end_is_an_end() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(theirs);
        // First the waiting one: until its own program begins, a child of another test has a copy of it.
        assert_eq!(receive(&ours, &mut [0], &mut Vec::new()).unwrap(), 0);
        assert!(send(&ours, b"x", &[]).is_err());
    }
}
