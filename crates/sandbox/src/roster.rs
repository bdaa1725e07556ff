//! Who has which processes, and the end of them.

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use vocab::frame::FrameError;

use crate::admission::Admission;
use crate::cgroup::{Bounds, Group, Groups};
use crate::control::Request;
use crate::guest::{Command, CommandError, Guest};
use crate::jail::JailError;
use crate::owner::{Owner, Remains};
use crate::process::Process;
use crate::spares::{Key, Score, Shelved, Spares};
use crate::spawner::INIT;
use crate::starter::{self, Current, Job, Start, Started};
use crate::urgency::Urgent;
use crate::wire::{Answer, Order, sentence};
use crate::{Child, Jail, Layer, Program, layer};

/// The most processes of all owners at once.
pub const MAX_CHILDREN: usize = 512;

/// The most owners that a roster remembers.
pub const MAX_OWNERS: usize = 4096;

/// How long a new process may take to say that its jail stands.
pub const READY_WAIT: Duration = Duration::from_secs(10);

/// How long after a start the next one is made ahead, so that it does not keep a session from beginning.
const AHEAD_AFTER: Duration = Duration::from_millis(20);

/// How long a kill waits for processes to end. SIGKILL cannot be refused, but a process may be stuck
/// inside the kernel.
pub const KILL_WAIT: Duration = Duration::from_secs(5);

/// A process that could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The jail makes no sense.
    #[error("this jail cannot be built: {0}")]
    Jail(#[from] JailError),
    /// The command makes no sense.
    #[error("this command cannot be started: {0}")]
    Unfit(#[from] CommandError),
    /// The owner was killed or closed, before or while the process was started.
    #[error("`{owner}` is stopped and gets no new process; resume it first")]
    Closed {
        /// Whose process it would have been.
        owner: String,
    },
    /// Too many processes, owners, or processes waiting to be started.
    #[error("there are {limit} {what} already, which is the most; wait until some have ended")]
    Full {
        /// Of what there are too many.
        what: &'static str,
        /// The bound.
        limit: usize,
    },
    /// The machine gives no process.
    #[error(
        "cannot start a process for `{role}`: {source}; look at the limits on processes and memory of the gateway's user and of its cgroup"
    )]
    Start {
        /// What it would have been.
        role: String,
        /// Why.
        source: io::Error,
    },
    /// The process that starts all others is not there, and cannot be had again.
    #[error("the process that starts agents cannot be had: {why}; restart the gateway if this stays so")]
    Spawner {
        /// Why.
        why: String,
    },
    /// This machine lacks a layer.
    #[error("the jail's layer `{layer}` cannot be had: {why}; {mend}")]
    Refused {
        /// The layer, one of [`crate::layer::ALL`].
        layer: String,
        /// Why it cannot be had.
        why: String,
        /// What to do.
        mend: String,
    },
    /// The process ended before its jail stood.
    #[error(
        "the process ended before its jail stood; memory may be short, or `bulkhead doctor` says which layer is missing"
    )]
    Ended,
    /// The process said nothing in time.
    #[error("the process did not say within {} s that its jail stands; the machine may be overloaded", READY_WAIT.as_secs())]
    Silent,
    /// The process said something else.
    #[error("the process does not speak as a jailed program does: {0}")]
    Frame(FrameError),
    /// The program of somebody else's was not started in its jail.
    #[error("{why}")]
    Command {
        /// What a shell would end with: 127 for a program that is not there, 126 for any other reason.
        code: u8,
        /// What is wrong and what to do.
        why: String,
    },
    /// The socket cannot be used here.
    #[error("cannot use the socket to the process: {0}")]
    Socket(io::Error),
}

/// What a kill did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Killed {
    /// How many processes were ended. Those that were made ahead and not yet used end too and are not
    /// counted.
    pub processes: u32,
    /// How many had not ended within [`KILL_WAIT`]. They have the signal and are found by the next kill.
    pub left: u32,
    /// From the call to the last process reaped.
    pub elapsed: Duration,
}

