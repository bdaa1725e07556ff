//! One owner's processes, and the lock under which it is decided whether there is a further one.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Instant;

use tokio::sync::OwnedSemaphorePermit;

use crate::SpawnError;
use crate::admission::{Admission, Ticket};
use crate::cgroup::{Bounds, Group, Leaf, Place};
use crate::control::Request;
use crate::process::Process;
use crate::spares::Score;
use crate::starter::{Current, Job, Line, Started};
use crate::urgency::Urgent;

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
    /// Where they are born, if the kernel lets the gateway have groups.
    group: Option<Group>,
}

#[derive(Debug)]
struct Entry {
    process: Arc<Process>,
    /// One of the roster's places, free again when the process has been reaped.
    place: OwnedSemaphorePermit,
    /// Made ahead and not yet taken.
    spare: bool,
    /// Whether it may have started others in its jail.
    crowd: bool,
    /// What it leaves behind.
    remains: Remains,
    /// Where it was born, if that was for it alone.
    _place: Option<Place>,
}

/// The mount namespace of a process, which is taken down when this is dropped and the process is gone.
///
/// Taking one down waits for every processor. Were this not held, the process would wait for that while it ends,
/// and whoever kills it would, too.
#[derive(Debug, Default)]
pub(crate) struct Remains {
    _mounts: Option<OwnedFd>,
}

impl Remains {
    /// Those of a process that is not reaped. Where they cannot be had it takes its namespace down by itself.
    fn of(pid: u32) -> Self {
        Self { _mounts: File::open(format!("/proc/{pid}/ns/mnt")).ok().map(OwnedFd::from) }
    }
}

/// What a new process needs: both doors open ever since it was asked for, and a place.
#[derive(Debug)]
pub(crate) struct Claim {
    doors: Doors,
    place: OwnedSemaphorePermit,
    spare: bool,
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
    pub(crate) fn new(name: &str, all: Arc<Admission>, group: Option<Group>) -> Self {
        Self {
            name: name.into(),
            door: Admission::default(),
            all,
            starting: Mutex::default(),
            entries: Mutex::default(),
            group,
        }
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A claim to a process, while both doors are open.
    pub(crate) fn claim(&self, place: OwnedSemaphorePermit, spare: bool) -> Result<Claim, SpawnError> {
        match (self.door.ticket(), self.all.ticket()) {
            (Some(own), Some(all)) => Ok(Claim { doors: Doors { own, all }, place, spare }),
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
        crowd: Option<&Bounds>,
        claim: Claim,
        jobs: SyncSender<Job>,
    ) -> Result<Started, SpawnError> {
        let starting = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.admits(claim.doors) {
            return Err(self.closed());
        }
        let leaf = self.group.as_ref().and_then(|group| group.leaf(crowd).ok());
        let (process, stream) = line.ask(request, leaf.as_ref().map(AsFd::as_fd))?;
        let Claim { doors, place, spare } = claim;
        self.entries().push(Entry {
            process: Arc::clone(&process),
            place,
            spare,
            crowd: crowd.is_some(),
            remains: Remains::of(process.pid()),
            _place: leaf.and_then(Leaf::settled),
        });
        drop(starting);
        let lease = Lease { owner: self, process, doors, jobs };
        if spare {
            Score::of(&lease).set_aside();
        }
        Ok(Started { lease, stream })
    }

    /// Sends SIGKILL to every process that is there, then has them all end soon. The doors are closed before.
    pub(crate) fn strike(&self, urgent: &Urgent) {
        let entries = self.entries();
        if let Some(group) = &self.group {
            group.kill();
        }
        // One that cannot be signalled does not end in time, and is counted as left.
        let struck = entries.iter().filter(|entry| entry.process.strike().unwrap_or_default());
        for entry in struck.collect::<Vec<_>>() {
            entry.process.by_number(|pid| {
                urgent.hurry(pid);
                if entry.crowd {
                    urgent.hurry_crowd(pid);
                }
            });
        }
    }

    /// Sends SIGKILL to every process, the one that is on its way too, and returns them, each with whether
    /// it was a spare.
    pub(crate) fn strike_all(&self, urgent: &Urgent, current: &Current) -> Vec<(Arc<Process>, bool)> {
        let starting = match self.starting.try_lock() {
            Ok(starting) => starting,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                // Whoever starts one just now is waited for, and so goes before all others, too.
                let _hurried = current.hurried(urgent);
                self.starting.lock().unwrap_or_else(PoisonError::into_inner)
            }
        };
        self.strike(urgent);
        drop(starting);
        self.entries().iter().map(|entry| (Arc::clone(&entry.process), entry.spare)).collect()
    }

    /// Waits until the process has ended and strikes it off the list; leaves it there when it has not
    /// ended by `until`, so that the next kill finds it. Returns what it left behind, if it is gone.
    pub(crate) fn bury(&self, process: &Arc<Process>, until: Instant) -> Option<Remains> {
        if !matches!(process.reap(until), Ok(true)) {
            return None;
        }
        let mut entries = self.entries();
        let at = entries.iter().position(|entry| Arc::ptr_eq(&entry.process, process));
        let entry = at.map(|at| entries.swap_remove(at));
        drop(entries);
        let remains = entry.map(|entry| entry.remains).unwrap_or_default();
        self.tidy();
        Some(remains)
    }

    /// Removes the group while there is no process. Where one is being started just now, its end does that.
    fn tidy(&self) {
        if let (Some(group), Ok(_starting)) = (&self.group, self.starting.try_lock())
            && self.entries().is_empty()
        {
            group.tidy();
        }
    }

    /// How many processes there are, the spares not counted.
    pub(crate) fn count(&self) -> usize {
        self.entries().iter().filter(|entry| !entry.spare).count()
    }
}

impl Lease {
    /// A lease of a process that nobody has in a list.
    #[cfg(test)]
    pub(crate) fn of(child: &std::process::Child) -> Self {
        let owner = Owner::new("a", Arc::default(), None);
        let doors = Doors { own: owner.door.ticket().unwrap(), all: owner.all.ticket().unwrap() };
        let process = Arc::new(Process::of(child).unwrap());
        Self { owner: owner.into(), process, doors, jobs: std::sync::mpsc::sync_channel(1).0 }
    }

