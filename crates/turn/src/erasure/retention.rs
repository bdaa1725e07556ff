//! How long content is kept: by age, and by the labels of the data that it is about. The metadata stays for ever.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use journal::read::{Query, Reader, Record};
use journal::{Draft, Erased, Event, Facts, Kind};
use serde::{Deserialize, Serialize};
use vocab::{Labels, SessionId, SignedDuration, Timestamp};

use super::hold::{Hold, holding};
use super::select::{Found, Selection};
use crate::Refusal;
use crate::branch::with_their_past;
use crate::gateway::Gateway;

/// How often it is looked whether something has been kept long enough.
const LOOK_EVERY: Duration = Duration::from_secs(60 * 60);

/// How often everything is gone through anew, to the end, what was held or busy before too.
const ANEW_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// The most contents that go at once.
const MAX_AT_ONCE: usize = 4_096;

/// How long others have the record for themselves between two batches.
const PAUSE: Duration = Duration::from_millis(100);

/// Records that are looked at together.
const PAGE: u32 = 1_000;

/// How long content is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retention {
    /// For so many days; for ever without a number.
    pub days: Option<u32>,
    /// What is said of content whose data carries a label.
    pub rules: Vec<RetentionRule>,
}

/// What is said of content whose data carries a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionRule {
    /// A level or a category.
    pub label: String,
    /// How long.
    pub period: Period,
}

/// A period in days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Period {
    /// Not longer than this. Of several, the shortest counts.
    AtMost(u32),
    /// Not shorter than this, whatever else is said. Of several, the longest counts.
    AtLeast(u32),
}

impl Retention {
    /// How many days content about data with these labels is kept; for ever when it is none.
    #[must_use]
    pub fn days(&self, labels: &Labels) -> Option<u32> {
        let names = labels.names();
        let carried = || self.rules.iter().filter(|rule| names.contains(&rule.label));
        let most = carried().filter_map(|rule| match rule.period {
            Period::AtMost(days) => Some(days),
            Period::AtLeast(_) => None,
        });
        let least = carried().filter_map(|rule| match rule.period {
            Period::AtLeast(days) => Some(days),
            Period::AtMost(_) => None,
        });
        let most = most.chain(self.days).min()?;
        Some(least.max().map_or(most, |least| most.max(least)))
    }

    /// The shortest period that anything can have.
    fn shortest(&self) -> Option<u32> {
        let most = self.rules.iter().filter_map(|rule| match rule.period {
            Period::AtMost(days) => Some(days),
            Period::AtLeast(_) => None,
        });
        most.chain(self.days).min()
    }

    fn over(&self, record: &Record, now: Timestamp) -> bool {
        let unlabelled = Labels::default();
        let days = self.days(record.labels.as_ref().unwrap_or(&unlabelled));
        days.is_some_and(|days| before(now, days).is_some_and(|end| record.time < end))
    }
}

/// So many days before `now`.
fn before(now: Timestamp, days: u32) -> Option<Timestamp> {
    now.checked_sub(SignedDuration::from_hours(i64::from(days) * 24)).ok()
}

/// Where it is gone on, and how far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    /// Up to this record it is done with.
    pub(super) after: u64,
    /// To the end of the record, since a clock that was ahead for a while has left old content behind young; else to where
    /// nothing is old any more.
    pub(super) whole: bool,
}

/// How far the record has been gone through.
struct Round {
    way: Way,
    begun: Timestamp,
    /// Conversations that were taken up whenever their content was to go: they wait for the next round.
    passed: BTreeSet<SessionId>,
}

impl Round {
    const fn new(begun: Timestamp) -> Self {
        Self { way: Way { after: 0, whole: true }, begun, passed: BTreeSet::new() }
    }
}

impl Gateway {
    /// Erases what has been kept long enough, from time to time for as long as the gateway runs.
    pub(crate) fn keep_no_longer(self: &Arc<Self>) {
        if self.config.retention.shortest().is_none() {
            return;
        }
        let gateway = Arc::clone(self);
        self.tasks.spawn(async move {
            let mut tick = tokio::time::interval(LOOK_EVERY);
            tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
            let mut round = Round::new(gateway.ambient.now());
            loop {
                tokio::select! {
                    () = gateway.stop.cancelled() => return,
                    _ = tick.tick() => {}
                }
                let now = gateway.ambient.now();
                if now.duration_since(round.begun).abs() >= ANEW_AFTER {
                    round = Round::new(now);
                }
                if let Err(refusal) = gateway.retain(&mut round, now).await {
                    tracing::error!("content whose time is over could not be erased: {refusal}");
                }
            }
        });
    }

