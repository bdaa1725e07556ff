//! The permit: permission as a value, good once, for a while, under the policies that it was judged by.
//!
//! It has private fields and no way to copy, store or send it, and it is made only when a judgement meets
//! the journal's receipt. An effect takes it by value and redeems it, or does nothing.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use soul::Table;
use vocab::limits::PERMIT_LIFETIME;
use vocab::{Action, Digest, Labels, ProposalId, Timestamp};

use crate::gate::{Gate, Generation};
use crate::reach::Reach;

/// Permission for one action, once. Only the monitor makes one.
#[must_use = "a permit that is not redeemed permits nothing"]
pub struct Permit {
    granted: Granted,
    issued: Timestamp,
    gate: Gate,
    generation: Generation,
}

/// What a redeemed permit allows, exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// The proposal.
    pub proposal: ProposalId,
    /// What may be done, with every argument.
    pub action: Action,
    /// How far it may reach.
    pub bounds: Bounds,
    /// The labels of what comes back.
    pub labels: Labels,
    /// For what is written: the labels that it carries from then on, by path; a folder's are on all beneath it.
    pub marks: Vec<(String, Labels)>,
    /// What alone may be written over; anything when nobody looked at it.
    pub over: Option<Over>,
}

/// What may be written over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Over {
    /// Nothing: there must be no such file.
    Nothing,
    /// A file with this SHA-256.
    Only(Digest),
}

/// How far an effect may reach, beside what its action says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bounds {
    /// Nothing beyond the action itself.
    None,
    /// A file or folder.
    File {
        /// The narrowest granted folder, or the granted file itself: the agent's grant or the asker's right,
        /// whichever lies deeper. No link may lead out of it, nor to a file with other labels.
        root: PathBuf,
        /// The most bytes to read or write.
        max_bytes: u64,
    },
    /// A page.
    Web {
        /// The most bytes to fetch.
        max_bytes: u64,
    },
    /// A command.
    Command(Box<Run>),
    /// Tables of a database.
    Tables(Box<Tables>),
    /// The documents of a collection.
    Collection {
        /// Its folder, absolute: nothing outside of it is read, and no link is followed.
        folder: PathBuf,
    },
}

/// How far a command may reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Where the program was found; it may be a link.
    pub program: PathBuf,
    /// The program's own file, every link followed.
    pub file: PathBuf,
    /// Where every program was found that it may start, itself among them: what the agent was granted and the
    /// asker has a right to.
    pub programs: Vec<PathBuf>,
    /// The folder that it starts in.
    pub folder: PathBuf,
    /// What it may read and write.
    pub reach: Reach,
    /// Processor time of each of its processes.
    pub cpu: Duration,
    /// Memory of each of its processes, in bytes.
    pub memory_bytes: u64,
    /// Wall time of all of it.
    pub time: Duration,
}

/// What a query may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    /// The database's file, absolute.
    pub file: PathBuf,
    /// The tables and views: each of them was judged. No other is read, nor a column that is not named here.
    pub tables: Vec<Table>,
    /// How many rows come back at most.
    pub max_rows: u32,
}

/// Why a permit no longer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It was not used in time.
    #[error("the permit has expired: it was good for {} s; propose the action again", PERMIT_LIFETIME.as_secs())]
    Expired,
    /// The agent was stopped after the judgement.
    #[error("the agent has been stopped since this was permitted")]
    Stopped,
    /// The policies were replaced after the judgement, or the agent was stopped and let go on.
    #[error("the policies have changed since this was permitted; propose the action again")]
    Replaced,
}

impl Permit {
    /// Only a settled judgement may call this.
    pub(crate) const fn new(granted: Granted, issued: Timestamp, gate: Gate, generation: Generation) -> Self {
        Self { granted, issued, gate, generation }
    }

    /// What it permits.
    #[must_use]
    pub const fn action(&self) -> &Action {
        &self.granted.action
    }

    /// How far it reaches.
    #[must_use]
    pub const fn bounds(&self) -> &Bounds {
        &self.granted.bounds
    }

    /// Which proposal it is for.
    #[must_use]
    pub const fn proposal(&self) -> &ProposalId {
        &self.granted.proposal
    }

    /// The same, good for a write over this alone.
    pub fn only_over(mut self, over: Over) -> Self {
        self.granted.over = Some(over);
        self
    }

    /// Uses the permit up. Whoever calls this does the action now, once, within its bounds.
    ///
    /// # Errors
    /// When the agent has been stopped or its policies replaced since the judgement, or when the judgement is
    /// longer ago than [`PERMIT_LIFETIME`] (or, on a clock that was set back, as long ahead).
    pub fn redeem(self, now: Timestamp) -> Result<Granted, Refused> {
        let gate = self.gate.generation();
        if !gate.is_open() {
            return Err(Refused::Stopped);
        }
        if gate != self.generation {
            return Err(Refused::Replaced);
        }
        if now.duration_since(self.issued).unsigned_abs() > PERMIT_LIFETIME {
            return Err(Refused::Expired);
        }
        Ok(self.granted)
    }
}

/// Names the action's kind and no content.
impl std::fmt::Debug for Permit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Permit")
            .field("proposal", &self.granted.proposal)
            .field("verb", &self.granted.action.verb)
            .finish_non_exhaustive()
    }
}
