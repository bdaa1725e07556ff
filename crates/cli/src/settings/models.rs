//! `[models]`: the model that agents use, and the servers that an administrator names.

use std::net::IpAddr;

use models::{Server, Style, Timeouts};
use serde::Deserialize;
use toml::Spanned;

use super::Settings;
use crate::home::Home;

/// Whatever answers on this machine.
const AUTO: &str = "auto";

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Models {
    /// The model of agents whose SOUL.md names none.
    pub(crate) default: String,
    server: Vec<Spanned<Server>>,
}

impl Default for Models {
    fn default() -> Self {
        Self { default: AUTO.to_owned(), server: Vec::new() }
    }
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
        models::Config {
            servers: self.models.servers().cloned().collect(),
            rehearsal_dir: home.rehearsal(),
            timeouts: Timeouts::default(),
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
