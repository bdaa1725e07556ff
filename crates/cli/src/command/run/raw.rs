//! The person's terminal, and the one that the program gets in its place.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::process::getpgrp;
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{
    LocalModes, OptionalActions, OutputModes, Termios, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr,
    tcsetwinsize,
};

/// The person's terminal in raw mode: every key is passed on, none acts here. Put back when it is dropped.
pub(super) struct Raw {
    terminal: OwnedFd,
    before: Termios,
}

impl Raw {
    /// Puts `terminal` into raw mode.
    ///
    /// # Errors
    /// When the terminal has gone.
    pub(super) fn enter(terminal: &OwnedFd) -> Result<Self, Errno> {
        let before = tcgetattr(terminal)?;
        let raw = Self { terminal: rustix::io::fcntl_dupfd_cloexec(terminal, 3)?, before };
        raw.again()?;
        Ok(raw)
    }

    /// Goes back to raw mode after [`Raw::leave`].
    pub(super) fn again(&self) -> Result<(), Errno> {
        let mut modes = self.before.clone();
        modes.make_raw();
        tcsetattr(&self.terminal, OptionalActions::Drain, &modes)
    }

    /// Whether this command is in the terminal's foreground. In the background it would be stopped for changing it.
    pub(super) fn is_ours(&self) -> bool {
        tcgetpgrp(&self.terminal).is_ok_and(|foreground| foreground == getpgrp())
    }

    /// Puts the terminal back to what it was.
    pub(super) fn leave(&self) -> Result<(), Errno> {
        tcsetattr(&self.terminal, OptionalActions::Drain, &self.before)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Err(error) = self.leave() {
            tracing::debug!("the terminal is not there to be put back: {error}");
        }
    }
}

/// How keys and output are treated between the two terminals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// Ours is raw: the program's terminal does all that a terminal does.
    Theirs,
    /// Ours stays as it is, and has treated keys and output already.
    Ours,
}

/// A terminal of the program's own: our end, and the program's until it is handed over.
pub(super) struct Pty {
    pub(super) ours: OwnedFd,
    pub(super) theirs: OwnedFd,
}

impl Pty {
    /// Like `terminal` in its modes and its size.
    ///
    /// # Errors
    /// When the machine gives no further terminal.
    pub(super) fn like(terminal: impl AsFd, line: Line) -> Result<Self, Errno> {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        unlockpt(&ours)?;
        let theirs =
            ioctl_tiocgptpeer(&ours, OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        let mut modes = tcgetattr(&terminal)?;
        if line == Line::Ours {
            modes.output_modes -= OutputModes::OPOST;
            modes.local_modes -= LocalModes::ECHO | LocalModes::ECHONL;
        }
        tcsetattr(&theirs, OptionalActions::Now, &modes)?;
        tcsetwinsize(&ours, tcgetwinsize(&terminal)?)?;
        fcntl_setfl(&ours, fcntl_getfl(&ours)? | OFlags::NONBLOCK)?;
        Ok(Self { ours, theirs })
    }
}

/// Makes the program's terminal as large as the person's; its programs hear of that.
pub(super) fn resize(terminal: impl AsFd, ours: impl AsFd) -> Result<(), Errno> {
    tcsetwinsize(ours, tcgetwinsize(terminal)?)
}
