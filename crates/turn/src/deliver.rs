//! The reply, an effect like any other, and each part of it: it needs a permit.

use monitor::{Permit, Refused};
use vocab::{Answer, Body, Outcome, Status, Timestamp, Verb};

use crate::What;
use crate::gateway::Gateway;
use crate::state::Turn;

/// Hands the permitted words to the person who asked, or the permitted answer to the program that works for them.
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
    let body = if turn.row.program {
        let calls = granted.action.args.get("tool_calls").cloned().unwrap_or_default();
        // The monitor wrote them from calls, so they read as calls; were they not, none is handed over.
        let tool_calls = serde_json::from_value(calls).unwrap_or_default();
        Body::Answer { answer: Answer { text, tool_calls, ..Answer::default() } }
    } else {
        let (proposal, text_of) = (granted.proposal.clone(), text.clone());
        gateway.tell(
            turn,
            match granted.action.verb {
                Verb::ReplyPart => What::Part { proposal, text: text_of },
                _ => What::Reply { text: text_of },
            },
        );
        Body::Text { text }
    };
    Ok(Outcome { proposal: granted.proposal, status: Status::Done, labels: granted.labels, body })
}
