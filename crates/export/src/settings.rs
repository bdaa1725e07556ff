//! `[[export]]` of the settings: what goes where, in which form.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use journal::read::Query;
use journal::{Event, Kind};
use reqwest::header::HeaderName;
use secrets::{Name, Template};
use serde::{Deserialize, Deserializer, de};
use url::{Host, Url};
use vocab::{AgentName, Decision, Digest, Labels, PersonId, SessionId, Verb};

use crate::Format;
use crate::follower::LATE_AFTER;

/// The longest name of an export, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// The longest address, in bytes.
const MAX_ADDRESS_BYTES: usize = 2_048;

/// The most headers of one export.
const MAX_HEADERS: usize = 16;

/// The shortest and the longest time after which an export counts as late.
const LATE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(31 * 24 * 60 * 60));

/// Headers that the sender sets itself.
const OWN_HEADERS: [&str; 8] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "transfer-encoding",
    "upgrade",
];

/// One place that records go to.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Target {
    /// What it is called; its cursor goes by this name.
    pub name: String,
    /// The form.
    pub format: Format,
    /// `/path`, `tcp://`, `tls://` or `udp://host:port`, `http://` or `https://`. Never quoted where it is not
    /// understood: somebody may have written a password into it.
    to: String,
    /// Which records.
    #[serde(default)]
    pub filter: Filter,
    /// A file with the certificates that the receiver's is checked against, instead of the machine's.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// Headers of HTTP; their values have secrets in them.
    #[serde(default, deserialize_with = "headers")]
    pub headers: BTreeMap<String, Header>,
    /// A list in brackets instead of lines.
    #[serde(default)]
    pub array: bool,
    /// How long a receiver may take nothing before somebody is told.
    #[serde(default = "late_after", deserialize_with = "long")]
    pub late_after: Duration,
}

/// The value of a header: text with a secret in it, or plain text.
#[derive(Clone, PartialEq, Eq)]
pub enum Header {
    /// With references.
    Secret(Template),
    /// As it is.
    Plain(String),
}

/// Which records go; all conditions hold at once. The names are those of `audit query`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Filter {
    agent: Option<AgentName>,
    person: Option<PersonId>,
    session: Option<SessionId>,
    kind: Option<Kind>,
    event: Option<Event>,
    decision: Option<Decision>,
    action: Option<Verb>,
    label: Option<String>,
}

impl Filter {
    /// The records after `after` that go, at most `limit`.
    pub(crate) fn query(&self, after: u64, limit: u32) -> Query {
        Query {
            agent: self.agent.clone(),
            person: self.person.clone(),
            session: self.session.clone(),
            kind: self.kind,
            event: self.event,
            decision: self.decision,
            verb: self.action,
            label: self.label.clone(),
            after: Some(after),
            limit,
            ..Query::default()
        }
    }
}

/// Where an export goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Where {
    /// Lines at the end of a file.
    File(PathBuf),
    /// Syslog over TCP, each message with its length before it.
    Tcp(String, u16),
    /// The same within TLS.
    Tls(String, u16),
    /// Syslog in datagrams, of which any may be lost.
    Udp(String, u16),
    /// Requests to this address.
    Http(Url),
}

/// What is wrong with an export of the settings. What was written as an address or a header is not quoted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the export `{name}` {what}")]
pub struct Fault {
    name: String,
    what: String,
}

impl Target {
    /// Where it goes.
    ///
    /// # Errors
    /// When the address is none, or does not go with the rest of the export.
    pub fn to(&self) -> Result<Where, Fault> {
        let to = self.address()?;
        self.check(&to)?;
        Ok(to)
    }

    /// The secrets that it needs.
    pub fn secrets(&self) -> impl Iterator<Item = &Name> {
        self.headers.values().flat_map(|header| match header {
            Header::Secret(template) => template.names().collect::<Vec<_>>(),
            Header::Plain(_) => Vec::new(),
        })
    }

    /// A place that a checkpoint is carried to, by the name `name`: syslog by `tcp`, `tls` or `udp`, or `http(s)`.
    ///
    /// # Errors
    /// When there can be no such place.
    pub fn of_checkpoints(
        name: &str,
        to: &str,
        ca: Option<PathBuf>,
        headers: BTreeMap<String, Header>,
    ) -> Result<Self, Fault> {
        let web = to.starts_with("http://") || to.starts_with("https://");
        let target = Self {
            name: name.to_owned(),
            format: if web { Format::Jsonl } else { Format::Syslog },
            to: to.to_owned(),
            filter: Filter::default(),
            ca,
            headers,
            array: false,
            late_after: LATE_AFTER,
        };
        match target.to()? {
            Where::File(_) => Err(target.fault("is a file: write `file = ...` for that")),
            _ => Ok(target),
        }
    }

