//! `[sign-in]`: how long a sign-in lasts, and which passwords are no good.

use std::path::PathBuf;
use std::time::Duration;

use people::Origin;
use serde::{Deserialize, Deserializer, de};

/// The shortest and the longest that a sign-in may last, used or unused.
const BOUNDS: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(31 * 24 * 60 * 60));

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct SignIn {
    /// A list of breached passwords, in the form of Have I Been Pwned.
    pub(crate) breached_passwords: Option<PathBuf>,
    /// How long a sign-in lasts at most.
    #[serde(deserialize_with = "life")]
    pub(crate) lifetime: Duration,
    /// How long it lasts unused.
    #[serde(deserialize_with = "life")]
    pub(crate) idle: Duration,
}

impl Default for SignIn {
    fn default() -> Self {
        Self { breached_passwords: None, lifetime: people::SIGN_IN_LIFE, idle: people::SIGN_IN_IDLE }
    }
}

impl SignIn {
    pub(crate) fn config(&self, origin: Option<Origin>) -> people::Config {
        let breached = self.breached_passwords.clone();
        people::Config { breached, life: self.lifetime, idle: self.idle, origin }
    }
}

fn life<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let parsed = text.parse::<jiff::SignedDuration>().ok().and_then(|long| Duration::try_from(long).ok());
    parsed.filter(|long| (BOUNDS.0..=BOUNDS.1).contains(long)).ok_or_else(|| {
        de::Error::custom(format!("`{text}` is not a time from 1m to 744h, such as `30m` or `12h`"))
    })
}
