//! The bench: the jailed workers of one agent's turn, started when first needed and used again.
//!
//! There are four kinds. One has the agent's granted paths and never sees a byte from the network; one like it may also
//! read what it may write, and is there only for writes that a person decides on; the third turns web pages into text and has no paths at all, so that a page that breaks its converter
//! finds nothing; the fourth has one database's file or one collection's folder alone. A worker that dies, is late or breaks the form is ended, and the next call gets a
//! fresh one, a bounded number of times.

use std::path::{Path, PathBuf};
use std::time::Duration;

use monitor::Compartment;
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat2};
use sandbox::{Child, Jail, Roster, SpawnError};
use tokio_util::sync::CancellationToken;
use vocab::frame::FrameError;
use vocab::{AgentName, PersonId};

use crate::heard;
use crate::told::Failure;
use crate::wire::{FromWorker, ToWorker};

/// The role that the spawner must serve with [`crate::work`].
pub const WORKER: &str = "worker";

/// How long a worker may take over one request.
pub const CALL_WAIT: Duration = Duration::from_secs(30);

/// How many workers may end badly in one turn before none is started any more.
pub const MAX_DEATHS: u32 = 8;

/// For whom and with which grants the workers of a bench run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    /// The owner under which the roster counts and kills the workers.
    pub owner: String,
    /// The agent.
    pub agent: AgentName,
    /// The person who asked it.
    pub asker: PersonId,
    /// Folders and files that it may read, absolute.
    pub read: Vec<PathBuf>,
    /// Folders and files that it may write, absolute.
    pub write: Vec<PathBuf>,
    /// The largest file that it may write, in bytes.
    pub file_bytes: u64,
    /// Memory of each worker, in bytes.
    pub memory_bytes: u64,
    /// Whether a worker may run without a layer that the machine lacks.
    pub reduced: bool,
}

impl Seat {
    /// The seat of an agent that `asker` has asked. The owner of its workers is the agent's name.
    #[must_use]
    pub fn of(compartment: &Compartment, asker: PersonId, reduced: bool) -> Self {
        let charter = compartment.charter();
        let of = |skill: &'static str| {
            charter.skills.iter().filter(move |grant| grant.available && grant.skill == skill)
        };
        let paths = |skill| of(skill).flat_map(|grant| grant.paths.iter().cloned()).collect();
        Self {
            owner: charter.name.to_string(),
            agent: charter.name.clone(),
            asker,
            read: paths("file-reader"),
            write: paths("file-writer"),
            file_bytes: of("file-writer").map(|grant| grant.max_bytes).max().unwrap_or_default(),
            memory_bytes: charter.limits.memory,
            reduced,
        }
    }
}

/// Which worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Desk {
    /// The one with the granted paths.
    Files,
    /// The one that also reads what it may write: for a person who is to see what a write would replace.
    Changes,
    /// The one that turns pages into text.
    Pages,
    /// The one that has the file of one database, or the folder of one collection, and nothing else.
    Alone,
}

/// A granted path and which file or folder it was when the jail was built: a file that was replaced
/// since is another one to the kernel.
type Granted = (PathBuf, u64, u64);

/// A worker, and the jail that it runs in.
#[derive(Debug)]
struct Worker {
    child: Child,
    jail: Jail,
    granted: Vec<Granted>,
}

/// The jailed workers of one agent's turn. Dropping it ends them.
#[derive(Debug)]
pub struct Bench {
    roster: Roster,
    seat: Seat,
    files: Option<Worker>,
    changes: Option<Worker>,
    pages: Option<Worker>,
    alone: Option<Worker>,
    /// All that the worker for one database or collection has.
    only: Option<PathBuf>,
    deaths: u32,
    stopped: CancellationToken,
}

