//! Egress: every connection that a skill's permit causes is made here, by the gateway. A jailed process has no network.
//!
//! In: the host that a permit names, and an address on it. Out: what the server sent, bounded, or one sentence. The
//! broker checks that the address lies on the permitted host, looks the host up once, connects to what it has looked
//! at and to nothing else, and judges each redirect anew. Places inside (this machine, its neighbours, the machine
//! metadata of clouds) are reached only where they were named.
//!
//! Headers with secrets that an administrator ties to a host are put in here, last of all, and what the server says is
//! without them when it leaves this module.

mod address;
mod fetch;
mod headers;
mod resolve;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use secrets::{End, Scrub, SecretError, Store};
use url::{Host, Url};

use self::address::{Kind, kind};
pub(crate) use self::fetch::{Page, Wanted};
use self::headers::{Filled, fill};
pub use self::headers::{HeaderError, HostHeader};
pub(crate) use self::resolve::System;
pub use self::resolve::{Addresses, Resolve};
use crate::plain::{beginning, one_line};

/// How long a whole fetch may take, redirects included.
const FETCH_WAIT: Duration = Duration::from_secs(30);

/// How often a host may send on to another page of its own.
const MAX_REDIRECTS: u32 = 5;

/// How much of a URL or header is quoted in a message, in bytes.
const MAX_QUOTED_BYTES: usize = 512;

/// What an administrator says about places outside of the gateway.
#[derive(Debug, Clone, Default)]
pub struct Egress {
    /// Hosts whose addresses need not be public, by the administrator's word. A host that was granted as
    /// an address or as `localhost` is such a host already.
    pub private_hosts: BTreeSet<String>,
    /// Where the gateway itself is, which no agent speaks to, whatever host it was granted.
    pub own: Option<SocketAddr>,
    /// Headers that go to one host each.
    pub headers: Vec<HostHeader>,
    /// Where the headers' secrets are.
    pub secrets: Store,
}

/// Makes every outgoing connection of the skills.
pub(crate) struct Broker {
    egress: Egress,
    resolver: Arc<dyn Resolve>,
    wait: Duration,
}

/// What may be asked of one permitted host, for one permit.
pub(crate) struct Errand<'a> {
    broker: &'a Broker,
    permitted: &'a str,
    headers: Vec<Filled<'a>>,
    scrub: Scrub,
}

/// Why nothing was fetched. No secret is in it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EgressError {
    #[error("`{address}` is not a web address: {why}")]
    NotAnAddress { address: String, why: url::ParseError },
    #[error("`{0}` is not a web address; use http:// or https://")]
    NotWeb(String),
    #[error("an address with a user name or password in it is not fetched; leave them out")]
    Credentials,
    #[error("this address is not on `{0}`, which was permitted")]
    NotPermitted(String),
    #[error("a header for `{host}` lacks its secret, so nothing was sent: {why}")]
    Secret { host: String, why: SecretError },
    #[error("`{host}` cannot be found: {why}")]
    Unresolved { host: String, why: String },
    #[error(
        "`{host}` is not on the public internet (it leads to {address}), and no administrator named it as a private host"
    )]
    Private { host: String, address: std::net::IpAddr },
    #[error("`{host}` leads to {address}, a place that is reached under that very address only")]
    Never { host: String, address: std::net::IpAddr },
    #[error("`{0}` at that port is the gateway itself, which no agent speaks to")]
    Own(String),
    #[error("`{from}` sends on to `{to}`, which is another place; to read it, propose it under that address")]
    Elsewhere { from: String, to: String },
    #[error("`{0}` sends on without saying where")]
    Nowhere(String),
    #[error("`{0}` sends on more than {MAX_REDIRECTS} times")]
    Circle(String),
    #[error("`{host}` answered {status}; check the address")]
    Status { host: String, status: String },
    #[error("`{host}` sent `{media}`; only text, HTML, JSON and XML are read")]
    Media { host: String, media: String },
    #[error("`{host}` sent a body in the encoding `{encoding}`, which was not asked for")]
    Encoded { host: String, encoding: String },
    #[error("`{host}` did not answer in full within {} s", .wait.as_secs())]
    Slow { host: String, wait: Duration },
    #[error("`{host}` could not be read: {why}")]
    Broken { host: String, why: String },
}

/// Which addresses a host may lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// The public internet's.
    Public,
    /// Those inside, too: an administrator named the host as a private one.
    Inside,
    /// This machine's own: the host is `localhost`.
    Loopback,
    /// Just itself: the host is an address, and no wildcard grants those.
    Itself,
}

