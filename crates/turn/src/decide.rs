//! People deciding: yes, yes by two, no; and what becomes of what nobody decides on.

use std::sync::Arc;

use journal::{Change, Draft, Event, Facts};
use monitor::Risk;
use serde::{Deserialize, Serialize};
use vocab::{ApprovalId, Digest, Person, PersonId, Timestamp};

use crate::approvals::{ApprovalRow, Shown, load, of_view, refused_by};
use crate::chat::Way;
use crate::event::ApprovalState;
use crate::gateway::Gateway;
use crate::pattern::{self, PatternView};
use crate::view::ApprovalView;
use crate::{Refusal, RefusalKind, records};

/// The most characters of a reason for a denial.
pub const MAX_REASON_CHARS: usize = 1_000;

/// What a person decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "choice", rename_all = "lowercase")]
pub enum Choice {
    /// It may happen.
    Approve,
    /// It may happen, and so may exactly the same again for the same person, for an hour.
    Repeat,
    /// It may not.
    Deny {
        /// Why, for the record and the agent.
        reason: String,
    },
}

impl Gateway {
    /// Approves or denies, and takes the turn up again; the first yes of two leaves it waiting. The answer shows no more than
    /// [`Gateway::approval`] does.
    ///
    /// # Errors
    /// When this person may not decide it, has said yes already, it no longer waits, or `digest` is not what waits.
    pub async fn decide(
        self: &Arc<Self>,
        by: &Person,
        id: &ApprovalId,
        choice: Choice,
        digest: Option<Digest>,
    ) -> Result<ApprovalView, Refusal> {
        self.decide_by(by, id, choice, digest, Way::Gateway).await
    }

    /// The same, by any way.
    pub(crate) async fn decide_by(
        self: &Arc<Self>,
        by: &Person,
        id: &ApprovalId,
        choice: Choice,
        digest: Option<Digest>,
        way: Way<'_>,
    ) -> Result<ApprovalView, Refusal> {
        let _deciding = self.deciding.lock().await;
        let shown = self.concerning(by, id)?;
        let Some(row) = load(&self.journal, id)? else {
            return Err(Refusal::new(RefusalKind::NotFound, format!("there is no approval `{id}`")));
        };
        let own = self.may_decide(by, &row, &choice)?;
        if digest.is_some_and(|seen| seen != row.view.digest) {
            let message = format!(
                "the approval `{id}` is for {} and not for the digest that was given; look again with `bulkhead approvals show {id}`",
                row.view.digest
            );
            return Err(Refusal::new(RefusalKind::Conflict, message));
        }
        let through = self.passes(&row, way)?;
        // The answer shows the action as a look does.
        self.showing(by, std::slice::from_ref(&shown), Shown::Deciding).await?;
        let (state, approved_by) = match choice {
            Choice::Deny { reason } => {
                let reason: String = reason.chars().take(MAX_REASON_CHARS).collect();
                let (state, why) = (ApprovalState::Denied, refused_by(&by.id) + &reason);
                let facts = through.with("self_approved", false);
                self.conclude_approval(row, Some(by), state, Some(why), facts).await?;
                (state, shown.approved_by)
            }
            Choice::Approve => self.say_yes(by, row, (own, false), through).await?,
            Choice::Repeat => self.say_yes(by, row, (own, true), through).await?,
        };
        let (decidable, patternable) = (false, false);
        Ok(ApprovalView { state, approved_by, decidable, patternable, ..shown })
    }

    /// How much an approval that concerns this person may do if it is wrong.
    ///
    /// # Errors
    /// When there is none that concerns this person.
    pub fn approval_risk(&self, by: &Person, id: &ApprovalId) -> Result<Risk, Refusal> {
        self.concerning(by, id).map(|view| view.risk)
    }

    /// One yes more: the last that it takes lets it happen.
    async fn say_yes(
        self: &Arc<Self>,
        by: &Person,
        mut row: ApprovalRow,
        (own, repeat): (bool, bool),
        through: Facts,
    ) -> Result<(ApprovalState, Vec<PersonId>), Refusal> {
        self.demand_borne_out(&mut row).await?;
        let monitor = self.monitor()?;
        let view = &row.view;
        // Who said yes before and may not any more does not count.
        let still = |id: &PersonId| {
            let person = monitor.person(id);
            person.is_some_and(|person| {
                monitor.may_decide(person, &view.agent, &view.action, &view.labels, view.escalated)
            })
        };
        let mut yes: Vec<PersonId> = view.approved_by.iter().filter(|id| still(id)).cloned().collect();
        let queue = monitor.queue(&view.agent, &view.action, &view.labels);
        let needed = queue.map_or(1, |queue| queue.needed);
        // By the settings as they are now, like all else here.
        row.view.needed = needed;
        let pattern = repeat.then(|| pattern::with_yes(self, by, &row.view)).transpose()?;
        let before: Vec<String> = yes.iter().map(ToString::to_string).collect();
        yes.push(by.id.clone());
        row.view.approved_by.clone_from(&yes);
        if yes.len() < usize::from(needed) {
            self.void_in_chat(&mut row);
            let mut draft = of_decision(&row, Some(by), Event::ApprovalSupported, through);
            draft.payload = row.content();
            self.record(draft, row.changes()?).await?;
            self.tell_approval(&row.view);
            return Ok((ApprovalState::Waiting, yes));
        }
        let facts = through.with("self_approved", own);
        let facts = facts.with_some("with", Some(before).filter(|before| !before.is_empty()));
        self.conclude(row, Some(by), (ApprovalState::Approved, None), facts, pattern).await?;
        Ok((ApprovalState::Approved, yes))
    }

