//! Which descriptors may become a program's standard input, output and error.
//!
//! A descriptor is a grant: whoever holds it needs no right to the path behind it. What a pipe, a file or a
//! terminal gives away, the person who hands it over has chosen. A folder would be a door out of the jail,
//! a socket a way to others, the gateway's own included, and a device a way to the machine.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat, major};
use rustix::termios::isatty;

use super::wire::DESCRIPTORS;

/// The kernel's number for `/dev/null`, `/dev/zero` and their like.
const MEMORY_DEVICES: u32 = 1;

/// Those among them that only give or take bytes: null, zero, full, random and urandom.
const HARMLESS: [u32; 5] = [3, 5, 7, 8, 9];

/// The kernel's numbers for the ends of pseudo-terminals that programs hold.
const PTY_ENDS: std::ops::RangeInclusive<u32> = 136..=143;

/// What the three are called.
const NAMES: [&str; DESCRIPTORS] = ["standard input", "standard output", "standard error"];

/// A descriptor that no program gets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the program's {name} is {what}: give it a pipe, a file, `/dev/null` or a terminal")]
pub struct StdioError {
    name: &'static str,
    what: &'static str,
}

/// Whether each of the three may be a program's.
///
/// # Errors
/// The first that may not.
pub(super) fn check(stdio: &[OwnedFd; DESCRIPTORS], terminal: bool) -> Result<(), StdioError> {
    for (fd, name) in stdio.iter().zip(NAMES) {
        if let Some(what) = unfit(fd) {
            return Err(StdioError { name, what });
        }
    }
    let [input, ..] = stdio;
    if terminal && !isatty(input) {
        return Err(StdioError { name: "standard input", what: "said to be a terminal and is none" });
    }
    Ok(())
}

fn unfit(fd: impl AsFd) -> Option<&'static str> {
    let Ok(flags) = fcntl_getfl(&fd) else { return Some("not open") };
    if flags.contains(OFlags::PATH) {
        return Some("a mere place in the file system");
    }
    let Ok(stat) = fstat(&fd) else { return Some("not open") };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile | FileType::Fifo => None,
        FileType::CharacterDevice => {
            let (kind, which) = (major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
            let fits = PTY_ENDS.contains(&kind) || kind == MEMORY_DEVICES && HARMLESS.contains(&which);
            (!fits).then_some("a device")
        }
        FileType::Directory => Some("a folder"),
        FileType::Socket => Some("a socket"),
        FileType::BlockDevice => Some("a device"),
        _ => Some("of no kind that is known here"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::net::UnixStream;

    use super::*;

    fn null() -> OwnedFd {
        File::open("/dev/null").unwrap().into()
    }

    fn said(fd: impl Into<OwnedFd>) -> String {
        check(&[fd.into(), null(), null()], false).map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn what_only_gives_or_takes_bytes_is_passed_on() {
        assert_eq!(said(null()), "");
        assert_eq!(said(File::open("/dev/zero").unwrap()), "");
        assert_eq!(said(tempfile::tempfile().unwrap()), "");
        assert_eq!(said(std::io::pipe().unwrap().0), "");
        let pty = rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR).unwrap();
        rustix::pty::unlockpt(&pty).unwrap();
        let end = rustix::pty::ioctl_tiocgptpeer(&pty, rustix::pty::OpenptFlags::RDWR).unwrap();
        check(&[end.try_clone().unwrap(), null(), end], true).unwrap();
    }

    #[test]
    fn a_way_out_of_the_jail_is_not() {
        assert!(said(File::open("/").unwrap()).contains("a folder"));
        assert!(said(UnixStream::pair().unwrap().0).contains("a socket"));
        assert!(said(std::net::TcpListener::bind("127.0.0.1:0").unwrap()).contains("a socket"));
        let place = rustix::fs::open("/etc/hostname", OFlags::PATH, rustix::fs::Mode::empty()).unwrap();
        assert!(said(place).contains("a mere place"));
        let own = rustix::event::epoll::create(rustix::event::epoll::CreateFlags::CLOEXEC).unwrap();
        assert!(said(own).contains("no kind"));
        let master = rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR).unwrap();
        assert!(said(master).contains("a device"));
        let last = check(&[null(), null(), UnixStream::pair().unwrap().0.into()], false).unwrap_err();
        assert_eq!(last.name, "standard error");
        assert!(check(&[null(), null(), null()], true).unwrap_err().to_string().contains("is none"));
    }
}
