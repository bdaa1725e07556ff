//! Deadlines by a clock that may be set back: what nobody knows the age of is over.

use vocab::{SignedDuration, Timestamp};

/// How far a clock may be before what it said already without counting as set back: as for sign-ins and tokens.
pub(crate) const CLOCK_SLACK: SignedDuration = SignedDuration::from_mins(5);

/// Whether what began at `since` and lasts until `expires` is over at `now`. Where the clock was set back to before it began, nobody
/// knows how long ago that is, and silence is a no.
pub(crate) fn is_over(since: Option<Timestamp>, expires: Timestamp, now: Timestamp) -> bool {
    expires <= now || since.is_some_and(|since| went_back(since, now))
}

/// Whether the clock, which said `then`, was set back by `now`.
pub(crate) fn went_back(then: Timestamp, now: Timestamp) -> bool {
    then.duration_since(now) > CLOCK_SLACK
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lasts_from_its_beginning_to_its_end_and_not_before_or_after() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let over = |now: i64| is_over(Some(at(10_000)), at(20_000), at(now));
        assert!(!over(10_000) && !over(19_999) && over(20_000) && over(99_999));
        // Clocks differ a little.
        let slack = CLOCK_SLACK.as_secs();
        assert!(!over(10_000 - slack) && over(10_000 - slack - 1) && over(0));
        assert!(!is_over(None, at(20_000), at(0)) && is_over(None, at(20_000), at(20_000)));
    }
}
