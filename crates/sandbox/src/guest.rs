//! A program that nobody here wrote, as the gateway sees it: what to start, its signals, its end.
//!
//! What speaks with the gateway is not the program but the first process of its jail. All the same its
//! words are hostile until proven otherwise, since the program shares its kernel and its rights.

use std::ffi::{OsStr, OsString};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use rustix::fs::{FileType, fstat};
use rustix::net::{AddressFamily, SocketType, sockopt};
use tokio::time::timeout;
use vocab::frame::FrameError;

use crate::roster::READY_WAIT;
use crate::wire::{Launch, Tell, Text, Told, sentence};
use crate::{Child, Layer, SpawnError, handoff};

/// Where a guest finds the gateway, on 127.0.0.1.
pub const GUEST_PORT: u16 = 7411;

/// The most that program, arguments, environment and folder are together, in bytes.
pub const MAX_COMMAND_BYTES: usize = 1024 * 1024;

/// The most arguments and environment variables.
pub const MAX_COMMAND_PARTS: usize = 16 * 1024;

/// The signal after which a program that was stopped goes on.
const CONTINUE: i32 = rustix::process::Signal::CONT.as_raw();

/// The largest number of a signal.
const MAX_SIGNAL: i32 = 64;

/// What to start.
#[derive(Debug)]
pub struct Command {
    /// The program: a path inside the jail, or a name that is looked for along `PATH` of `env`.
    pub program: PathBuf,
    /// Its arguments, its own name not among them.
    pub args: Vec<OsString>,
    /// Its environment, exactly.
    pub env: Vec<(OsString, OsString)>,
    /// Where it starts, absolute; one of the jail's folders.
    pub folder: PathBuf,
    /// Standard input, output and error.
    pub stdio: [OwnedFd; 3],
    /// Standard input is a terminal, and becomes the program's own.
    pub terminal: bool,
}

/// A command that no kernel would start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// No name.
    #[error("no program is named")]
    Empty,
    /// A byte that ends a string to the kernel.
    #[error("`{0}` has a zero byte in it")]
    Zero(String),
    /// A variable whose name cannot be told from its value.
    #[error("`{0}` is no name of an environment variable")]
    Variable(String),
    /// A folder where a program reads or writes: its descriptor leads on to all that lies about it.
    #[error("a standard descriptor leads to a folder; pass a file, a pipe or a terminal")]
    Folder,
    /// Too large.
    #[error(
        "arguments and environment of {0} bytes are over the limit of {MAX_COMMAND_BYTES}; pass large input through a file"
    )]
    Bytes(usize),
    /// Too many.
    #[error("{0} arguments and environment variables are over the limit of {MAX_COMMAND_PARTS}")]
    Parts(usize),
}

impl Command {
    /// Whether it says what it means, within its bounds.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn check(&self) -> Result<(), CommandError> {
        if self.program.as_os_str().is_empty() {
            return Err(CommandError::Empty);
        }
        let folder = |fd: &OwnedFd| {
            fstat(fd).is_ok_and(|data| FileType::from_raw_mode(data.st_mode) == FileType::Directory)
        };
        if self.stdio.iter().any(folder) {
            return Err(CommandError::Folder);
        }
        let count = self.args.len().saturating_add(self.env.len());
        if count > MAX_COMMAND_PARTS {
            return Err(CommandError::Parts(count));
        }
        let variables = self.env.iter().flat_map(|(name, value)| [name.as_os_str(), value.as_os_str()]);
        let rest = self.args.iter().map(OsString::as_os_str);
        let parts =
            [self.program.as_os_str(), self.folder.as_os_str()].into_iter().chain(variables).chain(rest);
        let bytes = parts.clone().map(|part| part.len().saturating_add(1)).sum();
        if bytes > MAX_COMMAND_BYTES {
            return Err(CommandError::Bytes(bytes));
        }
        let shown = |text: &OsStr| text.to_string_lossy().into_owned();
        if let Some(part) = parts.clone().find(|part| part.as_bytes().contains(&0)) {
            return Err(CommandError::Zero(shown(part)));
        }
        match self.env.iter().find(|(name, _)| name.is_empty() || name.as_bytes().contains(&b'=')) {
            Some((name, _)) => Err(CommandError::Variable(shown(name))),
            None => Ok(()),
        }
    }
}

/// How a guest ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// Its jail was ended, and it with it.
    Ended,
}

/// What became of a guest that ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A signal stopped it, as a key of its terminal does. It goes on when it is sent `SIGCONT`.
    Stopped,
    /// It has ended.
    Ended(Exit),
}

