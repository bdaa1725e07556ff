//! What a jail cannot take back: the folders that it was made with. Everything that a program asks for is judged when it
//! asks; what it has before it was judged when it was started. When grants, rights, rules or labels no longer give it
//! that, it ends.

use std::sync::Arc;
use std::time::Duration;

use monitor::Reach;
use tokio::time::{Interval, MissedTickBehavior};
use vocab::{Labels, PersonId};

use crate::Refusal;
use crate::gateway::Gateway;
use crate::slot::Slot;

/// How often it is looked whether a program may still have what its jail gives it.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How many looks in a row may find a SOUL.md or settings that do not hold before the program ends. Whoever edits them
/// saves what is half done at times; nothing that the program asks for is done meanwhile.
const MAX_BLIND: u32 = 30;

/// What a program was started with, and who keeps looking at it.
pub(super) struct Leash {
    gateway: Arc<Gateway>,
    asker: PersonId,
    reach: Reach,
    look: Interval,
    sight: Sight,
}

impl Leash {
    pub(super) fn new(gateway: Arc<Gateway>, asker: PersonId, reach: Reach) -> Self {
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { gateway, asker, reach, look, sight: Sight::default() }
    }

    /// Waits until the program may no longer have what its jail gives it, and says why in one sentence. Cancel-safe.
    pub(super) async fn taken_away(&mut self, slot: &Slot) -> String {
        loop {
            self.look.tick().await;
            let seen = self.lost(slot);
            if let Some(why) = self.sight.sees(seen) {
                return why;
            }
        }
    }

    /// Why it may not, by what stands in SOUL.md, settings and guardrails now.
    fn lost(&self, slot: &Slot) -> Result<Option<String>, Refusal> {
        let (name, asker) = (&slot.name, &self.asker);
        let monitor = self.gateway.monitor()?;
        let Some(person) = monitor.person(asker) else {
            return Ok(Some(format!("`{asker}` is no longer in the settings, and this program was theirs")));
        };
        if !monitor.may_ask(person, name) {
            return Ok(Some(format!("`{asker}` no longer has the right to ask `{name}`")));
        }
        let compartment = self.gateway.compartment(slot, &monitor)?;
        let marks = self.gateway.marks();
        // What it was told is among this: whatever it can write is marked with it.
        let labels = self.reach.labels_now(&compartment, &marks);
        if let Some(why) = monitor::no_program(&compartment, person, &labels) {
            return Ok(Some(format!(
                "no program runs as `{name}` any more: {} ({})",
                why.message, why.policy
            )));
        }
        let now = monitor::reach(&compartment, person, &Labels::default(), &marks);
        if let Some(path) = self.reach.beyond(&now) {
            return Ok(Some(format!(
                "`{}` was taken from `{name}` for `{asker}`, so this program was ended; start it anew to have it run without",
                path.display()
            )));
        }
        let denied = self.reach.denies(&compartment, person, &labels).into_iter().next();
        Ok(denied.map(|why| format!("this program may not go on: {}", why.message)))
    }
}

/// What the looks have come to.
#[derive(Debug, Default)]
struct Sight {
    /// How many in a row saw nothing.
    blind: u32,
}

impl Sight {
    /// Takes in one look; why the program ends, if it does.
    fn sees(&mut self, look: Result<Option<String>, Refusal>) -> Option<String> {
        match look {
            Ok(lost) => {
                self.blind = 0;
                lost
            }
            Err(why) => {
                self.blind = self.blind.saturating_add(1);
                let seconds = LOOK_EVERY.as_secs().saturating_mul(MAX_BLIND.into());
                (self.blind > MAX_BLIND).then(|| {
                    format!("for {seconds} s nobody could tell what this program may still have: {why}")
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RefusalKind;

    #[test]
    fn what_cannot_be_looked_at_ends_it_only_when_it_stays_so() {
        let broken = || Err(Refusal::new(RefusalKind::Invalid, "line 3: no such verb"));
        let mut sight = Sight::default();
        for _ in 0..2 {
            for _ in 0..MAX_BLIND {
                assert_eq!(sight.sees(broken()), None);
            }
            assert_eq!(sight.sees(Ok(None)), None, "it is whole again");
        }
        assert_eq!(sight.sees(Ok(Some("gone".to_owned()))).as_deref(), Some("gone"));
        let why = (0..=MAX_BLIND).find_map(|_| sight.sees(broken())).unwrap();
        assert!(why.contains("60 s") && why.contains("no such verb"), "{why}");
    }
}
