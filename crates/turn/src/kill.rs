//! Stopping agents. Admission closes first, then the processes die, then what the agent holds is revoked,
//! then the record says so: nothing that the agent, its model or the network does can hold it up.

use std::sync::Arc;
use std::time::Duration;

use journal::{Draft, Event, Facts, Kind};
use monitor::Act;
use sandbox::Killed;
use vocab::{AgentName, Person};

use crate::gateway::{AGENT, Gateway};
use crate::slot::{Slot, Standing};
use crate::state::Turn;
use crate::view::{KillReport, KilledAgent};
use crate::{Refusal, RefusalKind, records};

/// How long a stopping gateway waits for turns to record their end.
const MAX_FAREWELL: Duration = Duration::from_secs(5);

/// What becomes of actions that wait for a person when the gateway stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pending {
    /// They are cancelled: a stop is a stop.
    Cancel,
    /// They wait on, for the gateway that starts next.
    Keep,
}

/// Agents whose processes have been ended: what they hold is still to be revoked, and the record to be written.
#[must_use = "nothing of it is on the record yet"]
pub struct Struck {
    by: Person,
    ended: Vec<(Arc<Slot>, Killed)>,
    /// Why not all agents could be found.
    failed: Option<Refusal>,
}

impl Gateway {
    /// Stops one agent, or all, and refuses what they had in flight. Goes on when nobody waits for it any more.
    ///
    /// # Errors
    /// When `by` may not, or there is no such agent. The agent is stopped even when the record
    /// cannot be written; the error then says so.
    pub async fn kill(
        self: &Arc<Self>,
        by: &Person,
        which: Option<&AgentName>,
    ) -> Result<KillReport, Refusal> {
        let (this, by, which) = (Arc::clone(self), by.clone(), which.cloned());
        let lost =
            || Refusal::new(RefusalKind::Unavailable, "what became of the kill is not known; kill again");
        let kill = self.tasks.spawn(async move {
            let gateway = Arc::clone(&this);
            let struck = this.strikers.work(move || gateway.strike(&by, which.as_ref())).await;
            this.settle(struck.ok_or_else(lost)??).await
        });
        kill.await.map_err(|_| lost())?
    }

    /// Demands a right to stop something: all agents, one of them, or the gateway.
    ///
    /// # Errors
    /// When `by` has none, which is recorded.
    pub fn demand_some_stop(&self, by: &Person) -> Result<(), Refusal> {
        if by.administrator || self.allows(by, Act::AgentsStop, None) {
            return Ok(());
        }
        // A role may be for one agent. While the folder cannot be read, those that are known count.
        let slots = self.all_slots().unwrap_or_else(|_| self.known_slots());
        if slots.iter().any(|slot| self.allows(by, Act::AgentStop, Some(&slot.name))) {
            return Ok(());
        }
        self.demand(by, Act::AgentsStop, None, "stop the gateway or agents")
    }

    /// The first half of a kill: every process of one agent, or of all, is dead when this returns, and nothing of theirs is
    /// permitted any more. It needs no task, no thread and no descriptor beyond those that the gateway has, and waits for
    /// processes, at most [`sandbox::KILL_WAIT`] twice: it is for a thread that may wait. [`Gateway::settle`] does the rest.
    ///
    /// # Errors
    /// When `by` may not, or there is no such agent.
    pub fn strike(&self, by: &Person, which: Option<&AgentName>) -> Result<Struck, Refusal> {
        let act = if which.is_some() { Act::AgentStop } else { Act::AgentsStop };
        self.demand(by, act, which, "stop agents")?;
        // What runs is stopped first; the folder is listed only after that, for agents that never ran.
        let slots = match which {
            Some(name) => vec![self.slot(name)?],
            None => self.known_slots(),
        };
        let mut struck = Struck { by: by.clone(), ended: self.end_all(slots), failed: None };
        if which.is_none() {
            match self.all_slots() {
                Ok(mut all) => {
                    all.retain(|slot| !struck.ended.iter().any(|(known, _)| known.name == slot.name));
                    struck.ended.extend(self.end_all(all));
                }
                Err(refusal) => struck.failed = Some(refusal),
            }
        }
        Ok(struck)
    }

