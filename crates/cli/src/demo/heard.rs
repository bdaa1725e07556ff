//! What is heard of a turn: every proposal with its verdict, its outcome and its wait for a person.

use std::collections::HashMap;

use serde_json::{Value, json};
use turn::{ApprovalState, ApprovalView, Event, What};
use vocab::{Action, Decision, ProposalId, Reason, Status, Verb};

use super::stage::{AGENT, Stage};
use crate::client::{Client, Lines};
use crate::failure::Failure;

/// One proposal and all that was said of it.
#[derive(Debug, Clone)]
pub(super) struct Tried {
    pub(super) proposal: ProposalId,
    pub(super) action: Action,
    pub(super) decision: Option<Decision>,
    pub(super) reasons: Vec<Reason>,
    /// From the proposal until its verdict was durable.
    pub(super) micros: u64,
    pub(super) status: Option<Status>,
    pub(super) summary: String,
}

/// One action that waited for a person.
#[derive(Debug, Clone)]
pub(super) struct Waited {
    /// All that the person was shown.
    pub(super) shown: ApprovalView,
    /// What was on the board while it waited.
    pub(super) board: String,
    /// What became of it.
    pub(super) state: ApprovalState,
}

/// A turn.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard {
    pub(super) tried: Vec<Tried>,
    pub(super) waited: Option<Waited>,
    pub(super) reply: Option<String>,
    pub(super) error: Option<String>,
    pub(super) ended: bool,
    places: HashMap<ProposalId, usize>,
}

impl Heard {
    /// The first proposal of `verb`.
    pub(super) fn first(&self, verb: Verb) -> Option<&Tried> {
        self.tried.iter().find(|tried| tried.action.verb == verb)
    }

    /// All proposals of `verb` that name `resource`.
    pub(super) fn of<'a>(&'a self, verb: Verb, resource: &'a str) -> impl Iterator<Item = &'a Tried> {
        self.tried
            .iter()
            .filter(move |tried| tried.action.verb == verb && tried.action.resource.name() == resource)
    }

    pub(super) fn take(&mut self, what: What) {
        match what {
            What::Proposal { proposal, action } => {
                self.places.insert(proposal.clone(), self.tried.len());
                self.tried.push(Tried {
                    proposal,
                    action,
                    decision: None,
                    reasons: Vec::new(),
                    micros: 0,
                    status: None,
                    summary: String::new(),
                });
            }
            What::Verdict { proposal, decision, reasons, micros } => {
                if let Some(tried) = self.known(&proposal) {
                    tried.decision = Some(decision);
                    tried.reasons = reasons;
                    tried.micros = micros;
                }
            }
            What::Outcome { proposal, status, summary, .. } => {
                if let Some(tried) = self.known(&proposal) {
                    tried.status = Some(status);
                    tried.summary = summary;
                }
            }
            What::Approval { state, .. } => {
                if let Some(waited) = &mut self.waited {
                    waited.state = state;
                }
            }
            What::Reply { text } => self.reply = Some(text),
            What::Error { message, .. } => self.error = Some(message),
            What::Part { .. } | What::Notice { .. } => {}
            What::End => self.ended = true,
        }
    }

    fn known(&mut self, proposal: &ProposalId) -> Option<&mut Tried> {
        let place = *self.places.get(proposal)?;
        self.tried.get_mut(place)
    }
}

/// Sends `message` to the demo's agent and returns the events of its turn.
///
/// # Errors
/// When the gateway does not take it.
pub(super) async fn send(client: &Client, message: &str) -> Result<Lines, Failure> {
    client.follow(&format!("agents/{AGENT}/messages"), &json!({ "text": message })).await
}

/// The next event of a turn; `None` at its end.
///
/// # Errors
/// When the gateway goes away or events were missed: the demo would judge what it has not seen.
pub(super) async fn next(lines: &mut Lines) -> Result<Option<What>, Failure> {
    let Some(line) = lines.next().await? else { return Ok(None) };
    let misfit = |error| Failure::internal(format!("the gateway sent something that is no event ({error})"));
    let value: Value = serde_json::from_slice(&line).map_err(misfit)?;
    let event: Event = serde_json::from_value(value).map_err(misfit)?;
    Ok(Some(event.what))
}

/// Follows a turn to its end, and says no to whatever waits for a person.
///
/// # Errors
/// When the gateway goes away.
pub(super) async fn follow(stage: &Stage, client: &Client, mut lines: Lines) -> Result<Heard, Failure> {
    let mut heard = Heard::default();
    while let Some(what) = next(&mut lines).await? {
        if let What::Approval { approval, state: ApprovalState::Waiting, .. } = &what {
            let shown: ApprovalView = client.get(&format!("approvals/{approval}")).await?;
            heard.waited = Some(Waited { shown, board: stage.board()?, state: ApprovalState::Waiting });
            let no = json!({ "reason": "the advice is wrong: it would open the data to everyone" });
            client.post::<_, ApprovalView>(&format!("approvals/{approval}/deny"), &no).await?;
        }
        heard.take(what);
    }
    Ok(heard)
}
