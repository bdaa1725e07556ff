//! The socket, and nothing else that was inherited.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketType, sockopt};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout, stdin};

/// The first descriptor that is not a standard one.
const FIRST: u32 = 3;

/// Closes everything above the standard descriptors, takes the socket off standard input and leads the
/// standard ones to `/dev/null`, so that no line that is printed by mistake ends in a file or a frame.
pub(crate) fn take() -> io::Result<OwnedFd> {
    if sockopt::socket_domain(stdin())? != AddressFamily::UNIX
        || sockopt::socket_type(stdin())? != SocketType::STREAM
    {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "another kind of socket"));
    }
    close_from(FIRST)?;
    let socket = stdin().try_clone_to_owned()?;
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    dup2_stderr(&null)?;
    Ok(socket)
}

fn close_from(first: u32) -> io::Result<()> {
    #[expect(unsafe_code, reason = "no safe call closes descriptors that nobody owns")]
    // SAFETY: this is the first thing that the process does (see `enter`), so that no Rust value owns one
    // of the descriptors that are closed; the call touches no memory.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) };
    if closed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
