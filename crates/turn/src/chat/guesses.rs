//! Wrong one-time ids, counted, so that nobody guesses for long. An account that nobody is does not come as far as this.

use std::collections::BTreeMap;

use vocab::{PersonId, Timestamp};

/// How many wrong ids there may be of one person, and of all together, within [`GUESS_SECONDS`].
pub(super) const MAX_GUESSES_OF_PERSON: u32 = 10;
const MAX_GUESSES: u32 = 100;

/// How long they are counted together.
const GUESS_SECONDS: i64 = 15 * 60;

#[derive(Debug, Default)]
pub(super) struct Guesses {
    began: Option<Timestamp>,
    of: BTreeMap<PersonId, u32>,
    all: u32,
}

impl Guesses {
    /// Counts a guess before it is looked at; whether it may be.
    pub(super) fn count(&mut self, person: &PersonId, now: Timestamp) -> bool {
        let within = |began: Timestamp| {
            // A clock that jumps back ends it, too.
            (0..GUESS_SECONDS).contains(&now.as_second().saturating_sub(began.as_second()))
        };
        if !self.began.is_some_and(within) {
            *self = Self { began: Some(now), ..Self::default() };
        }
        // Of whom one right one after another comes, the count stays empty; so this holds as many people as there are guesses.
        let of_person = self.of.get(person).copied().unwrap_or_default();
        if of_person >= MAX_GUESSES_OF_PERSON || self.all >= MAX_GUESSES {
            return false;
        }
        self.of.insert(person.clone(), of_person.saturating_add(1));
        self.all = self.all.saturating_add(1);
        true
    }

    /// What this person guessed last was right.
    pub(super) fn right(&mut self, person: &PersonId) {
        self.all = self.all.saturating_sub(1);
        if let Some(of_person) = self.of.get_mut(person) {
            *of_person = of_person.saturating_sub(1);
            if *of_person == 0 {
                self.of.remove(person);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_wrong_ones_of_one_and_of_all_and_then_none_until_the_time_is_over() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let name = |n: usize| PersonId::new(&format!("p{n}")).unwrap();
        let mut guesses = Guesses::default();
        for _ in 0..1_000 {
            assert!(guesses.count(&name(0), at(100)));
            guesses.right(&name(0));
        }
        assert!(guesses.of.is_empty());
        assert_eq!((0..50).filter(|_| guesses.count(&name(1), at(100))).count(), 10);
        assert_eq!((0..5_000).filter(|n| guesses.count(&name(n + 2), at(999))).count(), 90);
        assert_eq!(guesses.of.len(), 91);
        assert!(!guesses.count(&name(9_999), at(999)));
        assert!(guesses.count(&name(1), at(1_000)));
    }
}
