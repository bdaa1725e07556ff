//! A reply as it comes: while the model is still making its answer, what has come whole of it takes the road of `run.rs`.
//!
//! The gateway cuts the answer into blocks and gives each to the agent, which proposes it; it is judged with all that was
//! delivered in the turn before, by what the whole reply will be judged by; proposal and verdict are durable before
//! the words leave, and the permit is used up by their delivery. What is not simply permitted ends that: it is denied, on
//! the record, and the reply comes and is judged whole. Where no reply comes, as the answer went on to a call of a
//! skill or broke off, whoever asked is told why its words did not; else the verdict on the whole says so.
//!
//! Nothing that the agent says decides what was delivered: the gateway holds the words itself.

use std::time::Instant;

use journal::Kind;
use models::Heard;
use monitor::{Denied, Permit, Ruling};
use tokio_util::sync::CancellationToken;
use vocab::limits::MAX_REPLY_PARTS;
use vocab::{Action, Body, Decision, Digest, Intent, Outcome, Status, Verdict};

use crate::blocks::Hearing;
use crate::gateway::Gateway;
use crate::perform::{Effect, perform_part, until};
use crate::process::Process;
use crate::run::sentence;
use crate::session::{self, Open};
use crate::state::Turn;
use crate::{Refusal, What, records};

/// A part that was not permitted, which whoever asked does not know of yet.
struct Refused {
    denied: Denied,
    verdict: Verdict,
    micros: u64,
}

/// What became of a part.
enum Came {
    /// It was delivered.
    Delivered,
    /// It was not, and nothing more is until the reply is whole.
    Not(Option<Box<Refused>>),
}

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
    // Ended by a stop, and by an agent that is gone or out of step.
    let (stopped, over) = (turn.stopped.child_token(), CancellationToken::new());
    let hear = |heard: Heard<'_>| match heard {
        Heard::Lines(lines) => hearing.hear(lines),
        Heard::Thought => hearing.end(),
    };
    let asked = async {
        let ending = until(gateway.models.perform_heard(permit, now, &hear), &stopped, time, false).await;
        hearing.end();
        over.cancel();
        ending
    };
    let told = async {
        let mut told = tell(gateway, turn, agent, &hearing).await;
        if told.is_ok()
            && let Some(refusal) = over.run_until_cancelled(agent.breaks_off()).await
        {
            told = Err(refusal);
        }
        if told.is_err() {
            stopped.cancel();
        }
        told
    };
    // A part that was begun is carried to its end, so that its record has one.
    let (ending, told) = tokio::join!(asked, told);
    let (outcome, refused) = match told {
        Err(refusal) if !turn.stopped.is_cancelled() => {
            (effect.ended(Status::Unknown, &refusal.message), None)
        }
        told => (effect.outcome(gateway, turn, ending), told.ok().flatten()),
    };
    if let Some(refused) = refused
        && !is_whole(&outcome)
    {
        tell_refused(gateway, turn, *refused);
    }
    outcome
}

/// Whether a reply follows, which is judged whole.
fn is_whole(outcome: &Outcome) -> bool {
    let Body::Answer { answer } = &outcome.body else { return false };
    outcome.status == Status::Done && answer.tool_calls.is_empty()
}

/// Tells whoever asked of a part that was refused, as of a reply that is.
fn tell_refused(gateway: &Gateway, turn: &Turn, refused: Refused) {
    let Refused { denied, verdict, micros } = refused;
    let proposal = denied.proposal.id.clone();
    gateway.hearts.judged(turn, &denied.action, &verdict);
    gateway.tell(turn, What::Proposal { proposal: proposal.clone(), action: Turn::shown(&denied.action) });
    let Verdict { decision, reasons, .. } = verdict;
    gateway.tell(turn, What::Verdict { proposal, decision, reasons, micros });
    if let Some(text) = turn.refusal_text(&denied) {
        gateway.tell(turn, What::Notice { message: text });
    }
}

/// Delivers part after part, until the answer is whole, one is not permitted, which is handed back, or there have been
/// enough.
async fn tell(
    gateway: &Gateway,
    turn: &mut Turn,
    agent: &mut Process,
    hearing: &Hearing,
) -> Result<Option<Box<Refused>>, Refusal> {
    turn.heard_bytes = 0;
    for _ in 0..MAX_REPLY_PARTS {
        let next = tokio::select! {
            biased;
            next = hearing.next() => next,
            refusal = agent.breaks_off() => return Err(refusal),
        };
        let Some(text) = next else { return Ok(None) };
        let stopped = turn.stopped.clone();
        let intent = tokio::select! {
            biased;
            () = stopped.cancelled() => return Ok(None),
            intent = agent.propose_part(text.clone()) => intent?,
        };
        if let Came::Not(refused) = part(gateway, turn, intent).await? {
            return Ok(refused);
        }
        turn.said.push_str(&text);
        turn.heard_bytes = turn.heard_bytes.saturating_add(text.len());
    }
    Ok(None)
}

/// One part, from proposal to outcome.
async fn part(gateway: &Gateway, turn: &mut Turn, intent: Intent) -> Result<Came, Refusal> {
    let proposed = Instant::now();
    turn.refresh()?;
    if !turn.admits_answer(gateway) {
        return Ok(Came::Not(None));
    }
    let proposal = turn.number_part(intent, gateway.ambient.as_ref());
    let marks = gateway.marks();
    let judgement = monitor::judge(&turn.compartment, proposal, &turn.standing_of_part(gateway, &marks));
    let (verdict, action) = (judgement.verdict().clone(), judgement.action().clone());
    let mut entry = judgement.entry();
    if verdict.decision == Decision::Permit {
        let proposal = judgement.proposal().id.clone();
        turn.row.part = Some(Open { proposal, verb: action.verb, call: None });
        entry.state.push(session::put_turn(&turn.id, &turn.row)?);
    }
    let receipt = gateway.journal.append(entry).await?;
    let micros = u64::try_from(proposed.elapsed().as_micros()).unwrap_or(u64::MAX);
    let refused = |denied| Came::Not(Some(Box::new(Refused { denied, verdict, micros })));
    match judgement.settle(receipt)? {
        Ruling::Permit(permit) => deliver_part(gateway, turn, permit, action).await,
        // A part is never asked about.
        Ruling::Ask(_) => Ok(Came::Not(None)),
        Ruling::Deny(denied) => Ok(refused(denied)),
        Ruling::Kill(denied) => {
            gateway.stop_agent(turn, &sentence(&denied)).await?;
            Ok(refused(denied))
        }
    }
}

/// Delivers what was permitted, and records that.
async fn deliver_part(
    gateway: &Gateway,
    turn: &mut Turn,
    permit: Permit,
    action: Action,
) -> Result<Came, Refusal> {
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
    Ok(if outcome.status == Status::Done { Came::Delivered } else { Came::Not(None) })
}
