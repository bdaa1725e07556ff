//! Starting the one program: what it is, where it runs, what it has open, and why it does not start.

use std::ffi::{CString, OsStr, OsString};
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::io::Errno;
use rustix::process::{Pid, chdir, getpid, ioctl_tiocsctty, setpgid, setsid};
use rustix::stdio::stdin;
use rustix::termios::{isatty, tcsetpgrp};

use crate::wire::Launch;

/// The highest number of a signal (signal(7)).
const LAST_SIGNAL: libc::c_int = 64;

/// A shell's word for a program that is not there.
pub(super) const NOT_FOUND: u8 = 127;

/// A shell's word for a program that is there and cannot be started.
pub(super) const NOT_STARTED: u8 = 126;

/// Where programs are looked for when the environment does not say.
const USUAL_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Why there is no program.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotStarted {
    /// What a shell would end with.
    pub(super) code: u8,
    /// One sentence for the user.
    pub(super) why: String,
}

fn not(why: String) -> NotStarted {
    NotStarted { code: NOT_STARTED, why }
}

/// Starts it: as a job of this process's session, in a group of its own, with exactly this environment and these three
/// descriptors.
///
/// The session is this process's and not the program's, as a shell has it: a group without a parent in its session is
/// orphaned, and no key and no `SIGTSTP` stops a process of one (POSIX.1-2024, 11.1.4).
pub(super) fn start(launch: Launch, [input, output, errors]: [OwnedFd; 3]) -> Result<Pid, NotStarted> {
    let name = OsString::from(launch.program);
    let env: Vec<(OsString, OsString)> =
        launch.env.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    let folder = PathBuf::from(OsString::from(launch.folder));
    chdir(&folder).map_err(|error| {
        not(format!("cannot run in the folder `{}`: {error}; name one that this jail has", folder.display()))
    })?;
    let program = find(&name, &env)?;
    if launch.terminal && !isatty(&input) {
        return Err(not("standard input is no terminal; pass one or do not ask for one".into()));
    }
    setsid().map_err(|error| not(format!("the jail gets no session: {error}")))?;
    if launch.terminal {
        ioctl_tiocsctty(&input).map_err(|_| not("its terminal belongs to another session".into()))?;
    }
    let image = Image::new(&program, name, launch.args.into_iter().map(OsString::from), env)?;
    let mut command = Command::new(&program);
    command.stdin(Stdio::from(input)).stdout(Stdio::from(output)).stderr(Stdio::from(errors));
    let terminal = launch.terminal;
    #[expect(unsafe_code, reason = "what happens between fork and exec is the caller's word")]
    // SAFETY: the process has one thread, so that anything is allowed there.
    unsafe {
        command.pre_exec(move || settle(terminal).and_then(|()| Err(image.execute())));
    }
    match command.spawn() {
        Ok(child) => {
            let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
            pid.ok_or_else(|| not("the kernel gives the program no number".into()))
        }
        Err(error) => Err(refused(&program, &error)),
    }
}