impl Broker {
    pub(crate) fn new(egress: Egress, resolver: Arc<dyn Resolve>) -> Self {
        Self { egress, resolver, wait: FETCH_WAIT }
    }

    /// What a permit for the host `permitted` allows to ask.
    ///
    /// # Errors
    /// When a secret that goes to that host cannot be had.
    pub(crate) fn errand<'a>(&'a self, permitted: &'a str) -> Result<Errand<'a>, EgressError> {
        let mine = self.egress.headers.iter().filter(|header| header.is_for(permitted));
        let (headers, scrub) = fill(mine, &self.egress.secrets)
            .map_err(|why| EgressError::Secret { host: one_line(permitted), why })?;
        Ok(Errand { broker: self, permitted, headers, scrub })
    }

    fn reach(&self, host: &Host<&str>, permitted: &str) -> Reach {
        match host {
            Host::Ipv4(_) | Host::Ipv6(_) => Reach::Itself,
            Host::Domain(name) if *name == "localhost" => Reach::Loopback,
            Host::Domain(_) if self.egress.private_hosts.contains(permitted) => Reach::Inside,
            Host::Domain(_) => Reach::Public,
        }
    }
}

impl Errand<'_> {
    /// Fetches `address`, which must lie on the permitted host.
    ///
    /// # Errors
    /// One sentence, without secrets.
    pub(crate) async fn get(&self, address: &str, wanted: &Wanted) -> Result<Page, EgressError> {
        let url = Url::parse(address)
            .map_err(|why| EgressError::NotAnAddress { address: self.quoted(address), why })?;
        let host = self.host(&url)?.to_string();
        let wait = self.broker.wait;
        let fetched = tokio::time::timeout(wait, fetch::walk(self, url, wanted)).await;
        fetched.unwrap_or(Err(EgressError::Slow { host, wait }))
    }

    /// `text` that came from the host, without what was sent to it.
    pub(crate) fn clean(&self, text: String, end: End) -> String {
        self.scrub.text(text, end)
    }

    /// The host of `url`, when it may be asked at all and is the permitted one. The monitor has made the one of the
    /// other; another host would be a hole, so it is looked at where the connection is made as well.
    fn host<'u>(&self, url: &'u Url) -> Result<Host<&'u str>, EgressError> {
        let bare = |host: &str| host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if !url.username().is_empty() || url.password().is_some() {
            return Err(EgressError::Credentials);
        }
        match (url.scheme(), url.host()) {
            ("http" | "https", Some(host)) if bare(&host.to_string()) == bare(self.permitted) => Ok(host),
            ("http" | "https", Some(_)) => Err(EgressError::NotPermitted(one_line(self.permitted))),
            _ => Err(EgressError::NotWeb(self.quoted(url.as_str()))),
        }
    }

    /// Text of a server for one of our sentences: without secrets first, then cut.
    fn quoted(&self, text: &str) -> String {
        let clean = self.scrub.text(text.to_owned(), End::Whole);
        one_line(beginning(&clean, MAX_QUOTED_BYTES))
    }

    /// Whether `address` at `url`'s port is anything but the gateway itself: an agent that speaks to it would speak as whoever
    /// has no name there, and guess at others' passwords.
    fn is_not_own(&self, url: &Url, host: &str, address: std::net::IpAddr) -> Result<(), EgressError> {
        let Some(own) = self.broker.egress.own.filter(|own| url.port_or_known_default() == Some(own.port()))
        else {
            return Ok(());
        };
        let (address, ip) = (address.to_canonical(), own.ip().to_canonical());
        // Where it listens on every address of this machine, each of them may be its own; so may nowhere in particular.
        let here = ip == address
            || (ip.is_loopback() && (address.is_loopback() || address.is_unspecified()))
            || (ip.is_unspecified() && kind(address) != Kind::Public);
        if here { Err(EgressError::Own(one_line(host))) } else { Ok(()) }
    }

    /// Whether a host with this reach may lead to `address`.
    fn judge(&self, reach: Reach, host: &str, address: std::net::IpAddr) -> Result<(), EgressError> {
        let host = host.to_owned();
        match (reach, kind(address)) {
            (Reach::Itself, _)
            | (Reach::Public | Reach::Inside, Kind::Public)
            | (Reach::Inside, Kind::Inside) => Ok(()),
            (Reach::Loopback, Kind::Inside) if address.is_loopback() => Ok(()),
            (_, Kind::Never) => Err(EgressError::Never { host, address }),
            (Reach::Loopback, _) | (Reach::Public, Kind::Inside) => {
                Err(EgressError::Private { host, address })
            }
        }
    }
}

#[cfg(test)]
mod tests;
