//! The kill: a turn at work, the order, and what is left.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::json;
use turn::{KillReport, What};
use vocab::{Decision, ProposalId, Verb};

use super::check::Kill;
use super::heard::{next, send};
use super::stage::{AGENT, Stage};
use crate::client::{Client, Lines};
use crate::failure::{Exit, Failure};

/// How long the end of a turn may take to be told, and its processes to end by themselves.
const FAREWELL: Duration = Duration::from_secs(5);

/// How often to look whether they have.
const LOOK_PAUSE: Duration = Duration::from_millis(2);

/// A process, told from a later one with the same number by when it started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    pid: u32,
    started: String,
}

/// What the process is called that starts all others and is no agent's.
const SPAWNER: &str = "spawner";

impl Process {
    /// Whether it was made ahead and has had nothing to do yet.
    fn waits(&self) -> bool {
        let score = fs::read_to_string(format!("/proc/{}/oom_score_adj", self.pid));
        score.is_ok_and(|score| score.trim() == sandbox::SPARE_OOM_SCORE.to_string())
    }
}

/// The living processes of agents whose parent is the gateway `parent`.
pub(super) fn children(parent: u32) -> Result<Vec<Process>, Failure> {
    let failed =
        |error: std::io::Error| Failure::unreachable(format!("`/proc` cannot be looked into: {error}"));
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        // One that cannot be read has ended meanwhile, or is not ours.
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        found.extend(child(pid, &stat, parent));
    }
    Ok(found)
}

/// The processes of agents that still run once those of an ended turn have had time to end.
///
/// # Errors
/// When `/proc` cannot be looked into.
pub(super) async fn remaining(stage: &Stage) -> Result<Vec<Process>, Failure> {
    let gateway = stage.pid().ok_or_else(|| Failure::internal("the demo's gateway does not run"))?;
    let until = Instant::now() + FAREWELL;
    loop {
        let mut left = children(gateway)?;
        left.retain(|process| !process.waits());
        if left.is_empty() || Instant::now() >= until {
            return Ok(left);
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
}

/// The process of this line of `/proc/PID/stat` (proc_pid_stat(5)), when it is a living child of `parent`.
fn child(pid: u32, stat: &str, parent: u32) -> Option<Process> {
    // The command's name, in brackets, may hold anything.
    let (name, rest) = stat.rsplit_once(") ")?;
    if name.split_once('(').is_some_and(|(_, name)| name == SPAWNER) {
        return None;
    }
    let fields: Vec<&str> = rest.split(' ').collect();
    let (state, of, started) = (*fields.first()?, fields.get(1)?.parse::<u32>().ok()?, *fields.get(19)?);
    let living = !matches!(state, "Z" | "X");
    (living && of == parent).then(|| Process { pid, started: started.to_owned() })
}

/// Has the agent begin a second turn and kills it while its model is slow to answer.
///
/// # Errors
/// When the gateway goes away.
pub(super) async fn kill(stage: &Stage, client: &Client) -> Result<Kill, Failure> {
    let gateway = stage.pid().ok_or_else(|| Failure::internal("the demo's gateway does not run"))?;
    let mut lines = send(client, "Keep an eye on the forum, and answer whoever asks.").await?;
    until_slow(&mut lines).await?;
    let before = children(gateway)?;
    let report: KillReport = client.post(&format!("agents/{AGENT}/kill"), &json!({})).await?;
    let after = children(gateway)?;
    let answered = tokio::time::timeout(FAREWELL, answers(&mut lines))
        .await
        .map_err(|_| Failure::unreachable("the killed turn's end was not told"))??;
    let refused = match send(client, "Are you there?").await {
        Ok(_) => None,
        Err(failure) if failure.exit == Exit::Refused => Some(failure.sentence),
        Err(failure) => return Err(failure),
    };
    Ok(Kill {
        left: before.iter().filter(|process| after.contains(process)).map(|process| process.pid).collect(),
        processes: before.iter().map(|process| process.pid).collect(),
        ms: report.killed.first().map_or(0.0, |killed| killed.ms),
        refused,
        answered,
    })
}

/// Follows until the second call of the model is under way: the one that the script answers slowly.
async fn until_slow(lines: &mut Lines) -> Result<(), Failure> {
    let mut calls: Vec<ProposalId> = Vec::new();
    while let Some(what) = next(lines).await? {
        match what {
            What::Proposal { proposal, action } if action.verb == Verb::ModelCall => calls.push(proposal),
            What::Verdict { proposal, decision: Decision::Permit, .. } if calls.get(1) == Some(&proposal) => {
                return Ok(());
            }
            What::Error { message, .. } => return Err(Failure::unreachable(message)),
            _ => {}
        }
    }
    Err(Failure::unreachable("the second turn ended before it could be killed"))
}

async fn answers(lines: &mut Lines) -> Result<bool, Failure> {
    let mut answered = false;
    while let Some(what) = next(lines).await? {
        answered |= matches!(what, What::Reply { .. });
    }
    Ok(answered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_living_child_is_told_from_others_whatever_it_is_called() {
        let stat = |state: &str, of: u32| {
            format!("7 (a) Z 1 (b) {state} {of} 7 7 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0")
        };
        let found = child(7, &stat("S", 5), 5).unwrap();
        assert_eq!(found, Process { pid: 7, started: "4711".to_owned() });
        assert_eq!(child(7, &stat("Z", 5), 5), None);
        assert_eq!(child(7, &stat("S", 6), 5), None);
        assert_eq!(child(7, "nonsense", 5), None);
        let spawner = stat("S", 5).replace("(a) Z 1 (b)", "(spawner)");
        assert_eq!(child(7, &spawner, 5), None, "it is no agent's");
    }
}
