//! The gateway's side: one connection is one program, from what is asked to how it ended.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use turn::{Ended, Gateway, Launched, NotLaunched, Progress, Socket, Wanted};
use vocab::Person;

use super::frames::{Ask, Exited, FromCommand, SIGNALS, ToCommand, Why};
use super::wire::{Wire, WireError};
use crate::bounds::{ASK_TIME, MAX_CONNECTIONS, MAX_PROGRAMS, MAX_TURNED_AWAY, TURN_AWAY_TIME, WORD_TIME};
use crate::caller::{administers, person};
use crate::crowd::Crowd;
use crate::listen::{each, peer};
use crate::problem::{Problem, ProblemKind};

/// Runs programs for whoever connects, until `drain` is cancelled.
pub(crate) async fn serve(listener: UnixListener, gateway: Arc<Gateway>, drain: CancellationToken) {
    let programs = Arc::new(Semaphore::new(MAX_PROGRAMS));
    let accept = async || {
        let (stream, _) = listener.accept().await?;
        Ok((peer(&stream)?.uid, stream))
    };
    let crowd = Crowd::default();
    let served = |(uid, stream)| {
        let (crowd, gateway, programs) = (crowd.clone(), Arc::clone(&gateway), Arc::clone(&programs));
        async move {
            match crowd.enter(uid, || administers(&gateway, uid)).await {
                Ok(place) => {
                    connection(stream, uid, gateway, programs).await;
                    drop(place);
                }
                Err(crowded) => {
                    let problem = Problem::new(ProblemKind::Busy, crowded.to_string());
                    let (mut wire, word) = (Wire::new(stream), refused(&problem));
                    // Who does not listen now is not waited for.
                    drop(tokio::time::timeout(TURN_AWAY_TIME, tell(&mut wire, &word)).await);
                }
            }
        }
    };
    let most = MAX_CONNECTIONS.saturating_add(MAX_TURNED_AWAY);
    if !each(accept, most, &drain, served).await {
        tracing::info!("commands that had not heard of their program's end have been left");
    }
}

async fn connection(stream: UnixStream, uid: u32, gateway: Arc<Gateway>, programs: Arc<Semaphore>) {
    let mut wire = Wire::new(stream);
    let last = match begin(&mut wire, uid, &gateway, &programs).await {
        Ok((launched, place)) => {
            let how = follow(&mut wire, launched, gateway.is_reduced()).await;
            drop(place);
            ToCommand::Exited { how }
        }
        Err(refused) => refused,
    };
    tell(&mut wire, &last).await;
}

/// Hears what is wanted and starts it.
async fn begin(
    wire: &mut Wire,
    uid: u32,
    gateway: &Arc<Gateway>,
    programs: &Arc<Semaphore>,
) -> Result<(Launched, OwnedSemaphorePermit), ToCommand> {
    let person = person(gateway, Socket::Run, uid).await.map_err(|problem| refused(&problem))?;
    let asked = tokio::time::timeout(ASK_TIME, wire.asked()).await;
    let asked = asked.map_err(|_| {
        let seconds = ASK_TIME.as_secs();
        refused(&Problem::new(ProblemKind::Timeout, format!("nothing was asked for within {seconds} s")))
    })?;
    let (ask, stdio) = asked.map_err(|error| unasked(&error))?;
    let place = Arc::clone(programs).try_acquire_owned().map_err(|_| {
        let message =
            format!("{MAX_PROGRAMS} programs run already, which is the most; try again when one has ended");
        refused(&Problem::new(ProblemKind::Busy, message))
    })?;
    let launched = gateway.launch(wanted(person, ask, stdio)).await.map_err(not_launched)?;
    Ok((launched, place))
}

/// Serves a program, and passes signals on, until it has ended.
async fn follow(wire: &mut Wire, mut launched: Launched, reduced: bool) -> Exited {
    let started = ToCommand::Started {
        session: launched.run().session().clone(),
        mcp_url: launched.mcp_url(),
        reduced,
    };
    let serving = CancellationToken::new();
    let _until_then = serving.clone().drop_guard();
    let listener = launched.take_listener();
    let (run, key) = (Arc::clone(launched.run()), launched.key().to_owned());
    let served = async move {
        match listener {
            Some(listener) => crate::serve_run(listener, run, &key, serving).await,
            None => Err(std::io::Error::other("its jail gave no listener")),
        }
    };
    let mut served = tokio::spawn(served).fuse();
    tell(wire, &started).await;
    let how = loop {
        let word = tokio::select! {
            progress = launched.progress() => match progress {
                Progress::Ended(how) => break how,
                Progress::Paused => {
                    tell(wire, &ToCommand::Paused {}).await;
                    continue;
                }
            },
            word = wire.next() => word,
            Ok(Err(error)) = &mut served => {
                break Ended::Stopped(format!("its model and its skills could not be served: {error}"));
            }
        };
        match word {
            Ok(Some(FromCommand::Signal { signal })) if SIGNALS.contains(&signal) => {
                if let Err(error) = launched.signal(signal).await {
                    tracing::debug!("a signal came after the program's end: {error}");
                }
            }
            Ok(Some(FromCommand::Signal { .. })) => {
                break Ended::Stopped(
                    "its command wanted a signal passed on that is none of those".to_owned(),
                );
            }
            // The command is gone, and the program goes with it.
            Ok(None) => break Ended::Stopped("its command went away".to_owned()),
            Err(error) => break Ended::Stopped(format!("its command misspoke: {error}")),
        }
    };
    launched.close(&how).await;
    match how {
        Ended::Code(code) => Exited::Code { code },
        Ended::Signal(signal) => Exited::Signal { signal },
        Ended::Stopped(sentence) => Exited::Stopped { sentence },
    }
}

/// That a command does not read does not hold its program's end up.
async fn tell(wire: &mut Wire, word: &ToCommand) {
    match tokio::time::timeout(WORD_TIME, wire.send(word)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!("a command has gone: {error}"),
        Err(_) => tracing::debug!("a command does not read"),
    }
}

fn wanted(person: Person, ask: Ask, stdio: [std::os::fd::OwnedFd; 3]) -> Wanted {
    Wanted {
        person,
        agent: ask.agent,
        command: ask.command.into_iter().map(OsString::from).collect(),
        folder: ask.folder.map(|folder| PathBuf::from(OsString::from(folder))),
        env: ask.env.into_iter().map(|variable| (variable.name.into(), variable.value.into())).collect(),
        term: ask.term,
        lang: ask.lang,
        stdio,
        terminal: ask.terminal,
    }
}

fn refused(problem: &Problem) -> ToCommand {
    ToCommand::Refused { sentence: problem.detail.clone(), why: Why::Problem(problem.kind) }
}

fn unasked(error: &WireError) -> ToCommand {
    refused(&Problem::new(ProblemKind::Invalid, error.to_string()))
}

fn not_launched(why: NotLaunched) -> ToCommand {
    match why {
        NotLaunched::Refused(refusal) => refused(&Problem::from(refusal)),
        NotLaunched::NotFound(sentence) => ToCommand::Refused { sentence, why: Why::NoProgram },
        NotLaunched::NotExecutable(sentence) => ToCommand::Refused { sentence, why: Why::NotExecutable },
    }
}
