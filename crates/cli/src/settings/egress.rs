//! `[secrets]` and `[[egress.headers]]`: where secrets are that are in no file, and which of them go to which host.

use std::net::SocketAddr;

use std::collections::BTreeMap;

use secrets::{Name, SecretError, Source, Store};
use serde::Deserialize;
use skills::HostHeader;
use toml::Spanned;

use super::Settings;
use crate::home::Home;

/// The most headers that the settings tie to hosts.
const MAX_HEADERS: usize = 64;

/// Secrets that are not in their files.
pub(crate) type Secrets = BTreeMap<Name, Source>;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Egress {
    headers: Vec<Spanned<Header>>,
}

/// A header for one host. Its value is text with references, and never quoted: somebody may write a secret there.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Header {
    host: String,
    name: String,
    value: String,
}

impl std::fmt::Debug for Header {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match HostHeader::new(&self.host, &self.name, &self.value) {
            Ok(header) => header.fmt(f),
            Err(error) => error.fmt(f),
        }
    }
}

impl Egress {
    fn headers(&self) -> impl Iterator<Item = HostHeader> {
        let made = |header: &Spanned<Header>| {
            let Header { host, name, value } = header.get_ref();
            HostHeader::new(host, name, value).ok()
        };
        self.headers.iter().filter_map(made)
    }

    pub(super) fn fault(&self) -> Option<(usize, String)> {
        if let Some(more) = self.headers.get(MAX_HEADERS) {
            return Some((
                more.span().start,
                format!("more than {MAX_HEADERS} `[[egress.headers]]`; remove some"),
            ));
        }
        self.headers.iter().find_map(|spanned| {
            let Header { host, name, value } = spanned.get_ref();
            let error = HostHeader::new(host, name, value).err()?;
            Some((spanned.span().start, error.to_string()))
        })
    }
}

impl Settings {
    /// Where the home's secrets are.
    pub(crate) fn secrets(&self, home: &Home) -> Store {
        Store { folder: home.secrets(), named: self.secrets.clone() }
    }

    /// What the skills are told of places outside.
    pub(crate) fn egress(&self, home: &Home, own: SocketAddr) -> skills::Egress {
        skills::Egress {
            own: Some(own),
            private_hosts: self.browser.private_hosts.clone(),
            headers: self.egress.headers().collect(),
            secrets: self.secrets(home),
        }
    }

    /// What is wrong with the secrets that the settings refer to, a sentence each.
    pub(crate) fn missing_secrets(&self, home: &Home) -> Vec<SecretError> {
        let store = self.secrets(home);
        let headers: Vec<HostHeader> = self.egress.headers().collect();
        let keys =
            self.models.servers().filter_map(|server| server.api_key.as_ref().map(secrets::Reference::name));
        let exports = self.export_secrets();
        let headers = headers.iter().flat_map(HostHeader::secrets);
        let mut names: Vec<&Name> = keys
            .chain(headers)
            .chain(&exports)
            .chain(self.record.secrets())
            .chain(self.provider_secret())
            .chain(self.chat_secrets())
            .collect();
        names.sort();
        names.dedup();
        names.into_iter().filter_map(|name| store.value(name).err()).collect()
    }
}