/// In the new process: its own group, before the terminal if there is one, every signal as a new process has it, and
/// nothing else open.
fn settle(terminal: bool) -> io::Result<()> {
    setpgid(None, None)?;
    if terminal {
        // Whoever is not yet before the terminal is stopped by putting itself there, unless it ignores that.
        #[expect(unsafe_code, reason = "no safe call has a signal ignored")]
        // SAFETY: no handler is set.
        unsafe {
            libc::signal(libc::SIGTTOU, libc::SIG_IGN);
        }
        // No start of a program fails with this.
        tcsetpgrp(stdin(), getpid()).map_err(|_| Errno::NOTTY)?;
    }
    // A gateway that was started with `nohup` ignores a signal, and a program would inherit that.
    for signal in 1..=LAST_SIGNAL {
        #[expect(unsafe_code, reason = "no safe call sets a signal back")]
        // SAFETY: no handler is set; the two signals that cannot be set back are refused, and are never ignored.
        unsafe {
            libc::signal(signal, libc::SIG_DFL);
        }
    }
    #[expect(unsafe_code, reason = "no safe call marks descriptors that nobody owns")]
    // SAFETY: descriptors are marked to be closed when the program starts, and none is closed now.
    let marked = unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if marked == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A program with its arguments and its environment, as the kernel takes it.
///
/// The usual way of starting one gives a file that is no program to a shell, which nobody asked for.
struct Image {
    program: CString,
    args: Vec<CString>,
    env: Vec<CString>,
}

impl Image {
    fn new(
        program: &Path,
        name: OsString,
        args: impl Iterator<Item = OsString>,
        env: Vec<(OsString, OsString)>,
    ) -> Result<Self, NotStarted> {
        let text = |text: OsString| {
            CString::new(text.into_vec()).map_err(|_| not("a zero byte is in the command".into()))
        };
        let variables = env.into_iter().map(|(mut name, value)| {
            name.push("=");
            name.push(value);
            name
        });
        Ok(Self {
            program: text(program.into())?,
            args: std::iter::once(name).chain(args).map(text).collect::<Result<_, _>>()?,
            env: variables.map(text).collect::<Result<_, _>>()?,
        })
    }

    /// Becomes the program, or says why not.
    fn execute(&self) -> io::Error {
        let pointers = |texts: &[CString]| -> Vec<*const libc::c_char> {
            texts.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
        };
        let (args, env) = (pointers(&self.args), pointers(&self.env));
        #[expect(unsafe_code, reason = "no safe call starts a program and nothing else")]
        // SAFETY: both lists end with a null pointer, and what they point to outlives the call.
        unsafe {
            libc::execve(self.program.as_ptr(), args.as_ptr(), env.as_ptr());
        }
        io::Error::last_os_error()
    }
}

/// The file of a program: by its path, or by its name along `PATH` of its own environment.
fn find(name: &OsStr, env: &[(OsString, OsString)]) -> Result<PathBuf, NotStarted> {
    let shown = Path::new(name).display();
    if name.as_bytes().contains(&b'/') {
        return match fs::metadata(name) {
            Ok(data) if data.is_dir() => Err(not(format!("`{shown}` is a folder, not a program"))),
            Ok(_) => Ok(name.into()),
            Err(error) => Err(missing(&format!("`{shown}`: {error}"))),
        };
    }
    let path = env.iter().rev().find(|(key, _)| key == "PATH").map(|(_, path)| path.as_os_str());
    let path = path.unwrap_or(OsStr::new(USUAL_PATH));
    let mut present = None;
    for folder in std::env::split_paths(path).filter(|folder| !name.is_empty() && folder.is_absolute()) {
        let file = folder.join(name);
        match fs::metadata(&file) {
            Ok(data) if data.is_file() && data.permissions().mode() & 0o111 != 0 => return Ok(file),
            Ok(data) if data.is_file() => present = Some(file),
            _ => {}
        }
    }
    // There, and not to be started: the kernel says why.
    present.ok_or_else(|| missing(&format!("no program `{shown}` in `{}`", Path::new(path).display())))
}

fn missing(what: &str) -> NotStarted {
    let why = format!("{what}; it is not there, or not shown in this jail");
    NotStarted { code: NOT_FOUND, why }
}

fn refused(program: &Path, error: &io::Error) -> NotStarted {
    let shown = program.display();
    let why = match Errno::from_io_error(error) {
        Some(Errno::ACCESS | Errno::PERM) => {
            "it may not be started here: it is not marked as a program, or not granted"
        }
        Some(Errno::NOENT) => "what starts it (its interpreter or loader) is not there",
        Some(Errno::NOEXEC) => "it is no program that this machine can start",
        Some(Errno::NOTTY) => "its terminal has gone",
        Some(Errno::TOOBIG) => "its arguments and environment are too large",
        Some(Errno::AGAIN | Errno::NOMEM) => "there is no room for a process; raise the limits of its jail",
        _ => return not(format!("cannot start `{shown}`: {error}")),
    };
    not(format!("cannot start `{shown}`: {why}"))
}
