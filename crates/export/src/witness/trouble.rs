//! Why a witness has not cosigned, a sentence each, and what of it is said in the record.

use journal::read::ProveError;
use journal::{Event, Facts, SealError};

use super::answer::Unfit;
use crate::send::SendError;

/// What is said in the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Telling {
    /// It does not answer, or answers nothing of use.
    Away,
    /// What it sent is not its cosignature.
    Refused,
    /// It has cosigned more than there is.
    Longer,
    /// It has cosigned another record.
    Other,
    /// It has cosigned a checkpoint that the record does not have.
    Unmade,
}

impl Telling {
    pub(super) const fn event(self) -> Event {
        match self {
            Self::Away => Event::PublishingFailed,
            Self::Refused => Event::CosignatureRefused,
            Self::Longer | Self::Other | Self::Unmade => Event::CheckpointContradicted,
        }
    }

    /// Whether the record is not the one that the witness saw, if it says the truth.
    pub(super) const fn contradicts(self) -> bool {
        matches!(self, Self::Longer | Self::Other | Self::Unmade)
    }
}

/// Why there is no cosignature.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("{0}")]
    Send(#[from] SendError),
    #[error("{0}")]
    Answer(#[from] Unfit),
    /// It names the size that it was just sent, or another each time.
    #[error("it says each time that it has cosigned another size (409), also when it is sent that one")]
    Unsteady,
    /// Another gateway of this record sent it a newer checkpoint.
    #[error(
        "it has cosigned {seen} records already and the newest checkpoint of this gateway has {size}: the next one is sent"
    )]
    Ahead { seen: u64, size: u64 },
    #[error(
        "it has cosigned {seen} records and the record has {there}: the end was cut off, or the database was set back to an older copy"
    )]
    Longer { seen: u64, there: u64 },
    #[error(
        "the record at {size} does not continue what it cosigned at {seen} records: the record was built anew, or is a copy that went another way"
    )]
    Inconsistent { seen: u64, size: u64 },
    #[error(
        "it has cosigned {seen} records, more than the {size} that it was sent, and the record has no checkpoint of that size: the record was built anew, or is a copy that went another way"
    )]
    Unmade { seen: u64, size: u64 },
    /// It was not waited for.
    #[error("it did not answer before the gateway stopped")]
    Stopped,
    #[error("what it sent was not taken in: {0}")]
    Refused(String),
    #[error("the record cannot be used for it: {0}")]
    Record(String),
}

impl Trouble {
    /// That the proof from `seen` does not hold. From nothing there is none, so that refusing it says nothing.
    pub(super) const fn inconsistent(seen: u64, size: u64) -> Self {
        match seen {
            0 => Self::Answer(Unfit::Status(422)),
            seen => Self::Inconsistent { seen, size },
        }
    }

    /// What of it is said in the record; nothing where it passes by itself.
    pub(super) const fn telling(&self) -> Option<Telling> {
        match self {
            Self::Send(_) | Self::Answer(_) | Self::Unsteady | Self::Record(_) => Some(Telling::Away),
            Self::Ahead { .. } | Self::Stopped => None,
            Self::Unmade { .. } => Some(Telling::Unmade),
            Self::Longer { .. } => Some(Telling::Longer),
            Self::Inconsistent { .. } => Some(Telling::Other),
            Self::Refused(_) => Some(Telling::Refused),
        }
    }

    pub(super) fn facts(&self, witness: &str, size: u64) -> Facts {
        let facts = Facts::new().with("error", self.to_string());
        match self {
            Self::Longer { seen, there } => {
                facts.with("witness", witness).with("size", *there).with("seen", *seen).with("why", "longer")
            }
            Self::Inconsistent { seen, size } => {
                facts.with("witness", witness).with("size", *size).with("seen", *seen).with("why", "other")
            }
            Self::Unmade { seen, size } => {
                facts.with("witness", witness).with("size", *size).with("seen", *seen).with("why", "unmade")
            }
            Self::Refused(_) => facts.with("witness", witness).with("size", size),
            _ => facts.with("place", witness),
        }
    }
}

impl From<SealError> for Trouble {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Cosignature(why) => Self::Refused(why),
            error => Self::Record(error.to_string()),
        }
    }
}

impl From<ProveError> for Trouble {
    fn from(error: ProveError) -> Self {
        Self::Record(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_from_nothing_that_is_refused_contradicts_nothing() {
        assert_eq!(Trouble::inconsistent(0, 7).telling(), Some(Telling::Away));
        assert_eq!(Trouble::inconsistent(1, 7).telling(), Some(Telling::Other));
    }

    #[test]
    fn a_witness_is_blamed_only_for_what_it_sent() {
        let told = |error: SealError| Trouble::from(error).telling();
        assert_eq!(told(SealError::Cosignature("forged".to_owned())), Some(Telling::Refused));
        assert_eq!(told(SealError::Cosigning("too many".to_owned())), Some(Telling::Away));
    }
}