/// A guest that cannot be spoken with.
#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    /// A number that is no signal.
    #[error("{0} is no signal; the highest is {MAX_SIGNAL}")]
    Signal(i32),
    /// Its first process does not keep to the form, or is gone. It has been killed.
    #[error("the program's jail does not answer: {0}; it has been ended")]
    Silent(#[from] FrameError),
}

/// A program of somebody else's that runs in its jail. With the value everything ends that it started.
#[derive(Debug)]
pub struct Guest {
    child: Child,
    listener: Option<TcpListener>,
    exit: Option<Exit>,
    /// It was stopped, and has not been sent `SIGCONT` since.
    stopped: bool,
}

impl Guest {
    pub(crate) async fn start(child: Child, command: Command, listens: bool) -> Result<Self, SpawnError> {
        let mut guest = Self { child, listener: None, exit: None, stopped: false };
        let stopped = match timeout(READY_WAIT, guest.begin(command, listens)).await {
            Ok(Ok(())) => return Ok(guest),
            Ok(Err(error)) => error,
            Err(_) => SpawnError::Silent,
        };
        match stopped {
            SpawnError::Command { .. } => Err(stopped),
            // A kill looks like an end from here.
            other => Err(guest.child.stopped().unwrap_or(other)),
        }
    }

    async fn begin(&mut self, command: Command, listens: bool) -> Result<(), SpawnError> {
        let Command { program, args, env, folder, stdio, terminal } = command;
        let launch = Launch {
            program: program.as_os_str().into(),
            args: args.iter().map(|arg| arg.as_os_str().into()).collect(),
            env: env
                .iter()
                .map(|(name, value)| (name.as_os_str().into(), value.as_os_str().into()))
                .collect(),
            folder: Text::from(folder.as_os_str()),
            terminal,
        };
        let gone = |error| match error {
            FrameError::Io(_) => SpawnError::Ended,
            other => SpawnError::Frame(other),
        };
        self.child.hand(&launch, &stdio.each_ref().map(AsFd::as_fd)).await.map_err(gone)?;
        drop(stdio);
        match self.child.take_handed::<Told>().await.map_err(gone)? {
            Some((Told::Running, handed)) if listens => {
                let [socket] = handoff::exactly(handed).map_err(SpawnError::Socket)?;
                self.listener = Some(listening(socket).map_err(SpawnError::Socket)?);
                Ok(())
            }
            Some((Told::Running, handed)) => {
                handoff::exactly::<0>(handed).map_err(SpawnError::Socket)?;
                Ok(())
            }
            Some((Told::Not { code, why }, _)) => Err(SpawnError::Command { code, why: sentence(&why) }),
            Some((told @ (Told::Stopped | Told::Exited { .. } | Told::Killed { .. }), _)) => {
                let why = format!("{told:?} of a program that was not started");
                Err(SpawnError::Socket(io::Error::new(io::ErrorKind::InvalidData, why)))
            }
            None => Err(SpawnError::Ended),
        }
    }

    /// The number of the first process of its jail, of which it is a child.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// Every layer of its jail. All are present, unless the jail was `reduced`.
    #[must_use]
    pub fn layers(&self) -> &[Layer] {
        self.child.layers()
    }

    /// What listens on 127.0.0.1:[`GUEST_PORT`] inside, once, if the jail said `listen`. It does not block.
    pub fn take_listener(&mut self) -> Option<TcpListener> {
        self.listener.take()
    }

