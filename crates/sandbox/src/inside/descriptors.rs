//! The socket, and nothing else that was inherited.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use rustix::net::{AddressFamily, SocketType, sockopt};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout, stdin};

/// The first descriptor that is not a standard one.
const FIRST: u32 = 3;

/// Takes the spawner's socket off standard input, closes everything above the standard descriptors and
/// leads those to `/dev/null`, so that no line that is printed by mistake ends in a file or a message.
///
/// Where they cannot be closed, the second says why: then nothing may be started from here.
pub(crate) fn take() -> io::Result<(OwnedFd, io::Result<()>)> {
    if sockopt::socket_domain(stdin())? != AddressFamily::UNIX
        || sockopt::socket_type(stdin())? != SocketType::SEQPACKET
    {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "another kind of socket"));
    }
    let closed = close(FIRST, u32::MAX);
    let socket = stdin().try_clone_to_owned()?;
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    dup2_stderr(&null)?;
    Ok((socket, closed))
}

/// Closes everything above the standard descriptors but these. Nothing else that is open belongs to anyone.
pub(crate) fn keep_only(kept: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut kept: Vec<u32> = kept.iter().map(|kept| kept.as_raw_fd().unsigned_abs()).collect();
    kept.sort_unstable();
    let mut first = FIRST;
    for number in kept.into_iter().filter(|number| *number >= FIRST) {
        if number > first {
            close(first, number.saturating_sub(1))?;
        }
        first = number.saturating_add(1);
    }
    close(first, u32::MAX)
}

fn close(first: u32, last: u32) -> io::Result<()> {
    #[expect(unsafe_code, reason = "no safe call closes descriptors that nobody owns")]
    // SAFETY: this is the first thing that the spawner does, or that a process does which it has just made
    // (see `take`, `keep_only`), so that no Rust value owns one of the descriptors; the call touches no memory.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    if closed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