/// Why a worker gave no answer.
#[derive(Debug, thiserror::Error)]
enum BenchError {
    #[error("the skill's process cannot be started: {0}")]
    Spawn(#[from] SpawnError),
    #[error("the skill's process ended before it answered, so it is not known whether the action happened")]
    Ended,
    #[error("the skill's process did not answer as it should and was ended: {0}")]
    Frame(#[from] FrameError),
    #[error("the skill's process spoke before it was asked and was ended; nothing was done")]
    Unasked,
    #[error(
        "the skill's process answered something else than it was asked and was ended, so it is not known whether the action happened"
    )]
    Misfit,
    #[error("the skill's process did not answer within {} s and was ended", CALL_WAIT.as_secs())]
    Late,
    #[error("the skill's process ended badly {MAX_DEATHS} times in this turn, so no other is started")]
    Spent,
}

impl Bench {
    /// A bench without workers.
    #[must_use]
    pub fn new(roster: Roster, seat: Seat) -> Self {
        Self {
            roster,
            seat,
            files: None,
            changes: None,
            pages: None,
            alone: None,
            only: None,
            deaths: 0,
            stopped: CancellationToken::new(),
        }
    }

    /// The same, for a turn that is over once `stopped` is cancelled: what the gateway does itself does not
    /// begin after that.
    #[must_use]
    pub fn until(self, stopped: CancellationToken) -> Self {
        Self { stopped, ..self }
    }

    /// Cancelled when nothing more may begin.
    pub(crate) const fn stopped(&self) -> &CancellationToken {
        &self.stopped
    }

    /// For whom it is.
    #[must_use]
    pub const fn seat(&self) -> &Seat {
        &self.seat
    }

    /// What starts its processes.
    pub(crate) const fn roster(&self) -> &Roster {
        &self.roster
    }

    /// The process numbers of the workers that are running.
    #[must_use]
    pub fn pids(&self) -> Vec<u32> {
        let workers = self.files.iter().chain(&self.changes).chain(&self.pages).chain(&self.alone);
        workers.map(|worker| worker.child.pid()).collect()
    }

    /// Asks a worker and waits for its answer. A worker that does not succeed in that is gone afterwards;
    /// so is one whose answer is no longer awaited.
    pub(crate) async fn ask(&mut self, desk: Desk, request: &ToWorker) -> Result<FromWorker, Failure> {
        match self.try_ask(desk, request).await {
            Ok(FromWorker::Failed { why }) => Err(heard::failed(&why)),
            Ok(answer) => Ok(answer),
            Err(error) => Err(heard::failed(&error.to_string())),
        }
    }

    /// Asks the worker that has this file or folder and nothing else.
    pub(crate) async fn ask_of(&mut self, only: &Path, request: &ToWorker) -> Result<FromWorker, Failure> {
        self.only = Some(only.to_owned());
        self.ask(Desk::Alone, request).await
    }

    async fn try_ask(&mut self, desk: Desk, request: &ToWorker) -> Result<FromWorker, BenchError> {
        if self.deaths >= MAX_DEATHS {
            return Err(BenchError::Spent);
        }
        let mut worker = self.worker(desk).await?;
        self.deaths = self.deaths.saturating_add(1);
        let answer = tokio::time::timeout(CALL_WAIT, exchange(&mut worker.child, request))
            .await
            .map_err(|_| BenchError::Late)??;
        self.deaths = self.deaths.saturating_sub(1);
        *self.slot(desk) = Some(worker);
        Ok(answer)
    }

    const fn slot(&mut self, desk: Desk) -> &mut Option<Worker> {
        match desk {
            Desk::Files => &mut self.files,
            Desk::Changes => &mut self.changes,
            Desk::Pages => &mut self.pages,
            Desk::Alone => &mut self.alone,
        }
    }

    /// The worker at `desk`, taken from its place; a fresh one when there is none or its jail no longer fits.
    async fn worker(&mut self, desk: Desk) -> Result<Worker, SpawnError> {
        let (jail, granted) = self.jail(desk);
        let fits = |worker: &Worker| worker.jail == jail && worker.granted == granted;
        match self.slot(desk).take().filter(fits) {
            Some(worker) => Ok(worker),
            None => {
                let child = self.roster.spawn(&self.seat.owner, WORKER, &jail).await?;
                Ok(Worker { child, jail, granted })
            }
        }
    }

