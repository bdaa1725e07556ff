//! `[approvals]`: how long an action waits for a person.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de};
use vocab::limits::APPROVAL_LIFETIME;

/// The shortest and the longest that an action may wait.
const BOUNDS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(31 * 24 * 60 * 60));

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Approvals {
    /// How long until silence becomes a no.
    #[serde(deserialize_with = "lifetime")]
    pub(crate) lifetime: Duration,
}

impl Default for Approvals {
    fn default() -> Self {
        Self { lifetime: APPROVAL_LIFETIME }
    }
}

pub(super) fn lifetime<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let parsed = text.parse::<jiff::SignedDuration>().ok().and_then(|long| Duration::try_from(long).ok());
    parsed.filter(|long| (BOUNDS.0..=BOUNDS.1).contains(long)).ok_or_else(|| {
        de::Error::custom(format!("`{text}` is not a time from 1s to 744h, such as `30m` or `24h`"))
    })
}
