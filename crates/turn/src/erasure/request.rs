//! Asking for an erasure, agreeing to it, refusing it. Whoever asks does not agree, except in a home of one person.

use std::sync::Arc;
use std::time::Duration;

use journal::{Draft, Event, Facts, Kind};
use vocab::{ErasureId, HoldId, Person, PersonId, SignedDuration, Timestamp};

use super::agreed::UNFOUNDED;
use super::elsewhere::Following;
use super::{
    CONSENT_LIFETIME_HOURS, ERASURE, ErasureState, ErasureView, MAX_ERASURE_REASON_CHARS,
    MAX_WAITING_ERASURES, Scope,
};
use crate::deadline::is_over;
use crate::gateway::Gateway;
use crate::{Refusal, RefusalKind, records};

/// How often requests are looked after that expired, or were agreed to and could not be carried out.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// How often it is looked whether another gateway of the record has erased something.
const FOLLOW_EVERY: Duration = Duration::from_secs(3);

/// A reason as it is recorded: some words, and not too many.
pub(super) fn reasoned(reason: &str) -> Result<String, Refusal> {
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > MAX_ERASURE_REASON_CHARS {
        let message = format!("a reason has 1 to {MAX_ERASURE_REASON_CHARS} characters");
        return Err(Refusal::new(RefusalKind::Invalid, message));
    }
    Ok(reason.to_owned())
}

/// What about a request stands on the chain.
pub(super) fn facts(view: &ErasureView) -> Facts {
    Facts::new().with("erasure", view.id.as_str()).with("of", view.of.to_string())
}

/// Why an erasure is refused, in a word that stands on the chain.
#[derive(Debug, Clone, Copy)]
enum Ground {
    Right,
    Hold,
    Own,
    Expired,
    Person,
    Unfounded,
}

impl Ground {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Hold => "hold",
            Self::Own => "own",
            Self::Expired => "expired",
            Self::Person => "person",
            Self::Unfounded => UNFOUNDED,
        }
    }
}

impl Gateway {
    /// Asks for content to be erased. In a home of one person that is agreed to at once, and recorded so.
    ///
    /// # Errors
    /// When `by` has no right to, there is nothing to erase, a legal hold is on something of it, too many requests
    /// wait, or the record cannot be written. What is refused for its right or a hold is recorded.
    pub async fn ask_erasure(
        self: &Arc<Self>,
        by: &Person,
        of: Scope,
        reason: &str,
    ) -> Result<ErasureView, Refusal> {
        self.takes_work()?;
        let of_facts = Facts::new().with("of", of.to_string());
        self.may_erase(by, of_facts.clone()).await?;
        let reason = reasoned(reason)?;
        if matches!(of, Scope::Records(first, last) if first == 0 || last < first) {
            return Err(Refusal::new(
                RefusalKind::Invalid,
                "records go from 1 on, the first before the last",
            ));
        }
        let _erasing = self.erasing.lock().await;
        let found = self.find(&of).await?;
        if let Some((hold, seq)) = &found.held {
            let why = held(hold, *seq, "nothing");
            return Err(self
                .refuse_erasure(Some(by), of_facts, Ground::Hold, why, RefusalKind::Conflict)
                .await?);
        }
        if found.seqs.is_empty() && !self.has_copies(&found)? {
            let message = format!("there is no content of {of} that could be erased");
            return Err(Refusal::new(RefusalKind::NotFound, message));
        }
        let waiting = self.erasures()?.iter().filter(|view| view.state == ErasureState::Waiting).count();
        if waiting >= MAX_WAITING_ERASURES {
            let message = format!(
                "{MAX_WAITING_ERASURES} erasures wait for consent, which is the most; decide some first"
            );
            return Err(Refusal::new(RefusalKind::Busy, message));
        }
        let asked = self.ambient.now();
        let expires = asked.checked_add(SignedDuration::from_hours(CONSENT_LIFETIME_HOURS));
        let view = ErasureView {
            id: ErasureId::from_random(self.ambient.random()),
            of,
            reason,
            asked_by: by.id.clone(),
            asked,
            expires: expires.unwrap_or(Timestamp::MAX),
            state: ErasureState::Waiting,
            decided_by: None,
            why: None,
            contents: found.seqs.len() as u64,
            records: Vec::new(),
            traces: false,
        };
        let mut draft = Draft::of_event(Kind::Admin, Event::ErasureAsked, facts(&view));
        draft.person = Some(by.id.clone());
        draft.payload = records::why(&view.reason);
        self.record(draft, vec![put(&view)?]).await?;
        if self.config.solo.as_ref() == Some(&by.id) {
            return self.agree(by, view).await;
        }
        Ok(view)
    }

