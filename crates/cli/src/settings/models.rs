//! `[models]`: the model that agents use, and the servers that an administrator names.

use std::net::IpAddr;
use std::time::Duration;

use models::{Server, Style, Timeouts};
use serde::{Deserialize, Deserializer, de};
use toml::Spanned;

use super::Settings;
use crate::home::Home;

/// Whatever answers on this machine.
const AUTO: &str = "auto";

/// The shortest and the longest that a model server may be waited for.
const WAIT_BOUNDS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60 * 60));

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Models {
    /// The model of agents whose SOUL.md names none.
    pub(crate) default: String,
    server: Vec<Spanned<Server>>,
    wait: Wait,
}

impl Default for Models {
    fn default() -> Self {
        Self { default: AUTO.to_owned(), server: Vec::new(), wait: Wait::default() }
    }
}

/// How long a model server is waited for.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Wait {
    /// Until its answer begins.
    #[serde(deserialize_with = "time")]
    first: Duration,
    /// From one piece of the answer to the next.
    #[serde(deserialize_with = "time")]
    next: Duration,
    /// For the whole answer.
    #[serde(deserialize_with = "time")]
    whole: Duration,
}

impl Default for Wait {
    fn default() -> Self {
        let Timeouts { first_byte, idle, whole, .. } = Timeouts::default();
        Self { first: first_byte, next: idle, whole }
    }
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let parsed = text.parse::<jiff::SignedDuration>().ok().and_then(|long| Duration::try_from(long).ok());
    parsed.filter(|long| (WAIT_BOUNDS.0..=WAIT_BOUNDS.1).contains(long)).ok_or_else(|| {
        de::Error::custom(format!("`{text}` is not a time from 1s to 1h, such as `90s` or `10m`"))
    })
}

impl Models {
    pub(super) fn servers(&self) -> impl Iterator<Item = &Server> {
        self.server.iter().map(Spanned::get_ref)
    }

    pub(super) fn fault(&self) -> Option<(usize, String)> {
        self.server.iter().enumerate().find_map(|(nth, spanned)| {
            let server = spanned.get_ref();
            let message = if server.name.is_empty() || server.name.contains('/') {
                format!("`{}` cannot name a model server: use letters and digits, without `/`", server.name)
            } else if self.servers().take(nth).any(|other| other.name == server.name) {
                format!("the model server `{}` is in the settings twice; rename or remove one", server.name)
            } else {
                return None;
            };
            Some((spanned.span().start, message))
        })
    }

    /// Servers that are not this machine, by name: a call to one leaves it.
    pub(super) fn remote(&self) -> Vec<String> {
        self.servers().filter(|server| !is_local(&server.url)).map(|server| server.name.clone()).collect()
    }
}

impl Settings {
    /// The default model, and each server that is named.
    pub(crate) fn named_models(&self) -> impl Iterator<Item = String> {
        let servers = self.models.servers().map(|server| server.name.clone());
        std::iter::once(self.models.default.clone()).chain(servers)
    }

    /// What the models are told.
    pub(crate) fn model_servers(&self, home: &Home) -> models::Config {
        let Wait { first, next, whole } = self.models.wait;
        models::Config {
            servers: self.models.servers().cloned().collect(),
            rehearsal_dir: home.rehearsal(),
            timeouts: Timeouts { first_byte: first, idle: next, whole, ..Timeouts::default() },
            style: Style::default(),
            secrets: self.secrets(home),
        }
    }
}

/// Whether a call to `url` stays on this machine. Of names only `localhost` counts: what any other stands
/// for, somebody else may change.
fn is_local(url: &str) -> bool {
    reqwest::Url::parse(url).is_ok_and(|url| {
        url.host_str().is_some_and(|host| {
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn only_this_machine_is_local() {
        for local in ["http://127.0.0.1:1/v1", "http://[::1]:1", "http://localhost/v1", "http://127.9.9.9"] {
            assert!(is_local(local), "{local}");
        }
        for remote in
            ["http://10.0.0.1", "https://localhost.example.org", "http://0.0.0.0", "nonsense", "http://[::2]"]
        {
            assert!(!is_local(remote), "{remote}");
        }
    }
}
