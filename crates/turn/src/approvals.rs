//! Approvals: actions that wait for a person, durable, bound to exactly what was shown.
//!
//! An approval is a row from the moment that its verdict is durable. Approving records the decision and takes
//! the turn up again: the proposal is judged anew with the binding that was approved, and only if nothing has
//! changed does it become a permit, once. Silence is a no.

use std::collections::BTreeSet;
use std::sync::Arc;

use journal::{Change, Draft, Event, Facts, Journal, Kind};
use monitor::Judgement;
use serde::{Deserialize, Serialize};
use vocab::{AgentName, ApprovalId, Digest, Person, PersonId, Proposal, SessionId, Timestamp, Verb};

use crate::accept::admits;
use crate::event::{ApprovalState, What};
use crate::gateway::Gateway;
use crate::program::Decided;
use crate::run::Rest;
use crate::session;
use crate::slot::{Slot, Standing};
use crate::state::{Answer, Held, Made, Turn};
use crate::view::ApprovalView;
use crate::{Refusal, RefusalKind, records};

/// Approvals that wait, or are approved and not used yet.
const OPEN: &str = "approval";

/// Approvals that are over.
const OVER: &str = "decided";

/// The order in which approvals that are over would have expired; their rows are without content.
const ORDER: &str = "decided-order";

/// The most approvals that are over in one list: the newest of them.
pub(crate) const MAX_DECIDED: usize = 1_000;

/// How many pairs of a person and an approval are remembered, so that a look is recorded once.
const MAX_SHOWN: usize = 10_000;

/// The most of them that are recorded in one entry.
const MAX_SHOWN_TOGETHER: usize = 128;

/// The most characters of a reason for a denial.
pub const MAX_REASON_CHARS: usize = 1_000;

/// What a person decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "choice", rename_all = "lowercase")]
pub enum Choice {
    /// It may happen.
    Approve,
    /// It may not.
    Deny {
        /// Why, for the record and the agent.
        reason: String,
    },
}

/// An approval as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ApprovalRow {
    pub(crate) view: ApprovalView,
    pub(crate) proposal: Proposal,
    /// Why it was denied, once it was.
    pub(crate) why: Option<String>,
}

/// The row of a judgement that asks, written together with its verdict.
pub(crate) fn hold(
    gateway: &Gateway,
    turn: &Turn,
    judgement: &Judgement,
) -> Result<(ApprovalId, Change), Refusal> {
    let id = ApprovalId::from_random(gateway.ambient.random());
    let lifetime = gateway.config.approval_lifetime;
    let expires = gateway.ambient.now().checked_add(lifetime).map_err(|_| {
        Refusal::new(RefusalKind::Invalid, "the settings' approval lifetime is beyond the calendar")
    })?;
    let verdict = judgement.verdict();
    let view = ApprovalView {
        id: id.clone(),
        agent: turn.row.agent.clone(),
        asked_by: turn.row.person.clone(),
        action: judgement.action().clone(),
        digest: judgement.binding(),
        reasons: verdict.reasons.clone(),
        labels: verdict.labels.clone(),
        expires,
        state: ApprovalState::Waiting,
        session: turn.row.session.clone(),
        turn: turn.id.clone(),
    };
    gateway.waiting.admit(&view)?;
    let row = ApprovalRow { view, proposal: judgement.proposal().clone(), why: None };
    Ok((id.clone(), records::put(OPEN, id.as_str(), &row)?))
}

impl ApprovalRow {
    /// The changes that keep this row where its state belongs.
    pub(crate) fn changes(&self) -> Result<Vec<Change>, Refusal> {
        let key = self.view.id.as_str();
        match self.view.state {
            ApprovalState::Waiting | ApprovalState::Approved => Ok(vec![records::put(OPEN, key, self)?]),
            ApprovalState::Denied
            | ApprovalState::Expired
            | ApprovalState::Cancelled
            | ApprovalState::Used
            | ApprovalState::Void => Ok(vec![
                Change::delete(OPEN, key),
                records::put(OVER, key, self)?,
                records::put(ORDER, &self.order(), &())?,
            ]),
        }
    }
}

impl ApprovalRow {
    /// A key that sorts by time and ends in the id.
    fn order(&self) -> String {
        format!("{:020}/{}", self.view.expires.as_microsecond().max(0), self.view.id)
    }
}

