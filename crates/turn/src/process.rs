//! The jailed agent process of one turn.

use std::time::Duration;

use sandbox::{Child, Jail};
use vocab::frame::{FromAgent, ToAgent};
use vocab::{Entry, Intent};

use crate::gateway::Gateway;
use crate::state::Turn;
use crate::{Refusal, RefusalKind};

/// How long an agent process may think between two frames. It only builds a prompt or reads an answer.
const MAX_THINKING: Duration = Duration::from_secs(20);

/// Descriptors that an agent process may hold: its socket and what the allocator needs.
const AGENT_OPEN_FILES: u64 = 16;

/// The role that the spawner must serve with the agent's loop.
pub const AGENT_ROLE: &str = "agent";

pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts a jailed process and hands it the turn where its transcript stands.
    pub(crate) async fn begin(gateway: &Gateway, turn: &Turn) -> Result<Self, Refusal> {
        let jail = Jail {
            read: Vec::new(),
            write: Vec::new(),
            memory_bytes: turn.compartment.charter().limits.memory,
            open_files: AGENT_OPEN_FILES,
            file_bytes: 0,
            system: None,
            reduced: gateway.config.reduced,
        };
        let agent = &turn.row.agent;
        let child = gateway.roster.spawn(agent.as_str(), AGENT_ROLE, &jail).await.map_err(|error| {
            Refusal::new(RefusalKind::Unavailable, format!("the agent `{agent}` was not started: {error}"))
        })?;
        if turn.stopped.is_cancelled() {
            // Between a stop and this start an administrator may have resumed the agent; this turn is from before.
            return Err(Refusal::new(RefusalKind::Conflict, format!("the agent `{agent}` was stopped")));
        }
        let mut process = Self { child };
        let context_tokens = gateway.context_tokens(&turn.compartment).await;
        process.send(&ToAgent::Begin { transcript: turn.transcript.clone(), context_tokens }).await?;
        Ok(process)
    }

    /// The next thing that the agent wants; never a part of a reply, which is asked for.
    pub(crate) async fn propose(&mut self) -> Result<Intent, Refusal> {
        unasked(self.next().await?)
    }

    /// Gives the agent what has come whole of the answer that its model is making, and has it propose exactly that.
    pub(crate) async fn propose_part(&mut self, text: String) -> Result<Intent, Refusal> {
        let wanted = Intent::ReplyPart { text: text.clone() };
        self.send(&ToAgent::Part { text }).await?;
        as_given(&wanted, self.next().await?)
    }

    async fn next(&mut self) -> Result<Intent, Refusal> {
        let silent = |_| {
            Refusal::new(RefusalKind::Unavailable, "the agent process proposed nothing in time and was ended")
        };
        let frame =
            tokio::time::timeout(MAX_THINKING, self.child.recv::<FromAgent>()).await.map_err(silent)?;
        match frame {
            Ok(Some(FromAgent::Propose { intent })) => Ok(intent),
            Ok(None) => Err(ended()),
            Err(error) => Err(misspoke(&error.to_string())),
        }
    }

    /// Waits until the agent ends, or speaks, while it has to wait for an answer. Nothing of it is lost when the future
    /// is dropped.
    pub(crate) async fn breaks_off(&mut self) -> Refusal {
        match self.child.recv::<FromAgent>().await {
            Ok(None) => ended(),
            Ok(Some(FromAgent::Propose { .. })) => {
                misspoke("it proposed something while its model was asked")
            }
            Err(error) => misspoke(&error.to_string()),
        }
    }

    /// Tells the agent what became of its proposal.
    pub(crate) async fn tell(&mut self, entry: Entry) -> Result<(), Refusal> {
        self.send(&ToAgent::Entry { entry }).await
    }

    async fn send(&mut self, frame: &ToAgent) -> Result<(), Refusal> {
        let deaf =
            |_| Refusal::new(RefusalKind::Unavailable, "the agent process stopped reading and was ended");
        tokio::time::timeout(MAX_THINKING, self.child.send(frame)).await.map_err(deaf)?.map_err(|error| {
            Refusal::new(RefusalKind::Unavailable, format!("the agent process cannot be reached: {error}"))
        })
    }
}

fn ended() -> Refusal {
    Refusal::new(RefusalKind::Unavailable, "the agent process ended without an answer")
}

fn misspoke(how: &str) -> Refusal {
    Refusal::new(RefusalKind::Unavailable, format!("the agent process misspoke and was ended: {how}"))
}

/// What an agent wants of its own accord: anything but a part of a reply.
fn unasked(intent: Intent) -> Result<Intent, Refusal> {
    match intent {
        Intent::ReplyPart { .. } => Err(misspoke("it proposed a part of a reply that it was not given")),
        intent => Ok(intent),
    }
}

/// What an agent proposes of what it was given: exactly that.
fn as_given(wanted: &Intent, intent: Intent) -> Result<Intent, Refusal> {
    if intent != *wanted {
        return Err(misspoke("it was to propose a part of a reply and proposed something else"));
    }
    Ok(intent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(text: &str) -> Intent {
        Intent::ReplyPart { text: text.to_owned() }
    }

    #[test]
    fn a_part_that_nobody_gave_it_is_not_taken_from_an_agent() {
        assert!(unasked(part("anything")).unwrap_err().message.contains("misspoke"));
        let reply = Intent::Reply { text: "one\n\n".to_owned() };
        assert_eq!(unasked(reply.clone()).unwrap(), reply);

        let wanted = part("one\n\n");
        assert_eq!(as_given(&wanted, part("one\n\n")).unwrap(), wanted);
        let call = Intent::SkillCall { call_id: "1".into(), skill: "exec".into(), arguments: "{}".into() };
        for other in [part("one\n\ntwo\n\n"), part("one\n"), part(""), reply, call] {
            assert!(as_given(&wanted, other).unwrap_err().message.contains("misspoke"));
        }
    }
}
