//! Takes a run's requests one after another, until it is over.

use std::sync::Arc;
use std::time::Duration;

use skills::Bench;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use vocab::{Answer as Words, ApprovalId, Body, Decision, Intent, Layer, Proposal, Reason, Status};

use super::mailbox::{Decided, Mailbox};
use super::{Came, Run, over};
use crate::deadline::is_over;
use crate::gateway::Gateway;
use crate::run::{Next, Rest, mediate};
use crate::state::{Answer, Heard, Turn};
use crate::{ApprovalState, Refusal, RefusalKind};

/// How long a request waits for a person before its caller is told which approval it waits for. Below the
/// five minutes after which common HTTP clients give up.
const MAX_REQUEST_WAIT: Duration = Duration::from_secs(240);

/// The most actions of one run that wait for a person while it does other things; the oldest is cancelled for one
/// more.
const MAX_PARKED: usize = 16;

/// A request.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) intent: Intent,
    pub(super) answer: oneshot::Sender<Result<Came, Refusal>>,
}

/// An action that waits for a person.
#[derive(Debug)]
struct Parked {
    approval: ApprovalId,
    proposal: Proposal,
    /// What the program asked for: asked again, it is this action that is meant.
    asked: Intent,
    /// The model's answer, when handing it over is what waits.
    answer: Option<Words>,
}

pub(super) struct Driver {
    gateway: Arc<Gateway>,
    turn: Turn,
    bench: Bench,
    mailbox: Arc<Mailbox>,
    parked: Vec<Parked>,
    /// Cancelled when the agent is stopped.
    stopped: CancellationToken,
    /// Cancelled when the run is to end, for whatever reason.
    leaving: CancellationToken,
    /// Cancelled when nobody waits for the present request's answer any more.
    gone: CancellationToken,
    how: Arc<parking_lot::Mutex<Option<String>>>,
}

impl Driver {
    pub(super) fn new(
        gateway: Arc<Gateway>,
        mut turn: Turn,
        mailbox: Arc<Mailbox>,
        run: &Run,
        stopped: CancellationToken,
    ) -> Self {
        turn.stopped = run.leaving.clone();
        let bench = gateway.bench(&turn);
        Self {
            gateway,
            turn,
            bench,
            mailbox,
            parked: Vec::new(),
            stopped,
            leaving: run.leaving.clone(),
            gone: CancellationToken::new(),
            how: Arc::clone(&run.how),
        }
    }

    /// Runs until the run is over, and records its end.
    pub(super) async fn drive(mut self, mut asked: mpsc::Receiver<Ask>) {
        let rest = loop {
            let ask = tokio::select! {
                biased;
                () = self.leaving.cancelled() => break Ok(()),
                ask = asked.recv() => ask,
            };
            let Some(Ask { intent, mut answer }) = ask else { break Ok(()) };
            if answer.is_closed() {
                continue;
            }
            if self.turn.slot.current().is_none() {
                // A SOUL.md that is being edited ends no run; it stands still until the file holds again.
                give(answer, Err(self.turn.refresh().err().unwrap_or_else(|| over(&self.turn.slot.name))));
                continue;
            }
            let result = self.attend(intent, &mut answer).await;
            let broken = result.as_ref().err().filter(|_| !self.leaving.is_cancelled()).cloned();
            give(answer, result);
            if let Some(refusal) = broken {
                break Err(refusal);
            }
        };
        drop(asked);
        self.end(rest).await;
    }

    /// One request. A model call ends when nobody waits for its answer any more; what a skill began is carried
    /// to its end.
    async fn attend(
        &mut self,
        intent: Intent,
        answer: &mut oneshot::Sender<Result<Came, Refusal>>,
    ) -> Result<Came, Refusal> {
        let asks_model = matches!(intent, Intent::ProgramCall { .. });
        let stop = if asks_model { self.leaving.child_token() } else { self.leaving.clone() };
        let gone = CancellationToken::new();
        self.turn.stopped = stop.clone();
        self.gone = gone.clone();
        let taken = Box::pin(self.take(intent));
        tokio::pin!(taken);
        tokio::select! {
            came = &mut taken => came,
            () = answer.closed() => {
                gone.cancel();
                if asks_model {
                    stop.cancel();
                }
                taken.await
            }
        }
    }