/// The newest approvals that are over, at most [`MAX_DECIDED`].
fn over(journal: &Journal) -> Result<Vec<ApprovalRow>, Refusal> {
    let mut rows = Vec::new();
    for key in journal.last_keys(ORDER, "", None, MAX_DECIDED)? {
        let id = key.split_once('/').map_or(key.as_str(), |(_, id)| id);
        rows.extend(records::get(journal, OVER, id)?);
    }
    Ok(rows)
}

pub(crate) fn load(journal: &Journal, id: &ApprovalId) -> Result<Option<ApprovalRow>, Refusal> {
    match records::get(journal, OPEN, id.as_str())? {
        Some(row) => Ok(Some(row)),
        None => records::get(journal, OVER, id.as_str()),
    }
}

/// Every approval that is not over.
pub(crate) fn open(journal: &Journal) -> Result<Vec<ApprovalRow>, Refusal> {
    let rows = journal.states(OPEN, "")?;
    rows.into_iter()
        .map(|(key, value)| {
            serde_json::from_value(value).map_err(|error| records::misfit("approval", &key, &error))
        })
        .collect()
}

/// The letters that an approval's name has after its beginning, one of which each of its first is.
const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz234567";

/// The changes that take approvals out of the rows of state which are over and belong to one of these conversations, or
/// to what this person asked for or refused.
pub(crate) fn erase(
    journal: &Journal,
    sessions: &BTreeSet<SessionId>,
    person: Option<&PersonId>,
) -> Result<Vec<Change>, Refusal> {
    let mut changes = Vec::new();
    // However many there are, each reading is of a part of them.
    for letter in LETTERS.chars() {
        for (key, value) in journal.states(OVER, &format!("a-{letter}"))? {
            let row: ApprovalRow =
                serde_json::from_value(value).map_err(|error| records::misfit("approval", &key, &error))?;
            let refused =
                |person: &PersonId| row.why.as_ref().is_some_and(|why| why.starts_with(&refused_by(person)));
            let of = |person: &PersonId| row.view.asked_by == *person || refused(person);
            if sessions.contains(&row.view.session) || person.is_some_and(of) {
                changes.extend([Change::delete(OVER, &key), Change::delete(ORDER, &row.order())]);
            }
        }
    }
    Ok(changes)
}

/// How the reason of a person who refused begins.
fn refused_by(person: &PersonId) -> String {
    format!("{person} said no: ")
}

/// The changes that take an approval into another state.
pub(crate) fn change_state(
    journal: &Journal,
    id: &ApprovalId,
    state: ApprovalState,
) -> Result<Vec<Change>, Refusal> {
    let Some(mut row) = load(journal, id)? else { return Ok(Vec::new()) };
    row.view.state = state;
    row.changes()
}

impl Gateway {
    /// Approvals that this person made, or may decide; only those that wait, unless `all_states`: then with
    /// those of theirs among the newest 1,000 that are over.
    ///
    /// # Errors
    /// When the database cannot be read, or that they were shown cannot be recorded.
    pub async fn approvals(&self, by: &Person, all_states: bool) -> Result<Vec<ApprovalView>, Refusal> {
        let monitor = self.monitor()?;
        let mut rows = open(&self.journal)?;
        if all_states {
            rows.extend(over(&self.journal)?);
        }
        let mut views: Vec<ApprovalView> = rows.into_iter().map(|row| row.view).collect();
        views.retain(|view| view.asked_by == by.id || monitor.may_approve(by, &view.agent));
        for view in views.iter_mut().filter(|view| !monitor.may_approve(by, &view.agent)) {
            hide_reply(view);
        }
        views.sort_by_key(|view| view.expires);
        self.showing(by, &views).await?;
        Ok(views)
    }

    /// One approval. Whoever decides sees the action whole: that look is part of the approval, and is on the record
    /// the first time before this answers.
    ///
    /// # Errors
    /// When there is none that concerns this person, or that it was shown cannot be recorded.
    pub async fn approval(&self, by: &Person, id: &ApprovalId) -> Result<ApprovalView, Refusal> {
        let view = self.concerning(by, id)?;
        self.showing(by, std::slice::from_ref(&view)).await?;
        Ok(view)
    }

