//! Asking the server from code that blocks, again and again over one connection.
//!
//! Rows of state are asked for in the middle of asynchronous code, by functions that are not. The connection has a thread of
//! its own, and whoever asks waits for that thread, so long and no longer; a worker of a runtime hands its other tasks on
//! meanwhile. While the server is known to be away nobody waits at all.

use std::future::Future;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, Runtime, RuntimeFlavor};

use super::PostgresConfig;
use super::link::{Fault, Link};
use super::runtime::runtime;

/// The most questions that wait.
const MAX_WAITING: usize = 1024;

/// How long after a failure the next question tries the server again.
const RETRY_DELAY: Duration = Duration::from_secs(1);

type Job = Box<dyn FnOnce(&mut Served) + Send>;

/// A connection on a thread of its own.
pub(crate) struct Line {
    jobs: Mutex<Option<SyncSender<Job>>>,
    wait: Duration,
}

/// What the thread has.
struct Served {
    runtime: Runtime,
    config: PostgresConfig,
    name: String,
    link: Option<Arc<Link>>,
    away: Option<(Instant, Fault)>,
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
        let (jobs, asked) = sync_channel::<Job>(MAX_WAITING);
        let wait = config.wait();
        let mut served =
            Served { runtime: runtime()?, config, name: name.to_owned(), link: None, away: None };
        std::thread::Builder::new()
            .name("journal-line".to_owned())
            .spawn(move || serve(&asked, &mut served))
            .map_err(|error| error.to_string())?;
        Ok(Self { jobs: Mutex::new(Some(jobs)), wait })
    }

    /// Asks what `question` asks, and waits for it: to connect and to be answered, twice the configured time at most.
    pub(crate) fn ask<T: Send + 'static, F: Future<Output = Result<T, Fault>>>(
        &self,
        question: impl FnOnce(Arc<Link>) -> F + Send + 'static,
    ) -> Result<T, NoAnswer> {
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
        let waited = in_place(|| answer.recv_timeout(self.wait.saturating_mul(2)));
        waited.map_err(|_| NoAnswer::Fault(late()))?.map_err(NoAnswer::Fault)
    }

    /// Ends the thread and the connection.
    pub(crate) fn close(&self) {
        drop(self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// Waits without holding up the other tasks of this thread's runtime, where it has more threads than this.
fn in_place<T>(wait: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(wait),
        _ => wait(),
    }
}

fn serve(asked: &Receiver<Job>, served: &mut Served) {
    while let Ok(job) = asked.recv() {
        job(served);
    }
    if let Some(link) = served.link.take().and_then(Arc::into_inner) {
        served.runtime.block_on(link.close());
    }
}

impl Served {
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