    /// What was asked, and for a model call the handing over of its answer.
    async fn take(&mut self, asked: Intent) -> Result<Came, Refusal> {
        let (mut came, mut answer) = match self.parked.iter().position(|held| same(&held.asked, &asked)) {
            Some(at) => {
                let held = self.parked.remove(at);
                let answer = held.answer.clone();
                self.turn.row.waiting = Some(held.approval.clone());
                (self.wait(held).await?, answer)
            }
            None => (self.propose(&asked, asked.clone(), None).await?, None),
        };
        if let (Intent::ProgramCall { .. }, Came::Answer(words), None) = (&asked, &came, &answer) {
            let words = words.clone();
            let intent =
                Intent::ProgramAnswer { text: words.text.clone(), tool_calls: words.tool_calls.clone() };
            answer = Some(words.clone());
            came = self.propose(&asked, intent, Some(words)).await?;
        }
        Ok(match (came, answer) {
            // What was permitted to be handed over, with the model's count of its tokens.
            (Came::Answer(given), Some(words)) => Came::Answer(Words {
                finish: words.finish,
                prompt_tokens: words.prompt_tokens,
                completion_tokens: words.completion_tokens,
                ..given
            }),
            (came, _) => came,
        })
    }

    async fn propose(
        &mut self,
        asked: &Intent,
        intent: Intent,
        answer: Option<Words>,
    ) -> Result<Came, Refusal> {
        let proposal = self.turn.number(intent, self.gateway.ambient.as_ref());
        let next =
            Box::pin(mediate(&self.gateway, &mut self.turn, &mut self.bench, None, proposal.clone(), None))
                .await?;
        match (next, self.turn.row.waiting.clone()) {
            (Next::Rest(Rest::Waiting), Some(approval)) => {
                self.wait(Parked { approval, proposal, asked: asked.clone(), answer }).await
            }
            (next, _) => self.came(&next),
        }
    }

    /// Waits for what a person decides, then goes on as they did, or sets the action aside.
    async fn wait(&mut self, held: Parked) -> Result<Came, Refusal> {
        let decided = tokio::select! {
            biased;
            () = self.leaving.cancelled() => None,
            decided = self.mailbox.take(&held.approval) => Some(decided),
            () = self.gone.cancelled() => None,
            () = tokio::time::sleep(MAX_REQUEST_WAIT) => None,
        };
        self.turn.go_on(self.gateway.ambient.now());
        let Some(Decided { answer, expires, since }) = decided else {
            let approval = held.approval.clone();
            self.park(held).await?;
            if self.leaving.is_cancelled() {
                return Err(over(&self.turn.slot.name));
            }
            return Ok(Came::Waiting(approval));
        };
        match answer {
            Answer::Approved(yes) if !is_over(since, expires, self.gateway.ambient.now()) => {
                self.turn.take_up(&held.proposal);
                let next = Box::pin(mediate(
                    &self.gateway,
                    &mut self.turn,
                    &mut self.bench,
                    None,
                    held.proposal,
                    Some(&yes),
                ))
                .await?;
                self.came(&next)
            }
            Answer::Approved(_) => {
                self.turn.row.waiting = None;
                let why = "it was approved and not used before it expired, which is a no";
                self.gateway.drop_approval(&self.turn, &held.approval, ApprovalState::Void, why).await?;
                Ok(refused(why))
            }
            Answer::Denied(why) => {
                self.turn.row.waiting = None;
                self.gateway.journal.follow(self.turn.rows()?).await?;
                Ok(refused(&why))
            }
        }
    }

