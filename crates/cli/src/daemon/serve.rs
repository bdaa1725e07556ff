//! The gateway itself, in this process, until it is asked to stop.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bulkhead_http::serve;
use journal::{Journal, Notary};
use rustix::process::setsid;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use turn::Pending;

use super::{Lock, log};
use crate::failure::{Exit, Failure};
use crate::home::Home;
use crate::settings::{Containment, Settings};
use crate::terminal::{Screen, say};
use crate::wiring;

/// How many threads run the gateway's tasks. Its work is waiting; judging is microseconds.
const WORKERS: usize = 2;

/// The most threads that wait for the operating system on the tasks' behalf.
const MAX_BLOCKING: usize = 16;

/// How long the record may take to be let go of. One that takes longer goes on for as long as threads do.
const LETTING_GO: Duration = Duration::from_secs(2);

/// How long such a thread may go on when all else has ended; then it goes with the process.
const MAX_HANGING: Duration = Duration::from_secs(3);

/// How long the end of the record may take to be signed; a place to publish to that does not answer is part of that.
const LAST_SEAL: Duration = Duration::from_secs(5);

/// Whom the gateway tells how its start went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// The person at the terminal.
    Terminal,
    /// The command that started it in the background, on standard output.
    Starter,
}

/// Runs the gateway of `home` until it is asked to stop.
///
/// # Errors
/// When it cannot start.
pub(crate) fn foreground(home: &Home, screen: Screen, said: Said) -> Result<Exit, Failure> {
    let run = || {
        let logs = if said == Said::Starter {
            // Out of the terminal's session, so that closing the terminal does not end the gateway.
            setsid().map_err(|error| Failure::internal(format!("the gateway gets no session: {error}")))?;
            log::to_file(&home.log())?
        } else {
            log::to_terminal(&home.log())?
        };
        super::files::take_enough();
        super::threads::demand()?;
        let settings = Settings::load(home)?;
        let lock = Lock::take(home)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .max_blocking_threads(MAX_BLOCKING)
            .enable_all()
            .build()
            .map_err(|error| Failure::internal(format!("the runtime cannot be made: {error}")))?;
        let ended = runtime.block_on(until_stopped(home, &settings, logs, screen, said));
        // A disk that hangs holds a thread for as long as it pleases.
        runtime.shutdown_timeout(MAX_HANGING);
        drop(lock);
        ended
    };
    let ended = run();
    if let (Said::Starter, Err(failure)) = (said, &ended) {
        tracing::error!("{failure}");
        tell_starter(&json!({ "failed": failure.sentence, "exit": failure.exit.code() }))?;
    }
    ended
}

async fn until_stopped(
    home: &Home,
    settings: &Settings,
    logs: log::Logs,
    screen: Screen,
    said: Said,
) -> Result<Exit, Failure> {
    let unheard = |error| Failure::internal(format!("signals cannot be heard: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(unheard)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(unheard)?;
    let bound = wiring::bind(home, settings).await?;
    let running = wiring::gateway(home, settings, &bound, logs).await?;
    let (stop, drain) = (CancellationToken::new(), CancellationToken::new());
    let (address, origin) = (bound.address, settings.gateway.place(bound.address));
    let api = wiring::api(home, &running, settings, &bound, stop.clone());
    let wiring::Running { journal, gateway, people, notary, outgoing, .. } = running;
    let deaf = |error| {
        Failure::internal(format!(
            "the threads that hear kills cannot be made: {error}; end other processes of this user, or raise its limit (`ulimit -u`)"
        ))
    };
    let serving = tokio::spawn(serve(bound, api, drain.clone()).map_err(deaf)?);
    let outgoing = outgoing.begin(&notary);
    let signing = tokio::spawn({
        let notary = Arc::clone(&notary);
        async move {
            notary.keep_sealing(|error| tracing::error!("the record was not signed: {error}")).await;
        }
    });
    if settings.containment == Containment::Reduced {
        tracing::warn!("containment is `reduced`: an agent runs even where this machine lacks a layer");
    }
    tracing::info!("the gateway of `{}` answers; its address is {origin}", home.root().display());
    announce(
        screen,
        said,
        &json!({
            "started": true, "pid": std::process::id(), "address": address, "origin": origin,
            "containment": settings.containment.as_str()
        }),
    )?;
    // A start runs most of the program, and what comes then little of it.
    sandbox::give_back();

    let asked = tokio::select! {
        () = stop.cancelled() => true,
        _ = terminate.recv() => false,
        _ = interrupt.recv() => false,
    };
    // Asked over the API, everything has been stopped already. A signal is a stop like any other:
    // what waits for a person is cancelled.
    let stopped = if asked { Ok(()) } else { gateway.shutdown(None, Pending::Cancel).await.map(drop) };
    drain.cancel();
    if let Err(error) = serving.await {
        tracing::error!("serving did not end well: {error}");
    }
    signing.abort();
    seal_the_end(&notary).await;
    // Only now, so that the last checkpoint has had a chance to leave. The next start sends what did not.
    outgoing.end().await;
    drop((gateway, people, notary));
    let_go(journal).await;
    remove_sockets(home);
    tracing::info!("the gateway has stopped");
    stopped.map_err(|refusal| Failure::unreachable(refusal.message))?;
    Ok(Exit::Done)
}

/// Signs what comes last as well, if it does not take too long.
async fn seal_the_end(notary: &Notary) {
    match tokio::time::timeout(LAST_SEAL, notary.seal()).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::error!("the end of the record was not signed: {error}"),
        Err(_) => tracing::error!("the end of the record was not signed within {LAST_SEAL:?}"),
    }
    for place in notary.unpublished() {
        tracing::error!("{place}");
    }
}

fn remove_sockets(home: &Home) {
    for socket in [home.socket(), home.run_socket(), home.stop_socket()] {
        if let Err(error) = std::fs::remove_file(&socket) {
            tracing::warn!("the socket `{}` stays: {error}", socket.display());
        }
    }
}

/// Lets go of the record, whoever still holds on to it: the next gateway of this home begins when this one's lock is free.
async fn let_go(journal: Journal) {
    match tokio::time::timeout(LETTING_GO, journal.close()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!("the end of the record was not written: {error}"),
        Err(_) => tracing::error!("the record was not let go of within {LETTING_GO:?}"),
    }
}

fn announce(screen: Screen, said: Said, started: &serde_json::Value) -> Result<(), Failure> {
    match said {
        Said::Terminal if screen.json() => screen.value(started),
        Said::Terminal => {
            say("the gateway answers; Ctrl-C stops it");
            Ok(())
        }
        Said::Starter => tell_starter(started),
    }
}

/// Tells the command that waits, and lets go of its pipe. That it has gone meanwhile is no reason to stop.
fn tell_starter(message: &serde_json::Value) -> Result<(), Failure> {
    if let Err(error) = writeln!(std::io::stdout().lock(), "{message}") {
        tracing::warn!("nobody waited for the gateway to start: {error}");
    }
    let nowhere = std::fs::OpenOptions::new().write(true).open("/dev/null");
    nowhere
        .and_then(|nowhere| Ok(rustix::stdio::dup2_stdout(&nowhere)?))
        .map_err(|error| Failure::internal(format!("standard output cannot be closed: {error}")))
}
