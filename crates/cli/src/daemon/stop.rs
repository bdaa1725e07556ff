//! Stopping the gateway: by asking it, or, when it does not answer, by a signal.

use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use bulkhead_http::stop::{Waits, Word};
use rustix::process::{PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use turn::KillReport;

use super::{LockError, holder};
use crate::client::have_stopped_within;
use crate::failure::{Exit, Failure};
use crate::home::Home;

/// How long a gateway may take to answer when it is asked to stop, killing its agents.
const ASK_TIME: Duration = Duration::from_secs(10);

/// How long a gateway may take to end after it was asked or got a signal.
const END_TIME: Duration = Duration::from_secs(10);

/// How often to look whether it has ended.
const LOOK_PAUSE: Duration = Duration::from_millis(5);

/// Stops the gateway and comes back when it has ended, with what was killed; `None` when none ran.
/// What waits for a person is cancelled, or waits on when `keep`.
///
/// # Errors
/// When this person may not stop it, or it does not end.
pub(crate) fn stop(home: &Home, keep: bool) -> Result<Option<KillReport>, Failure> {
    let word = Word::Shutdown { pending: if keep { Waits::Keep } else { Waits::Cancel } };
    match holder(home) {
        Ok(Some(_)) => {}
        Ok(None) => return Ok(None),
        // Only the gateway can say whether this person may stop it, and it says when it has ended.
        Err(LockError::Foreign { .. }) => return stop_of_another(home, &word).map(Some),
        Err(error) => return Err(error.into()),
    }
    match have_stopped_within(home, &word, ASK_TIME) {
        // A no is a no: no signal goes round it.
        Err(failure) if failure.exit == Exit::Refused => Err(failure),
        Ok(report) => {
            ended(home)?;
            Ok(Some(report))
        }
        Err(_) => {
            signal(home)?;
            ended(home)?;
            Ok(Some(KillReport { killed: Vec::new() }))
        }
    }
}

/// Stops a gateway that another operating-system user runs, which an administrator may.
fn stop_of_another(home: &Home, word: &Word) -> Result<KillReport, Failure> {
    let report = have_stopped_within(home, word, ASK_TIME)?;
    let until = Instant::now() + END_TIME;
    // Nobody is there to connect to when it has ended, also where its socket stays.
    while UnixStream::connect(home.stop_socket()).is_ok() {
        if Instant::now() >= until {
            return Err(Failure::unreachable(
                "the gateway was asked to stop and has not ended; ask the user that runs it",
            ));
        }
        std::thread::sleep(LOOK_PAUSE);
    }
    Ok(report)
}

/// Sends SIGTERM to the process that holds the lock. The descriptor makes sure that it is still that
/// process: its number may have gone to another by now.
fn signal(home: &Home) -> Result<(), Failure> {
    let Some(Some(pid)) = holder(home)? else { return Ok(()) };
    let failed = |error: rustix::io::Errno| {
        Failure::unreachable(format!(
            "the gateway (process {pid}) does not answer and cannot be signalled: {error}"
        ))
    };
    let process = pidfd_open(pid, PidfdFlags::empty()).map_err(failed)?;
    if holder(home)? != Some(Some(pid)) {
        return Ok(());
    }
    pidfd_send_signal(&process, Signal::TERM).map_err(failed)
}

fn ended(home: &Home) -> Result<(), Failure> {
    let until = Instant::now() + END_TIME;
    while Instant::now() < until {
        if holder(home)?.is_none() {
            return Ok(());
        }
        std::thread::sleep(LOOK_PAUSE);
    }
    let pid = holder(home)?.flatten().map_or_else(String::new, |pid| format!(" (process {pid})"));
    Err(Failure::unreachable(format!(
        "the gateway{pid} has not ended after {} s: `kill -9` ends it, and every agent with it",
        END_TIME.as_secs()
    )))
}