    /// Sets an action aside that goes on waiting for a person.
    async fn park(&mut self, held: Parked) -> Result<(), Refusal> {
        self.turn.row.waiting = None;
        self.parked.push(held);
        if self.parked.len() > MAX_PARKED {
            let oldest = self.parked.remove(0);
            self.mailbox.forget(&oldest.approval);
            let why = "the program left too many actions waiting";
            let id = &oldest.approval;
            self.gateway.drop_approval(&self.turn, id, ApprovalState::Cancelled, why).await?;
        }
        Ok(())
    }

    /// What became of the present proposal.
    fn came(&mut self, next: &Next) -> Result<Came, Refusal> {
        self.turn.transcript.clear();
        let Heard { verdict, outcome } = std::mem::take(&mut self.turn.heard);
        if let Some(outcome) = outcome {
            let fault = match &outcome.body {
                Body::Fault { fault, .. } => Some(*fault),
                Body::Nothing | Body::Answer { .. } | Body::Text { .. } => None,
            };
            return match (outcome.status, outcome.body) {
                (Status::Late | Status::Unknown, _) if self.stopped.is_cancelled() => {
                    Err(over(&self.turn.slot.name))
                }
                (Status::Done, Body::Answer { answer }) => Ok(Came::Answer(answer)),
                (Status::Done, Body::Text { text }) => Ok(Came::Text(text)),
                (status, Body::Text { text } | Body::Fault { text, .. }) if status != Status::Late => {
                    Ok(Came::Failed { status, fault, text })
                }
                (status, _) => {
                    Ok(Came::Failed { status, fault, text: format!("it ended as `{}`", status.as_str()) })
                }
            };
        }
        match (verdict, next) {
            (Some(verdict), _) if matches!(verdict.decision, Decision::Deny | Decision::Kill) => {
                Ok(Came::Denied(verdict.reasons))
            }
            (_, Next::Rest(Rest::Ended(why))) => Err(Refusal::new(RefusalKind::Conflict, why.clone())),
            _ => Err(over(&self.turn.slot.name)),
        }
    }

    /// Cancels what still waits, and records that the run is over.
    async fn end(mut self, rest: Result<(), Refusal>) {
        {
            let _deciding = self.gateway.deciding.lock().await;
            self.gateway.runs.lock().remove(&self.turn.id);
        }
        for held in std::mem::take(&mut self.parked) {
            let (id, why) = (&held.approval, "the program that asked has ended");
            if let Err(refusal) =
                self.gateway.drop_approval(&self.turn, id, ApprovalState::Cancelled, why).await
            {
                tracing::error!(turn = %self.turn.id, "an approval could not be cancelled: {refusal}");
            }
        }
        self.turn.over = self.how.lock().take();
        let rest = match rest {
            Ok(()) if self.stopped.is_cancelled() => Ok(Rest::Ended("the agent was stopped".to_owned())),
            Ok(()) => Ok(Rest::Answered),
            Err(refusal) => Err(refusal),
        };
        self.gateway.rest(self.turn, rest).await;
    }
}

/// Whether a program asks for the same thing again. The name of a call is the gateway's own.
fn same(held: &Intent, asked: &Intent) -> bool {
    match (held, asked) {
        (
            Intent::SkillCall { skill, arguments, .. },
            Intent::SkillCall { skill: other, arguments: others, .. },
        ) => skill == other && arguments == others,
        (held, asked) => held == asked,
    }
}

fn refused(why: &str) -> Came {
    let message = why.to_owned();
    Came::Denied(vec![Reason { layer: Layer::Approval, policy: "approval".to_owned(), message }])
}

/// Nobody waiting for an answer is not an error: the record has it.
fn give(answer: oneshot::Sender<Result<Came, Refusal>>, result: Result<Came, Refusal>) {
    if answer.send(result).is_err() {
        tracing::debug!("a program did not wait for its answer");
    }
}
