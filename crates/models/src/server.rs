//! Which servers there are: those that an administrator names, and the three usual loopback ports.
//!
//! An [`Endpoint`] is made here only, from one of those two sources, and every request needs one. So an
//! address that nobody configured cannot be reached, whatever a SOUL.md or a model says.

use std::net::IpAddr;

use reqwest::Url;
use secrets::{Reference, Secret, Store};
use serde::Deserialize;

use crate::error::{ConfigError, ModelError};
use crate::plain::plain;

/// The most servers that the settings may name.
pub const MAX_SERVERS: usize = 64;

/// The longest name of a server and the longest name of a model, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// The longest address of a server, in bytes.
const MAX_URL_BYTES: usize = 2048;

/// Whatever answers on this machine.
pub(crate) const AUTO: &str = "auto";

/// What stands before the slash of a rehearsal's name.
pub(crate) const REHEARSAL: &str = "rehearsal";

/// The servers that need no settings, in the order in which `auto` prefers them. All are this machine.
pub(crate) const USUAL: [(&str, &str); 3] = [
    ("ollama", "http://127.0.0.1:11434/v1/"),
    ("llama.cpp", "http://127.0.0.1:8080/v1/"),
    ("vllm", "http://127.0.0.1:8000/v1/"),
];

/// A model server, as the settings name it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Server {
    /// What stands before the slash in a model's name.
    pub name: String,
    /// Where its API answers, such as `http://127.0.0.1:11434/v1`. Without a path, `/v1` is meant.
    pub url: String,
    /// Its key, by reference: `secret:NAME`.
    #[serde(default)]
    pub api_key: Option<Reference>,
    /// Its models' context window, in tokens, for a server that does not say.
    #[serde(default)]
    pub context_tokens: Option<u32>,
}

/// A server that may be asked.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    name: String,
    /// Ends with `/`, so that paths can be joined to it.
    base: Url,
    api_key: Option<Reference>,
    context_tokens: Option<u32>,
}

impl Endpoint {
    /// The server that the settings name.
    pub(crate) fn configured(server: &Server) -> Result<Self, ConfigError> {
        if !is_name(&server.name) || [AUTO, REHEARSAL].contains(&server.name.as_str()) {
            return Err(ConfigError::Name(plain(&server.name, MAX_NAME_BYTES)));
        }
        let base = base(&server.url)
            .map_err(|why| ConfigError::Url { name: server.name.clone(), why: why.to_owned() })?;
        Ok(Self {
            name: server.name.clone(),
            base,
            api_key: server.api_key.clone(),
            context_tokens: server.context_tokens,
        })
    }

    /// One of the usual loopback servers.
    pub(crate) fn usual(name: &str, url: &str) -> Result<Self, ConfigError> {
        Self::configured(&Server {
            name: name.to_owned(),
            url: url.to_owned(),
            api_key: None,
            context_tokens: None,
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn context_tokens(&self) -> Option<u32> {
        self.context_tokens
    }

    /// The address as a person may read it.
    pub(crate) fn shown(&self) -> String {
        self.base.as_str().trim_end_matches('/').to_owned()
    }

    pub(crate) fn is_https(&self) -> bool {
        self.base.scheme() == "https"
    }

    /// Whether a call stays on this machine. Of names only `localhost` counts: what any other stands
    /// for, somebody else may change.
    pub(crate) fn is_local(&self) -> bool {
        self.base.host_str().is_some_and(|host| {
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        })
    }

    /// The address of `path` under the API's own.
    pub(crate) fn api(&self, path: &'static str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path()));
        url
    }

    /// The address of `path` on the same server, beside the API.
    pub(crate) fn beside(&self, path: &'static str) -> Url {
        let mut url = self.base.clone();
        url.set_path(path);
        url
    }

    /// The server's key, read anew each time so that a changed one counts at once.
    pub(crate) fn key(&self, secrets: &Store) -> Result<Option<Secret>, ModelError> {
        let key = self.api_key.as_ref().map(|reference| secrets.value(reference.name())).transpose();
        key.map_err(|why| ModelError::Key { server: self.name.clone(), why })
    }
}

fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    (1..=MAX_NAME_BYTES).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text.chars().all(allowed)
}

fn base(text: &str) -> Result<Url, &'static str> {
    if text.len() > MAX_URL_BYTES {
        return Err("it is too long");
    }
    let mut url = Url::parse(text.trim()).map_err(|_| "it is not a URL")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("it is neither `http` nor `https`");
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("it names no host");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a key or password does not belong in it; use `api-key`");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it must end with the path, without `?` or `#`");
    }
    let path = match url.path().trim_end_matches('/') {
        "" => "/v1/".to_owned(),
        path => format!("{path}/"),
    };
    url.set_path(&path);
    Ok(url)
}

#[cfg(test)]
pub(crate) mod tests;
