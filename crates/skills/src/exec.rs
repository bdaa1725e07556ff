//! Commands: a granted program, with its arguments one by one and no shell between, in a jail of what agent and
//! asker may both read and write.
//!
//! The jail has no network and is there for this one command. With the command everything ends that it started,
//! in the background or not. What it writes to its standard output and error comes back as data, its beginning and
//! its end when there is more than fits.

mod output;
mod script;

use std::ffi::OsString;
use std::io::{PipeReader, PipeWriter};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use monitor::{Bounds, Programs, Run};
use sandbox::{Exit, Guest, Jail, System};
use tokio::io::AsyncWriteExt as _;
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::time::timeout;
use vocab::{Action, Resource};

use crate::bench::{Bench, present};
use crate::plain::one_line;
use crate::programs::{FOLDERS, Machine};
use crate::told::{self, Failure, Told};
use output::Kept;

/// The most processes and threads of one command at once.
const MAX_PROCESSES: u32 = 64;

/// Descriptors that each process of a command may hold.
const OPEN_FILES: u64 = 256;

/// What `/tmp` of the jail holds at most, in bytes. It is memory, and gone with the command.
const TMP_BYTES: u64 = 64 * 1024 * 1024;

/// How long the processes of a command that was ended may take to be gone.
const END_WAIT: Duration = Duration::from_secs(5);

/// `SIGKILL`.
const KILL: i32 = 9;

/// Why a command did not run, or nobody knows how far it came.
#[derive(Debug, thiserror::Error)]
enum ExecError {
    #[error("the command `{0}` is no longer what was judged ({1}); propose it again")]
    Changed(String, String),
    #[error(
        "`{command}` is a script that `{interpreter}` runs, which is not among the commands that agent and asker may both \
         run; grant it too, or a program that is no script"
    )]
    Script { command: String, interpreter: String },
    #[error("the command `{0}` was not started: {1}")]
    Start(String, sandbox::SpawnError),
    #[error("the command `{0}` was not started: its pipes cannot be made ({1})")]
    Pipes(String, std::io::Error),
    #[error("the command `{0}` was ended with its jail, so it is not known how far it came")]
    Ended(String),
    #[error("the command `{0}` was lost, so it is not known how far it came: {1}")]
    Lost(String, sandbox::GuestError),
}

/// How a command came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Exit(Exit),
    /// Its wall time was up.
    TimeUp,
}

/// Runs what `action` says, within `bounds`.
pub(crate) async fn run(bench: &Bench, action: &Action, bounds: &Bounds) -> Told {
    let (Resource::Command(name), Bounds::Command(run)) = (&action.resource, bounds) else {
        return Err(Failure::misfit(action));
    };
    let args = action.args.get("args").and_then(|args| args.as_array()).into_iter().flatten();
    let args = args.map(|arg| arg.as_str().map(OsString::from).ok_or_else(|| Failure::misfit(action)));
    let args: Vec<OsString> = args.collect::<Result<_, _>>()?;
    let input = action.text("stdin").unwrap_or_default().to_owned();
    let shown = one_line(name);
    unchanged(name, run).map_err(Failure::new)?;

    let begun = Instant::now();
    let pipes = Pipes::new().map_err(|error| Failure::new(ExecError::Pipes(shown.clone(), error)))?;
    let (command, ours) = pipes.give(run, args);
    let jail = jail(bench, run);
    let guest = bench.roster().launch(&bench.seat().owner, &jail, command).await;
    let guest = guest.map_err(|error| Failure::new(ExecError::Start(shown.clone(), error)))?;
    let (mut out, mut err) = (Kept::default(), Kept::default());
    let ended = ours.follow(guest, input, run.time, &mut out, &mut err).await;
    let how = match ended {
        Ok(End::Exit(Exit::Ended)) => return Err(Failure::new(ExecError::Ended(shown))),
        Ok(end) => words(end, run),
        Err(error) => return Err(Failure::new(ExecError::Lost(shown, error))),
    };
    let mark = format!(
        "command {shown} {how}, after {:.1} s; standard output {} bytes, standard error {} bytes",
        begun.elapsed().as_secs_f64(),
        out.total(),
        err.total()
    );
    let mut text = out.text();
    if err.total() > 0 {
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str("[standard error]\n");
        text.push_str(&err.text());
    }
    Ok(told::data(&mark, &text, false))
}

