//! The one thread of the gateway that has processes started and buries them.
//!
//! It lives as long as its roster: Linux sends the parent-death signal when the *thread* ends that is a
//! process's parent, and a thread of an asynchronous runtime may end long before the gateway does. It is
//! the parent of the spawner, and of all that the spawner bears.
//! It takes [`Job`]s from a bounded queue, and hands each new process back with its end of the socket.

mod line;

use std::collections::VecDeque;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvError, SyncSender, TryRecvError, sync_channel};
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

/// How much of what processes have left is kept until there is nothing else to do. Each is a descriptor.
const MAX_REMAINS: usize = 512;

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
    let mut left = Leftovers::default();
    while let Ok(job) = left.clear_until(jobs) {
        match job {
            Job::Start(start) => {
                let Start { request, crowd, owner, claim, jobs, answer } = start;
                // The caller may have gone; the lease that nobody took then kills the process here.
                drop(answer.send(owner.start(&mut line, &request, crowd.as_ref(), claim, jobs)));
            }
            Job::Bury { owner, process } => left.keep(owner.bury(&process, Instant::now() + BURY_WAIT)),
            Job::Clear(remains) => left.keep(remains),
        }
        line.sweep();
    }
}

/// What processes have left behind. Taking one down waits for the kernel, and whoever wants a process does not wait for
/// more than one.
#[derive(Debug)]
struct Leftovers<T>(VecDeque<T>);

impl<T> Default for Leftovers<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> Leftovers<T> {
    fn keep(&mut self, more: impl IntoIterator<Item = T>) {
        self.0.extend(more);
        drop(self.0.drain(..self.0.len().saturating_sub(MAX_REMAINS)));
    }

    /// The next job; until there is one, what is left goes.
    fn clear_until<J>(&mut self, jobs: &Receiver<J>) -> Result<J, RecvError> {
        while !self.0.is_empty() {
            match jobs.try_recv() {
                Ok(job) => return Ok(job),
                Err(TryRecvError::Empty) => drop(self.0.pop_front()),
                Err(TryRecvError::Disconnected) => return Err(RecvError),
            }
        }
        jobs.recv()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says when it goes, and has a job come at its going.
    struct Remain<'a>(u32, &'a std::sync::Mutex<Vec<u32>>, SyncSender<u32>);

    impl Drop for Remain<'_> {
        fn drop(&mut self) {
            self.1.lock().unwrap().push(self.0);
            self.2.try_send(self.0).unwrap_or_default();
        }
    }

    #[test]
    fn a_job_waits_for_one_that_goes_and_not_for_all() {
        let (gone, (sender, jobs)) = (std::sync::Mutex::new(vec![]), sync_channel(1));
        let mut left = Leftovers::default();
        left.keep((0..3).map(|number| Remain(number, &gone, sender.clone())));
        sender.send(9).unwrap();
        assert_eq!(left.clear_until(&jobs), Ok(9));
        assert!(gone.lock().unwrap().is_empty());
        for number in 0..3 {
            assert_eq!(left.clear_until(&jobs), Ok(number));
            assert_eq!(*gone.lock().unwrap(), (0..=number).collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut left = Leftovers::default();
        left.keep(0..MAX_REMAINS + 3);
        assert_eq!((left.0.len(), left.0.front()), (MAX_REMAINS, Some(&3)));
    }
}