    /// A witness by the name `name`, whose addresses begin with `url`, as C2SP `tlog-witness` has them.
    ///
    /// # Errors
    /// When there can be no such witness.
    pub fn of_witness(
        name: &str,
        url: &str,
        ca: Option<PathBuf>,
        headers: BTreeMap<String, Header>,
    ) -> Result<Self, Fault> {
        let to = format!("{}/add-checkpoint", url.trim_end_matches('/'));
        let target = Self::of_checkpoints(name, &to, ca, headers)?;
        match target.to()? {
            Where::Http(url) if url.query().is_none() => Ok(target),
            Where::Http(_) => Err(target.fault("has a `?` in its `url`: a path is added to it")),
            _ => Err(target.fault("is a witness: its `url` begins with `https://` or `http://`")),
        }
    }

    /// The chat by the name `name`, which takes messages at `url`: a secret, which is not sent in the clear.
    ///
    /// # Errors
    /// When there can be no such address.
    pub fn of_chat(name: &str, url: &str, ca: Option<PathBuf>) -> Result<Self, Fault> {
        let target = Self {
            name: name.to_owned(),
            format: Format::Jsonl,
            to: url.to_owned(),
            filter: Filter::default(),
            ca,
            headers: BTreeMap::new(),
            array: false,
            late_after: LATE_AFTER,
        };
        match target.to() {
            Ok(to @ Where::Http(_)) if to.is_local() || url.starts_with("https://") => Ok(target),
            Err(fault) if fault.what.contains("`ca`") => Err(fault),
            _ => Err(target.fault("has a webhook whose address is none: it begins with `https://`")),
        }
    }

