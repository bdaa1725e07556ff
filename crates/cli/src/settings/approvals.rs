//! `[approvals]`: how long an action waits for a person, and from when on how people decide is a risk.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de};
use turn::{DECISIONS_AN_HOUR, DECISIONS_FOR_A_SHARE, MOST_APPROVED_PERCENT, SHORTEST_LOOK, Thresholds};
use vocab::limits::APPROVAL_LIFETIME;

/// The shortest and the longest that an action may wait.
const BOUNDS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(31 * 24 * 60 * 60));

/// The longest look that may be demanded.
const MAX_LOOK: Duration = Duration::from_secs(60 * 60);

/// The most decisions that a threshold may name.
const MAX_DECISIONS: u32 = 10_000;

/// The lowest share of yeses that may be called a risk, in percent: what is below half is no sign of anything.
const LEAST_PERCENT: u32 = 50;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Approvals {
    /// How long until silence becomes a no.
    #[serde(deserialize_with = "lifetime")]
    pub(crate) lifetime: Duration,
    budget: Budget,
}

/// From when on how somebody decides is a risk.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Budget {
    /// More decisions within sixty minutes.
    #[serde(deserialize_with = "decisions")]
    an_hour: u32,
    /// A shorter middle look at what is of high risk.
    #[serde(deserialize_with = "look")]
    look: Duration,
    /// So many yeses or more.
    #[serde(deserialize_with = "percent")]
    approved_percent: u32,
    /// Among at least so many decisions.
    #[serde(deserialize_with = "decisions")]
    decisions: u32,
}

impl Approvals {
    /// What the gateway is told.
    pub(crate) fn thresholds(&self) -> Thresholds {
        let Budget { an_hour, look, approved_percent, decisions } = self.budget;
        let look_ms = u64::try_from(look.as_millis()).unwrap_or(u64::MAX);
        Thresholds { an_hour, look_ms, approved_percent, decisions }
    }
}

impl Default for Approvals {
    fn default() -> Self {
        Self { lifetime: APPROVAL_LIFETIME, budget: Budget::default() }
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            an_hour: DECISIONS_AN_HOUR,
            look: SHORTEST_LOOK,
            approved_percent: MOST_APPROVED_PERCENT,
            decisions: DECISIONS_FOR_A_SHARE,
        }
    }
}

pub(super) fn lifetime<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parsed(&text).filter(|long| (BOUNDS.0..=BOUNDS.1).contains(long)).ok_or_else(|| {
        de::Error::custom(format!("`{text}` is not a time from 1s to 744h, such as `30m` or `24h`"))
    })
}

fn look<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parsed(&text)
        .filter(|long| *long <= MAX_LOOK)
        .ok_or_else(|| de::Error::custom(format!("`{text}` is not a time from 0s to 1h, such as `10s`")))
}

fn parsed(text: &str) -> Option<Duration> {
    text.parse::<jiff::SignedDuration>().ok().and_then(|long| Duration::try_from(long).ok())
}

fn decisions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    number(deserializer, 1, MAX_DECISIONS)
}

fn percent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    number(deserializer, LEAST_PERCENT, 100)
}

fn number<'de, D: Deserializer<'de>>(deserializer: D, least: u32, most: u32) -> Result<u32, D::Error> {
    let number = i64::deserialize(deserializer)?;
    let fits = u32::try_from(number).ok().filter(|number| (least..=most).contains(number));
    fits.ok_or_else(|| de::Error::custom(format!("`{number}` is not a number from {least} to {most}")))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use turn::Thresholds;

    use crate::settings::Settings;

    fn thresholds(text: &str) -> Result<Thresholds, String> {
        let parsed = Settings::parse(Path::new("b.toml"), text);
        parsed.map(|settings| settings.approvals.thresholds()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_budget_is_what_is_said_and_what_is_not_said_is_as_usual() {
        assert_eq!(thresholds(""), Ok(Thresholds::default()));
        assert_eq!(
            thresholds("[approvals.budget]\nan-hour = 12\nlook = \"1m\""),
            Ok(Thresholds { an_hour: 12, look_ms: 60_000, ..Thresholds::default() })
        );
        assert_eq!(
            thresholds("[approvals.budget]\napproved-percent = 100\ndecisions = 1\nlook = \"0s\""),
            Ok(Thresholds { approved_percent: 100, decisions: 1, look_ms: 0, ..Thresholds::default() })
        );
    }

    #[test]
    fn a_budget_that_says_nothing_about_anybody_is_refused_with_its_place() {
        for wrong in [
            "an-hour = 0",
            "an-hour = -1",
            "an-hour = 10001",
            "an-hour = 99999999999999999",
            "an-hour = \"30\"",
            "look = \"-1s\"",
            "look = \"2h\"",
            "look = \"soon\"",
            "look = 10",
            "approved-percent = 49",
            "approved-percent = 101",
            "approved-percent = 0.98",
            "decisions = 0",
            "an-day = 3",
        ] {
            let said = thresholds(&format!("[approvals.budget]\n{wrong}\n"));
            assert!(
                said.as_ref().is_err_and(|said| said.starts_with("`b.toml` line 2")),
                "{wrong}: {said:?}"
            );
        }
    }
}