    /// Sends a signal to the program and to those that it started in its own process group, as a terminal
    /// would. One that has ended already gets none.
    ///
    /// # Errors
    /// When there is no such signal, or the jail does not take it.
    pub async fn signal(&mut self, signal: i32) -> Result<(), GuestError> {
        if !(1..=MAX_SIGNAL).contains(&signal) {
            return Err(GuestError::Signal(signal));
        }
        if self.exit.is_some() {
            return Ok(());
        }
        self.stopped &= signal != CONTINUE;
        match self.child.send(&Tell::Signal { signal }).await {
            // It has just ended, and `wait` says how.
            Err(FrameError::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => Ok(other?),
        }
    }

    /// Waits until the program has ended, and with it everything that it started. Cancel-safe; once it has
    /// answered it answers the same.
    ///
    /// # Errors
    /// When the first process of the jail does not keep to the form; it has then been killed.
    pub async fn wait(&mut self) -> Result<Exit, GuestError> {
        loop {
            if let Change::Ended(exit) = self.change().await? {
                return Ok(exit);
            }
        }
    }

    /// Waits until the program has been stopped or has ended. That it was stopped is said once, until it is sent `SIGCONT`.
    /// Cancel-safe.
    ///
    /// # Errors
    /// As [`Self::wait`].
    pub async fn change(&mut self) -> Result<Change, GuestError> {
        if self.exit.is_none() {
            let told = loop {
                match self.child.recv::<Told>().await {
                    // Two signals to continue may have been on their way before the first of two stops was read.
                    Ok(Some(Told::Stopped)) if self.stopped => {}
                    told => break told,
                }
            };
            self.exit = Some(match told {
                Ok(Some(Told::Stopped)) => {
                    self.stopped = true;
                    return Ok(Change::Stopped);
                }
                Ok(Some(Told::Exited { code })) => Exit::Code(code.into()),
                Ok(Some(Told::Killed { signal })) => Exit::Signal(signal.into()),
                Ok(None) | Err(FrameError::Io(_)) => Exit::Ended,
                Ok(Some(told @ (Told::Running | Told::Not { .. }))) => {
                    let why = io::Error::new(io::ErrorKind::InvalidData, format!("{told:?} a second time"));
                    return Err(self.give_up(why.into()).await);
                }
                Err(error) => return Err(error.into()),
            });
        }
        self.child.end().await.map_err(FrameError::from)?;
        Ok(Change::Ended(self.exit.unwrap_or(Exit::Ended)))
    }

    /// Ends the program with everything that it started, and waits until nothing of it is left.
    ///
    /// # Errors
    /// When the machine does not let it be ended, or something of it is still there after the time that a kill may take.
    pub async fn end(&mut self) -> io::Result<()> {
        if self.child.end().await? {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, "it has been killed and is still there"))
    }

    async fn give_up(&mut self, error: FrameError) -> GuestError {
        match self.child.end().await {
            Ok(_) => error.into(),
            Err(failed) => FrameError::from(failed).into(),
        }
    }
}

/// Takes a socket only if it is what was promised: listening, on the one address.
fn listening(socket: OwnedFd) -> io::Result<TcpListener> {
    let other =
        || io::Error::new(io::ErrorKind::InvalidData, "the jail handed out another socket than it was to");
    if sockopt::socket_domain(&socket)? != AddressFamily::INET
        || sockopt::socket_type(&socket)? != SocketType::STREAM
        || !sockopt::socket_acceptconn(&socket)?
    {
        return Err(other());
    }
    let listener = TcpListener::from(socket);
    if listener.local_addr()? != SocketAddr::from((Ipv4Addr::LOCALHOST, GUEST_PORT)) {
        return Err(other());
    }
    listener.set_nonblocking(true)?;
    Ok(listener)
}

#[cfg(test)]
mod hostile;

#[cfg(test)]
mod tests {
    use super::*;

    fn command(program: &str, args: &[&str], env: &[(&str, &str)]) -> Command {
        let null = || OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
        Command {
            program: program.into(),
            args: args.iter().map(Into::into).collect(),
            env: env.iter().map(|(name, value)| (name.into(), value.into())).collect(),
            folder: "/".into(),
            stdio: [null(), null(), null()],
            terminal: false,
        }
    }

    #[test]
    fn a_command_that_no_kernel_would_start_is_refused() {
        assert_eq!(command("sh", &["-c", ""], &[("A", ""), ("B", "=")]).check(), Ok(()));
        assert_eq!(command("", &[], &[]).check(), Err(CommandError::Empty));
        assert!(matches!(command("a\0b", &[], &[]).check(), Err(CommandError::Zero(_))));
        assert!(matches!(command("sh", &["\0"], &[]).check(), Err(CommandError::Zero(_))));
        assert!(matches!(command("sh", &[], &[("A", "\0")]).check(), Err(CommandError::Zero(_))));
        assert!(matches!(command("sh", &[], &[("A=B", "")]).check(), Err(CommandError::Variable(_))));
        assert!(matches!(command("sh", &[], &[("", "")]).check(), Err(CommandError::Variable(_))));
        let mut folder = command("sh", &[], &[]);
        folder.stdio[2] = std::fs::File::open("/").unwrap().into();
        assert_eq!(folder.check(), Err(CommandError::Folder));
        let long = "x".repeat(MAX_COMMAND_BYTES);
        assert!(matches!(command("sh", &[&long], &[]).check(), Err(CommandError::Bytes(_))));
        let many = vec![""; MAX_COMMAND_PARTS + 1];
        assert!(matches!(command("sh", &many, &[]).check(), Err(CommandError::Parts(_))));
    }

    #[test]
    fn only_the_promised_listener_is_taken() {
        let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
        let deaf = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let (pair, _) = std::os::unix::net::UnixStream::pair().unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        for wrong in [OwnedFd::from(elsewhere), deaf.into(), pair.into(), file.into()] {
            assert!(listening(wrong).is_err());
        }
    }
}