    /// Makes durable which actions a person is about to be shown for the first time.
    async fn showing(&self, by: &Person, views: &[ApprovalView]) -> Result<(), Refusal> {
        let fresh: Vec<&ApprovalView> = {
            let shown = self.shown.lock();
            views.iter().filter(|view| !shown.contains(&(by.id.clone(), view.id.clone()))).collect()
        };
        for views in fresh.chunks(MAX_SHOWN_TOGETHER) {
            self.record_all(views.iter().map(|view| shown_to(by, view)).collect()).await?;
            let mut shown = self.shown.lock();
            if shown.len() >= MAX_SHOWN {
                shown.clear();
            }
            shown.extend(views.iter().map(|view| (by.id.clone(), view.id.clone())));
        }
        Ok(())
    }

    fn concerning(&self, by: &Person, id: &ApprovalId) -> Result<ApprovalView, Refusal> {
        let none = || {
            Refusal::new(
                RefusalKind::NotFound,
                format!("there is no approval `{id}`; `bulkhead approvals list` shows those that wait"),
            )
        };
        let row = load(&self.journal, id)?.ok_or_else(none)?;
        let approver = self.monitor()?.may_approve(by, &row.view.agent);
        let mut view = row.view;
        if !approver {
            if view.asked_by != by.id {
                return Err(none());
            }
            hide_reply(&mut view);
        }
        Ok(view)
    }

    /// Approves or denies, and takes the turn up again. The answer shows no more than [`Gateway::approval`] does.
    ///
    /// # Errors
    /// When this person may not decide it, it no longer waits, or `digest` is not what waits.
    pub async fn decide(
        self: &Arc<Self>,
        by: &Person,
        id: &ApprovalId,
        choice: Choice,
        digest: Option<Digest>,
    ) -> Result<ApprovalView, Refusal> {
        let _deciding = self.deciding.lock().await;
        let shown = self.concerning(by, id)?;
        let Some(row) = load(&self.journal, id)? else {
            return Err(Refusal::new(RefusalKind::NotFound, format!("there is no approval `{id}`")));
        };
        let self_approved = self.may_decide(by, &row, &choice)?;
        if digest.is_some_and(|seen| seen != row.view.digest) {
            let message = format!(
                "the approval `{id}` is for {} and not for the digest that was given; look again with `bulkhead approvals show {id}`",
                row.view.digest
            );
            return Err(Refusal::new(RefusalKind::Conflict, message));
        }
        let (state, why) = match choice {
            Choice::Approve => (ApprovalState::Approved, None),
            Choice::Deny { reason } => {
                let reason: String = reason.chars().take(MAX_REASON_CHARS).collect();
                (ApprovalState::Denied, Some(refused_by(&by.id) + &reason))
            }
        };
        // The answer shows the action as a look does.
        self.showing(by, std::slice::from_ref(&shown)).await?;
        let facts = Facts::new().with("self_approved", self_approved);
        self.conclude_approval(row, Some(by), state, why, facts).await?;
        Ok(ApprovalView { state, ..shown })
    }

    /// Whether `by` may decide; true when they decide on their own request, as the only person of the home.
    fn may_decide(&self, by: &Person, row: &ApprovalRow, choice: &Choice) -> Result<bool, Refusal> {
        let view = &row.view;
        if view.state != ApprovalState::Waiting {
            let state = format!("{:?}", view.state).to_lowercase();
            return Err(Refusal::new(
                RefusalKind::Conflict,
                format!("the approval `{}` does not wait any more: it is {state}", view.id),
            ));
        }
        if view.expires <= self.ambient.now() {
            return Err(Refusal::new(
                RefusalKind::Conflict,
                format!("the approval `{}` has expired, which is a no", view.id),
            ));
        }
        let own = view.asked_by == by.id;
        if own && matches!(choice, Choice::Deny { .. }) {
            return Ok(false);
        }
        if own && self.config.solo.as_ref() != Some(&by.id) {
            self.refused_right(
                by,
                Facts::new().with("approval", view.id.as_str()).with("what", "approve their own request"),
            );
            return Err(Refusal::new(
                RefusalKind::Forbidden,
                "nobody approves their own request; ask another person who may approve for this agent",
            ));
        }
        if !self.monitor()?.may_approve(by, &view.agent) {
            self.refused_right(
                by,
                Facts::new().with("approval", view.id.as_str()).with("what", "decide for the agent"),
            );
            let message = format!(
                "`{}` may not decide for the agent `{}`; a group's `approve` in bulkhead.toml grants it",
                by.id, view.agent
            );
            return Err(Refusal::new(RefusalKind::Forbidden, message));
        }
        Ok(own)
    }

