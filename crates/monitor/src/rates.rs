//! How much and how fast: limits of actions, tokens and time, and the stop for a loop that does not listen.
//!
//! Comes in: what has been counted so far and the agent's limits. Goes out: reasons. It counts nothing itself.

use std::time::Duration;

use soul::Limits;
use vocab::{Layer, Reason, Verb};

/// A turn that goes on proposing past this many times its limit of actions is stopped: every answer
/// since the limit was a denial that said so.
pub const KILL_FACTOR: u32 = 2;

/// What an agent has done so far, counted by whoever drives its turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rates {
    /// Proposals of this agent in the last 60 seconds, this one not counted.
    pub last_minute: u32,
    /// Proposals of this turn, this one not counted.
    pub in_turn: u32,
    /// Model tokens that this agent has used today (UTC).
    pub tokens_today: u64,
    /// How long this turn has run; waiting for a person does not count.
    pub turn_elapsed: Duration,
}

/// What the limits say of one more proposal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    Within,
    Over(Vec<Reason>),
    Runaway(Reason),
}

pub(crate) fn judge(rates: &Rates, limits: &Limits, verb: Verb) -> Pace {
    if rates.in_turn >= limits.actions_per_turn.saturating_mul(KILL_FACTOR) {
        return Pace::Runaway(reason(
            "limit:runaway",
            format!(
                "{} proposals in this turn, {KILL_FACTOR} times its limit of {}: it does not listen, so it is stopped",
                rates.in_turn, limits.actions_per_turn
            ),
        ));
    }
    let mut over = Vec::new();
    if rates.in_turn >= limits.actions_per_turn {
        over.push(reason(
            "limit:actions-per-turn",
            format!("the limit of {} actions in a turn is reached", limits.actions_per_turn),
        ));
    }
    if rates.last_minute >= limits.actions_per_minute {
        over.push(reason(
            "limit:actions-per-minute",
            format!("the limit of {} actions a minute is reached", limits.actions_per_minute),
        ));
    }
    if rates.turn_elapsed >= limits.turn_time {
        over.push(reason(
            "limit:turn-time",
            format!("the limit of {} s for a turn is reached", limits.turn_time.as_secs()),
        ));
    }
    if verb == Verb::ModelCall && rates.tokens_today >= limits.model_tokens_per_day {
        over.push(reason(
            "limit:model-tokens-per-day",
            format!("the limit of {} model tokens a day is reached", limits.model_tokens_per_day),
        ));
    }
    if over.is_empty() { Pace::Within } else { Pace::Over(over) }
}

fn reason(policy: &str, message: String) -> Reason {
    Reason { layer: Layer::Rate, policy: policy.to_owned(), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            actions_per_minute: 10,
            actions_per_turn: 5,
            model_tokens_per_day: 100,
            turn_time: Duration::from_secs(60),
            memory: 1,
        }
    }

    fn policies(pace: Pace) -> Vec<String> {
        match pace {
            Pace::Within => vec![],
            Pace::Over(reasons) => reasons.into_iter().map(|reason| reason.policy).collect(),
            Pace::Runaway(reason) => vec![reason.policy],
        }
    }

    #[test]
    fn each_limit_is_held_at_its_edge() {
        let at = |rates: Rates| policies(judge(&rates, &limits(), Verb::FileRead));
        let none: Vec<String> = vec![];
        assert_eq!(at(Rates { in_turn: 4, last_minute: 9, ..Rates::default() }), none);
        assert_eq!(at(Rates { in_turn: 5, ..Rates::default() }), ["limit:actions-per-turn"]);
        assert_eq!(at(Rates { in_turn: 9, ..Rates::default() }), ["limit:actions-per-turn"]);
        assert_eq!(at(Rates { in_turn: 10, ..Rates::default() }), ["limit:runaway"]);
        assert_eq!(at(Rates { last_minute: 10, ..Rates::default() }), ["limit:actions-per-minute"]);
        let elapsed = Duration::from_secs(60);
        assert_eq!(at(Rates { turn_elapsed: elapsed, ..Rates::default() }), ["limit:turn-time"]);
    }

    #[test]
    fn tokens_hold_back_model_calls_and_nothing_else() {
        let rates = Rates { tokens_today: 100, ..Rates::default() };
        assert_eq!(judge(&rates, &limits(), Verb::Reply), Pace::Within);
        assert_eq!(policies(judge(&rates, &limits(), Verb::ModelCall)), ["limit:model-tokens-per-day"]);
    }
}