    /// Changes when anything about it changes, but for the values of its headers.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let headers: Vec<&str> = self.headers.keys().map(String::as_str).collect();
        let rest = format!("{:?} {:?} {:?} {}", self.filter, self.ca, headers, self.array);
        Digest::of_parts(&[self.format.as_str().as_bytes(), self.to.as_bytes(), rest.as_bytes()])
    }

    pub(crate) fn fault(&self, what: impl Into<String>) -> Fault {
        Fault { name: self.name.chars().take(MAX_NAME_BYTES).collect(), what: what.into() }
    }

    fn address(&self) -> Result<Where, Fault> {
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        if self.name.is_empty() || self.name.len() > MAX_NAME_BYTES || !self.name.chars().all(good) {
            return Err(self.fault("needs another name: 1 to 64 of a-z, 0-9, `-` and `_`"));
        }
        let help = "has an address in `to` that is none: write `/a/file`, `tcp://host:port`, `tls://host:port`, `udp://host:port`, `http://...` or `https://...`";
        if self.to.len() > MAX_ADDRESS_BYTES || self.to.chars().any(|c| c.is_control() || c == ' ') {
            return Err(self.fault(help));
        }
        if self.to.starts_with('/') {
            return Ok(Where::File(PathBuf::from(&self.to)));
        }
        let url = Url::parse(&self.to).map_err(|_| self.fault(help))?;
        if !url.username().is_empty() || url.password().is_some() {
            let what = "has a user or a password in its address: tie a header to it, with `secret:NAME` as its value";
            return Err(self.fault(what));
        }
        if url.fragment().is_some() {
            return Err(self.fault(help));
        }
        let socket = || {
            let bare = matches!(url.path(), "" | "/") && url.query().is_none();
            let host = url.host_str().filter(|host| bare && !host.is_empty())?;
            let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
            Some((host, url.port().filter(|port| *port != 0)?))
        };
        let socket = || socket().ok_or_else(|| self.fault(help));
        match url.scheme() {
            "tcp" => socket().map(|(host, port)| Where::Tcp(host, port)),
            "tls" => socket().map(|(host, port)| Where::Tls(host, port)),
            "udp" => socket().map(|(host, port)| Where::Udp(host, port)),
            "http" | "https" if url.host().is_some() => Ok(Where::Http(url)),
            _ => Err(self.fault(help)),
        }
    }

    /// Whether all of it goes together.
    fn check(&self, to: &Where) -> Result<(), Fault> {
        let http = matches!(to, Where::Http(_));
        let secure = match to {
            Where::Tls(..) => true,
            Where::Http(url) => url.scheme() == "https",
            Where::File(_) | Where::Tcp(..) | Where::Udp(..) => false,
        };
        if self.format.is_otlp() && !http {
            return Err(
                self.fault(format!("sends `{}`, which goes over http or https", self.format.as_str()))
            );
        }
        if self.format == Format::Syslog && http {
            return Err(self.fault("sends `syslog`, which goes over tcp, tls, udp or into a file"));
        }
        if self.array && !(http && matches!(self.format, Format::Jsonl | Format::Ocsf)) {
            return Err(self.fault("sets `array`, which is for `jsonl` and `ocsf` over http or https"));
        }
        match &self.ca {
            Some(_) if !secure => return Err(self.fault("has a `ca`, which is for tls and https")),
            Some(ca) if !ca.is_absolute() => return Err(self.fault("needs an absolute path in `ca`")),
            None if matches!(to, Where::Tls(..)) => {
                let what =
                    "needs `ca`, a file with the certificate of the authority that its receiver is known by";
                return Err(self.fault(what));
            }
            _ => {}
        }
        if let Some(label) = &self.filter.label
            && Labels::from_names([label.as_str()]).is_err()
        {
            return Err(self.fault("has a `label` in its filter that is none"));
        }
        self.check_headers(http, secure || to.is_local())
    }

    fn check_headers(&self, http: bool, private: bool) -> Result<(), Fault> {
        if !self.headers.is_empty() && !http {
            return Err(self.fault("has `headers`, which are for http and https"));
        }
        if self.headers.len() > MAX_HEADERS {
            return Err(self.fault(format!("has more than {MAX_HEADERS} headers")));
        }
        for (name, value) in &self.headers {
            let known = HeaderName::from_bytes(name.as_bytes());
            let Some(known) = known.ok().filter(|known| !OWN_HEADERS.contains(&known.as_str())) else {
                return Err(self.fault("has a header whose name is none, or is the gateway's own"));
            };
            match value {
                Header::Secret(_) if !private => {
                    return Err(self.fault("would send a secret in the clear: use https"));
                }
                Header::Plain(_) if is_secretive(&known) => {
                    return Err(self.fault(format!(
                        "has its `{known}` in the settings: write `secret:NAME` in its place, and the value into a file"
                    )));
                }
                Header::Plain(text) if !text.chars().all(|c| c == ' ' || c.is_ascii_graphic()) => {
                    return Err(self.fault(format!("has a value for `{known}` that no header can carry")));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Headers that are there to carry a secret.
fn is_secretive(name: &HeaderName) -> bool {
    let name = name.as_str();
    ["authorization", "cookie", "token", "key", "secret", "password"].iter().any(|part| name.contains(part))
}

impl Where {
    /// Whether what goes there stays on this machine. Of names only `localhost` counts: what any other stands for,
    /// somebody else may change.
    #[must_use]
    pub fn is_local(&self) -> bool {
        let local = |host: &str| {
            host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        };
        match self {
            Self::File(_) => true,
            Self::Tcp(host, _) | Self::Tls(host, _) | Self::Udp(host, _) => local(host),
            Self::Http(url) => match url.host() {
                Some(Host::Ipv4(address)) => address.is_loopback(),
                Some(Host::Ipv6(address)) => address.is_loopback(),
                Some(Host::Domain(name)) => name == "localhost",
                None => false,
            },
        }
    }
}

/// An address of HTTP as it is shown and recorded: without path and query, in which a receiver's key may stand.
pub(crate) fn shown(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Without path and query where it is an address of HTTP.
impl fmt::Display for Where {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let socket = |f: &mut fmt::Formatter<'_>, scheme: &str, host: &str, port: u16| {
            if host.contains(':') {
                write!(f, "{scheme}://[{host}]:{port}")
            } else {
                write!(f, "{scheme}://{host}:{port}")
            }
        };
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Tcp(host, port) => socket(f, "tcp", host, *port),
            Self::Tls(host, port) => socket(f, "tls", host, *port),
            Self::Udp(host, port) => socket(f, "udp", host, *port),
            Self::Http(url) => f.write_str(&shown(url)),
        }
    }
}

/// Without its headers and its address, which may hold what nobody should read.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("name", &self.name)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

/// Without its value.
impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(a header)")
    }
}

/// Headers by their names in lower case, for settings that have some.
///
/// # Errors
/// When a value has a bad reference in it.
pub fn headers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Header>, D::Error> {
    let texts = BTreeMap::<String, String>::deserialize(deserializer)?;
    let header = |(name, text): (String, String)| {
        if text.contains("secret:") {
            let template = Template::parse(&text).map_err(de::Error::custom)?;
            return Ok((name.to_lowercase(), Header::Secret(template)));
        }
        Ok((name.to_lowercase(), Header::Plain(text)))
    };
    texts.into_iter().map(header).collect()
}

const fn late_after() -> Duration {
    LATE_AFTER
}

fn long<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let parsed = text.parse::<jiff::SignedDuration>().ok().and_then(|long| Duration::try_from(long).ok());
    parsed
        .filter(|long| (LATE.0..=LATE.1).contains(long))
        .ok_or_else(|| de::Error::custom("`late-after` is a time from 1s to 744h, such as `5m`"))
}
