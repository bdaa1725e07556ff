//! What became of a proposal.

use serde::{Deserialize, Serialize};

use crate::{Answer, Labels, ProposalId};

/// How a proposal ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It happened.
    Done,
    /// It was tried and did not succeed.
    Failed,
    /// It was not allowed to happen.
    Denied,
    /// It happened, and its result may not be seen by this agent or this person.
    Withheld,
    /// It may or may not have happened: the gateway stopped in between. It is never retried.
    Unknown,
    /// It ended after its agent had been stopped; the result was not used.
    Late,
}

impl Status {
    /// The status's name, as records and events write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Denied => "denied",
            Self::Withheld => "withheld",
            Self::Unknown => "unknown",
            Self::Late => "late",
        }
    }
}

/// What an effect gave back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "body", rename_all = "snake_case")]
pub enum Body {
    /// Nothing.
    Nothing,
    /// A model's answer.
    Answer {
        /// The whole answer.
        answer: Answer,
    },
    /// A skill's result, for the model.
    Text {
        /// The text.
        text: String,
    },
    /// Why a model gave no answer.
    Fault {
        /// What kind of fault.
        fault: Fault,
        /// One sentence.
        text: String,
    },
}

/// Why a model gave no answer, as far as the asker can do something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The conversation is longer than the model's context window.
    TooLong,
    /// The model server does not take this request.
    Refused,
    /// The model server is not there, or not now.
    Down,
    /// What came was no answer.
    Broken,
}

/// What became of a proposal, with the labels of what came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Which proposal.
    pub proposal: ProposalId,
    /// How it ended.
    pub status: Status,
    /// The labels of what came back.
    pub labels: Labels,
    /// What came back; for a failure, one sentence for the model and the record.
    pub body: Body,
}