    /// Agrees to an erasure as a second person, and carries it out. It is durable that it was agreed to before the first
    /// content goes; a gateway that ends in between goes on with it when it starts.
    ///
    /// # Errors
    /// When `by` asked for it or has no right to, it waits no more, a legal hold is on something of it, or what
    /// runs could not be ended.
    pub async fn consent_erasure(
        self: &Arc<Self>,
        by: &Person,
        id: &ErasureId,
    ) -> Result<ErasureView, Refusal> {
        self.takes_work()?;
        let _erasing = self.erasing.lock().await;
        let view = self.waiting_erasure(by, id).await?;
        if view.asked_by == by.id && self.config.solo.as_ref() != Some(&by.id) {
            let why = format!(
                "nobody agrees to the erasure that they asked for; another person with the right to erase decides on `{id}`"
            );
            return Err(self
                .refuse_erasure(Some(by), facts(&view), Ground::Own, why, RefusalKind::Forbidden)
                .await?);
        }
        if let Some((hold, seq)) = self.find(&view.of).await?.held {
            let why = held(&hold, seq, "nothing");
            self.end_erasure(Some(by), view, Some(by.id.clone()), Ground::Hold, &why).await?;
            return Err(Refusal::new(RefusalKind::Conflict, why));
        }
        self.agree(by, view).await
    }

    /// Says no to an erasure, as somebody who could agree, or takes one's own request back.
    ///
    /// # Errors
    /// When `by` has no right to, or it waits no more.
    pub async fn refuse_erasure_of(
        &self,
        by: &Person,
        id: &ErasureId,
        reason: &str,
    ) -> Result<ErasureView, Refusal> {
        let reason = reasoned(reason)?;
        let _erasing = self.erasing.lock().await;
        let view = self.waiting_erasure(by, id).await?;
        self.end_erasure(Some(by), view, Some(by.id.clone()), Ground::Person, &reason).await
    }

    /// The requests, the oldest first; only those that are not over, unless `all_states`.
    ///
    /// # Errors
    /// When `by` has no right to see them, or the database cannot be read.
    pub fn list_erasures(&self, by: &Person, all_states: bool) -> Result<Vec<ErasureView>, Refusal> {
        if !self.monitor()?.may_erase(by) {
            self.refused_right(by, Facts::new().with("what", "see what is to be erased"));
            return Err(no_right(by));
        }
        let mut views = self.erasures()?;
        let open = |view: &ErasureView| matches!(view.state, ErasureState::Waiting | ErasureState::Running);
        views.retain(|view| all_states || open(view));
        views.sort_by_key(|view| view.asked);
        Ok(views)
    }

    /// Looks after requests for as long as the gateway runs.
    pub(crate) fn keep_erasing(self: &Arc<Self>) {
        let gateway = Arc::clone(self);
        self.tasks.spawn(async move {
            let mut tick = tokio::time::interval(LOOK_EVERY);
            tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
            let mut follow = tokio::time::interval(FOLLOW_EVERY);
            follow.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
            let (mut following, mut told) = (Following::default(), false);
            loop {
                tokio::select! {
                    () = gateway.stop.cancelled() => return,
                    _ = follow.tick() => {
                        let left = gateway.follow_erasures(&mut following).await.err();
                        // Said once, however long it lasts.
                        if let Some(refusal) = left.as_ref().filter(|_| !told) {
                            tracing::error!("copies of what another gateway erased are left: {refusal}");
                        }
                        told = left.is_some();
                        continue;
                    }
                    _ = tick.tick() => {}
                }
                // Whether or not anything is to be erased: a hold that was taken away is said.
                if let Err(refusal) = gateway.holds().await {
                    tracing::debug!("nothing is erased now: {refusal}");
                }
                if let Err(refusal) = gateway.look_after_erasures(gateway.ambient.now()).await {
                    tracing::error!("an erasure could not be looked after: {refusal}");
                }
            }
        });
    }