    /// The second half of a kill: takes from the agents what they hold, and says so on the record.
    ///
    /// # Errors
    /// When the record cannot be written, or not all agents could be found. Those that are in `struck` are stopped.
    pub async fn settle(&self, struck: Struck) -> Result<KillReport, Refusal> {
        let Struck { by, ended, mut failed } = struck;
        // Every process is dead before the first record is waited for, and one that cannot be written does
        // not keep the others from being.
        let mut report = KillReport { killed: Vec::new() };
        for (slot, ended) in ended {
            match self.revoke(&slot, Some(&by), None, "stopped by a person", &ended).await {
                Ok(killed) => report.killed.push(killed),
                Err(refusal) => failed = failed.or(Some(refusal)),
            }
        }
        failed.map_or(Ok(report), Err)
    }

    /// Stops a turn's agent because the monitor decided it.
    pub(crate) async fn stop_agent(&self, turn: &Turn, why: &str) -> Result<KilledAgent, Refusal> {
        turn.slot.stand(Standing::Killed);
        let (roster, name) = (self.roster.clone(), turn.slot.name.clone());
        let ended = self.strikers.work(move || roster.kill(name.as_str())).await;
        let ended = ended.ok_or_else(|| {
            Refusal::new(
                RefusalKind::Unavailable,
                format!("what became of `{}` is not known", turn.slot.name),
            )
        })?;
        tell_left(&turn.slot, &ended);
        self.revoke(&turn.slot, None, Some(turn), why, &ended).await
    }

    /// Closes every gate, then ends every process, before the first one is waited for.
    fn end_all(&self, slots: Vec<Arc<Slot>>) -> Vec<(Arc<Slot>, Killed)> {
        slots.iter().for_each(|slot| slot.stand(Standing::Killed));
        let names: Vec<&str> = slots.iter().map(|slot| slot.name.as_str()).collect();
        let ended = self.roster.kill_each(&names);
        slots.iter().zip(&ended).for_each(|(slot, ended)| tell_left(slot, ended));
        slots.into_iter().zip(ended).collect()
    }

    /// Takes from a stopped agent what it holds, and says so.
    async fn revoke(
        &self,
        slot: &Slot,
        by: Option<&Person>,
        turn: Option<&Turn>,
        why: &str,
        ended: &Killed,
    ) -> Result<KilledAgent, Refusal> {
        let killed = killed_agent(slot.name.clone(), ended);
        let recorded = self.record_kill(slot, by, turn, why, &killed).await;
        self.hearts.killed(&slot.name, why);
        recorded.map_err(|refusal| {
            let message = format!(
                "`{}` is stopped ({} processes ended), but: {}",
                slot.name, ended.processes, refusal.message
            );
            Refusal::new(refusal.kind, message)
        })?;
        Ok(killed)
    }

    /// Cancels what waits for a person and records the stop, in one stroke: after a crash there is neither
    /// a stopped agent whose approvals still wait, nor the other way round.
    async fn record_kill(
        &self,
        slot: &Slot,
        by: Option<&Person>,
        turn: Option<&Turn>,
        why: &str,
        killed: &KilledAgent,
    ) -> Result<(), Refusal> {
        let mut draft = records::of_agent(Kind::Admin, Event::AgentKilled, by, &slot.name, killed.facts());
        draft.payload = records::why(why);
        let mut drafts = vec![draft];
        // What nobody ordered, and what did not end, somebody should look at.
        let alerts = [
            (by.is_none(), Event::AgentStopped, Facts::new()),
            (killed.left > 0, Event::KillIncomplete, Facts::new().with("left", u64::from(killed.left))),
        ];
        for (_, event, facts) in alerts.into_iter().filter(|(alert, ..)| *alert) {
            let alert = records::of_agent(Kind::Alert, event, by, &slot.name, facts);
            drafts.push(Draft { payload: records::why(why), ..alert });
        }
        // The reason may be made of what was said there, and is erased with it.
        for draft in drafts.iter_mut() {
            draft.session = turn.map(|turn| turn.row.session.clone());
            draft.turn = turn.map(|turn| turn.id.clone());
        }
        let standing = records::put(AGENT, slot.name.as_str(), &Standing::Killed)?;
        self.cancel_pending(Some(&slot.name), "the agent was stopped", Some((drafts, vec![standing]))).await
    }

    /// Takes no new messages for an agent; what runs goes on.
    ///
    /// # Errors
    /// When `by` may not, there is no such agent, or it was stopped.
    pub async fn pause(&self, by: &Person, agent: &AgentName) -> Result<(), Refusal> {
        self.demand(by, Act::AgentPause, Some(agent), "pause agents")?;
        let slot = self.slot(agent)?;
        if slot.standing() == Standing::Killed {
            return Err(Refusal::new(
                RefusalKind::Conflict,
                format!("the agent `{agent}` was stopped, which is more than paused"),
            ));
        }
        self.restand(&slot, by, Standing::Paused, Event::AgentPaused).await
    }