/// Every jailed process, by owner. Clones are handles to the same roster; when the last handle and the
/// last [`Child`] are gone, every process is.
#[derive(Debug, Clone)]
pub struct Roster {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    jobs: SyncSender<Job>,
    spawner: Arc<Current>,
    all: Arc<Admission>,
    places: Arc<Semaphore>,
    spares: Spares,
    owners: Mutex<BTreeMap<String, Arc<Owner>>>,
    /// Where processes are born, or why in no group.
    groups: Result<Arc<Groups>, String>,
}

impl Roster {
    /// A roster without processes. `spawner` is started now and, should it end, again when it is needed.
    ///
    /// # Errors
    /// When the machine gives no further thread. A spawner that does not start is told by
    /// [`Roster::spawn`].
    pub fn new(spawner: &Program) -> io::Result<Self> {
        let current = Arc::<Current>::default();
        // First, while this process has no others.
        let groups = Groups::shared().map_err(|error| error.to_string());
        Ok(Self {
            shared: Arc::new(Shared {
                jobs: starter::start(spawner.clone(), Arc::clone(&current))?,
                spawner: current,
                all: Arc::default(),
                places: Arc::new(Semaphore::new(MAX_CHILDREN)),
                spares: Spares::default(),
                owners: Mutex::default(),
                groups,
            }),
        })
    }

    /// Starts a process in `jail` for `owner`, waits until its jail stands and lets it play `role`, which is
    /// one of those that the spawner serves. Dropping the future or the child kills the process.
    ///
    /// A process that was made ahead for the same is taken instead, and never a second time. Once it has answered, or is
    /// waited for or dropped, another one is made ahead, see [`MAX_SPARES`](crate::MAX_SPARES).
    ///
    /// # Errors
    /// See [`SpawnError`]; no process is left behind.
    pub async fn spawn(&self, owner: &str, role: &str, jail: &Jail) -> Result<Child, SpawnError> {
        jail.check()?;
        let key = Key::of(owner, role, jail);
        let place = Arc::clone(&self.shared.places)
            .try_acquire_owned()
            .map_err(|_| SpawnError::Full { what: "processes", limit: MAX_CHILDREN })?;
        let spare = self.shared.spares.take(&key).filter(Shelved::fits);
        if let Some(Ok((child, score))) = spare.map(Shelved::take) {
            child.lease().put_to_use(place);
            return Ok(child.with_later(Later { roster: self.clone(), key: Some(key), _score: score }));
        }
        let child = self.begin(owner, role, jail, place, false).await?;
        self.make_ahead(key);
        Ok(child)
    }

    /// Makes a process ahead, unless there is one or there are too many. It takes nobody's place.
    fn make_ahead(&self, key: Key) {
        let Some((making, place)) = self.shared.spares.make(&key) else {
            return;
        };
        // Without a runtime there is nobody to take it either.
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let roster = self.clone();
        runtime.spawn(async move {
            tokio::time::sleep(AHEAD_AFTER).await;
            let Key { owner, role, jail, .. } = &key;
            // What fails now fails again, and is told, when the process is asked for.
            if let Ok(child) = roster.begin(owner, role, jail, place, true).await {
                // The paths may have become others meanwhile.
                if Key::of(owner, role, jail) == key {
                    making.done(child.shelve());
                }
            }
        });
    }

    async fn begin(
        &self,
        owner: &str,
        role: &str,
        jail: &Jail,
        place: OwnedSemaphorePermit,
        spare: bool,
    ) -> Result<Child, SpawnError> {
        let owner = self.admit(owner)?;
        let claim = owner.claim(place, spare)?;
        let request = Request { role: role.into(), reduced: jail.reduced };
        let (answer, started) = oneshot::channel();
        let crowd = Bounds::of(jail);
        let start = Start { request, crowd, owner, claim, jobs: self.shared.jobs.clone(), answer };
        self.shared
            .jobs
            .try_send(Job::Start(start))
            .map_err(|_| SpawnError::Full { what: "processes to be started", limit: starter::MAX_JOBS })?;
        let gone = |_| SpawnError::Spawner { why: "the thread that speaks with it is gone".into() };
        let Started { lease, stream } = started.await.map_err(gone)??;
        let mut child = Child::new(lease, stream).map_err(SpawnError::Socket)?;
        let bounded = crowd.is_some() && child.lease().process().grouped() && self.shared.bounds_processes();
        match tokio::time::timeout(READY_WAIT, greet(&mut child, jail, bounded)).await {
            Ok(Ok(layers)) => {
                // Where that cannot be had (a gateway without `/proc`) it runs all the same.
                if !spare {
                    Score::of(child.lease()).give_way();
                }
                Ok(child.with_layers(layers))
            }
            // A kill looks like an end from here.
            Ok(Err(SpawnError::Ended)) => Err(child.stopped().unwrap_or(SpawnError::Ended)),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(SpawnError::Silent),
        }
    }

