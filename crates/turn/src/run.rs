//! The walk: one message, from the agent's first proposal to the reply.
//!
//! The jailed agent proposes; the monitor judges; the journal makes proposal and verdict durable; only then
//! does a permit exist, and the effect consumes it; the outcome is recorded behind it and goes back to the
//! agent. Model calls and replies take the same road as everything else, and so does each part of a reply that has
//! come whole while the model is still being asked (`parts.rs`).

use std::time::Instant;

use monitor::{Denied, Ruling};
use skills::Bench;
use vocab::{Body, Decision, Entry, Outcome, Proposal, Status, Verb};

use crate::gateway::Gateway;
use crate::perform::{heard, perform};
use crate::process::Process;
use crate::replaced::is_held_write;
use crate::state::{Answer, Held, Turn, Yes};
use crate::{ApprovalState, Refusal, RefusalKind, What};

/// Where a turn comes to rest.
#[derive(Debug)]
pub(crate) enum Rest {
    /// The reply was delivered.
    Answered,
    /// It waits for a person; its process is gone and its row stays.
    Waiting,
    /// It ended without an answer, for this reason.
    Ended(String),
}

/// What follows a mediated proposal.
pub(crate) enum Next {
    Tell(Entry),
    Rest(Rest),
}

/// Runs a turn until it rests. A turn that waited for a person begins with what they decided on.
pub(crate) async fn run(gateway: &Gateway, turn: &mut Turn, held: Option<Held>) -> Result<Rest, Refusal> {
    let mut bench = gateway.bench(turn);
    if let Some(held) = held {
        turn.take_up(&held.proposal);
        let next = match held.answer {
            Answer::Approved(yes) => {
                mediate(gateway, turn, &mut bench, None, held.proposal, Some(&yes)).await?
            }
            Answer::Denied(why) => {
                // Whoever asked hears it as it was said: the agent may put it in other words.
                gateway.tell(turn, What::Notice { message: why.clone() });
                if let Some(waited) = turn.row.waiting.take() {
                    // One that was approved and came too late counts no more.
                    gateway.drop_approval(turn, &waited, ApprovalState::Void, &why).await?;
                }
                deny(gateway, turn, why).await?
            }
        };
        if let Next::Rest(rest) = next {
            return Ok(rest);
        }
    }
    let mut agent = Process::begin(gateway, turn).await?;
    let mut left_out = 0;
    loop {
        let intent = tokio::select! {
            biased;
            () = turn.stopped.cancelled() => {
                return Err(Refusal::new(RefusalKind::Conflict, gateway.why_stopped(&turn.id)));
            }
            intent = agent.propose() => intent?,
        };
        if let Some(notice) = What::left_out(&intent, &mut left_out) {
            gateway.tell(turn, notice);
        }
        let proposal = turn.number(intent, gateway.ambient.as_ref());
        match mediate(gateway, turn, &mut bench, Some(&mut agent), proposal, None).await? {
            Next::Tell(entry) => agent.tell(entry).await?,
            Next::Rest(rest) => return Ok(rest),
        }
    }
}

