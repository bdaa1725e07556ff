//! How the exports stand, for whoever asks the gateway.

use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use vocab::Timestamp;

use crate::settings::{Target, Where};

/// How one export stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Its name.
    pub name: String,
    /// Its form.
    pub format: String,
    /// Where it goes.
    pub to: String,
    /// Whether that is on this machine.
    pub local: bool,
    /// The last record that the receiver has taken, or that is not for it.
    pub taken: u64,
    /// How many records of the whole record lie behind that one, as of the last look.
    pub behind: u64,
    /// Since when the receiver has taken nothing, if it does not.
    pub failing_since: Option<Timestamp>,
    /// Why it took nothing when it was last tried, one sentence.
    pub last_error: Option<String>,
    /// Whether it has been so for longer than the settings allow.
    pub late: bool,
    /// How many records the receiver has refused for good since the gateway started. They are not sent again.
    #[serde(default)]
    pub refused: u64,
    /// Of a witness, the time of its last cosignature, as it states it.
    #[serde(default)]
    pub cosigned: Option<Timestamp>,
    /// Of a witness, how this record is not the one that it cosigned, since it cosigned last; one sentence.
    #[serde(default)]
    pub contradiction: Option<String>,
}

impl Standing {
    /// One that has taken nothing yet.
    pub(crate) fn new(target: &Target, format: &str, to: &Where) -> Self {
        Self {
            name: target.name.clone(),
            format: format.to_owned(),
            to: to.to_string(),
            local: to.is_local(),
            taken: 0,
            behind: 0,
            failing_since: None,
            last_error: None,
            late: false,
            refused: 0,
            cosigned: None,
            contradiction: None,
        }
    }
}

/// The exports of one gateway. A cheap handle.
#[derive(Debug, Clone, Default)]
pub struct Board {
    standings: Arc<Mutex<Vec<Standing>>>,
}

impl Board {
    /// How each stands now, in the order of the settings.
    #[must_use]
    pub fn standings(&self) -> Vec<Standing> {
        self.standings.lock().clone()
    }

    /// Adds one.
    pub(crate) fn add(&self, standing: Standing) -> Spot {
        let mut standings = self.standings.lock();
        standings.push(standing);
        Spot { board: self.clone(), at: standings.len().saturating_sub(1) }
    }
}

/// The place of one export on the board.
#[derive(Debug)]
pub(crate) struct Spot {
    board: Board,
    at: usize,
}

impl Spot {
    pub(crate) fn change(&self, change: impl FnOnce(&mut Standing)) {
        if let Some(standing) = self.board.standings.lock().get_mut(self.at) {
            change(standing);
        }
    }

    pub(crate) fn get(&self) -> Option<Standing> {
        self.board.standings.lock().get(self.at).cloned()
    }
}
