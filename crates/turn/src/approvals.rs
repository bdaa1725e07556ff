//! Approvals: actions that wait for a person, durable, bound to exactly what was shown.
//!
//! An approval is a row from the moment that its verdict is durable. Approving records the decision and takes
//! the turn up again: the proposal is judged anew with the binding that was approved, and only if nothing has
//! changed does it become a permit, once. Silence is a no.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use journal::{Change, Draft, Event, Facts, Journal, Kind};
use monitor::{Judgement, Monitor, Risk};
use serde::{Deserialize, Serialize};
use vocab::{AgentName, ApprovalId, Labels, Person, PersonId, Proposal, SessionId, Verb};

use crate::accept::admits;
use crate::chat::Posted;
use crate::event::{ApprovalState, What};
use crate::gateway::Gateway;
use crate::missing::Missing;
use crate::page::{Page, Place, Portion};
use crate::program::Decided;
use crate::replaced::Before;
use crate::run::Rest;
use crate::session;
use crate::slot::{Slot, Standing};
use crate::state::{Answer, Held, Made, Turn, Yes};
use crate::view::{ApprovalView, HowMany};
use crate::{Refusal, RefusalKind, pattern, records};

/// Approvals that wait, or are approved and not used yet.
pub(crate) const OPEN: &str = "approval";

/// Approvals that are over.
const OVER: &str = "decided";

/// The order in which approvals that are over would have expired; their rows are without content.
const ORDER: &str = "decided-order";

/// The text of the files that writes which wait would replace, by the approval: read for one of them at a time, and gone
/// with the wait.
const BEFORE: &str = "approval-before";

/// How many people list approvals at once; more wait, in bounded number.
pub(crate) const MAX_LISTERS: usize = 2;

/// The most approvals that are over in one list: the newest of them.
pub(crate) const MAX_DECIDED: usize = 1_000;

/// How many pairs of a person and an approval are remembered, so that a look is recorded once.
const MAX_SHOWN: usize = 10_000;

/// The most of them that are recorded in one entry.
const MAX_SHOWN_TOGETHER: usize = 128;

/// Why somebody is shown an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// They look.
    Looking,
    /// They decide, and the answer shows it: no look before that is known of.
    Deciding,
}

/// An approval as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ApprovalRow {
    pub(crate) view: ApprovalView,
    pub(crate) proposal: Proposal,
    /// Why it was denied, once it was.
    pub(crate) why: Option<String>,
    /// What a write would replace.
    #[serde(default)]
    pub(crate) before: Option<Before>,
    /// What the conversation carried whose model wrote the arguments: the labels of a read are those of what is read alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) carried: Option<Labels>,
    /// What the chat was told of it, as long as it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) chat: Option<Posted>,
}

/// The row of a judgement that asks, written together with its verdict.
pub(crate) fn hold(
    gateway: &Gateway,
    turn: &Turn,
    judgement: &Judgement,
    mut before: Option<Before>,
) -> Result<(ApprovalId, Vec<Change>), Refusal> {
    let id = ApprovalId::from_random(gateway.ambient.random());
    let (verdict, action, now) = (judgement.verdict(), judgement.action(), gateway.ambient.now());
    let monitor = gateway.monitor_or_last();
    let queue = monitor.queue(&turn.row.agent, action, &verdict.labels);
    let later = |by: Duration| {
        now.checked_add(by).map_err(|_| {
            Refusal::new(RefusalKind::Invalid, "the settings' approval lifetime is beyond the calendar")
        })
    };
    let lifetime = queue.and_then(|queue| queue.lifetime).unwrap_or(gateway.config.approval_lifetime);
    let escalation = queue.and_then(|queue| queue.escalation.as_ref());
    let view = ApprovalView {
        id: id.clone(),
        agent: turn.row.agent.clone(),
        asked_by: turn.row.person.clone(),
        action: action.clone(),
        digest: judgement.binding(),
        reasons: verdict.reasons.clone(),
        labels: verdict.labels.clone(),
        expires: later(lifetime)?,
        state: ApprovalState::Waiting,
        session: turn.row.session.clone(),
        turn: turn.id.clone(),
        queue: queue.map(|queue| queue.name.clone()),
        risk: Risk::of(action.verb, &verdict.labels),
        needed: queue.map_or(1, |queue| queue.needed),
        approved_by: Vec::new(),
        since: Some(now),
        escalates: escalation.map(|escalation| later(escalation.after)).transpose()?,
        escalated: false,
        missing: 0,
        decidable: false,
        patternable: false,
        change: None,
        readers: None,
        model: None,
    };
    gateway.waiting.admit(&view)?;
    let text = before.as_mut().and_then(|before| before.text.take());
    let (proposal, carried) = (judgement.proposal().clone(), Some(turn.session.labels.clone()));
    let row = ApprovalRow { view, proposal, why: None, before, carried, chat: None };
    let mut changes = vec![records::put(OPEN, id.as_str(), &row)?];
    if let Some(text) = text {
        changes.push(records::put(BEFORE, id.as_str(), &text)?);
    }
    Ok((id, changes))
}

