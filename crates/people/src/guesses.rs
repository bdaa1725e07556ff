//! Wrong passwords and codes, counted, so that nobody guesses for long.

use std::collections::BTreeMap;
use std::net::IpAddr;

use vocab::{PersonId, Timestamp};

use crate::bounds::{GUESS_SECONDS, MAX_GUESSERS, MAX_GUESSES_FROM_PEER, MAX_GUESSES_OF_PERSON};
use crate::no::{No, NoKind};

/// Where a guess comes from, as far as it is told apart: all of this machine is one place, and so is all that one network of
/// the sixth version has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    Here,
    Four([u8; 4]),
    Six([u8; 8]),
}

impl From<IpAddr> for Origin {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            address if address.is_loopback() => Self::Here,
            IpAddr::V4(address) => Self::Four(address.octets()),
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, g, h, ..] = address.octets();
                Self::Six([a, b, c, d, e, f, g, h])
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Count {
    began: Timestamp,
    made: u32,
}

/// The guesses of a while. Each is counted before it is looked at, so that many at once are no more than one by one.
#[derive(Debug, Default)]
pub(crate) struct Guesses {
    persons: BTreeMap<PersonId, Count>,
    origins: BTreeMap<Origin, Count>,
}

impl Guesses {
    /// Counts a guess of `name`'s password; a name is counted whether or not there is such a person.
    ///
    /// # Errors
    /// When there were too many.
    pub(crate) fn count(&mut self, name: Option<&PersonId>, from: Origin, now: Timestamp) -> Result<(), No> {
        self.forget(now);
        take(&mut self.origins, &from, MAX_GUESSES_FROM_PEER, now)?;
        match name {
            Some(name) => take(&mut self.persons, name, MAX_GUESSES_OF_PERSON, now),
            None => Ok(()),
        }
    }

    /// What was counted last was right.
    pub(crate) fn right(&mut self, name: Option<&PersonId>, from: Origin) {
        if let Some(name) = name {
            self.persons.remove(name);
        }
        if let Some(count) = self.origins.get_mut(&from) {
            count.made = count.made.saturating_sub(1);
        }
    }

    /// A person whose way in is a new one is guessed at anew.
    pub(crate) fn forgive(&mut self, name: &PersonId) {
        self.persons.remove(name);
    }

    fn forget(&mut self, now: Timestamp) {
        // A clock that jumps back ends a window, too.
        let counts = |count: &Count| {
            (0..GUESS_SECONDS).contains(&now.as_second().saturating_sub(count.began.as_second()))
        };
        self.persons.retain(|_, count| counts(count));
        self.origins.retain(|_, count| counts(count));
    }
}

fn take<K: Ord + Clone>(
    counts: &mut BTreeMap<K, Count>,
    key: &K,
    most: u32,
    now: Timestamp,
) -> Result<(), No> {
    let full = counts.len() >= MAX_GUESSERS && !counts.contains_key(key);
    if full {
        return Err(too_many());
    }
    let count = counts.entry(key.clone()).or_insert(Count { began: now, made: 0 });
    if count.made >= most {
        return Err(too_many());
    }
    count.made = count.made.saturating_add(1);
    Ok(())
}

fn too_many() -> No {
    let minutes = GUESS_SECONDS / 60;
    let message = format!(
        "too many wrong guesses: wait {minutes} minutes, or sign in with a code from `bulkhead people invite`"
    );
    No::new(NoKind::Busy, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn name(text: &str) -> PersonId {
        PersonId::new(text).unwrap()
    }

    #[test]
    fn a_name_is_guessed_at_so_often_and_then_not_until_the_time_is_over() {
        let mut guesses = Guesses::default();
        let (ada, bob) = (name("ada"), name("bob"));
        let made = (0..50).filter(|_| guesses.count(Some(&ada), Origin::Here, at(100)).is_ok()).count();
        assert_eq!(made, 10);
        assert!(guesses.count(Some(&ada), Origin::Four([10, 0, 0, 1]), at(999)).is_err(), "from wherever");
        guesses.count(Some(&bob), Origin::Four([10, 0, 0, 1]), at(100)).unwrap();
        guesses.count(Some(&ada), Origin::Here, at(1000)).unwrap();
    }

    #[test]
    fn one_place_guesses_so_often_whatever_the_names() {
        let mut guesses = Guesses::default();
        let made = (0..5_000)
            .filter(|n| guesses.count(Some(&name(&format!("p{n}"))), Origin::Here, at(1)).is_ok())
            .count();
        assert_eq!(made, 100);
        assert!(guesses.count(None, Origin::Here, at(1)).is_err());
        guesses.count(None, Origin::Six([1; 8]), at(1)).unwrap();
    }

    #[test]
    fn no_flood_of_places_takes_more_than_its_bound_and_none_is_let_through_beyond() {
        let mut guesses = Guesses::default();
        let from = |n: u32| Origin::Four(n.to_be_bytes());
        let made = (0..50_000).filter(|n| guesses.count(None, from(*n), at(1)).is_ok()).count();
        assert_eq!((made, guesses.origins.len()), (MAX_GUESSERS, MAX_GUESSERS));
        guesses.count(None, from(70_000), at(901)).unwrap();
        assert_eq!(guesses.origins.len(), 1);
    }

    #[test]
    fn what_was_right_counts_for_nothing() {
        let mut guesses = Guesses::default();
        let ada = name("ada");
        for _ in 0..1_000 {
            guesses.count(Some(&ada), Origin::Here, at(1)).unwrap();
            guesses.right(Some(&ada), Origin::Here);
        }
    }

    #[test]
    fn addresses_of_one_place_are_one() {
        for here in ["127.0.0.1", "127.9.8.7", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(Origin::from(here.parse::<IpAddr>().unwrap()), Origin::Here, "{here}");
        }
        let six = |text: &str| Origin::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(six("2001:db8:1:2::1"), six("2001:db8:1:2:ffff::9"));
        assert_ne!(six("2001:db8:1:2::1"), six("2001:db8:1:3::1"));
    }
}
