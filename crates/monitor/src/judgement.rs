//! A judgement between verdict and effect: it goes to the journal, and what the journal gives back turns it
//! into a ruling. A permit cannot be had on any other road.

use std::sync::OnceLock;

use journal::{Draft, Entry, Ground, Kind, Receipt, Written};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use vocab::{Action, Decision, Digest, Labels, PersonId, Proposal, Reason, Timestamp, Verdict};

use crate::gate::{Gate, Generation};
use crate::permit::{Bounds, Granted, Permit};

/// What was judged and decided. Nothing has happened yet, and nothing is on the record yet.
#[derive(Debug)]
pub struct Judgement {
    pub(crate) proposal: Proposal,
    pub(crate) action: Action,
    pub(crate) verdict: Verdict,
    pub(crate) bounds: Bounds,
    pub(crate) returns: Labels,
    pub(crate) marks: Vec<(String, Labels)>,
    pub(crate) asker: PersonId,
    pub(crate) at: Timestamp,
    pub(crate) gate: Gate,
    pub(crate) generation: Generation,
    pub(crate) binding: OnceLock<Digest>,
    pub(crate) content: OnceLock<(Written, Digest)>,
    pub(crate) subject: OnceLock<Digest>,
}

/// What a recorded judgement comes to.
#[derive(Debug)]
pub enum Ruling {
    /// It may happen, once, now.
    Permit(Permit),
    /// It waits for a person.
    Ask(Held),
    /// It does not happen.
    Deny(Denied),
    /// It does not happen, and the agent is to be stopped.
    Kill(Denied),
}

/// An action that waits for a person: all that is needed to show it and to judge it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The proposal, to be judged again when a person has approved.
    pub proposal: Proposal,
    /// What would happen.
    pub action: Action,
    /// What an approval is bound to: the action, the policies and the labels.
    pub binding: Digest,
    /// The policies that it was judged by.
    pub policy_version: Digest,
    /// The labels of the data that would move.
    pub labels: Labels,
    /// Why it waits.
    pub reasons: Vec<Reason>,
}

/// An action that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// The proposal.
    pub proposal: Proposal,
    /// What would have happened.
    pub action: Action,
    /// Why not, the deciding reasons first.
    pub reasons: Vec<Reason>,
}

/// A receipt for something else than this judgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the receipt is for another entry than this judgement, so nothing is permitted by it")]
pub struct WrongReceipt;

/// What an approval is bound to. Two actions, policies or labels that differ never share one.
#[must_use]
pub fn bind(action: &Action, policy_version: &Digest, labels: &Labels) -> Digest {
    // An action's arguments have no key twice and no number that loses digits (`resolve` refuses them), so the
    // canonical form exists and differs whenever they do. Were it missing all the same, the plain form of each
    // stands in, which no canonical form can equal.
    let action = match vocab::digest::canonical(action) {
        Ok(bytes) => bytes,
        Err(_) => format!("without canonical form: {action:?}").into_bytes(),
    };
    let labels = labels.names().join(",");
    Digest::of_parts(&[b"bulkhead binding 1", &action, policy_version.as_bytes(), labels.as_bytes()])
}

/// The content of a proposal.
#[derive(Serialize)]
struct Arguments<'a> {
    args: &'a Map<String, Value>,
}

/// The content of a verdict.
#[derive(Serialize)]
struct Sentences<'a> {
    reasons: &'a [Reason],
}

/// `content` as JSON. What it is made of has such a form; were it missing all the same, the plain form of `parts` stands in.
fn written(content: &impl Serialize, parts: &impl std::fmt::Debug) -> Written {
    Written::of(content).unwrap_or_else(|_| Written::words(&format!("without a form: {parts:?}")))
}

impl Judgement {
    /// What was decided, and why.
    #[must_use]
    pub const fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// What would happen, in its canonical form.
    #[must_use]
    pub const fn action(&self) -> &Action {
        &self.action
    }

    /// The proposal that was judged.
    #[must_use]
    pub const fn proposal(&self) -> &Proposal {
        &self.proposal
    }

    /// How far it would reach.
    #[must_use]
    pub const fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// For what would be written: the labels that it is to carry from then on, by path; a folder's are on all
    /// beneath it.
    #[must_use]
    pub fn marks(&self) -> &[(String, Labels)] {
        &self.marks
    }

