//! What a person who follows a turn is told, as it happens.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use vocab::{
    Action, AgentName, ApprovalId, Decision, Digest, Intent, Labels, ProposalId, Reason, SessionId, Status,
    TurnId,
};

/// The most events that one follower may be behind before it is told that it missed some.
pub const MAX_EVENTS_BEHIND: usize = 1024;

/// One event. In JSON a flat object with `type`, `seq`, `session`, `turn` and `agent`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    /// Counts up over all events of this gateway's run; not the record's number.
    pub seq: u64,
    /// Which conversation.
    pub session: SessionId,
    /// Which turn.
    pub turn: TurnId,
    /// Which agent.
    pub agent: AgentName,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum What {
    /// The agent proposes an action.
    Proposal {
        /// Which proposal.
        proposal: ProposalId,
        /// Its canonical action; a model call's arguments are left out here and whole in the record.
        action: Action,
    },
    /// The monitor has judged it, and proposal and verdict are durable.
    Verdict {
        /// Which proposal.
        proposal: ProposalId,
        /// The answer.
        decision: Decision,
        /// Why.
        reasons: Vec<Reason>,
        /// From proposal to verdict, in microseconds.
        micros: u64,
    },
    /// The effect has ended.
    Outcome {
        /// Which proposal.
        proposal: ProposalId,
        /// How.
        status: Status,
        /// The labels of what came back.
        labels: Labels,
        /// What came back, shortened; empty when it is above `internal`.
        summary: String,
    },
    /// An action waits for a person, or no longer does.
    Approval {
        /// Which approval.
        approval: ApprovalId,
        /// Its state.
        state: ApprovalState,
        /// The digest that an approval binds to, for who may read the action: by it a guess at the words can be checked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        binding: Option<Digest>,
        /// The action, one line.
        action: String,
    },
    /// The agent's answer, judged and delivered.
    Reply {
        /// The words.
        text: String,
    },
    /// Something that the person should know, such as what was left out of the model's context.
    Notice {
        /// One sentence.
        message: String,
    },
    /// The turn ended without an answer.
    Error {
        /// One sentence.
        message: String,
        /// Somebody ended the turn, or its time was up: nothing failed.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        stopped: bool,
    },
    /// The turn is over; nothing more comes of it.
    End,
}

impl What {
    /// The same without any content: no arguments, no words, no sentences.
    fn without_content(self) -> Self {
        match self {
            Self::Proposal { proposal, action } => {
                let action =
                    Action { verb: action.verb, resource: action.resource, args: Default::default() };
                Self::Proposal { proposal, action }
            }
            Self::Verdict { proposal, decision, mut reasons, micros } => {
                reasons.iter_mut().for_each(|reason| reason.message.clear());
                Self::Verdict { proposal, decision, reasons, micros }
            }
            Self::Outcome { proposal, status, labels, .. } => {
                Self::Outcome { proposal, status, labels, summary: String::new() }
            }
            Self::Reply { .. } => Self::Reply { text: String::new() },
            Self::Notice { .. } => Self::Notice { message: String::new() },
            Self::Error { stopped, .. } => Self::Error { message: String::new(), stopped },
            Self::Approval { approval, state, action, .. } => {
                Self::Approval { approval, state, binding: None, action }
            }
            Self::End => self,
        }
    }

    /// The notice of how much of the conversation the model does not see. `told` is the number that was said
    /// last in this turn: it is said again only when it has grown.
    pub(crate) fn left_out(intent: &Intent, told: &mut u32) -> Option<Self> {
        let Intent::ModelCall { dropped, .. } = intent else { return None };
        if *dropped <= *told {
            return None;
        }
        *told = *dropped;
        let message = format!(
            "{dropped} older messages of this conversation were left out: with them it is longer than the model's context window; no rule was left out"
        );
        Some(Self::Notice { message })
    }
}

/// Where an approval stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApprovalState {
    /// It waits.
    Waiting,
    /// A person said yes, and it has not been used yet.
    Approved,
    /// A person said no.
    Denied,
    /// Nobody answered in time, which is a no.
    Expired,
    /// Its agent was stopped.
    Cancelled,
    /// It was approved and the action was let through, once.
    Used,
    /// It was approved, and judged again it no longer held.
    Void,
}

