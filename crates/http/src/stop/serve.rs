//! The gateway's side: threads that were made when it started.

use std::future::Future;
use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;

use rustix::net::{Shutdown, shutdown, sockopt::socket_peercred};
use tokio::runtime::Handle;
use turn::{KillReport, OsUser, Refusal, Socket};
use vocab::frame::FrameError;
use vocab::{AgentName, Person};

use super::words::{Answer, MAX_WORD_BYTES, Timed, Word};
use crate::Api;
use crate::bounds::{ACCEPT_PAUSE, ASK_TIME, MAX_OTHER_STOPPERS, SETTLE_TIME, STOPPERS, WORD_TIME};
use crate::caller::os_user;
use crate::problem::{Problem, ProblemKind};

/// The threads that hear what is to be stopped, until this is dropped.
#[derive(Debug)]
pub(crate) struct Stops(Arc<UnixListener>);

/// What the threads share.
struct Hall {
    api: Arc<Api>,
    /// Where tasks run.
    runtime: Handle,
    /// How many have come who are no administrators, and are not answered yet.
    others: AtomicUsize,
}

impl Stops {
    /// Begins to hear. To be called where tasks run.
    ///
    /// # Errors
    /// When the machine gives no further thread.
    pub(crate) fn begin(listener: UnixListener, api: Arc<Api>) -> io::Result<Self> {
        let hall = Arc::new(Hall { api, runtime: Handle::current(), others: AtomicUsize::new(0) });
        Self::on(listener, |listener| {
            let hall = Arc::clone(&hall);
            thread::Builder::new().name("stopper".into()).spawn(move || hear(&listener, &hall)).map(drop)
        })
    }

    /// On threads that are so made: all of them, or those that were made hear nobody.
    pub(super) fn on(
        listener: UnixListener,
        mut make: impl FnMut(Arc<UnixListener>) -> io::Result<()>,
    ) -> io::Result<Self> {
        let stops = Self(Arc::new(listener));
        for _ in 0..STOPPERS {
            make(Arc::clone(&stops.0))?;
        }
        Ok(stops)
    }
}

impl Drop for Stops {
    fn drop(&mut self) {
        // Those who wait for somebody to come are told that nobody will.
        if let Err(error) = shutdown(&*self.0, Shutdown::Both) {
            tracing::warn!("the socket for kills does not close: {error}");
        }
    }
}

fn hear(listener: &UnixListener, hall: &Hall) {
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                if let Err(error) = answer(&stream, hall) {
                    tracing::debug!(
                        "somebody who wanted something stopped did not hear what became of it: {error}"
                    );
                }
            }
            // Nobody comes any more.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return,
            Err(error) => {
                tracing::warn!("a connection could not be taken: {error}");
                thread::sleep(ACCEPT_PAUSE);
            }
        }
    }
}

fn answer(stream: &UnixStream, hall: &Hall) -> Result<(), FrameError> {
    let mut place = None;
    let (answer, ends) = match heard(stream, hall) {
        Ok((person, word, taken)) => {
            place = Some(taken);
            done(hall, &person, &word)
        }
        Err(Unheard::Problem(problem)) => (Answer::No { problem }, false),
        Err(Unheard::Left) => return Ok(()),
    };
    let told = Timed::new(stream, WORD_TIME).write(&answer);
    drop(place);
    if ends {
        // Only now: the process may end at once.
        hall.api.stop.cancel();
    }
    told
}

/// Why there is nothing to do.
enum Unheard {
    Problem(Problem),
    /// Whoever came left without a word.
    Left,
}

impl From<Problem> for Unheard {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// Who is there and what they want. Who may stop nothing is not listened to.
fn heard<'a>(stream: &UnixStream, hall: &'a Hall) -> Result<(Person, Word, Place<'a>), Unheard> {
    let person = person(stream, hall)?;
    let place = Place::take(hall, &person)?;
    match Timed::new(stream, ASK_TIME).read(MAX_WORD_BYTES) {
        Ok(Some(word)) => Ok((person, word, place)),
        Ok(None) => Err(Unheard::Left),
        Err(error) => {
            Err(Problem::new(ProblemKind::Invalid, format!("what is to be stopped was not said: {error}"))
                .into())
        }
    }
}

fn person(stream: &UnixStream, hall: &Hall) -> Result<Person, Problem> {
    let gateway = &hall.api.gateway;
    let unknown = |error: &dyn std::fmt::Display| Problem::new(ProblemKind::Unavailable, error.to_string());
    let uid = socket_peercred(stream).map_err(|error| unknown(&error))?.uid.as_raw();
    let name = os_user(uid).map_err(|error| unknown(&error))?;
    let person = gateway.identify(Socket::Stop, &OsUser { uid, name })?;
    gateway.demand_some_stop(&person)?;
    Ok(person)
}

/// Somebody who is listened to until they are answered. Some places are administrators' alone.
struct Place<'a>(Option<&'a AtomicUsize>);

impl<'a> Place<'a> {
    fn take(hall: &'a Hall, person: &Person) -> Result<Self, Problem> {
        if person.administrator {
            return Ok(Self(None));
        }
        let place = Self(Some(&hall.others));
        if hall.others.fetch_add(1, Ordering::SeqCst) < MAX_OTHER_STOPPERS {
            return Ok(place);
        }
        let message = "others are being answered, and the last places are kept for administrators; try again";
        Err(Problem::new(ProblemKind::Busy, message))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(others) = self.0 {
            others.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// Does what somebody wants. Whether the gateway ends.
fn done(hall: &Hall, person: &Person, word: &Word) -> (Answer, bool) {
    let (result, ends) = match word {
        Word::Kill { agent } => (killed(hall, person, Some(agent)), false),
        Word::KillAll {} => (killed(hall, person, None), false),
        Word::Shutdown { pending } => match hall.api.gateway.administrator(person, "stop the gateway") {
            Err(refusal) => (Err(refusal.into()), false),
            // Whatever could not be recorded: everything has been stopped, and so must the process be.
            Ok(()) => {
                let gateway = Arc::clone(&hall.api.gateway);
                let (person, pending) = (person.clone(), (*pending).into());
                (waited(hall, async move { gateway.shutdown(Some(&person), pending).await }), true)
            }
        },
    };
    match result {
        Ok(report) => (Answer::Done { report }, ends),
        Err(problem) => (Answer::No { problem }, ends),
    }
}

/// Kills on this thread, which needs no task, and has the record of it written.
fn killed(hall: &Hall, person: &Person, agent: Option<&AgentName>) -> Result<KillReport, Problem> {
    let gateway = Arc::clone(&hall.api.gateway);
    let struck = gateway.strike(person, agent)?;
    waited(hall, async move { gateway.settle(struck).await })
}

/// Has the rest done where tasks run, which goes on when it takes longer than somebody is kept waiting.
fn waited(
    hall: &Hall,
    work: impl Future<Output = Result<KillReport, Refusal>> + Send + 'static,
) -> Result<KillReport, Problem> {
    let (tell, told) = sync_channel(1);
    hall.runtime.spawn(async move {
        // Who asked may have gone.
        drop(tell.try_send(work.await));
    });
    match told.recv_timeout(SETTLE_TIME) {
        Ok(report) => report.map_err(Problem::from),
        Err(_) => {
            let message =
                "all of it is stopped, but the record of it is not written yet: `bulkhead doctor` says why";
            Err(Problem::new(ProblemKind::Timeout, message))
        }
    }
}
