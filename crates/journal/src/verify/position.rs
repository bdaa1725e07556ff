//! How far a verification has come, to go on from another time.

use serde::{Deserialize, Serialize};
use vocab::Digest;

use super::keys::KeyTold;
use crate::merkle::TreeHead;

/// A place between two blocks of records up to which everything was good. Whoever goes on from it relies on whoever wrote it
/// down: keep it where the record's owner cannot write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// The id of the log.
    pub(super) log: String,
    /// The last good record, and its hash.
    pub(super) seq: u64,
    pub(super) hash: Digest,
    /// The perfect trees side by side, the largest first, each with its height.
    pub(super) trees: Vec<(u32, Digest)>,
    /// How many nodes and how many rows of blocks the records have made.
    pub(super) nodes: u64,
    pub(super) blocks: u64,
    /// The checkpoints that were given until then and fitted.
    pub(super) checked: Vec<TreeHead>,
    /// The keys that the records tell of.
    pub(super) keys: Vec<KeyTold>,
}

impl Position {
    /// How many records were good.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.seq
    }
}