impl ApprovalState {
    /// The event of an approval coming to stand so, as the record has it.
    pub(crate) const fn event(self) -> journal::Event {
        match self {
            Self::Waiting => journal::Event::ApprovalShown,
            Self::Approved | Self::Used => journal::Event::ApprovalApproved,
            Self::Denied => journal::Event::ApprovalDenied,
            Self::Expired => journal::Event::ApprovalExpired,
            Self::Cancelled => journal::Event::ApprovalCancelled,
            Self::Void => journal::Event::ApprovalVoid,
        }
    }
}

/// The gateway's events, for everyone who follows.
#[derive(Debug, Clone)]
pub(crate) struct Bus {
    sender: broadcast::Sender<Arc<Event>>,
    next: Arc<std::sync::atomic::AtomicU64>,
}

impl Bus {
    pub(crate) fn new() -> Self {
        Self { sender: broadcast::channel(MAX_EVENTS_BEHIND).0, next: Arc::default() }
    }

    pub(crate) fn follow(&self) -> broadcast::Receiver<Arc<Event>> {
        self.sender.subscribe()
    }

    /// Tells every follower. Nobody following is not an error: the record has it all.
    pub(crate) fn tell(&self, session: &SessionId, turn: &TurnId, agent: &AgentName, what: What) {
        let seq = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let event = Event { seq, session: session.clone(), turn: turn.clone(), agent: agent.clone(), what };
        if self.sender.send(Arc::new(event)).is_err() {
            tracing::trace!("nobody follows");
        }
    }
}

/// The events of one turn, or of the whole gateway, in order.
#[derive(Debug)]
pub struct Events {
    receiver: broadcast::Receiver<Arc<Event>>,
    /// The turn that is followed, with its words; without one it is all turns, without words.
    turn: Option<TurnId>,
    ended: bool,
}

/// A follower was too slow and missed this many events; the record has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} events were missed; `bulkhead audit query` has them")]
pub struct Missed(pub u64);

impl Events {
    pub(crate) fn of_turn(receiver: broadcast::Receiver<Arc<Event>>, turn: TurnId) -> Self {
        Self { receiver, turn: Some(turn), ended: false }
    }

    pub(crate) fn all(receiver: broadcast::Receiver<Arc<Event>>) -> Self {
        Self { receiver, turn: None, ended: false }
    }

    /// The next event; `None` after a followed turn's [`What::End`] or when the gateway stops.
    ///
    /// # Errors
    /// When this follower was too slow.
    pub async fn next(&mut self) -> Result<Option<Arc<Event>>, Missed> {
        while !self.ended {
            match self.receiver.recv().await {
                Ok(event) if self.turn.as_ref().is_some_and(|turn| *turn != event.turn) => {}
                Ok(event) => {
                    self.ended = self.turn.is_some() && matches!(event.what, What::End);
                    return Ok(Some(if self.turn.is_some() {
                        event
                    } else {
                        let event = Event::clone(&event);
                        Arc::new(Event { what: event.what.without_content(), ..event })
                    }));
                }
                Err(broadcast::error::RecvError::Lagged(missed)) => return Err(Missed(missed)),
                Err(broadcast::error::RecvError::Closed) => self.ended = true,
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_follows_everyone_is_told_of_an_approval_without_what_it_binds_to() {
        let bus = Bus::new();
        let (session, turn) = (SessionId::new("s-1").unwrap(), TurnId::new("t-1").unwrap());
        let agent = AgentName::new("echo").unwrap();
        let (mut own, mut all) = (Events::of_turn(bus.follow(), turn.clone()), Events::all(bus.follow()));
        let binding = Digest::of(b"the very words");
        let what = What::Approval {
            approval: ApprovalId::new("a-1").unwrap(),
            state: ApprovalState::Waiting,
            binding: Some(binding),
            action: "message.post board:forum".to_owned(),
        };
        bus.tell(&session, &turn, &agent, what);
        let told = serde_json::to_string(&own.next().await.unwrap().unwrap()).unwrap();
        assert!(told.contains(&binding.to_string()), "{told}");
        let told = serde_json::to_string(&all.next().await.unwrap().unwrap()).unwrap();
        assert!(told.contains("a-1") && told.contains("message.post") && !told.contains("binding"), "{told}");
    }
}