/// The text of the file that a write which waits would replace, if it was kept.
pub(crate) fn text_before(journal: &Journal, id: &ApprovalId) -> Result<Option<String>, Refusal> {
    records::get(journal, BEFORE, id.as_str())
}

impl ApprovalRow {
    /// The changes that keep this row where its state belongs. Once it does not wait any more, nobody is shown the text of
    /// the file that it would replace, and the text goes.
    pub(crate) fn changes(&self) -> Result<Vec<Change>, Refusal> {
        let key = self.view.id.as_str();
        if self.view.state == ApprovalState::Waiting {
            return Ok(vec![records::put(OPEN, key, self)?]);
        }
        let mut row = Self { chat: None, ..self.clone() };
        let mut changes = Vec::new();
        if let Some(before) = &mut row.before {
            before.text = None;
            changes.push(Change::delete(BEFORE, key));
        }
        match self.view.state {
            ApprovalState::Waiting | ApprovalState::Approved => changes.push(records::put(OPEN, key, &row)?),
            ApprovalState::Denied
            | ApprovalState::Expired
            | ApprovalState::Cancelled
            | ApprovalState::Used
            | ApprovalState::Void => changes.extend([
                Change::delete(OPEN, key),
                records::put(OVER, key, &row)?,
                records::put(ORDER, &self.order(), &())?,
            ]),
        }
        Ok(changes)
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
/// to what this person asked for or refused; and those of model calls in the conversations that go on from them, which have
/// their words.
pub(crate) fn erase(
    journal: &Journal,
    sessions: &BTreeSet<SessionId>,
    branches: &BTreeSet<SessionId>,
    person: Option<&PersonId>,
) -> Result<Vec<Vec<Change>>, Refusal> {
    let mut changes = Vec::new();
    // However many there are, each reading is of a part of them.
    for letter in LETTERS.chars() {
        for (key, value) in journal.states(OVER, &format!("a-{letter}"))? {
            let row: ApprovalRow =
                serde_json::from_value(value).map_err(|error| records::misfit("approval", &key, &error))?;
            let refused =
                |person: &PersonId| row.why.as_ref().is_some_and(|why| why.starts_with(&refused_by(person)));
            let of = |person: &PersonId| row.view.asked_by == *person || refused(person);
            let retold = branches.contains(&row.view.session) && row.view.action.verb == Verb::ModelCall;
            if sessions.contains(&row.view.session) || retold || person.is_some_and(of) {
                changes.push(vec![Change::delete(ORDER, &row.order()), Change::delete(OVER, &key)]);
            }
        }
    }
    Ok(changes)
}

/// How the reason of a person who refused begins.
pub(crate) fn refused_by(person: &PersonId) -> String {
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
    /// A page of the approvals that this person made, or may decide, those first that expire first; only those that wait,
    /// unless `all_states`: then with those of theirs among the newest 1,000 that are over. What is on the page has been shown.
    ///
    /// # Errors
    /// When the database cannot be read, too many people list approvals already, or that they were shown cannot be recorded.
    pub async fn approvals(
        &self,
        by: &Person,
        all_states: bool,
        wanted: &Portion,
    ) -> Result<Page<ApprovalView>, Refusal> {
        let (journal, monitor, solo) = (self.journal.clone(), self.monitor()?, self.is_solo(by));
        let (person, wanted) = (by.clone(), wanted.clone());
        let sole = self.config.solo.clone();
        let read = move || {
            let mut page = page(&journal, &monitor, (&person, solo), all_states, &wanted)?;
            let mut missing = Missing::new(&monitor, sole.as_ref());
            page.items.iter_mut().for_each(|view| view.missing = missing.of(view));
            Ok(page)
        };
        // Thousands of rows may be read, and whoever stops an agent meanwhile must not wait for that.
        let page = self.listers.work(read).await?;
        self.showing(by, &page.items, Shown::Looking).await?;
        Ok(page)
    }

    /// How many of the approvals that this person made, or may decide, wait, in all and of each agent. None of them is shown
    /// by it.
    ///
    /// # Errors
    /// When the database cannot be read, or too many people list approvals already.
    pub async fn count_waiting(&self, by: &Person) -> Result<HowMany, Refusal> {
        let (journal, monitor, solo) = (self.journal.clone(), self.monitor()?, self.is_solo(by));
        let person = by.clone();
        let count = move || {
            let mut many = HowMany::default();
            let waits = open(&journal)?.into_iter().filter(|row| row.view.state == ApprovalState::Waiting);
            for view in waits.filter_map(|row| as_seen(&monitor, (&person, solo), row.view)) {
                many.waiting += 1;
                *many.agents.entry(view.agent).or_default() += 1;
            }
            Ok(many)
        };
        self.listers.work(count).await
    }

    /// One approval. Whoever decides sees the action whole: that look is part of the approval, and is on the record
    /// the first time before this answers.
    ///
    /// # Errors
    /// When there is none that concerns this person, or that it was shown cannot be recorded.
    pub async fn approval(&self, by: &Person, id: &ApprovalId) -> Result<ApprovalView, Refusal> {
        let view = self.concerning(by, id)?;
        self.showing(by, std::slice::from_ref(&view), Shown::Looking).await?;
        let change = self.change_seen(by, &view, id).await?;
        let (readers, model) = (self.readers(&view), self.model_seen(&view));
        Ok(ApprovalView { change, readers, model, ..view })
    }

    /// Makes durable which actions a person is about to be shown for the first time.
    pub(crate) async fn showing(
        &self,
        by: &Person,
        views: &[ApprovalView],
        why: Shown,
    ) -> Result<(), Refusal> {
        let fresh: Vec<&ApprovalView> = {
            let shown = self.shown.lock();
            views.iter().filter(|view| !shown.contains(&(by.id.clone(), view.id.clone()))).collect()
        };
        for views in fresh.chunks(MAX_SHOWN_TOGETHER) {
            self.record_all(views.iter().map(|view| shown_to(by, view, why)).collect()).await?;
            let mut shown = self.shown.lock();
            if shown.len() >= MAX_SHOWN {
                shown.clear();
            }
            shown.extend(views.iter().map(|view| (by.id.clone(), view.id.clone())));
        }
        Ok(())
    }

    pub(crate) fn concerning(&self, by: &Person, id: &ApprovalId) -> Result<ApprovalView, Refusal> {
        let none = || {
            Refusal::new(
                RefusalKind::NotFound,
                format!("there is no approval `{id}`; `bulkhead approvals list` shows those that wait"),
            )
        };
        let row = load(&self.journal, id)?.ok_or_else(none)?;
        let monitor = self.monitor()?;
        let view = as_seen(&monitor, (by, self.is_solo(by)), row.view).ok_or_else(none)?;
        let missing = Missing::new(&monitor, self.config.solo.as_ref()).of(&view);
        Ok(ApprovalView { missing, ..view })
    }

    /// Carries on the turn that waited for `row`, as far as the record bears out what that says, or ends it when it can no
    /// longer be carried on.
    pub(crate) async fn resume_turn(self: &Arc<Self>, row: ApprovalRow) -> Result<(), Refusal> {
        let view = row.view.clone();
        let taken = match self.bears_out(&row).await {
            Ok(Ok(())) => self.take_up(row),
            Ok(Err(why)) => self.disbelieve(OPEN, view.id.as_str(), &why).await.and_then(Err),
            Err(refusal) => Err(refusal),
        };
        let Err(refusal) = taken else { return Ok(()) };
        let why = format!("the turn cannot be carried on: {}", refusal.message);
        let state = change_state(&self.journal, &view.id, ApprovalState::Void)?;
        self.end_row(&view.turn, &why, state).await?;
        Err(Refusal::new(refusal.kind, why))
    }

    fn take_up(self: &Arc<Self>, row: ApprovalRow) -> Result<(), Refusal> {
        let over = row.over();
        let ApprovalRow { view, proposal, why, .. } = row;
        let Some(turn_row) = session::turn(&self.journal, &view.turn)? else { return Ok(()) };
        let Some(session_row) = session::session(&self.journal, &view.session)? else { return Ok(()) };
        if turn_row.person != view.asked_by || session_row.person != view.asked_by {
            let message =
                format!("it was asked for by `{}`, and its conversation is another's", view.asked_by);
            return Err(Refusal::new(RefusalKind::Conflict, message));
        }
        let answer = match view.state {
            ApprovalState::Approved if view.is_over(self.ambient.now()) => {
                Answer::Denied("it was approved and not used before it expired, which is a no".to_owned())
            }
            ApprovalState::Approved => Answer::Approved(Yes { binding: view.digest, over }),
            _ => Answer::Denied(why.unwrap_or_else(|| "nobody answered in time, which is a no".to_owned())),
        };
        if turn_row.program {
            let gone = || Refusal::new(RefusalKind::Conflict, "the program that asked has ended");
            let mailbox = self.runs.lock().get(&view.turn).cloned().ok_or_else(gone)?;
            mailbox.put(view.id, Decided { answer, since: view.since, expires: view.expires });
            return Ok(());
        }
        let monitor = self.monitor()?;
        let slot = self.slot(&view.agent)?;
        let stopped = slot.stopped();
        admits_held(&slot)?;
        let made = Made {
            stopped: self.ended_by(&view.turn, &view.asked_by, &stopped),
            id: view.turn,
            asker: self.person(&view.asked_by)?,
            compartment: self.compartment(&slot, &monitor)?,
            transcript: session::transcript(&self.journal, &view.session, &session_row)?,
            reach: None,
            row: turn_row,
            session: session_row,
            slot,
        };
        self.drive(Turn::new(made, self.ambient.now()), Some(Held { proposal, answer }), None);
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
        self.tell_chat(view);
        let what = What::Approval {
            approval: view.id.clone(),
            state: view.state,
            binding: Some(view.digest),
            action: format!("{} {}", view.action.verb, view.action.resource),
        };
        self.bus.tell(&view.session, &view.turn, &view.agent, what);
    }
}

/// A page of the approvals that concern `by`, who may be the only person of the home.
fn page(
    journal: &Journal,
    monitor: &Monitor,
    by: (&Person, bool),
    all_states: bool,
    wanted: &Portion,
) -> Result<Page<ApprovalView>, Refusal> {
    let by_id = |row: ApprovalRow| (row.view.id.clone(), row);
    let mut rows: BTreeMap<ApprovalId, ApprovalRow> = open(journal)?.into_iter().map(by_id).collect();
    if all_states {
        // What came to be over between the two readings is in both.
        rows.extend(over(journal)?.into_iter().map(by_id));
    }
    let views = rows.into_values().filter_map(|row| as_seen(monitor, by, row.view)).collect();
    Ok(Page::of(views, wanted, |view| Place::at(view.expires, view.id.as_str())))
}

/// An approval as this person, who may be the only one of the home, may see it: whole if they decide on it, without a held
/// reply's words if they asked for it alone, else not at all.
fn as_seen(monitor: &Monitor, (by, solo): (&Person, bool), mut view: ApprovalView) -> Option<ApprovalView> {
    let decides = monitor.may_decide(by, &view.agent, &view.action, &view.labels, view.escalated);
    let own = view.asked_by == by.id;
    view.decidable = decides
        && view.state == ApprovalState::Waiting
        && (!own || solo)
        && !view.approved_by.contains(&by.id);
    view.patternable = view.decidable && pattern::may_repeat(&view);
    if !decides {
        if !own {
            return None;
        }
        hide_reply(&mut view);
    }
    Some(view)
}

/// A record about an action that waits, or waited, for a person.
pub(crate) fn of_view(view: &ApprovalView, by: Option<&Person>, event: Event, facts: Facts) -> Draft {
    let facts = facts.with("approval", view.id.as_str());
    let mut draft = records::of_agent(Kind::Approval, event, by, &view.agent, facts);
    draft.session = Some(view.session.clone());
    draft.turn = Some(view.turn.clone());
    draft.verb = Some(view.action.verb);
    draft.resource = Some(view.action.resource.clone());
    draft.labels = Some(view.labels.clone());
    draft
}

/// The record of a person being shown an action.
fn shown_to(by: &Person, view: &ApprovalView, why: Shown) -> Draft {
    let facts = Facts::new().with("own", view.asked_by == by.id);
    let facts = facts.with_some("deciding", (why == Shown::Deciding).then_some(true));
    let mut draft = of_view(view, Some(by), Event::ApprovalShown, facts);
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