    /// Starts `command`, a program that nobody here wrote, in `jail` for `owner`. Returns once it runs.
    /// Dropping the future or the guest ends everything that it started.
    ///
    /// # Errors
    /// See [`SpawnError`]; nothing is left behind.
    pub async fn launch(&self, owner: &str, jail: &Jail, command: Command) -> Result<Guest, SpawnError> {
        let system = jail.system.as_ref().ok_or(JailError::System)?;
        command.check()?;
        let child = self.spawn(owner, INIT, jail).await?;
        Guest::start(child, command, system.listen).await
    }

    /// The layer [`layer::CGROUP`]: what it does here, or why it is not there.
    pub(crate) fn cgroup(&self, used: bool) -> Layer {
        match &self.shared.groups {
            Ok(_) if !used => Layer::lacking(layer::CGROUP, "no process can be born into a group here"),
            Ok(groups) => Layer::had(layer::CGROUP, groups.told()),
            Err(why) => Layer::lacking(layer::CGROUP, why),
        }
    }

    /// The number of the process that starts all others; `None` while there is none.
    #[must_use]
    pub fn spawner(&self) -> Option<u32> {
        self.shared.spawner.pid()
    }

    /// Lets `owner` have no new process; those it has go on. One that is being started does not survive
    /// a [`Roster::kill`].
    pub fn close(&self, owner: &str) {
        self.owner(owner).door.close();
    }

    /// Lets `owner` have new processes again.
    pub fn open(&self, owner: &str) {
        self.owner(owner).door.open();
    }

    /// Ends every process of `owner`, those on the way too, and lets it have no new one until
    /// [`Roster::open`].
    ///
    /// Blocks until they are reaped: well under a millisecond for one process, at most [`KILL_WAIT`].
    #[must_use]
    pub fn kill(&self, owner: &str) -> Killed {
        self.kill_each(&[owner]).first().map_or_else(Killed::none, |killed| *killed)
    }

    /// Does [`Roster::kill`] to each of `owners`, which are different: all doors close first, then all processes are
    /// struck, then all are reaped, so that none is struck later because another one does not end. At most
    /// [`KILL_WAIT`] for all together. What became of each, in the order given.
    #[must_use]
    pub fn kill_each(&self, owners: &[&str]) -> Vec<Killed> {
        let each: Vec<_> = owners.iter().map(|owner| self.owner(owner)).collect();
        let killed = self.shared.end(&each).into_iter().map(|(_, killed)| killed).collect();
        self.shared.spares.forget(|key| owners.contains(&key.owner.as_str()));
        killed
    }

    /// Does [`Roster::kill`] to every owner that ever had a process: all doors close first, then all
    /// processes are struck, then all are reaped.
    #[must_use]
    pub fn kill_all(&self) -> Vec<(String, Killed)> {
        let owners: Vec<_> = self.owners().values().cloned().collect();
        let killed = self.shared.end(&owners);
        self.shared.spares.forget(|_| true);
        killed
    }

    /// Does [`Roster::kill_all`], and lets nobody have a process ever again: the end of a gateway.
    #[must_use]
    pub fn stop(&self) -> Vec<(String, Killed)> {
        self.shared.all.close();
        let killed = self.kill_all();
        self.shared.spawner.end();
        if let Ok(groups) = &self.shared.groups {
            groups.tidy();
        }
        killed
    }