/// One proposal, from wish to outcome. `agent` is the process that made it, if it is still there.
pub(crate) async fn mediate(
    gateway: &Gateway,
    turn: &mut Turn,
    bench: &mut Bench,
    agent: Option<&mut Process>,
    proposal: Proposal,
    approved: Option<&Yes>,
) -> Result<Next, Refusal> {
    let proposed = Instant::now();
    turn.refresh()?;
    let caught_up = turn.catch_up(gateway)?;
    let marks = gateway.marks();
    let standing = turn.standing(gateway, &marks, approved.map(|yes| &yes.binding));
    let mut judgement = monitor::judge(&turn.compartment, proposal, &standing);
    let mut repeated = None;
    if judgement.verdict().decision == Decision::Ask {
        repeated = gateway.repeats(turn, &judgement);
    }
    if repeated.is_some() {
        let (binding, proposal) = (judgement.binding(), judgement.proposal().clone());
        let standing = turn.standing(gateway, &marks, Some(&binding));
        judgement = monitor::judge(&turn.compartment, proposal, &standing);
    }
    let id = judgement.proposal().id.clone();
    gateway.tell(turn, What::Proposal { proposal: id.clone(), action: Turn::shown(judgement.action()) });

    let judged = proposed.elapsed();
    let mut replaced = None;
    if is_held_write(&judgement) {
        replaced = Some(Box::pin(gateway.look_before(&judgement, bench)).await);
    }
    let recording = Instant::now();
    let mut entry = judgement.entry();
    entry.records.extend(repeated);
    entry.state.extend(caught_up);
    entry.state.extend(turn.before(gateway, &judgement, approved.is_some(), replaced)?);
    let receipt = gateway.journal.append(entry).await?;
    let verdict = judgement.verdict().clone();
    let micros = u64::try_from(judged.saturating_add(recording.elapsed()).as_micros()).unwrap_or(u64::MAX);
    gateway.tell(
        turn,
        What::Verdict { proposal: id, decision: verdict.decision, reasons: verdict.reasons, micros },
    );
    gateway.hearts.judged(turn, judgement.action(), judgement.verdict());

    let ruling = judgement.settle(receipt)?;
    match ruling {
        Ruling::Permit(permit) => {
            let verb = permit.action().verb;
            let permit = match approved.and_then(|yes| yes.over) {
                Some(over) => permit.only_over(over),
                None => permit,
            };
            let outcome = perform(gateway, turn, bench, agent, permit).await;
            conclude(gateway, turn, verb, outcome).await
        }
        Ruling::Ask(_) => Ok(Next::Rest(gateway.wait(turn).await?)),
        Ruling::Deny(denied) => {
            if let Some(text) = turn.refusal_text(&denied) {
                gateway.tell(turn, What::Notice { message: text });
            }
            deny(gateway, turn, sentence(&denied)).await
        }
        Ruling::Kill(denied) => {
            gateway.stop_agent(turn, &sentence(&denied)).await?;
            Ok(Next::Rest(Rest::Ended(sentence(&denied))))
        }
    }
}

/// Screens and records an outcome, and says what follows from it.
async fn conclude(gateway: &Gateway, turn: &mut Turn, verb: Verb, outcome: Outcome) -> Result<Next, Refusal> {
    let marks = turn.marks_after(gateway, &outcome)?;
    let (outcome, reasons) = turn.admit(gateway, outcome);
    let heard = heard(&outcome);
    gateway.tell(turn, turn.told(&heard));
    gateway.hearts.ended(turn, turn.present(), &heard);
    let entry = turn.entry_of(&heard);
    let (mut record, full) = turn.after(gateway, &outcome, &reasons, entry.as_ref())?;
    record.state.extend(marks);
    gateway.journal.follow(record).await?;
    if let Some(full) = full {
        return Ok(Next::Rest(Rest::Ended(full)));
    }
    match entry {
        Some(entry) if !matches!(outcome.status, Status::Unknown | Status::Late) => {
            turn.transcript.push(entry.clone());
            Ok(Next::Tell(entry))
        }
        None if verb == Verb::Reply && outcome.status == Status::Done => Ok(Next::Rest(Rest::Answered)),
        _ => Ok(Next::Rest(Rest::Ended(text_of(&heard)))),
    }
}

/// Tells the agent that a skill call was denied; a denied model call or reply ends the turn.
async fn deny(gateway: &Gateway, turn: &mut Turn, why: String) -> Result<Next, Refusal> {
    let Some(entry) = turn.denial(&why) else { return Ok(Next::Rest(Rest::Ended(why))) };
    gateway.journal.follow(turn.grown(&entry)?).await?;
    turn.transcript.push(entry.clone());
    Ok(Next::Tell(entry))
}

/// What an outcome says, for the person.
fn text_of(outcome: &Outcome) -> String {
    match &outcome.body {
        Body::Text { text } | Body::Fault { text, .. } => text.clone(),
        Body::Nothing | Body::Answer { .. } => format!("it ended as `{}`", outcome.status.as_str()),
    }
}

/// The reasons of a denial, in one line.
pub(crate) fn sentence(denied: &Denied) -> String {
    let reasons: Vec<String> =
        denied.reasons.iter().map(|r| format!("{} ({}: {})", r.message, r.layer, r.policy)).collect();
    reasons.join("; ")
}