    /// Whether `by` may decide; true when they decide on their own request, as the only person of the home.
    fn may_decide(&self, by: &Person, row: &ApprovalRow, choice: &Choice) -> Result<bool, Refusal> {
        let view = &row.view;
        let conflict = |message: String| Err(Refusal::new(RefusalKind::Conflict, message));
        if view.state != ApprovalState::Waiting {
            let state = format!("{:?}", view.state).to_lowercase();
            return conflict(format!("the approval `{}` does not wait any more: it is {state}", view.id));
        }
        if view.is_over(self.ambient.now()) {
            return conflict(format!("the approval `{}` has expired, which is a no", view.id));
        }
        let own = view.asked_by == by.id;
        if own && matches!(choice, Choice::Deny { .. }) {
            return Ok(false);
        }
        if own && !self.is_solo(by) {
            self.refused_right(
                by,
                Facts::new().with("approval", view.id.as_str()).with("what", "approve their own request"),
            );
            return Err(Refusal::new(
                RefusalKind::Forbidden,
                "nobody approves their own request; ask another person who may approve for this agent",
            ));
        }
        let monitor = self.monitor()?;
        if !monitor.may_decide(by, &view.agent, &view.action, &view.labels, view.escalated) {
            self.refused_right(
                by,
                Facts::new().with("approval", view.id.as_str()).with("what", "decide for the agent"),
            );
            let message = format!(
                "`{}` may not decide for the agent `{}`; a group's `approve` or a role in bulkhead.toml grants it",
                by.id, view.agent
            );
            return Err(Refusal::new(RefusalKind::Forbidden, message));
        }
        if view.approved_by.contains(&by.id) && !matches!(choice, Choice::Deny { .. }) {
            return conflict(format!(
                "you have said yes to the approval `{}` already; it takes another person, too",
                view.id
            ));
        }
        Ok(own)
    }

    /// Records what became of a wait, and takes the turn up with it. The caller holds `deciding`.
    async fn conclude_approval(
        self: &Arc<Self>,
        row: ApprovalRow,
        by: Option<&Person>,
        state: ApprovalState,
        why: Option<String>,
        facts: Facts,
    ) -> Result<(), Refusal> {
        self.conclude(row, by, (state, why), facts, None).await
    }

    /// The same, with the pattern that comes with it, all or nothing.
    async fn conclude(
        self: &Arc<Self>,
        mut row: ApprovalRow,
        by: Option<&Person>,
        (state, why): (ApprovalState, Option<String>),
        facts: Facts,
        pattern: Option<(PatternView, Draft, Change)>,
    ) -> Result<(), Refusal> {
        row.view.state = state;
        row.why = why;
        let mut draft = of_decision(&row, by, state.event(), facts);
        draft.payload = row.content();
        let (mut drafts, mut state) = (vec![draft], row.changes()?);
        let mut repeats = None;
        if let Some((pattern, draft, change)) = pattern {
            drafts.push(draft);
            state.push(change);
            repeats = Some(pattern);
        }
        let subject = records::subject_of(&drafts)?;
        drop(self.journal.append(journal::Entry { subject, records: drafts, state }).await?);
        if let Some(pattern) = repeats {
            self.let_repeat(pattern);
        }
        self.waiting.settle(&row.view);
        self.tell_approval(&row.view);
        self.resume_turn(row).await
    }

    /// Asks more people about what nobody has decided on for a while, and denies what nobody answered in time.
    pub(crate) async fn expire(self: &Arc<Self>, now: Timestamp) -> Result<(), Refusal> {
        let due = self.waiting.due(now);
        if due.is_empty() {
            return Ok(());
        }
        let _deciding = self.deciding.lock().await;
        for (when, id) in due {
            let row = load(&self.journal, &id)?;
            let Some(mut row) = row.filter(|row| row.view.state == ApprovalState::Waiting) else {
                self.waiting.forget(when, &id);
                continue;
            };
            if row.view.is_over(now) {
                self.conclude_approval(row, None, ApprovalState::Expired, None, Facts::new()).await?;
                self.waiting.forget(when, &id);
                continue;
            }
            let asks_more = row.view.escalates.filter(|_| !row.view.escalated);
            if asks_more.is_none_or(|due| due > now) {
                // It was looked at because the clock was set back, and is due as it was before.
                self.waiting.forget(when, &id);
                self.waiting.restore(&row.view);
                continue;
            }
            row.view.escalated = true;
            self.asks_more_in_chat(&mut row);
            let draft = of_decision(&row, None, Event::ApprovalEscalated, Facts::new());
            self.record(draft, row.changes()?).await?;
            self.waiting.forget(when, &id);
            self.waiting.restore(&row.view);
            self.tell_approval(&row.view);
        }
        Ok(())
    }
}

/// The record of something that happened to an approval.
fn of_decision(row: &ApprovalRow, by: Option<&Person>, event: Event, facts: Facts) -> Draft {
    let view = &row.view;
    let facts = facts.with("risk", view.risk.as_str());
    let facts = facts.with_some("queue", view.queue.as_deref());
    let mut draft = of_view(view, by, event, facts);
    draft.proposal = Some(row.proposal.id.clone());
    draft
}
