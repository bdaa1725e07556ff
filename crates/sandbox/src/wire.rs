//! The first words between the gateway and a jailed process: the jail, and whether it stands.

use serde::{Deserialize, Serialize};

use crate::{Jail, Layer};

/// What the gateway says first.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    pub(crate) jail: Jail,
}

/// What the jailed process answers, once.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "jail", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Answer {
    /// Every layer is laid, or the jail is reduced and the lacking ones are named.
    Ready { layers: Vec<Layer> },
    /// A layer cannot be had; the process ends.
    Refused { layer: String, why: String, mend: String },
}
