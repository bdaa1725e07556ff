//! One owner's processes, and the lock under which it is decided whether there is a further one.

use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::OwnedSemaphorePermit;

use crate::SpawnError;
use crate::admission::{Admission, Ticket};
use crate::control::Request;
use crate::process::Process;
use crate::starter::{Job, Line, Started};

/// An owner: a name, a door and what came through it.
#[derive(Debug)]
pub(crate) struct Owner {
    pub(crate) name: String,
    /// The door of this owner.
    pub(crate) door: Admission,
    /// The door of the whole roster.
    all: Arc<Admission>,
    /// Held while a process is being started, from the look at the doors to its entry.
    starting: Mutex<()>,
    /// Started and not yet reaped.
    entries: Mutex<Vec<Entry>>,
}

#[derive(Debug)]
struct Entry {
    process: Arc<Process>,
    /// One of the roster's places, free again when the process has been reaped.
    _place: OwnedSemaphorePermit,
}

/// What a new process needs: both doors open ever since it was asked for, and a place.
#[derive(Debug)]
pub(crate) struct Claim {
    doors: Doors,
    place: OwnedSemaphorePermit,
}

/// Tickets to the owner's door and to the roster's.
#[derive(Debug, Clone, Copy)]
struct Doors {
    own: Ticket,
    all: Ticket,
}

/// A running process that is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    owner: Arc<Owner>,
    process: Arc<Process>,
    doors: Doors,
    jobs: SyncSender<Job>,
}

impl Owner {
    pub(crate) fn new(name: &str, all: Arc<Admission>) -> Self {
        Self {
            name: name.into(),
            door: Admission::default(),
            all,
            starting: Mutex::default(),
            entries: Mutex::default(),
        }
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A claim to a process, while both doors are open.
    pub(crate) fn claim(&self, place: OwnedSemaphorePermit) -> Result<Claim, SpawnError> {
        match (self.door.ticket(), self.all.ticket()) {
            (Some(own), Some(all)) => Ok(Claim { doors: Doors { own, all }, place }),
            _ => Err(self.closed()),
        }
    }

    pub(crate) fn closed(&self) -> SpawnError {
        SpawnError::Closed { owner: self.name.clone() }
    }

    fn admits(&self, doors: Doors) -> bool {
        self.door.admits(doors.own) && self.all.admits(doors.all)
    }

    /// Starts a process. Whether it may start is decided under the lock under which it starts and is
    /// listed: whoever closes the door and then takes the lock sees every process that came through.
    pub(crate) fn start(
        self: Arc<Self>,
        line: &mut Line,
        request: &Request,
        claim: Claim,
        jobs: SyncSender<Job>,
    ) -> Result<Started, SpawnError> {
        let starting = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.admits(claim.doors) {
            return Err(self.closed());
        }
        let (process, stream) = line.ask(request)?;
        self.entries().push(Entry { process: Arc::clone(&process), _place: claim.place });
        drop(starting);
        Ok(Started { lease: Lease { owner: self, process, doors: claim.doors, jobs }, stream })
    }

    /// Sends SIGKILL to every process that is there. The doors are closed before.
    pub(crate) fn strike(&self) {
        // One that cannot be signalled does not end in time, and is counted as left.
        self.entries().iter().for_each(|entry| entry.process.kill().unwrap_or_default());
    }

    /// Sends SIGKILL to every process, the one that is on its way too, and returns them.
    pub(crate) fn strike_all(&self) -> Vec<Arc<Process>> {
        let starting = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        self.strike();
        drop(starting);
        self.entries().iter().map(|entry| Arc::clone(&entry.process)).collect()
    }

    /// Waits until the process has ended and strikes it off the list; leaves it there when it has not
    /// ended by `until`, so that the next kill finds it. Says whether it is gone.
    pub(crate) fn bury(&self, process: &Arc<Process>, until: Instant) -> bool {
        let gone = matches!(process.reap(until), Ok(true));
        if gone {
            self.entries().retain(|entry| !Arc::ptr_eq(&entry.process, process));
        }
        gone
    }

    pub(crate) fn count(&self) -> usize {
        self.entries().len()
    }
}

impl Lease {
    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// What to say of a process that ended too early: that its owner was stopped, if it was.
    pub(crate) fn stopped(&self) -> Option<SpawnError> {
        (!self.owner.admits(self.doors)).then(|| self.owner.closed())
    }

    /// Sends SIGKILL now; the process is reaped when the lease is dropped.
    pub(crate) fn kill(&self) -> std::io::Result<()> {
        self.process.kill()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // What cannot be killed or buried stays on its owner's list, where the next kill finds it.
        if self.process.kill().is_err() {
            return;
        }
        let job = Job::Bury { owner: Arc::clone(&self.owner), process: Arc::clone(&self.process) };
        if self.jobs.try_send(job).is_err() {
            self.owner.bury(&self.process, Instant::now());
        }
    }
}
