//! The way to the gateway as a role has it. While nobody has a word for it the process has little in memory.
//!
//! A process that has been somebody's and has waited for [`REST_AFTER`] gives back what it has mapped of the program.
//! The kernel keeps the file, so that the next word maps it again. One that still waits for its first word gives
//! nothing back: whoever says that word waits for what comes of it.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::retry_on_intr;

use crate::inside::give_back;

/// How long a process waits for its next word before it gives back what it can get again.
pub const REST_AFTER: Duration = Duration::from_secs(2);

/// A jailed process's socket to the gateway. A read of it waits as long as it takes.
#[derive(Debug)]
pub struct Socket {
    stream: UnixStream,
    /// A word has come.
    heard: bool,
    /// What it does when it has waited.
    give_back: fn(),
}

/// Bounds the reads, so that whoever waits notices how long. To be called while the process may still do so: its
/// system calls are about to be filtered.
pub(crate) fn bound_reads(stream: &UnixStream) -> io::Result<()> {
    stream.set_read_timeout(Some(REST_AFTER))
}

impl Socket {
    /// Takes a stream with or without bounded reads; without, the process never rests.
    pub(crate) fn new(stream: UnixStream) -> Self {
        Self { stream, heard: false, give_back }
    }

    /// Waits for something to read, without end: a process that rests costs no processor anything. What is called after
    /// the pages are given back is mapped again, so that nothing is called but the wait.
    fn rest(&self) -> io::Result<()> {
        if self.heard {
            (self.give_back)();
        }
        retry_on_intr(|| poll(&mut [PollFd::new(&self.stream, PollFlags::IN)], None))?;
        Ok(())
    }
}

impl Read for Socket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.stream.read(into) {
                Ok(bytes) => {
                    self.heard = true;
                    return Ok(bytes);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.rest()?,
                // A bounded read also ends when the process was stopped and goes on.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Write for Socket {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.stream.write(from)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use vocab::frame;

    use super::*;

    /// Less than any word of the test takes to come.
    const AT_ONCE: Duration = Duration::from_millis(1);

    #[test]
    fn words_come_whole_however_long_they_take() {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        theirs.set_read_timeout(Some(AT_ONCE)).unwrap();
        let mut socket = Socket::new(theirs);
        let echo = std::thread::spawn(move || {
            while let Some(said) = frame::read::<String>(&mut socket).unwrap() {
                frame::write(&mut socket, &said).unwrap();
            }
        });
        for word in ["first", "second", "third"] {
            for byte in frame::encode(&word).unwrap() {
                std::thread::sleep(AT_ONCE * 3);
                ours.write_all(&[byte]).unwrap();
            }
            assert_eq!(frame::read::<String>(&mut ours).unwrap().as_deref(), Some(word));
        }
        drop(ours);
        echo.join().unwrap();
    }

    #[test]
    fn nothing_is_given_back_before_the_first_word() {
        static GIVEN: AtomicUsize = AtomicUsize::new(0);
        let given = || GIVEN.load(Ordering::Relaxed);
        let give_back = || {
            GIVEN.fetch_add(1, Ordering::Relaxed);
        };
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let mut socket = Socket { stream: theirs, heard: false, give_back };
        frame::write(&mut ours, &"first").unwrap();
        // As after a while; the word is there, so that it does not wait.
        socket.rest().unwrap();
        assert_eq!(given(), 0);
        assert!(frame::read::<String>(&mut socket).unwrap().is_some());
        frame::write(&mut ours, &"second").unwrap();
        socket.rest().unwrap();
        assert_eq!(given(), 1);
        assert!(frame::read::<String>(&mut socket).unwrap().is_some());
        assert_eq!(given(), 1);
    }
}
