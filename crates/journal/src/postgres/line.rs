//! Asking the server from code that blocks, again and again over one connection.
//!
//! Rows of state are asked for in the middle of asynchronous code, by functions that are not. The connection has a thread of
//! its own, and whoever asks waits for that thread, so long and no longer; a worker of a runtime hands its other tasks on
//! meanwhile. While the server is known to be away nobody waits at all.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, Runtime, RuntimeFlavor};

use super::PostgresConfig;
use super::link::{Fault, Link};
use super::runtime::runtime;

/// The most questions that wait.
const MAX_WAITING: usize = 1024;

/// An answer that takes longer than this is late. Whoever waits for it holds up a thread.
const LATE: Duration = Duration::from_millis(100);

/// How many wait for a late answer; the others hear at once that there is none. They are fewer than the threads
/// that a gateway has for this, so that the rest of it goes on.
const MAX_PATIENT: usize = 4;

/// How long after a failure the next question tries the server again.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// How long nobody asks before a line that is kept asks something itself.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What it asks then. Whoever asks whether there are answers, and asks for nothing until there are, would otherwise never
/// hear of it.
const LOOK: &str = "SELECT FROM bulkhead.state LIMIT 0";

type Job = Box<dyn FnOnce(&mut Served) + Send>;

/// A connection on a thread of its own.
pub(crate) struct Line {
    jobs: Mutex<Option<SyncSender<Job>>>,
    /// How many wait for a late answer.
    patient: AtomicUsize,
    wait: Duration,
    health: Arc<Health>,
}

/// Why the last question had no answer, if it had none.
type Health = Mutex<Option<Fault>>;

/// What the thread has.
struct Served {
    runtime: Runtime,
    config: PostgresConfig,
    name: String,
    link: Option<Arc<Link>>,
    away: Option<(Instant, Fault)>,
    health: Arc<Health>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// What the server, or the way to it, said.
    Fault(Fault),
    /// The line is closed.
    Closed,
}

impl Line {
    /// A line to the server of `config`, which lists it under `name`; it connects when it is asked something.
    pub(crate) fn open(config: PostgresConfig, name: &str) -> Result<Self, String> {
        Self::begin(config, name, None)
    }

    /// The same, and it is always known whether rows of state can be read: where nobody asks it looks itself, and now.
    pub(crate) fn keep(config: PostgresConfig, name: &str) -> Result<Self, String> {
        let line = Self::begin(config, name, Some(LOOK_EVERY))?;
        match line.ask(looked) {
            Err(NoAnswer::Fault(fault)) => Err(fault.why().to_owned()),
            Ok(()) | Err(NoAnswer::Closed) => Ok(line),
        }
    }

    fn begin(config: PostgresConfig, name: &str, every: Option<Duration>) -> Result<Self, String> {
        let (jobs, asked) = sync_channel::<Job>(MAX_WAITING);
        let (wait, health) = (config.wait(), Arc::new(Health::default()));
        let (runtime, name) = (runtime()?, name.to_owned());
        let mut served =
            Served { runtime, config, name, link: None, away: None, health: Arc::clone(&health) };
        std::thread::Builder::new()
            .name("journal-line".to_owned())
            .spawn(move || serve(&asked, every, &mut served))
            .map_err(|error| error.to_string())?;
        Ok(Self { jobs: Mutex::new(Some(jobs)), patient: AtomicUsize::new(0), wait, health })
    }

    /// Why the last question had no answer, if it had none.
    pub(crate) fn trouble(&self) -> Option<String> {
        let health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        health.as_ref().map(|fault| fault.why().to_owned())
    }

    /// Asks what `question` asks, and waits for it: to connect and to be answered, twice the configured time at most. While
    /// a few others wait for an answer that is late, it is not asked.
    pub(crate) fn ask<T: Send + 'static, F: Future<Output = Result<T, Fault>>>(
        &self,
        question: impl FnOnce(Arc<Link>) -> F + Send + 'static,
    ) -> Result<T, NoAnswer> {
        let busy = || Fault::Lost("others wait already for a server that is slow to answer".to_owned());
        if self.patient.load(Ordering::Relaxed) >= MAX_PATIENT {
            return Err(NoAnswer::Fault(busy()));
        }
        let (reply, answer) = sync_channel(1);
        let job: Job = Box::new(move |served| {
            if reply.send(served.answer(question)).is_err() {
                // Whoever asked has stopped waiting.
            }
        });
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let jobs = jobs.ok_or(NoAnswer::Closed)?;
        let late = || Fault::Lost(format!("no answer within {} ms", 2 * self.wait.as_millis()));
        jobs.try_send(job).map_err(|_| NoAnswer::Fault(late()))?;
        drop(jobs);
        let waited = in_place(|| match answer.recv_timeout(LATE) {
            Err(RecvTimeoutError::Timeout) => {
                let patient = Patient::join(&self.patient).ok_or_else(busy)?;
                let rest = self.wait.saturating_mul(2).saturating_sub(LATE);
                let answered = answer.recv_timeout(rest);
                drop(patient);
                answered.map_err(|_| late())
            }
            answered => answered.map_err(|_| late()),
        });
        waited.flatten().map_err(NoAnswer::Fault)
    }

    /// Ends the thread and the connection.
    pub(crate) fn close(&self) {
        drop(self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// One of the few who wait for a late answer, until this is dropped.
struct Patient<'a>(&'a AtomicUsize);

impl<'a> Patient<'a> {
    /// One more, unless there are enough.
    fn join(count: &'a AtomicUsize) -> Option<Self> {
        let one = Self(count);
        // Too many are dropped again, and counted down so.
        (count.fetch_add(1, Ordering::Relaxed) < MAX_PATIENT).then_some(one)
    }
}

impl Drop for Patient<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Waits without holding up the other tasks of this thread's runtime, where it has more threads than this.
fn in_place<T>(wait: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(wait),
        _ => wait(),
    }
}

async fn looked(link: Arc<Link>) -> Result<(), Fault> {
    link.run(LOOK).await
}

fn serve(asked: &Receiver<Job>, every: Option<Duration>, served: &mut Served) {
    loop {
        let job = match every {
            Some(every) => asked.recv_timeout(every),
            None => asked.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match job {
            Ok(job) => job(served),
            Err(RecvTimeoutError::Timeout) => served.look(),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    if let Some(link) = served.link.take().and_then(Arc::into_inner) {
        served.runtime.block_on(link.close());
    }
}

impl Served {
    fn look(&mut self) {
        if self.answer(looked).is_err() {
            // Whoever wants to know finds it in `health`.
        }
    }

    fn answer<T, F: Future<Output = Result<T, Fault>>>(
        &mut self,
        question: impl FnOnce(Arc<Link>) -> F,
    ) -> Result<T, Fault> {
        if let Some((since, fault)) = &self.away
            && since.elapsed() < RETRY_DELAY
        {
            return Err(fault.clone());
        }
        let Self { runtime, config, name, link, .. } = self;
        let answered = runtime.block_on(async {
            let there = match link.take().filter(|link| !link.is_gone()) {
                Some(there) => there,
                None => Arc::new(Link::connect(config, name).await?),
            };
            *link = Some(Arc::clone(&there));
            question(there).await
        });
        *self.health.lock().unwrap_or_else(PoisonError::into_inner) = answered.as_ref().err().cloned();
        self.away = match &answered {
            Err(fault @ Fault::Lost(_)) => {
                self.link = None;
                Some((Instant::now(), fault.clone()))
            }
            _ => None,
        };
        answered
    }
}