    /// Ends requests that nobody agreed to in time, and goes on with those that were agreed to.
    async fn look_after_erasures(self: &Arc<Self>, now: Timestamp) -> Result<(), Refusal> {
        let due = |view: &ErasureView| match view.state {
            ErasureState::Waiting => is_over(Some(view.asked), view.expires, now),
            ErasureState::Running => true,
            ErasureState::Done | ErasureState::Refused | ErasureState::Expired => false,
        };
        if !self.erasures()?.iter().any(due) {
            return Ok(());
        }
        let _erasing = self.erasing.lock().await;
        let mut failed = None;
        for view in self.erasures()?.into_iter().filter(due) {
            let looked_after = if view.state == ErasureState::Running {
                self.carry_out(view).await
            } else {
                let why = "nobody agreed in time, which is a no";
                self.end_erasure(None, view, None, Ground::Expired, why).await
            };
            // One that cannot be carried out keeps no other from being.
            failed = failed.or(looked_after.err());
        }
        failed.map_or(Ok(()), Err)
    }

    /// Ends an erasure that was agreed to, because of a hold that was put on something of it since.
    pub(super) async fn hold_back(
        &self,
        view: ErasureView,
        (hold, seq): &(HoldId, u64),
    ) -> Result<ErasureView, Refusal> {
        let nothing = if view.contents == 0 { "nothing" } else { "nothing more" };
        let (consenter, why) = (view.decided_by.clone(), held(hold, *seq, nothing));
        self.end_erasure(None, view, consenter, Ground::Hold, &why).await
    }

    /// Records that `by` agrees and carries it out. The caller holds `erasing`.
    async fn agree(self: &Arc<Self>, by: &Person, mut view: ErasureView) -> Result<ErasureView, Refusal> {
        view.state = ErasureState::Running;
        view.decided_by = Some(by.id.clone());
        view.contents = 0;
        let facts = facts(&view).with("self_consented", view.asked_by == by.id);
        let mut draft = Draft::of_event(Kind::Admin, Event::ErasureConsented, facts);
        draft.person = Some(by.id.clone());
        self.record(draft, vec![put(&view)?]).await?;
        let view = self.carry_out(view).await?;
        match view.why {
            Some(why) => Err(Refusal::new(RefusalKind::Conflict, why)),
            None => Ok(view),
        }
    }

    /// A request that `by` may decide on and that waits.
    async fn waiting_erasure(&self, by: &Person, id: &ErasureId) -> Result<ErasureView, Refusal> {
        let known: Option<ErasureView> = records::get(&self.journal, ERASURE, id.as_str())?;
        let named = Facts::new().with("erasure", id.as_str());
        self.may_erase(by, known.as_ref().map_or(named, facts)).await?;
        let view = known.ok_or_else(|| {
            let message =
                format!("there is no erasure `{id}`; `bulkhead audit erase list` shows those that wait");
            Refusal::new(RefusalKind::NotFound, message)
        })?;
        if view.state != ErasureState::Waiting {
            let state = format!("{:?}", view.state).to_lowercase();
            let message = format!("the erasure `{id}` does not wait any more: it is {state}");
            return Err(Refusal::new(RefusalKind::Conflict, message));
        }
        if is_over(Some(view.asked), view.expires, self.ambient.now()) {
            let message = format!("the erasure `{id}` has expired, which is a no; ask for it again");
            return Err(Refusal::new(RefusalKind::Conflict, message));
        }
        if let Err(why) = self.course(&view).await?.waits(&view, self.ambient.now()) {
            let view = self.disown_erasure(view, &why).await?;
            return Err(Refusal::new(RefusalKind::Conflict, view.why.unwrap_or(why)));
        }
        Ok(view)
    }