    /// Makes a spare one that is in use, with a place of its own.
    pub(crate) fn put_to_use(&self, place: OwnedSemaphorePermit) {
        let mut entries = self.owner.entries();
        if let Some(entry) = entries.iter_mut().find(|entry| Arc::ptr_eq(&entry.process, &self.process)) {
            (entry.place, entry.spare) = (place, false);
        }
    }

    pub(crate) fn process(&self) -> &Process {
        &self.process
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// What to say of a process that ended too early: that its owner was stopped, if it was.
    pub(crate) fn stopped(&self) -> Option<SpawnError> {
        (!self.owner.admits(self.doors)).then(|| self.owner.closed())
    }

    /// A further descriptor of the process, readable once it has ended.
    pub(crate) fn pidfd(&self) -> std::io::Result<std::os::fd::OwnedFd> {
        self.process.pidfd()
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
            drop(self.owner.bury(&self.process, Instant::now()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use rustix::process::{Pid, Signal, getpriority_process, kill_process};
    use tokio::sync::Semaphore;

    use super::*;

    fn number(pid: u32) -> Pid {
        Pid::from_raw(pid.cast_signed()).unwrap()
    }

    fn end(child: &mut Child) {
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// What its first process has started is raised with it for a guest, and for a role is not looked for. The
    /// signal goes to another process here, so that there is still something to look at.
    #[test]
    fn a_strike_hurries_all_of_a_guest() {
        let urgent = Urgent::now();
        if !urgent.raises() {
            return eprintln!("SKIPPED: hurrying a guest, because this user may not raise priorities");
        }
        for crowd in [true, false] {
            let line = "sleep 1000 & sleep 1000 & wait";
            let mut first = Command::new("sh").args(["-c", line]).spawn().unwrap();
            let mut struck = Command::new("sleep").arg("1000").spawn().unwrap();
            let begun = Instant::now();
            let children = loop {
                let children = crate::urgency::children(first.id());
                if children.len() == 2 {
                    break children;
                }
                assert!(begun.elapsed().as_secs() < 20, "the children do not come");
                std::thread::sleep(std::time::Duration::from_millis(2));
            };
            let pidfd = Process::of(&struck).unwrap().pidfd().unwrap();
            let owner = Owner::new("a", Arc::default(), None);
            let place = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
            let process = Arc::new(Process::new(first.id(), pidfd, false));
            owner.entries().push(Entry {
                process,
                place,
                spare: false,
                crowd,
                remains: Remains::default(),
                _place: None,
            });
            owner.strike(&urgent);
            let raised: Vec<bool> =
                children.iter().map(|child| getpriority_process(Some(number(*child))) == Ok(-20)).collect();
            children.iter().for_each(|child| kill_process(number(*child), Signal::KILL).unwrap());
            end(&mut first);
            end(&mut struck);
            assert_eq!(raised, [crowd; 2]);
        }
    }
}
