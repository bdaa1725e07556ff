//! Counting what may happen very often, so that a flood of it makes few records and none of it is lost from sight.

use std::collections::BTreeMap;

use crate::Timestamp;

/// What is counted by key: the first few within a window are told at once, the rest are summed up when it is over.
#[derive(Debug)]
pub struct Tally<K> {
    /// How long a window is, in seconds.
    seconds: i64,
    /// How many of a key are told at once in each window.
    at_once: u64,
    /// The most keys that are told apart; the rest are counted together.
    most: usize,
    windows: BTreeMap<K, Window>,
    /// Of keys beyond `most`, and since when.
    others: Option<Window>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    began: Timestamp,
    told: u64,
    untold: u64,
}

/// How often something happened that was not told at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum<K> {
    /// What; nothing for the many that were not told apart.
    pub key: Option<K>,
    /// How often.
    pub count: u64,
}

impl<K: Ord + Clone> Tally<K> {
    /// Of windows of `seconds`, with `at_once` of each key told at once, and `most` keys told apart.
    #[must_use]
    pub const fn new(seconds: i64, at_once: u64, most: usize) -> Self {
        Self { seconds, at_once, most, windows: BTreeMap::new(), others: None }
    }

    /// Counts one of `key`; whether it is to be told at once.
    pub fn count(&mut self, key: &K, now: Timestamp) -> bool {
        let fresh = Window { began: now, told: 0, untold: 0 };
        if !self.windows.contains_key(key) && self.windows.len() >= self.most {
            let others = self.others.get_or_insert(fresh);
            others.untold = others.untold.saturating_add(1);
            return false;
        }
        let window = self.windows.entry(key.clone()).or_insert(fresh);
        if window.told < self.at_once {
            window.told = window.told.saturating_add(1);
            return true;
        }
        window.untold = window.untold.saturating_add(1);
        false
    }

    /// The sums of the windows that are over; a key that comes again begins a new one.
    pub fn over(&mut self, now: Timestamp) -> Vec<Sum<K>> {
        let seconds = self.seconds;
        // A clock that jumps back ends a window, too.
        self.take(|window| !(0..seconds).contains(&now.as_second().saturating_sub(window.began.as_second())))
    }

    /// The sums of all windows.
    pub fn all(&mut self) -> Vec<Sum<K>> {
        self.take(|_| true)
    }

    fn take(&mut self, over: impl Fn(&Window) -> bool) -> Vec<Sum<K>> {
        let mut sums = Vec::new();
        self.windows.retain(|key, window| {
            let ended = over(window);
            if ended && window.untold > 0 {
                sums.push(Sum { key: Some(key.clone()), count: window.untold });
            }
            !ended
        });
        if let Some(others) = self.others.take_if(|others| over(others)) {
            sums.push(Sum { key: None, count: others.untold });
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_flood_is_told_once_and_summed_up() {
        let mut tally = Tally::new(60, 1, 8);
        let told = (0..10_000).filter(|_| tally.count(&"eve", at(100))).count();
        assert_eq!(told, 1);
        assert_eq!(tally.over(at(159)), []);
        assert_eq!(tally.over(at(160)), [Sum { key: Some("eve"), count: 9_999 }]);
        assert!(tally.count(&"eve", at(160)), "a new window begins with one that is told");
        assert_eq!(tally.over(at(220)), [], "what was told at once is in no sum");
    }

    #[test]
    fn many_keys_cost_no_more_than_the_most() {
        let mut tally = Tally::new(60, 1, 8);
        let told = (0..10_000).filter(|key| tally.count(key, at(100))).count();
        assert_eq!(told, 8);
        assert_eq!(tally.all(), [Sum { key: None, count: 9_992 }]);
        assert_eq!(tally.all(), []);
    }

    #[test]
    fn a_clock_that_jumps_back_ends_a_window() {
        let mut tally = Tally::new(60, 1, 8);
        assert!(tally.count(&"ann", at(10_000)) && !tally.count(&"ann", at(10_000)));
        assert_eq!(tally.over(at(1)), [Sum { key: Some("ann"), count: 1 }]);
    }
}
