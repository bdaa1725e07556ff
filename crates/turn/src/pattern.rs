//! Patterns: exactly the same again, for the same person, for a while, without another look.
//!
//! A pattern is bound like an approval: to every argument of the action, the version of the policies and the labels. Beside
//! that it is one agent's and one asker's. It ends by time, when somebody revokes it, and with a stop of the agent;
//! and since settings, SOUL.md and guardrails are part of what it is bound to, a change of any of them ends its use.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use journal::{Change, Draft, Event, Facts, Kind};
use monitor::Risk;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use vocab::{AgentName, ApprovalId, Digest, Person, PersonId, Resource, SessionId, Timestamp, Verb};

use crate::deadline::is_over;
use crate::gateway::Gateway;
use crate::state::Turn;
use crate::view::ApprovalView;
use crate::{Refusal, RefusalKind, approvals, records};

/// How long a pattern lasts.
pub const PATTERN_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// The most patterns at once; so many end in one entry of the journal.
pub const MAX_PATTERNS: usize = 64;

/// The rows.
const PATTERN: &str = "pattern";

/// A pattern as it is kept and shown. It has none of the action's words.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PatternView {
    /// The approval that it came with.
    pub id: ApprovalId,
    /// Whose agent.
    pub agent: AgentName,
    /// On whose behalf.
    pub asked_by: PersonId,
    /// Who said yes.
    pub approved_by: PersonId,
    /// What may be done.
    pub verb: Verb,
    /// To what.
    pub resource: Resource,
    /// What it is bound to: the action whole, the version of the policies, the labels.
    pub digest: Digest,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub expires: Timestamp,
    /// How often it let something happen since the gateway started.
    #[serde(default)]
    pub uses: u64,
}

/// What tells one pattern from another.
type Bound = (AgentName, PersonId, Digest);

/// The patterns that there are.
#[derive(Debug, Default)]
pub(crate) struct Patterns(Mutex<BTreeMap<Bound, PatternView>>);

fn bound(view: &PatternView) -> Bound {
    (view.agent.clone(), view.asked_by.clone(), view.digest)
}

impl Patterns {
    /// The pattern that has this binding at `now`, once more used.
    fn covers(&self, bound: &Bound, now: Timestamp) -> Option<ApprovalId> {
        let mut held = self.0.lock();
        let view = held.get_mut(bound).filter(|view| now < view.expires && view.since <= now)?;
        view.uses = view.uses.saturating_add(1);
        Some(view.id.clone())
    }

    /// Takes away those that are to end; whatever becomes of the record, they let nothing happen any more.
    fn take(&self, ends: impl Fn(&PatternView) -> bool) -> Vec<PatternView> {
        let mut held = self.0.lock();
        let gone: Vec<PatternView> = held.values().filter(|view| ends(view)).cloned().collect();
        held.retain(|_, view| !ends(view));
        gone
    }

    /// Those for whom, or by whom, there is one and of whom this is true.
    fn people(&self, which: impl Fn(&PersonId) -> bool) -> Vec<PersonId> {
        let held = self.0.lock();
        let people = held.values().flat_map(|view| [&view.asked_by, &view.approved_by]);
        people.filter(|person| which(person)).cloned().collect()
    }

    fn all(&self) -> Vec<PatternView> {
        self.0.lock().values().cloned().collect()
    }
}

/// Whether a yes to this may count for the same again: one person decides on it, it is not of high risk, and it is no write,
/// since what that replaces would be another file each time.
pub(crate) fn may_repeat(view: &ApprovalView) -> bool {
    view.needed == 1 && view.risk != Risk::High && view.action.verb != Verb::FileWrite
}