    /// Records what became of a wait, and takes the turn up with it. The caller holds `deciding`.
    async fn conclude_approval(
        self: &Arc<Self>,
        mut row: ApprovalRow,
        by: Option<&Person>,
        state: ApprovalState,
        why: Option<String>,
        facts: Facts,
    ) -> Result<(), Refusal> {
        row.view.state = state;
        row.why = why;
        let view = row.view.clone();
        let facts = facts.with("approval", view.id.as_str());
        let mut draft = records::of_agent(Kind::Approval, state.event(), by, &view.agent, facts);
        draft.payload = records::of_approval(&view.digest, row.why.as_deref());
        draft.session = Some(view.session.clone());
        draft.turn = Some(view.turn.clone());
        draft.proposal = Some(row.proposal.id.clone());
        draft.verb = Some(view.action.verb);
        draft.resource = Some(view.action.resource.clone());
        draft.labels = Some(view.labels.clone());
        self.record(draft, row.changes()?).await?;
        self.waiting.settle(&view);
        self.tell_approval(&view);
        self.resume_turn(row).await
    }

    /// Carries on the turn that waited for `row`, or ends it when it can no longer be carried on.
    pub(crate) async fn resume_turn(self: &Arc<Self>, row: ApprovalRow) -> Result<(), Refusal> {
        let view = row.view.clone();
        let Err(refusal) = self.take_up(row) else { return Ok(()) };
        let why = format!("the turn cannot be carried on: {}", refusal.message);
        let state = change_state(&self.journal, &view.id, ApprovalState::Void)?;
        self.end_row(&view.turn, &why, state).await?;
        Err(Refusal::new(refusal.kind, why))
    }

    fn take_up(self: &Arc<Self>, row: ApprovalRow) -> Result<(), Refusal> {
        let ApprovalRow { view, proposal, why } = row;
        let Some(turn_row) = session::turn(&self.journal, &view.turn)? else { return Ok(()) };
        let Some(session_row) = session::session(&self.journal, &view.session)? else { return Ok(()) };
        let answer = match view.state {
            ApprovalState::Approved if view.expires <= self.ambient.now() => {
                Answer::Denied("it was approved and not used before it expired, which is a no".to_owned())
            }
            ApprovalState::Approved => Answer::Approved(view.digest),
            _ => Answer::Denied(why.unwrap_or_else(|| "nobody answered in time, which is a no".to_owned())),
        };
        if turn_row.program {
            let gone = || Refusal::new(RefusalKind::Conflict, "the program that asked has ended");
            let mailbox = self.runs.lock().get(&view.turn).cloned().ok_or_else(gone)?;
            mailbox.put(view.id, Decided { answer, expires: view.expires });
            return Ok(());
        }
        let monitor = self.monitor()?;
        let slot = self.slot(&view.agent)?;
        let stopped = slot.stopped();
        admits_held(&slot)?;
        let made = Made {
            stopped: self.ended_by(&view.turn, &stopped),
            id: view.turn,
            asker: self.person(&view.asked_by)?,
            compartment: self.compartment(&slot, &monitor)?,
            transcript: session::transcript(&self.journal, &view.session)?,
            reach: None,
            row: turn_row,
            session: session_row,
            slot,
        };
        self.drive(Turn::new(made, self.ambient.now()), Some(Held { proposal, answer }), None);
        Ok(())
    }

    /// Denies what nobody answered in time.
    pub(crate) async fn expire(self: &Arc<Self>, now: Timestamp) -> Result<(), Refusal> {
        let due = self.waiting.due(now);
        if due.is_empty() {
            return Ok(());
        }
        let _deciding = self.deciding.lock().await;
        for (expires, id) in due {
            let row = load(&self.journal, &id)?;
            let Some(row) = row.filter(|row| row.view.state == ApprovalState::Waiting) else {
                self.waiting.forget(expires, &id);
                continue;
            };
            self.conclude_approval(row, None, ApprovalState::Expired, None, Facts::new()).await?;
        }
        Ok(())
    }