    /// Ends a request without an erasure. `by` is who says no now, `decided_by` who decided on it last.
    async fn end_erasure(
        &self,
        by: Option<&Person>,
        mut view: ErasureView,
        decided_by: Option<PersonId>,
        ground: Ground,
        why: &str,
    ) -> Result<ErasureView, Refusal> {
        let expired = matches!(ground, Ground::Expired);
        view.state = if expired { ErasureState::Expired } else { ErasureState::Refused };
        view.decided_by = decided_by;
        view.why = Some(why.to_owned());
        let facts = facts(&view).with("ground", ground.as_str());
        let mut draft = Draft::of_event(Kind::Admin, Event::ErasureRefused, facts);
        draft.person = by.map(|person| person.id.clone());
        draft.payload = records::why(why);
        self.record(draft, vec![put(&view)?]).await?;
        Ok(view)
    }

    /// Ends a request whose row the record does not bear out, with an alert.
    pub(super) async fn disown_erasure(
        &self,
        mut view: ErasureView,
        why: &str,
    ) -> Result<ErasureView, Refusal> {
        let why = format!(
            "the row of the erasure `{}` is not what the record says: {why}; nothing is erased by it. Find out who writes to the database, and ask for it anew if it was meant",
            view.id
        );
        tracing::error!("{why}");
        view.state = ErasureState::Refused;
        view.why = Some(why.clone());
        let facts = facts(&view).with("ground", Ground::Unfounded.as_str());
        let mut refused = Draft::of_event(Kind::Admin, Event::ErasureRefused, facts);
        refused.payload = records::why(&why);
        let drafts = vec![refused, records::unfounded(ERASURE, view.id.as_str(), &why)];
        let subject = records::subject_of(&drafts)?;
        let state = vec![put(&view)?];
        drop(self.journal.append(journal::Entry { subject, records: drafts, state }).await?);
        Ok(view)
    }

    /// Records that something was refused without anything having come of it.
    async fn refuse_erasure(
        &self,
        by: Option<&Person>,
        facts: Facts,
        ground: Ground,
        why: String,
        kind: RefusalKind,
    ) -> Result<Refusal, Refusal> {
        let mut draft =
            Draft::of_event(Kind::Admin, Event::ErasureRefused, facts.with("ground", ground.as_str()));
        draft.person = by.map(|person| person.id.clone());
        draft.payload = records::why(&why);
        self.record(draft, Vec::new()).await?;
        Ok(Refusal::new(kind, why))
    }

    /// Refuses, on the record or in the sum of their refusals, who has no right to erase.
    async fn may_erase(&self, by: &Person, facts: Facts) -> Result<(), Refusal> {
        if self.monitor()?.may_erase(by) {
            return Ok(());
        }
        let refusal = no_right(by);
        if !self.tells_refusal(by) {
            return Err(refusal);
        }
        Err(self.refuse_erasure(Some(by), facts, Ground::Right, refusal.message, refusal.kind).await?)
    }

    pub(super) fn erasures(&self) -> Result<Vec<ErasureView>, Refusal> {
        let traces = !self.journal.wiped();
        let rows = self.journal.states(ERASURE, "")?;
        let view = |(key, value): (String, _)| {
            let view: Result<ErasureView, _> = serde_json::from_value(value);
            let view = view.map_err(|error| records::misfit(ERASURE, &key, &error))?;
            Ok(ErasureView { traces: traces && !view.records.is_empty(), ..view })
        };
        rows.into_iter().map(view).collect()
    }
}

/// The row of a request.
pub(super) fn put(view: &ErasureView) -> Result<journal::Change, Refusal> {
    records::put(ERASURE, view.id.as_str(), view)
}

fn held(hold: &HoldId, seq: u64, nothing: &str) -> String {
    format!(
        "the legal hold `{hold}` is on record {seq}, which is among it, so {nothing} of it is erased; `bulkhead audit hold list` says why"
    )
}

fn no_right(by: &Person) -> Refusal {
    let message = format!(
        "`{}` may not erase; an administrator may, and whose group has `erase = true` in bulkhead.toml",
        by.id
    );
    Refusal::new(RefusalKind::Forbidden, message)
}