/// The pattern that comes with a yes to `view`, with its record and row. Called with `deciding` held.
pub(crate) fn with_yes(
    gateway: &Gateway,
    by: &Person,
    view: &ApprovalView,
) -> Result<(PatternView, Draft, Change), Refusal> {
    let conflict = |message: String| Err(Refusal::new(RefusalKind::Conflict, message));
    if !may_repeat(view) {
        return conflict(format!(
            "what the approval `{}` is for is looked at each time, because of its risk, because two people decide or because it writes a file",
            view.id
        ));
    }
    if gateway.patterns.all().len() >= MAX_PATTERNS {
        return conflict(format!(
            "there are {MAX_PATTERNS} patterns already, which is the most; revoke some"
        ));
    }
    let since = gateway.ambient.now();
    let expires = since.checked_add(PATTERN_LIFETIME).unwrap_or(since);
    let pattern = PatternView {
        id: view.id.clone(),
        agent: view.agent.clone(),
        asked_by: view.asked_by.clone(),
        approved_by: by.id.clone(),
        verb: view.action.verb,
        resource: view.action.resource.clone(),
        digest: view.digest,
        since,
        expires,
        uses: 0,
    };
    let facts = Facts::new().with("expires", expires.to_string()).with("asked_by", view.asked_by.as_str());
    let mut draft = of_pattern(&pattern, Event::PatternApproved, Some(by), facts);
    draft.session = Some(view.session.clone());
    draft.turn = Some(view.turn.clone());
    draft.labels = Some(view.labels.clone());
    draft.payload = records::of_approval(&view.digest, None);
    let row = records::put(PATTERN, pattern.id.as_str(), &pattern)?;
    Ok((pattern, draft, row))
}

fn of_pattern(pattern: &PatternView, event: Event, by: Option<&Person>, facts: Facts) -> Draft {
    let facts = facts.with("approval", pattern.id.as_str());
    let mut draft = records::of_agent(Kind::Approval, event, by, &pattern.agent, facts);
    draft.verb = Some(pattern.verb);
    draft.resource = Some(pattern.resource.clone());
    draft
}

impl Gateway {
    /// Takes up what the last gateway left, as far as the record has it.
    pub(crate) async fn restore_patterns(&self) -> Result<(), Refusal> {
        for (key, value) in self.journal.states(PATTERN, "")? {
            let view: PatternView =
                serde_json::from_value(value).map_err(|error| records::misfit(PATTERN, &key, &error))?;
            match self.repeats_by_record(&view).await? {
                Ok(()) => self.let_repeat(view),
                Err(why) => drop(self.disbelieve(PATTERN, &key, &why).await?),
            }
        }
        Ok(())
    }

    /// The pattern that lets this happen without another look, and the record of its use.
    pub(crate) fn repeats(&self, turn: &Turn, judgement: &monitor::Judgement) -> Option<Draft> {
        let bound = (turn.row.agent.clone(), turn.row.person.clone(), judgement.binding());
        let id = self.patterns.covers(&bound, self.ambient.now())?;
        let mut draft = records::of_turn(Kind::Approval, &turn.id, &turn.row);
        draft.event = Some(Event::PatternUsed);
        draft.facts = Facts::new().with("approval", id.as_str());
        draft.proposal = Some(judgement.proposal().id.clone());
        draft.verb = Some(judgement.action().verb);
        draft.resource = Some(judgement.action().resource.clone());
        Some(draft)
    }

    /// Lets a pattern count from now on; its row is durable.
    pub(crate) fn let_repeat(&self, pattern: PatternView) {
        self.patterns.0.lock().insert(bound(&pattern), pattern);
    }

    /// The patterns that this person may see and revoke: those of agents that they may approve for, their own, and for an
    /// administrator all.
    ///
    /// # Errors
    /// When the settings do not hold.
    pub fn patterns(&self, by: &Person) -> Result<Vec<PatternView>, Refusal> {
        let (monitor, now) = (self.monitor()?, self.ambient.now());
        let mut views = self.patterns.all();
        views.retain(|view| {
            !is_over(Some(view.since), view.expires, now)
                && (by.administrator || view.asked_by == by.id || monitor.may_approve(by, &view.agent))
        });
        views.sort_by_key(|view| view.expires);
        Ok(views)
    }

