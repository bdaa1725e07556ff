//! `[gateway]`: where the gateway listens, and how browsers reach it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use bulkhead_http::Certificate;
use people::Origin;
use serde::Deserialize;
use toml::Spanned;

/// The port of health, when the settings say nothing.
const DEFAULT_PORT: u16 = 7400;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Gateway {
    /// An address and a port; a loopback one, where there is no certificate.
    pub(crate) address: SocketAddr,
    /// How browsers reach it, where that is not `localhost`: by the certificate's name, or that of a proxy of one's own
    /// that speaks TLS.
    pub(crate) origin: Option<Origin>,
    /// Files in PEM form, with which the gateway speaks TLS itself.
    certificate: Option<Spanned<PathBuf>>,
    key: Option<Spanned<PathBuf>>,
}

impl Gateway {
    /// How browsers reach a gateway that listens at `address`, by a name.
    pub(crate) fn origin(&self, address: SocketAddr) -> Option<Origin> {
        self.origin.clone().or_else(|| Origin::local(address))
    }

    /// The same as a text, with the address itself where it has no name.
    pub(crate) fn place(&self, address: SocketAddr) -> String {
        self.origin.as_ref().map_or_else(|| format!("http://{address}"), ToString::to_string)
    }

    /// With what the gateway speaks TLS; nothing where it does not.
    pub(crate) fn certificate(&self) -> Option<Certificate> {
        let path = |file: &Option<Spanned<PathBuf>>| file.as_ref().map(|file| file.get_ref().clone());
        Some(Certificate { chain: path(&self.certificate)?, key: path(&self.key)? })
    }

    /// Where the private key lies, by every name that it has here: no agent reads it.
    pub(crate) fn key(&self) -> Vec<PathBuf> {
        let named = self.key.iter().map(|key| key.get_ref().clone());
        named.flat_map(|key| [std::fs::canonicalize(&key).ok(), Some(key)]).flatten().collect()
    }

    /// What does not hold, and where.
    pub(super) fn fault(&self) -> Option<(usize, String)> {
        let at = |file: &Spanned<PathBuf>, why: &str| Some((file.span().start, why.to_owned()));
        match (&self.certificate, &self.key) {
            (None, None) => None,
            (Some(alone), None) => at(alone, "a `certificate` of `[gateway]` needs its `key`"),
            (None, Some(alone)) => at(alone, "a `key` of `[gateway]` needs its `certificate`"),
            (Some(both), Some(_)) if !self.origin.as_ref().is_some_and(Origin::is_https) => at(
                both,
                "with a `certificate`, `[gateway]` needs the `origin` by which browsers reach it: `https://` and a name in the certificate",
            ),
            (Some(chain), Some(key)) => [chain, key]
                .into_iter()
                .find(|file| !file.get_ref().is_absolute())
                .and_then(|file| at(file, "the path of a certificate or a key begins with `/`")),
        }
    }
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT)),
            origin: None,
            certificate: None,
            key: None,
        }
    }
}
