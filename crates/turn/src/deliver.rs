//! The reply, an effect like any other: it needs a permit.

use monitor::{Permit, Refused};
use vocab::{Body, Outcome, Status, Timestamp};

use crate::What;
use crate::gateway::Gateway;
use crate::state::Turn;

/// Hands the permitted words to the person who asked.
///
/// # Errors
/// When the permit no longer holds.
pub(crate) fn deliver(
    gateway: &Gateway,
    turn: &Turn,
    permit: Permit,
    now: Timestamp,
) -> Result<Outcome, Refused> {
    let granted = permit.redeem(now)?;
    let text = granted.action.text("text").unwrap_or_default().to_owned();
    gateway.tell(turn, What::Reply { text: text.clone() });
    Ok(Outcome {
        proposal: granted.proposal,
        status: Status::Done,
        labels: granted.labels,
        body: Body::Text { text },
    })
}
