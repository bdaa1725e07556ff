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

/// Whether a terminal is another group's just now, as after `bg`: whoever reads it or changes it from there is stopped.
pub(super) fn is_elsewhere(terminal: impl AsFd) -> bool {
    tcgetpgrp(terminal).is_ok_and(|foreground| foreground != getpgrp())
}

/// The person's terminal in raw mode: every key is passed on, none acts here. Whoever has it puts it back.
pub(super) struct Raw {
    terminal: OwnedFd,
    before: Termios,
}

impl Raw {
    /// Puts `terminal` into raw mode, as soon as it is ours.
    ///
    /// # Errors
    /// When the terminal has gone.
    pub(super) fn enter(terminal: &OwnedFd) -> Result<Self, Errno> {
        let before = tcgetattr(terminal)?;
        let raw = Self { terminal: rustix::io::fcntl_dupfd_cloexec(terminal, 3)?, before };
        raw.again()?;
        Ok(raw)
    }

    /// Goes to raw mode, where the terminal is ours.
    pub(super) fn again(&self) -> Result<(), Errno> {
        let mut modes = self.before.clone();
        modes.make_raw();
        self.set(&modes)
    }

    /// Puts the terminal back to what it was, where it is ours: else a shell has done so.
    pub(super) fn leave(&self) -> Result<(), Errno> {
        self.set(&self.before)
    }

    fn set(&self, modes: &Termios) -> Result<(), Errno> {
        if is_elsewhere(&self.terminal) {
            return Ok(());
        }
        tcsetattr(&self.terminal, OptionalActions::Drain, modes)
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
