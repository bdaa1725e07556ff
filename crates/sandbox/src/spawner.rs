//! The one thread that starts and buries processes.
//!
//! It lives as long as its roster: Linux sends the parent-death signal when the *thread* that started a
//! process ends, and a thread of an asynchronous runtime may end long before the gateway does.
//! It takes [`Job`]s from a bounded queue, and hands each new process back with its end of the socket.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::Program;
use crate::owner::{Claim, Lease, Owner};
use crate::process::Process;
use crate::roster::SpawnError;

/// The most jobs that wait for the spawner.
pub(crate) const MAX_JOBS: usize = 1024;

/// How long the spawner waits for one killed process to end before it leaves it to the next kill.
const BURY_WAIT: Duration = Duration::from_millis(500);

pub(crate) enum Job {
    /// Start a process.
    Start(Start),
    /// Take a killed process out of the process table and out of its owner's list.
    Bury { owner: Arc<Owner>, process: Arc<Process> },
}

pub(crate) struct Start {
    pub(crate) program: Program,
    pub(crate) owner: Arc<Owner>,
    pub(crate) claim: Claim,
    /// Where the lease sends the process when it is given up.
    pub(crate) jobs: SyncSender<Job>,
    pub(crate) answer: oneshot::Sender<Result<Started, SpawnError>>,
}

/// A process that runs and has not been heard of yet.
pub(crate) struct Started {
    pub(crate) lease: Lease,
    pub(crate) stream: UnixStream,
}

/// Starts the thread. It ends when every sender of its queue is gone.
pub(crate) fn start() -> io::Result<SyncSender<Job>> {
    let (sender, jobs) = sync_channel(MAX_JOBS);
    std::thread::Builder::new().name("spawner".into()).spawn(move || work(&jobs))?;
    Ok(sender)
}

fn work(jobs: &Receiver<Job>) {
    while let Ok(job) = jobs.recv() {
        match job {
            Job::Start(start) => {
                let Start { program, owner, claim, jobs, answer } = start;
                // The caller may have gone; the lease that nobody took then kills the process here.
                drop(answer.send(owner.start(&program, claim, jobs)));
            }
            Job::Bury { owner, process } => {
                owner.bury(&process, Instant::now() + BURY_WAIT);
            }
        }
    }
}

/// Starts `program` with an empty environment, in `/`, with one end of a socket as its standard input and
/// nothing else, and returns it with the other end.
pub(crate) fn launch(program: &Program) -> io::Result<(Process, UnixStream)> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut child = Command::new(&program.path)
        .args(&program.args)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    match Process::of(&child) {
        Ok(process) => Ok((process, ours)),
        Err(error) => {
            child.kill()?;
            child.wait()?;
            Err(error)
        }
    }
}
