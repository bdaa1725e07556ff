//! Stopping the gateway: by asking it, or, when it does not answer, by a signal.

use std::time::{Duration, Instant};

use rustix::process::{PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde_json::json;
use turn::KillReport;

use super::{LockError, holder};
use crate::client::Client;
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
pub(crate) async fn stop(home: &Home, keep: bool) -> Result<Option<KillReport>, Failure> {
    match holder(home) {
        Ok(Some(_)) => {}
        Ok(None) => return Ok(None),
        // Only the gateway can say whether this person may stop it, and it says when it has ended.
        Err(LockError::Foreign { .. }) => return stop_of_another(home, keep).await.map(Some),
        Err(error) => return Err(error.into()),
    }
    let asked = tokio::time::timeout(ASK_TIME, stop_over_api(home, keep)).await;
    match asked {
        // A no is a no: no signal goes round it.
        Ok(Err(failure)) if failure.exit == Exit::Refused => Err(failure),
        Ok(Ok(report)) => {
            ended(home).await?;
            Ok(Some(report))
        }
        Ok(Err(_)) | Err(_) => {
            signal(home)?;
            ended(home).await?;
            Ok(Some(KillReport { killed: Vec::new() }))
        }
    }
}

/// Stops a gateway that another operating-system user runs, which an administrator may.
async fn stop_of_another(home: &Home, keep: bool) -> Result<KillReport, Failure> {
    let asked = tokio::time::timeout(ASK_TIME, stop_over_api(home, keep)).await;
    let report = asked.map_err(|_| {
        Failure::unreachable("the gateway does not answer, and only the user that runs it may signal it")
    })??;
    let client = Client::new(home)?;
    let until = Instant::now() + END_TIME;
    while client.answers().await {
        if Instant::now() >= until {
            return Err(Failure::unreachable(
                "the gateway was asked to stop and has not ended; ask the user that runs it",
            ));
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
    Ok(report)
}

/// Asks the gateway to stop.
///
/// # Errors
/// When it is not there or says no.
async fn stop_over_api(home: &Home, keep: bool) -> Result<KillReport, Failure> {
    let pending = if keep { "keep" } else { "cancel" };
    Client::new(home)?.post("shutdown", &json!({ "pending": pending })).await
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

async fn ended(home: &Home) -> Result<(), Failure> {
    let until = Instant::now() + END_TIME;
    while Instant::now() < until {
        if holder(home)?.is_none() {
            return Ok(());
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
    let pid = holder(home)?.flatten().map_or_else(String::new, |pid| format!(" (process {pid})"));
    Err(Failure::unreachable(format!(
        "the gateway{pid} has not ended after {} s: `kill -9` ends it, and every agent with it",
        END_TIME.as_secs()
    )))
}