/// Whether the command still leads to the file that was judged, and can be started by itself.
fn unchanged(name: &str, run: &Run) -> Result<(), ExecError> {
    let changed = |why: String| ExecError::Changed(one_line(name), why);
    let found = Machine.find(name).map_err(changed)?;
    if found.file != run.file {
        return Err(changed(format!("it leads to `{}` now", one_line(&found.file.to_string_lossy()))));
    }
    let allowed = |file: &Path| {
        run.programs.iter().filter_map(|program| program.canonicalize().ok()).any(|other| other == file)
    };
    match script::interpreter(&run.file) {
        Some(interpreter) => match Machine.find(&interpreter) {
            Ok(found) if allowed(&found.file) => Ok(()),
            _ => Err(ExecError::Script { command: one_line(name), interpreter: one_line(&interpreter) }),
        },
        None => Ok(()),
    }
}

/// Whether a path lies where every jail of a foreign program shows the machine's own.
fn usual(path: &Path) -> bool {
    ["/usr", "/bin", "/sbin"].iter().any(|folder| path.starts_with(folder))
}

/// How a program is named inside: as it was found, or, outside of the usual folders, by its own file, since a link is
/// not shown there.
fn startable(found: &Path) -> Option<PathBuf> {
    if usual(found) { Some(found.to_owned()) } else { found.canonicalize().ok() }
}

/// The jail: what is in reach and there, and no other programs than the granted ones.
fn jail(bench: &Bench, run: &Run) -> Jail {
    let there =
        |paths: &[PathBuf]| paths.iter().filter_map(|path| present(path)).map(|(path, ..)| path).collect();
    let jail = Jail::default();
    let outside = |path: &PathBuf| !usual(path);
    let files = run.programs.iter().filter_map(|program| program.canonicalize().ok());
    Jail {
        read: there(&run.reach.read),
        write: there(&run.reach.write),
        memory_bytes: run.memory_bytes,
        open_files: OPEN_FILES,
        file_bytes: jail.file_bytes.max(bench.seat().file_bytes),
        system: Some(System {
            // A program that lies elsewhere is shown by itself.
            read: files.filter(outside).collect(),
            programs: run.programs.iter().filter_map(|program| startable(program)).collect(),
            processes: MAX_PROCESSES,
            tmp_bytes: TMP_BYTES,
            cpu_seconds: Some(run.cpu.as_secs().max(1)),
            listen: false,
        }),
        reduced: bench.seat().reduced,
    }
}

/// How it ended, for the model and the record.
fn words(end: End, run: &Run) -> String {
    let limits = || {
        format!(
            "its limits are {} s of processor time and {} bytes of memory for each process",
            run.cpu.as_secs(),
            run.memory_bytes
        )
    };
    match end {
        End::TimeUp => format!("was ended: its {} s were up", run.time.as_secs()),
        End::Exit(Exit::Code(0)) => "ended well".to_owned(),
        End::Exit(Exit::Code(code)) => format!("ended with exit code {code}"),
        End::Exit(Exit::Signal(signal)) => {
            format!("was ended by signal {signal}{} ({})", signal_name(signal), limits())
        }
        End::Exit(Exit::Ended) => "was ended with its jail".to_owned(),
    }
}

/// The usual name of a signal that ends programs.
const fn signal_name(signal: i32) -> &'static str {
    match signal {
        4 => ", illegal instruction",
        6 => ", abort",
        7 => ", bus error",
        8 => ", arithmetic error",
        9 => ", kill",
        11 => ", segmentation fault",
        13 => ", broken pipe",
        15 => ", termination",
        24 => ", processor time exceeded",
        25 => ", file too large",
        31 => ", a system call that the jail refuses",
        _ => "",
    }
}