    /// The approvals of an agent, or of all, that are not over.
    pub(crate) fn pending(&self, agent: Option<&AgentName>) -> Result<Vec<ApprovalRow>, Refusal> {
        let mut rows = open(&self.journal)?;
        rows.retain(|row| agent.is_none_or(|agent| row.view.agent == *agent));
        Ok(rows)
    }

    /// Lets a turn wait for a person, unless its agent has been stopped since it was judged.
    pub(crate) async fn wait(&self, turn: &mut Turn) -> Result<Rest, Refusal> {
        let _deciding = self.deciding.lock().await;
        let Some(id) = turn.row.waiting.clone() else { return Ok(Rest::Waiting) };
        // Whoever decided or cancelled it meanwhile has carried the turn on, or ended it.
        let row = load(&self.journal, &id)?;
        let Some(row) = row.filter(|row| row.view.state == ApprovalState::Waiting) else {
            return Ok(Rest::Waiting);
        };
        if !turn.stopped.is_cancelled() {
            self.tell_approval(&row.view);
            return Ok(Rest::Waiting);
        }
        turn.row.waiting = None;
        let why = self.why_stopped(&turn.id);
        self.let_go(turn, &id, ApprovalState::Cancelled, &why).await?;
        Ok(Rest::Ended(why))
    }

    /// Ends an approval that nobody will use, unless it is over already.
    pub(crate) async fn drop_approval(
        &self,
        turn: &Turn,
        id: &ApprovalId,
        state: ApprovalState,
        why: &str,
    ) -> Result<(), Refusal> {
        let _deciding = self.deciding.lock().await;
        let Some(row) = load(&self.journal, id)? else { return Ok(()) };
        if !matches!(row.view.state, ApprovalState::Waiting | ApprovalState::Approved) {
            return Ok(());
        }
        self.let_go(turn, id, state, why).await?;
        self.tell_approval(&ApprovalView { state, ..row.view });
        Ok(())
    }

    /// Takes an approval into a state in which it counts no more. The caller holds `deciding`.
    async fn let_go(
        &self,
        turn: &Turn,
        id: &ApprovalId,
        state: ApprovalState,
        why: &str,
    ) -> Result<(), Refusal> {
        if let Some(row) = load(&self.journal, id)? {
            self.waiting.settle(&row.view);
        }
        let mut changes = change_state(&self.journal, id, state)?;
        changes.push(session::put_turn(&turn.id, &turn.row)?);
        let facts = Facts::new().with("approval", id.as_str());
        let mut draft = records::of_agent(Kind::Approval, state.event(), None, &turn.row.agent, facts);
        draft.payload = records::why(why);
        draft.session = Some(turn.row.session.clone());
        draft.turn = Some(turn.id.clone());
        self.record(draft, changes).await
    }

    pub(crate) fn tell_approval(&self, view: &ApprovalView) {
        let what = What::Approval {
            approval: view.id.clone(),
            state: view.state,
            binding: Some(view.digest),
            action: format!("{} {}", view.action.verb, view.action.resource),
        };
        self.bus.tell(&view.session, &view.turn, &view.agent, what);
    }
}

/// The record of a person being shown an action.
fn shown_to(by: &Person, view: &ApprovalView) -> Draft {
    let facts = Facts::new().with("approval", view.id.as_str()).with("own", view.asked_by == by.id);
    let mut draft = records::of_agent(Kind::Approval, Event::ApprovalShown, Some(by), &view.agent, facts);
    draft.session = Some(view.session.clone());
    draft.turn = Some(view.turn.clone());
    draft.verb = Some(view.action.verb);
    draft.resource = Some(view.action.resource.clone());
    draft.labels = Some(view.labels.clone());
    draft.payload = records::of_approval(&view.digest, None);
    draft
}

/// A held reply is not read by the person that it is held from.
fn hide_reply(view: &mut ApprovalView) {
    if view.action.verb == Verb::Reply {
        view.action = Turn::shown(&view.action);
    }
}

/// A paused agent may still finish what it began; a stopped one may not.
fn admits_held(slot: &Slot) -> Result<(), Refusal> {
    if slot.standing() == Standing::Killed { admits(slot) } else { Ok(()) }
}
