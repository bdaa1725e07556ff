//! The one thread of the gateway that has processes started and buries them.
//!
//! It lives as long as its roster: Linux sends the parent-death signal when the *thread* ends that is a
//! process's parent, and a thread of an asynchronous runtime may end long before the gateway does. It is
//! the parent of the spawner, and of all that the spawner bears.
//! It takes [`Job`]s from a bounded queue, and hands each new process back with its end of the socket.

mod line;

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

pub(crate) use self::line::{Current, Line};
use crate::Program;
use crate::cgroup::Bounds;
use crate::control::Request;
use crate::owner::{Claim, Lease, Owner, Remains};
use crate::process::Process;
use crate::roster::SpawnError;

/// The most jobs that wait for the thread.
pub(crate) const MAX_JOBS: usize = 1024;

/// How long the thread waits for one killed process to end before it leaves it to the next kill.
const BURY_WAIT: Duration = Duration::from_millis(500);

pub(crate) enum Job {
    /// Start a process.
    Start(Start),
    /// Take a killed process out of the process table and out of its owner's list.
    Bury { owner: Arc<Owner>, process: Arc<Process> },
    /// Drop what processes that are gone have left behind.
    Clear(Vec<Remains>),
}

pub(crate) struct Start {
    pub(crate) request: Request,
    /// What bounds the process and those that it starts in its jail; `None` for one that starts none.
    pub(crate) crowd: Option<Bounds>,
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
pub(crate) fn start(spawner: Program, current: Arc<Current>) -> io::Result<SyncSender<Job>> {
    let (sender, jobs) = sync_channel(MAX_JOBS);
    let work = move || work(&jobs, Line::new(spawner, current));
    std::thread::Builder::new().name("starter".into()).spawn(work)?;
    Ok(sender)
}

fn work(jobs: &Receiver<Job>, mut line: Line) {
    line.warm();
    while let Ok(job) = jobs.recv() {
        match job {
            Job::Start(start) => {
                let Start { request, crowd, owner, claim, jobs, answer } = start;
                // The caller may have gone; the lease that nobody took then kills the process here.
                drop(answer.send(owner.start(&mut line, &request, crowd.as_ref(), claim, jobs)));
            }
            Job::Bury { owner, process } => {
                drop(owner.bury(&process, Instant::now() + BURY_WAIT));
            }
            Job::Clear(remains) => drop(remains),
        }
        line.sweep();
    }
}