    /// Ends a pattern before its time.
    ///
    /// # Errors
    /// When there is none that this person may revoke. It is ended even when the record cannot be written; the error
    /// then says so.
    pub async fn revoke_pattern(&self, by: &Person, id: &ApprovalId) -> Result<PatternView, Refusal> {
        let none = || {
            let message = format!(
                "there is no pattern `{id}`; `bulkhead approvals patterns` shows those that there are"
            );
            Refusal::new(RefusalKind::NotFound, message)
        };
        let view = self.patterns(by)?.into_iter().find(|view| view.id == *id).ok_or_else(none)?;
        let _deciding = self.deciding.lock().await;
        let ended = self.end_patterns(Some(by), "revoked", |view| view.id == *id);
        let Some((drafts, changes)) = ended else { return Err(none()) };
        self.put_patterns_down(drafts, changes).await?;
        Ok(view)
    }

    /// Takes patterns away from memory; their records and rows, if there were any. The caller holds `deciding`.
    pub(crate) fn end_patterns(
        &self,
        by: Option<&Person>,
        why: &str,
        ends: impl Fn(&PatternView) -> bool,
    ) -> Option<(Vec<Draft>, Vec<Change>)> {
        let gone = self.patterns.take(ends);
        if gone.is_empty() {
            return None;
        }
        let draft =
            |view: &PatternView| of_pattern(view, Event::PatternEnded, by, Facts::new().with("why", why));
        let row = |view: &PatternView| Change::delete(PATTERN, view.id.as_str());
        Some((gone.iter().map(draft).collect(), gone.iter().map(row).collect()))
    }

    /// Ends the patterns that these people asked for or said yes to: they are no longer here.
    pub(crate) async fn end_patterns_of(
        &self,
        by: Option<&Person>,
        whom: &BTreeSet<PersonId>,
    ) -> Result<(), Refusal> {
        let _deciding = self.deciding.lock().await;
        let theirs = |view: &PatternView| whom.contains(&view.asked_by) || whom.contains(&view.approved_by);
        match self.end_patterns(by, "left", theirs) {
            Some((drafts, changes)) => self.put_patterns_down(drafts, changes).await,
            None => Ok(()),
        }
    }

    /// Ends the patterns of conversations, or of people, of which this is true: they are being erased. The digest that a
    /// pattern is bound to would tell whoever guesses the words that they guessed right.
    pub(crate) async fn end_patterns_within(
        &self,
        is_erased: impl Fn(&SessionId, &PersonId) -> bool,
    ) -> Result<(), Refusal> {
        if !self.have_patterns() {
            return Ok(());
        }
        let _deciding = self.deciding.lock().await;
        let mut erased = BTreeSet::new();
        for view in self.patterns.all() {
            let Some(row) = approvals::load(&self.journal, &view.id)? else { continue };
            if [&view.asked_by, &view.approved_by].iter().any(|person| is_erased(&row.view.session, person)) {
                erased.insert(view.id);
            }
        }
        match self.end_patterns(None, "erased", |view| erased.contains(&view.id)) {
            Some((drafts, changes)) => self.put_patterns_down(drafts, changes).await,
            None => Ok(()),
        }
    }

    /// Whether there is any pattern.
    pub(crate) fn have_patterns(&self) -> bool {
        !self.patterns.0.lock().is_empty()
    }

    /// Those for whom, or by whom, there is a pattern and of whom this is true.
    pub(crate) fn patterns_of(&self, which: impl Fn(&PersonId) -> bool) -> Vec<PersonId> {
        self.patterns.people(which)
    }

    /// Ends the patterns whose time is over.
    pub(crate) async fn end_old_patterns(&self, now: Timestamp) -> Result<(), Refusal> {
        let over = |view: &PatternView| is_over(Some(view.since), view.expires, now);
        if !self.patterns.all().iter().any(over) {
            return Ok(());
        }
        let _deciding = self.deciding.lock().await;
        match self.end_patterns(None, "over", over) {
            Some((drafts, changes)) => self.put_patterns_down(drafts, changes).await,
            None => Ok(()),
        }
    }

    async fn put_patterns_down(&self, drafts: Vec<Draft>, state: Vec<Change>) -> Result<(), Refusal> {
        let subject = records::subject_of(&drafts)?;
        drop(self.journal.append(journal::Entry { subject, records: drafts, state }).await?);
        Ok(())
    }
}