    /// How many processes `owner` has, those that have ended and are still held included.
    #[must_use]
    pub fn count(&self, owner: &str) -> usize {
        self.owners().get(owner).map_or(0, |owner| owner.count())
    }

    fn owners(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Owner>>> {
        self.shared.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn owner(&self, name: &str) -> Arc<Owner> {
        let make = || {
            let group = self.shared.groups.as_ref().ok().map(|groups| Group::new(Arc::clone(groups), name));
            Arc::new(Owner::new(name, Arc::clone(&self.shared.all), group))
        };
        Arc::clone(self.owners().entry(name.into()).or_insert_with(make))
    }

    fn admit(&self, name: &str) -> Result<Arc<Owner>, SpawnError> {
        let owners = self.owners();
        if owners.len() >= MAX_OWNERS && !owners.contains_key(name) {
            return Err(SpawnError::Full { what: "owners of processes", limit: MAX_OWNERS });
        }
        drop(owners);
        Ok(self.owner(name))
    }
}

/// What follows the taking of a spare and would only keep its first answer waiting: another one is made ahead, and its
/// score is closed. Done when this is dropped.
#[derive(Debug)]
pub(crate) struct Later {
    roster: Roster,
    key: Option<Key>,
    _score: Score,
}

impl Drop for Later {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.roster.make_ahead(key);
        }
    }
}

impl Killed {
    const fn none() -> Self {
        Self { processes: 0, left: 0, elapsed: Duration::ZERO }
    }
}

/// Says which jail, and hears whether it stands.
async fn greet(child: &mut Child, jail: &Jail, processes_bounded: bool) -> Result<Vec<Layer>, SpawnError> {
    // A stream that breaks is what a process looks like that ends.
    let gone = |error| match error {
        FrameError::Io(_) => SpawnError::Ended,
        other => SpawnError::Frame(other),
    };
    child.send(&Order { jail: jail.clone(), processes_bounded }).await.map_err(gone)?;
    match child.recv().await.map_err(gone)? {
        None => Err(SpawnError::Ended),
        Some(Answer::Ready { layers }) => Ok(layers),
        Some(Answer::Refused { layer, why, mend }) => {
            Err(SpawnError::Refused { layer: sentence(&layer), why: sentence(&why), mend: sentence(&mend) })
        }
    }
}

impl Shared {
    /// Whether the groups of guests bound how many processes they have.
    fn bounds_processes(&self) -> bool {
        self.groups.as_ref().is_ok_and(|groups| groups.bounds_processes())
    }

    /// Closes every door, strikes every process, reaps them all. What runs is struck first; only then is the
    /// one waited for that is perhaps being started. All of it goes before whatever else the machine does.
    fn end(&self, owners: &[Arc<Owner>]) -> Vec<(String, Killed)> {
        let begun = Instant::now();
        let urgent = Urgent::now();
        owners.iter().for_each(|owner| owner.door.close());
        owners.iter().for_each(|owner| owner.strike(&urgent));
        let struck: Vec<_> =
            owners.iter().map(|owner| (owner, owner.strike_all(&urgent, &self.spawner))).collect();
        let mut remains = Vec::new();
        let killed = struck
            .into_iter()
            .map(|(owner, processes)| (owner.name.clone(), reap(owner, &processes, begun, &mut remains)))
            .collect();
        // Who killed does not wait for it, unless there is too much else to do.
        drop(self.jobs.try_send(Job::Clear(remains)));
        killed
    }
}

/// Waits for one owner's processes, and adds what they left behind to `remains`.
fn reap(
    owner: &Owner,
    processes: &[(Arc<Process>, bool)],
    begun: Instant,
    remains: &mut Vec<Remains>,
) -> Killed {
    let until = begun + KILL_WAIT;
    let mut killed = Killed::none();
    for (process, spare) in processes {
        let buried = owner.bury(process, until);
        let gone = buried.is_some();
        remains.extend(buried);
        let counter = match (gone, spare) {
            (true, true) => continue,
            (true, false) => &mut killed.processes,
            (false, _) => &mut killed.left,
        };
        *counter = counter.saturating_add(1);
    }
    Killed { elapsed: begun.elapsed(), ..killed }
}