    /// The jail for `desk` as the granted paths are now, and what they are.
    fn jail(&self, desk: Desk) -> (Jail, Vec<Granted>) {
        let mut jail =
            Jail { memory_bytes: self.seat.memory_bytes, reduced: self.seat.reduced, ..Jail::default() };
        if desk == Desk::Pages {
            return (jail, Vec::new());
        }
        if desk == Desk::Alone {
            let only: Vec<Granted> = self.only.iter().filter_map(|path| present(path)).collect();
            jail.read = only.iter().map(|(path, ..)| path.clone()).collect();
            return (jail, only);
        }
        let replaced = self.seat.write.iter().filter(|_| desk == Desk::Changes);
        let read = self.seat.read.iter().chain(replaced);
        let read: Vec<Granted> = read.filter_map(|path| present(path)).collect();
        let write: Vec<Granted> = self.seat.write.iter().filter_map(|path| writable(path)).collect();
        let paths = |granted: &[Granted]| granted.iter().map(|(path, ..)| path.clone()).collect();
        (jail.read, jail.write) = (paths(&read), paths(&write));
        jail.file_bytes = jail.file_bytes.max(self.seat.file_bytes);
        (jail, [read, write].concat())
    }
}

async fn exchange(child: &mut Child, request: &ToWorker) -> Result<FromWorker, BenchError> {
    // What is there before it is asked would be taken for its answer.
    tokio::select! {
        biased;
        said = child.recv::<FromWorker>() => match said? {
            Some(_) => return Err(BenchError::Unasked),
            None => return Err(BenchError::Ended),
        },
        () = std::future::ready(()) => {}
    }
    child.send(request).await?;
    let answer: FromWorker = child.recv().await?.ok_or(BenchError::Ended)?;
    if answer.answers(request) { Ok(answer) } else { Err(BenchError::Misfit) }
}

/// A folder or regular file that is there. What is not there cannot be named to the kernel; the worker
/// says that it is missing. What is reached through a link is left out as well: the worker would not open it.
pub(crate) fn present(path: &Path) -> Option<Granted> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let found = openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS).ok()?;
    let seen = fstat(&found).ok()?;
    let plain = matches!(FileType::from_raw_mode(seen.st_mode), FileType::Directory | FileType::RegularFile);
    plain.then(|| (path.to_owned(), seen.st_dev, seen.st_ino))
}

/// What a worker needs to write at `path`: the folder, or the folder of a file, since a file is replaced by
/// a new one beside it. The worker itself still keeps to the file.
fn writable(path: &Path) -> Option<Granted> {
    match std::fs::symlink_metadata(path) {
        Ok(seen) if seen.is_dir() => present(path),
        _ => present(path.parent()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bench(read: &[PathBuf], write: &[PathBuf]) -> Bench {
        let seat = Seat {
            owner: "echo".into(),
            agent: AgentName::new("echo").unwrap(),
            asker: PersonId::new("anna").unwrap(),
            read: read.to_vec(),
            write: write.to_vec(),
            file_bytes: 1,
            memory_bytes: 64 * 1024 * 1024,
            reduced: false,
        };
        let none = sandbox::Program { path: "/bin/false".into(), args: vec![] };
        Bench::new(Roster::new(&none).unwrap(), seat)
    }

    #[test]
    fn the_jail_has_the_granted_paths_that_are_there_and_pages_have_none() {
        let home = tempfile::tempdir_in(std::fs::canonicalize(std::env::temp_dir()).unwrap()).unwrap();
        let (folder, file) = (home.path().join("folder"), home.path().join("folder/file"));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(&file, "x").unwrap();
        let link = home.path().join("link");
        std::os::unix::fs::symlink("/etc", &link).unwrap();
        let bench = bench(&[folder.clone(), home.path().join("missing"), link], std::slice::from_ref(&file));
        let (jail, before) = bench.jail(Desk::Files);
        assert_eq!((&jail.read, &jail.write), (&vec![folder.clone()], &vec![folder.clone()]));
        assert!(bench.jail(Desk::Pages).0.read.is_empty() && bench.jail(Desk::Pages).0.write.is_empty());
        std::fs::rename(&folder, home.path().join("away")).unwrap();
        std::fs::create_dir(&folder).unwrap();
        assert_ne!(bench.jail(Desk::Files).1, before, "another folder of that name is another grant");
    }
}