/// The pipes between a command and the gateway.
struct Pipes {
    stdin: (PipeReader, PipeWriter),
    stdout: (PipeReader, PipeWriter),
    stderr: (PipeReader, PipeWriter),
}

/// The gateway's ends.
struct Ours {
    stdin: OwnedFd,
    stdout: OwnedFd,
    stderr: OwnedFd,
}

impl Pipes {
    fn new() -> std::io::Result<Self> {
        Ok(Self { stdin: std::io::pipe()?, stdout: std::io::pipe()?, stderr: std::io::pipe()? })
    }

    fn give(self, run: &Run, args: Vec<OsString>) -> (sandbox::Command, Ours) {
        let Self { stdin, stdout, stderr } = self;
        let env = [("PATH", FOLDERS.join(":")), ("HOME", "/tmp".into()), ("LANG", "C.UTF-8".into())];
        let command = sandbox::Command {
            program: if usual(&run.program) { run.program.clone() } else { run.file.clone() },
            args,
            env: env.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            folder: run.folder.clone(),
            stdio: [stdin.0.into(), stdout.1.into(), stderr.1.into()],
            terminal: false,
        };
        (command, Ours { stdin: stdin.1.into(), stdout: stdout.0.into(), stderr: stderr.0.into() })
    }
}

impl Ours {
    /// Feeds and drains the command until it has ended and all that it started with it.
    async fn follow(
        self,
        mut guest: Guest,
        input: String,
        time: Duration,
        out: &mut Kept,
        err: &mut Kept,
    ) -> Result<End, sandbox::GuestError> {
        let lost = |error: std::io::Error| sandbox::GuestError::Silent(error.into());
        let stdout = Receiver::from_owned_fd(self.stdout).map_err(lost)?;
        let stderr = Receiver::from_owned_fd(self.stderr).map_err(lost)?;
        let stdin = Sender::from_owned_fd(self.stdin).map_err(lost)?;
        let both = async { tokio::join!(out.drain(stdout), err.drain(stderr), feed(stdin, &input)) };
        // Only the end of the command ends this: one that closes its output still runs.
        let all = async { tokio::join!(guest.wait(), both).0 };
        if let Ok(exit) = timeout(time, all).await {
            return exit.map(End::Exit);
        }
        guest.signal(KILL).await?;
        // Its first process ends with it, and everything else with that. If not, dropping the guest ends it.
        match timeout(END_WAIT, guest.wait()).await {
            Ok(Ok(_)) | Err(_) => Ok(End::TimeUp),
            Ok(Err(error)) => Err(error),
        }
    }
}

/// Writes `input` to the command. One that does not read it to its end has ended or closed it, which is its right.
async fn feed(mut stdin: Sender, input: &str) {
    if let Err(error) = stdin.write_all(input.as_bytes()).await {
        debug_assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe, "the one error of a pipe");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_is_said_in_words() {
        let run = Run {
            program: "/bin/x".into(),
            file: "/bin/x".into(),
            programs: Vec::new(),
            folder: "/tmp".into(),
            reach: monitor::Reach {
                read: Vec::new(),
                write: Vec::new(),
                labels: vocab::Labels::public(),
                left_out: Vec::new(),
            },
            cpu: Duration::from_secs(3),
            memory_bytes: 7,
            time: Duration::from_secs(20),
        };
        let said = |end| words(end, &run);
        assert_eq!(said(End::Exit(Exit::Code(0))), "ended well");
        assert_eq!(said(End::Exit(Exit::Code(3))), "ended with exit code 3");
        assert_eq!(said(End::TimeUp), "was ended: its 20 s were up");
        let killed = said(End::Exit(Exit::Signal(9)));
        assert!(killed.contains("signal 9, kill") && killed.contains("3 s of processor time"), "{killed}");
    }
}