    /// What an approval of this would be bound to: the action, the version of the policies and the labels.
    #[must_use]
    pub fn binding(&self) -> Digest {
        *self.binding.get_or_init(|| bind(&self.action, &self.verdict.policy_version, &self.verdict.labels))
    }

    /// The digest of the proposal's content, byte for byte as it is recorded: the action's arguments.
    #[must_use]
    pub fn content_digest(&self) -> Digest {
        self.content().1
    }

    /// The proposal's content as it is recorded, and its digest.
    fn content(&self) -> &(Written, Digest) {
        self.content.get_or_init(|| {
            let written = written(&Arguments { args: &self.action.args }, &self.action.args);
            let digest = Digest::of(written.as_str().as_bytes());
            (written, digest)
        })
    }

    /// What the journal's receipt must be for: this proposal, this action, this decision, this moment.
    fn subject(&self) -> Digest {
        *self.subject.get_or_init(|| self.make_subject())
    }

    fn make_subject(&self) -> Digest {
        // Only this value is ever held against it, so that the plain form of its arguments does; the canonical one, which
        // takes several times as long, is made when something outlives the judgement.
        let labels = self.verdict.labels.names().join(",");
        Digest::of_parts(&[
            b"bulkhead judgement 3",
            self.proposal.id.as_str().as_bytes(),
            self.proposal.agent.as_str().as_bytes(),
            self.proposal.session.as_str().as_bytes(),
            self.proposal.turn.as_str().as_bytes(),
            self.asker.as_str().as_bytes(),
            self.verdict.decision.as_str().as_bytes(),
            self.action.verb.as_str().as_bytes(),
            self.action.resource.kind().as_bytes(),
            self.action.resource.name().as_bytes(),
            self.content_digest().as_bytes(),
            self.verdict.policy_version.as_bytes(),
            labels.as_bytes(),
            &self.at.as_nanosecond().to_be_bytes(),
        ])
    }

    /// The proposal and its verdict, for the journal, in one transaction.
    #[must_use]
    pub fn entry(&self) -> Entry {
        let draft = |kind, written: Written| Draft {
            session: Some(self.proposal.session.clone()),
            turn: Some(self.proposal.turn.clone()),
            proposal: Some(self.proposal.id.clone()),
            agent: Some(self.proposal.agent.clone()),
            person: Some(self.asker.clone()),
            verb: Some(self.action.verb),
            resource: Some(self.action.resource.clone()),
            labels: Some(self.verdict.labels.clone()),
            policy_version: Some(self.verdict.policy_version),
            written: Some(written),
            ..Draft::new(kind)
        };
        let proposal = draft(Kind::Proposal, self.content().0.clone());
        let grounds = self.verdict.reasons.iter();
        let verdict = Draft {
            decision: Some(self.verdict.decision),
            reasons: grounds
                .map(|reason| Ground { layer: reason.layer, policy: reason.policy.clone() })
                .collect(),
            ..draft(
                Kind::Verdict,
                written(&Sentences { reasons: &self.verdict.reasons }, &self.verdict.reasons),
            )
        };
        Entry { subject: self.subject(), records: vec![proposal, verdict], state: Vec::new() }
    }

    /// The ruling, once the journal has made this judgement durable.
    ///
    /// # Errors
    /// When the receipt is for something else. The judgement is used up all the same: nothing is permitted.
    pub fn settle(self, receipt: Receipt) -> Result<Ruling, WrongReceipt> {
        if *receipt.subject() != self.subject() {
            return Err(WrongReceipt);
        }
        let Self { proposal, action, verdict, bounds, returns, marks, at, gate, generation, binding, .. } =
            self;
        let Verdict { decision, reasons, policy_version, labels } = verdict;
        Ok(match decision {
            Decision::Permit => {
                let granted =
                    Granted { proposal: proposal.id, action, bounds, labels: returns, marks, over: None };
                Ruling::Permit(Permit::new(granted, at, gate, generation))
            }
            Decision::Ask => {
                let made = || bind(&action, &policy_version, &labels);
                let binding = binding.into_inner().unwrap_or_else(made);
                Ruling::Ask(Held { proposal, action, binding, policy_version, labels, reasons })
            }
            Decision::Deny => Ruling::Deny(Denied { proposal, action, reasons }),
            Decision::Kill => Ruling::Kill(Denied { proposal, action, reasons }),
        })
    }
}
