//! A reply as it comes: while the model is still making its answer, what has come whole of it takes the road of `run.rs`.
//!
//! The gateway cuts the answer into blocks and gives each to the agent, which proposes it; it is judged with all that was
//! delivered in the turn before, by what the whole reply will be judged by; proposal and verdict are durable before
//! the words leave, and the permit is used up by their delivery. What is not simply permitted ends that: it is not
//! recorded, no approval is asked for, and the reply comes, is judged and recorded whole, as if nothing had been cut.
//!
//! Nothing that the agent says decides what was delivered: the gateway holds the words itself.

use journal::Kind;
use models::Heard;
use monitor::{Permit, Ruling};
use vocab::limits::MAX_REPLY_PARTS;
use vocab::{Decision, Digest, Intent, Outcome, Status};

use crate::blocks::Hearing;
use crate::gateway::Gateway;
use crate::perform::{Effect, perform_part, until};
use crate::process::Process;
use crate::session::{self, Open};
use crate::state::Turn;
use crate::{Refusal, records};

/// Asks the model, and has the agent propose what has come whole of the answer meanwhile.
pub(crate) async fn ask(
    gateway: &Gateway,
    turn: &mut Turn,
    agent: &mut Process,
    effect: Effect,
    permit: Permit,
) -> Outcome {
    let now = gateway.ambient.now();
    let time = turn.time_left(now);
    let hearing = Hearing::default();
    // Ended by a stop, and by an agent that is out of step.
    let stopped = turn.stopped.child_token();
    let hear = |heard: Heard<'_>| match heard {
        Heard::Lines(lines) => hearing.hear(lines),
        Heard::Thought => hearing.end(),
    };
    let asked = async {
        let ending = until(gateway.models.perform_heard(permit, now, &hear), &stopped, time, false).await;
        hearing.end();
        ending
    };
    let told = async {
        let told = tell(gateway, turn, agent, &hearing).await;
        if told.is_err() {
            stopped.cancel();
        }
        told
    };
    // A part that was begun is carried to its end, so that its record has one.
    let (ending, told) = tokio::join!(asked, told);
    match told {
        Err(refusal) if !turn.stopped.is_cancelled() => effect.ended(Status::Unknown, &refusal.message),
        _ => effect.outcome(gateway, turn, ending),
    }
}

/// Delivers part after part, until the answer is whole, one is not permitted, or there have been enough.
async fn tell(
    gateway: &Gateway,
    turn: &mut Turn,
    agent: &mut Process,
    hearing: &Hearing,
) -> Result<(), Refusal> {
    turn.heard_bytes = 0;
    for _ in 0..MAX_REPLY_PARTS {
        let Some(text) = hearing.next().await else { return Ok(()) };
        let stopped = turn.stopped.clone();
        let intent = tokio::select! {
            biased;
            () = stopped.cancelled() => return Ok(()),
            intent = agent.propose_part(text.clone()) => intent?,
        };
        if !part(gateway, turn, intent).await? {
            return Ok(());
        }
        turn.said.push_str(&text);
        turn.heard_bytes = turn.heard_bytes.saturating_add(text.len());
    }
    Ok(())
}

/// One part, from proposal to outcome; whether it was delivered.
async fn part(gateway: &Gateway, turn: &mut Turn, intent: Intent) -> Result<bool, Refusal> {
    turn.refresh()?;
    if !turn.admits_answer(gateway) {
        return Ok(false);
    }
    let proposal = turn.number_part(intent, gateway.ambient.as_ref());
    let marks = gateway.marks();
    let judgement = monitor::judge(&turn.compartment, proposal, &turn.standing_of_part(gateway, &marks));
    if judgement.verdict().decision != Decision::Permit {
        return Ok(false);
    }
    let (proposal, action) = (judgement.proposal().id.clone(), judgement.action().clone());
    turn.row.part = Some(Open { proposal, verb: action.verb, call: None });
    let mut entry = judgement.entry();
    entry.state.push(session::put_turn(&turn.id, &turn.row)?);
    let receipt = gateway.journal.append(entry).await?;
    let Ruling::Permit(permit) = judgement.settle(receipt)? else { return Ok(false) };
    let outcome = perform_part(gateway, turn, permit);

    turn.row.part = None;
    let mut draft = records::of_turn(Kind::Outcome, &turn.id, &turn.row);
    draft.proposal = Some(outcome.proposal.clone());
    draft.verb = Some(action.verb);
    draft.resource = Some(action.resource);
    draft.status = Some(outcome.status);
    draft.labels = Some(outcome.labels.clone());
    draft.payload = serde_json::json!({ "body": outcome.body, "reasons": [] });
    let subject = Digest::of(outcome.proposal.as_str().as_bytes());
    let state = vec![session::put_turn(&turn.id, &turn.row)?];
    gateway.journal.follow(journal::Entry { subject, records: vec![draft], state }).await?;
    Ok(outcome.status == Status::Done)
}
