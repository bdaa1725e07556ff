//! Leavers: whom neither the settings nor the organisation's directory name any more has nothing under way here.
//!
//! Their sign-ins and tokens are refused from the moment that they are not named, since each request asks for that. What
//! runs, waits or may repeat asks nobody, so it is looked for. However somebody leaves, that ends on one road: at once where
//! whoever takes them out says so, else with the second look that does not find them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use journal::Facts;
use tokio::time::MissedTickBehavior;
use vocab::{Person, PersonId, TurnId};

use crate::Refusal;
use crate::gateway::Gateway;
use crate::session;

/// How often those who have something under way are looked for among those who are there. Two looks and an end are well
/// within a second.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// With which look in a row that does not find them what they have ends. Once is not enough, since an editor may have saved
/// a file in part.
const LOOKS: u32 = 2;

/// After how many looks more it is tried again to end what did not end, or could not be recorded.
const AGAIN_EVERY: u32 = 10;

/// Why a leaver's turn has no answer.
const LEFT: &str = "whoever asked for this is no longer here";

impl Gateway {
    /// Ends all that somebody who left has under way: turns that run or wait, with what of them waits for a person, and
    /// patterns. `by` took them out. How many turns, once they are over or take too long. They end even when the record cannot
    /// be written; the error then says so.
    ///
    /// # Errors
    /// When it cannot be read what there is, or it cannot be recorded that it ended.
    pub async fn end_all_of(&self, by: &Person, whom: &PersonId) -> Result<usize, Refusal> {
        let ended = self.end_under_way(Some(by), &BTreeSet::from([whom.clone()])).await?;
        if !self.are_over(&ended).await? {
            tracing::error!("what `{whom}` had under way is stopped and takes long to end");
        }
        Ok(ended.len())
    }

    /// The same for several, without waiting until it is over; which turns.
    async fn end_under_way(
        &self,
        by: Option<&Person>,
        whom: &BTreeSet<PersonId>,
    ) -> Result<Vec<TurnId>, Refusal> {
        let mut turns = session::open_turns(&self.journal)?;
        turns.retain(|(_, row)| whom.contains(&row.person));
        let mut ended = Ok(());
        if !turns.is_empty() {
            let facts = Facts::new().with("own", false).with("left", true);
            ended = self.stop_turns(by, &turns, LEFT, &facts).await;
        }
        self.end_patterns_of(by, whom).await.and(ended)?;
        Ok(turns.into_iter().map(|(id, _)| id).collect())
    }

    /// Looks again and again whether whoever has something under way is still there.
    pub(crate) fn keep_out_leavers(self: &Arc<Self>) {
        let gateway = Arc::clone(self);
        self.tasks.spawn(async move {
            let mut missed = Missed::default();
            let mut tick = tokio::time::interval(LOOK_EVERY);
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    () = gateway.stop.cancelled() => return,
                    _ = tick.tick() => {}
                }
                let left = missed.sees(gateway.not_there());
                if left.is_empty() {
                    continue;
                }
                match gateway.end_under_way(None, &left).await {
                    Ok(turns) => tracing::info!("{} left; {} turns were stopped", listed(&left), turns.len()),
                    Err(refusal) => {
                        tracing::error!("what {} had under way did not all end: {refusal}", listed(&left));
                    }
                }
            }
        });
    }

    /// Those who have something under way and whom the settings do not name. While these do not hold, or name nobody at all,
    /// as a file in the middle of being saved does, nobody is known to have left.
    fn not_there(&self) -> BTreeSet<PersonId> {
        // No file is read while nobody has anything.
        let idle = !self.have_turns() && self.waiting.is_empty() && !self.have_patterns();
        if idle {
            return BTreeSet::new();
        }
        let Ok(monitor) = self.monitor() else { return BTreeSet::new() };
        if monitor.names_nobody() {
            return BTreeSet::new();
        }
        let gone = |person: &PersonId| monitor.person(person).is_none();
        let theirs = [self.turns_of(gone), self.waiting.askers(gone), self.patterns_of(gone)];
        theirs.into_iter().flatten().collect()
    }
}

/// With how many looks in a row each was not found.
#[derive(Debug, Default)]
struct Missed(BTreeMap<PersonId, u32>);

impl Missed {
    /// Takes in whom one look did not find; those whose things are to end.
    fn sees(&mut self, gone: BTreeSet<PersonId>) -> BTreeSet<PersonId> {
        self.0.retain(|person, _| gone.contains(person));
        let mut left = BTreeSet::new();
        for person in gone {
            let looks = self.0.entry(person.clone()).or_default();
            *looks = looks.saturating_add(1);
            if looks.checked_sub(LOOKS).is_some_and(|more| more.is_multiple_of(AGAIN_EVERY)) {
                left.insert(person);
            }
        }
        left
    }
}

fn listed(people: &BTreeSet<PersonId>) -> String {
    people.iter().map(|person| format!("`{person}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people(names: &[&str]) -> BTreeSet<PersonId> {
        names.iter().map(|name| PersonId::new(name).unwrap()).collect()
    }

    #[test]
    fn who_is_missed_once_has_not_left_and_who_stays_away_is_not_told_of_at_each_look() {
        let mut missed = Missed::default();
        assert_eq!(missed.sees(people(&["anna", "ben"])), people(&[]));
        assert_eq!(missed.sees(people(&["ben"])), people(&["ben"]));
        assert_eq!(missed.sees(people(&["anna"])), people(&[]), "she was there meanwhile");
        assert_eq!(missed.sees(people(&["anna", "ben"])), people(&["anna"]), "and so was he");
        let told = (0..2 * AGAIN_EVERY).filter(|_| missed.sees(people(&["anna"])) == people(&["anna"]));
        assert_eq!(told.count(), 2);
    }

    #[test]
    fn whoever_leaves_is_missed_in_half_of_the_second_that_the_guide_says() {
        // They leave just behind a look; the other half is for what they have to end.
        assert!(LOOK_EVERY * LOOKS <= Duration::from_millis(500));
    }
}