    /// One round: batch after batch, until nothing is left whose time is over.
    async fn retain(self: &Arc<Self>, round: &mut Round, now: Timestamp) -> Result<(), Refusal> {
        while !self.stop.is_cancelled() {
            let (looked, holds) = (self.journal.head().records, self.holds().await?);
            let (mut found, mut after, mut more) = self.outlived(holds.clone(), round, now).await?;
            let erasing = self.erasing.lock().await;
            let seen = self.journal.head().records;
            if self.holds().await? != holds {
                continue;
            }
            // A hold that was there may have come to keep some of it meanwhile: by what goes on from it, say.
            if seen != looked && !found.seqs.is_empty() {
                (found, after, more) = self.outlived(holds, round, now).await?;
            }
            found.seen = seen;
            if !found.seqs.is_empty() {
                let count = found.seqs.len() as u64;
                let closing = self.open.close(found.resting(), None);
                let taken_up = closing.left();
                if !taken_up.is_empty() {
                    // Without them there is another batch. None is tried twice, so that whoever takes theirs up again and
                    // again keeps no other's from going.
                    round.passed.extend(taken_up);
                    drop((closing, erasing));
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
                let make = |erased: Erased, (): &mut ()| {
                    let facts = Facts::new().with("contents", erased.contents());
                    let mut draft = Draft::of_event(Kind::Admin, Event::RetentionApplied, facts);
                    draft.erases = Some(erased);
                    Ok((draft, None))
                };
                // The files first: what they have is looked for as long as the contents are there.
                let shortest = self.config.retention.shortest().unwrap_or_default();
                self.erase_files(&found, before(now, shortest).unwrap_or(Timestamp::MIN)).await?;
                if !self.erase(&found, &mut (), make).await?.is_done()? {
                    drop(erasing);
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
                tracing::info!("the content of {count} records was erased because its time was over");
            }
            drop(erasing);
            round.way.after = after;
            if !more {
                round.way.whole = false;
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    /// The next contents whose time is over and on which no hold is, how far the record is done with, and whether
    /// there may be more. Conversations that go on are left alone until they rest.
    async fn outlived(
        &self,
        holds: Vec<Hold>,
        round: &Round,
        now: Timestamp,
    ) -> Result<(Found, u64, bool), Refusal> {
        let (retention, way) = (self.config.retention.clone(), round.way);
        let busy: BTreeSet<SessionId> = self.open.busy().union(&round.passed).cloned().collect();
        let busy = with_their_past(&self.journal, busy)?;
        self.look(move |reader| outlived(reader, &holds, &retention, &busy, way, now)).await
    }
}

/// See [`Gateway::outlived`].
pub(super) fn outlived(
    reader: &Reader,
    holds: &[Hold],
    retention: &Retention,
    busy: &BTreeSet<SessionId>,
    Way { after, whole }: Way,
    now: Timestamp,
) -> Result<(Found, u64, bool), Refusal> {
    let young = retention.shortest().and_then(|days| before(now, days)).unwrap_or(Timestamp::MIN);
    let mut selection = Selection::new(reader, holds);
    let mut query = Query { after: Some(after), erasable: true, limit: PAGE, ..Query::default() };
    let (mut found, mut done) = (Found::default(), after);
    loop {
        let page = reader.query(&query)?;
        // The clock may have been wrong for a while, so that one young record does not mean the end.
        let goes_on = whole || page.iter().any(|record| record.time < young);
        let Some(last) = page.last().filter(|_| goes_on) else {
            selection.find_branches(&mut found)?;
            return Ok((found, done, false));
        };
        query.after = Some(last.seq);
        for record in &page {
            let free = record.session.as_ref().is_none_or(|session| !busy.contains(session));
            if free && retention.over(record, now) {
                let owner = selection.owner(record.session.as_ref())?;
                let branches = selection.held_by(record.session.as_ref())?;
                if holding(holds, record, owner.as_ref(), &branches).is_none() {
                    found.take(record, &[], None, &[]);
                }
            }
            if record.time < young {
                done = record.seq;
            }
        }
        if found.seqs.len() >= MAX_AT_ONCE {
            selection.find_branches(&mut found)?;
            return Ok((found, done, true));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(label: &str, period: Period) -> RetentionRule {
        RetentionRule { label: label.to_owned(), period }
    }

    fn labels(names: &[&str]) -> Labels {
        Labels::from_names(names.iter().copied()).unwrap()
    }

    #[test]
    fn the_shortest_period_counts_unless_something_has_to_be_kept_longer() {
        let retention = Retention {
            days: Some(400),
            rules: vec![
                rule("employee", Period::AtMost(30)),
                rule("restricted", Period::AtMost(90)),
                rule("finance", Period::AtLeast(3_650)),
                rule("audit", Period::AtLeast(100)),
                rule("archive", Period::AtMost(1_000)),
            ],
        };
        for (names, days) in [
            (vec![], 400),
            (vec!["employee"], 30),
            (vec!["restricted"], 90),
            (vec!["restricted", "employee"], 30),
            (vec!["employee", "finance"], 3_650),
            (vec!["audit", "finance"], 3_650),
            (vec!["audit"], 400),
            (vec!["employee", "audit"], 100),
            (vec!["archive"], 400),
        ] {
            assert_eq!(retention.days(&labels(&names)), Some(days), "{names:?}");
        }
        assert_eq!(retention.shortest(), Some(30));
        let only = Retention {
            days: None,
            rules: vec![rule("employee", Period::AtMost(30)), rule("finance", Period::AtLeast(9))],
        };
        assert_eq!((only.days(&labels(&[])), only.days(&labels(&["finance"]))), (None, None));
        assert_eq!(only.days(&labels(&["employee"])), Some(30));
        assert_eq!(Retention::default().shortest(), None);
    }
}
