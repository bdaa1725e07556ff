//! What the monitor decided, and why.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Digest, Labels};

/// The four answers to a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// It may happen, once, now.
    Permit,
    /// It waits for a person.
    Ask,
    /// It does not happen.
    Deny,
    /// It does not happen, and the agent is stopped.
    Kill,
}

impl Decision {
    /// The decision's name, as records and events write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Permit => "permit",
            Self::Ask => "ask",
            Self::Deny => "deny",
            Self::Kill => "kill",
        }
    }
}

/// Which layer of the judgement spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    /// The agent's grants and its enforced rules, from SOUL.md.
    Policy,
    /// The asker's own rights.
    Rights,
    /// Data labels and clearances.
    Flow,
    /// Limits of actions, time and tokens.
    Rate,
    /// What a text would lead its reader to do.
    Advice,
    /// The organisation's hard limits.
    Guardrail,
    /// A person's approval or denial.
    Approval,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Policy => "policy",
            Self::Rights => "rights",
            Self::Flow => "flow",
            Self::Rate => "rate",
            Self::Advice => "advice",
            Self::Guardrail => "guardrail",
            Self::Approval => "approval",
        })
    }
}

/// Why a verdict is what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The layer that spoke.
    pub layer: Layer,
    /// The policy, rule or limit that decided, by its id.
    pub policy: String,
    /// The reason in one plain sentence.
    pub message: String,
}

/// What the monitor decided about one action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The answer.
    pub decision: Decision,
    /// Every reason, the deciding ones first.
    pub reasons: Vec<Reason>,
    /// The version of everything that was judged by: SOUL.md, guardrails, rights, labels.
    pub policy_version: Digest,
    /// The labels of the data that would move.
    pub labels: Labels,
}