    /// Lets a paused or stopped agent take messages again. What it had in flight stays refused.
    ///
    /// # Errors
    /// When `by` may not, or there is no such agent.
    pub async fn resume(&self, by: &Person, agent: &AgentName) -> Result<(), Refusal> {
        self.demand(by, Act::AgentResume, Some(agent), "resume agents")?;
        let slot = self.slot(agent)?;
        self.restand(&slot, by, Standing::Open, Event::AgentResumed).await
    }

    /// Records a standing, then takes it: an agent is never let loose without a record. A kill that came
    /// meanwhile wins.
    async fn restand(
        &self,
        slot: &Slot,
        by: &Person,
        standing: Standing,
        event: Event,
    ) -> Result<(), Refusal> {
        let kills = slot.kills();
        let draft = records::of_agent(Kind::Admin, event, Some(by), &slot.name, Facts::new());
        let row = records::put(AGENT, slot.name.as_str(), &standing)?;
        self.record(draft, vec![row]).await?;
        self.roster.open(slot.name.as_str());
        if slot.restand(standing, kills) {
            return Ok(());
        }
        self.roster.close(slot.name.as_str());
        let mut draft =
            records::of_agent(Kind::Admin, Event::AgentKilled, Some(by), &slot.name, Facts::new());
        draft.payload = records::why("it was stopped while this was under way");
        let row = records::put(AGENT, slot.name.as_str(), &Standing::Killed)?;
        self.record(draft, vec![row]).await?;
        let message = format!("the agent `{}` was stopped meanwhile, and stays so", slot.name);
        Err(Refusal::new(RefusalKind::Conflict, message))
    }

    /// Stops everything that runs, then the gateway. The journal stays open until its last handle is dropped.
    ///
    /// # Errors
    /// When the record of it cannot be written; everything is stopped all the same.
    pub async fn shutdown(&self, by: Option<&Person>, pending: Pending) -> Result<KillReport, Refusal> {
        self.stop.cancel();
        // A permit that is out already is worth nothing from here on. What a person made of an agent stays.
        self.known_slots().iter().for_each(|slot| slot.gate.close());
        let roster = self.roster.clone();
        let ended = self.strikers.work(move || roster.stop()).await.unwrap_or_default();
        self.tasks.close();
        if tokio::time::timeout(MAX_FAREWELL, self.tasks.wait()).await.is_err() {
            tracing::error!("turns did not record their end in time; the next start records them as unknown");
        }
        let killed = ended
            .into_iter()
            .filter_map(|(owner, killed)| Some(killed_agent(AgentName::new(&owner).ok()?, &killed)))
            .collect();
        let report = KillReport { killed };
        self.sum_up_callers(None);
        let names = report.killed.iter().map(|killed| killed.agent.to_string()).collect::<Vec<_>>();
        let facts = Facts::new().with("killed", names);
        let mut draft = Draft::of_event(Kind::Admin, Event::GatewayStopped, facts);
        draft.person = by.map(|person| person.id.clone());
        let cancelled = match pending {
            Pending::Cancel => self.cancel_pending(None, "the gateway was stopped", None).await,
            Pending::Keep => Ok(()),
        };
        let recorded = self.record(draft, Vec::new()).await;
        self.hearts.flush_all();
        cancelled.and(recorded).map(|()| report)
    }

    /// Every agent that has a folder with a SOUL.md.
    pub(crate) fn all_slots(&self) -> Result<Vec<Arc<Slot>>, Refusal> {
        let dir = &self.config.agents_dir;
        let unreadable = |error: std::io::Error| {
            Refusal::new(RefusalKind::Unavailable, format!("`{}` cannot be read: {error}", dir.display()))
        };
        let mut names = Vec::new();
        for entry in std::fs::read_dir(dir).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            // A folder whose name is no agent's name is none of ours.
            let name = entry.file_name().to_str().and_then(|name| AgentName::new(name).ok());
            names.extend(name.filter(|_| entry.path().join("SOUL.md").is_file()));
        }
        names.sort();
        names.iter().map(|name| self.slot(name)).collect()
    }
}

fn tell_left(slot: &Slot, ended: &Killed) {
    if ended.left > 0 {
        tracing::error!(agent = %slot.name, left = ended.left, "processes were not seen to end");
    }
}

fn killed_agent(agent: AgentName, ended: &Killed) -> KilledAgent {
    let ms = ended.elapsed.as_secs_f64() * 1_000.0;
    KilledAgent { agent, processes: ended.processes, left: ended.left, ms }
}
