//! Fetching one page over the network: the only code of this room that opens a connection.
//!
//! A URL and its bounds come in, bytes and their type go out. The name is resolved once and the
//! connection goes to the address that was looked at, for every hop. What the server sends is hostile:
//! all of it is bounded in size and time, nothing is decompressed, and nothing of it is run or rendered here.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::{Client, Response, redirect};
use url::{Host, Url};

use super::address::is_public;
use super::resolve::Resolve;
use crate::plain::{beginning, one_line};

/// How often a host may send on to another page of its own.
const MAX_REDIRECTS: u32 = 5;

/// The most addresses of one host that are tried.
const MAX_ADDRESSES: usize = 8;

/// The most header lines of an answer.
const MAX_HEADERS: usize = 100;

/// How long a connection may take to come about.
const CONNECT_WAIT: Duration = Duration::from_secs(10);

/// How much of a URL or header is quoted in a message, in bytes.
const MAX_QUOTED_BYTES: usize = 512;

/// What the gateway calls itself to servers.
const USER_AGENT: &str = concat!("bulkhead/", env!("CARGO_PKG_VERSION"));

/// What may be fetched.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    /// The most bytes of a body; the rest is left unread.
    pub(super) max_bytes: usize,
    /// How long the whole fetch may take.
    pub(super) wait: Duration,
    /// Whether an administrator named this very place, so that its address need not be public.
    pub(super) private: bool,
}

/// A page as it came over the network.
#[derive(Debug)]
pub(super) struct Page {
    /// Where it was in the end.
    pub(super) url: Url,
    /// Its type, such as `text/html`.
    pub(super) media: String,
    /// The character encoding that the server named.
    pub(super) charset: Option<String>,
    /// Its bytes.
    pub(super) body: Vec<u8>,
    /// Whether there was more.
    pub(super) cut: bool,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("`{0}` is not a web address; use http:// or https://")]
    NotWeb(String),
    #[error("an address with a user name or password in it is not fetched; leave them out")]
    Credentials,
    #[error("`{host}` cannot be found: {why}")]
    Unresolved { host: String, why: String },
    #[error("`{0}` is not on the public internet, and no administrator named it as a private host")]
    Private(String),
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

/// Fetches `url`.
pub(super) async fn fetch(url: Url, bounds: &Bounds, resolver: &dyn Resolve) -> Result<Page, FetchError> {
    let host = host(&url)?.to_string();
    let slow = || FetchError::Slow { host: host.clone(), wait: bounds.wait };
    tokio::time::timeout(bounds.wait, walk(url, bounds, resolver)).await.map_err(|_| slow())?
}

/// The host of a web address that may be fetched at all.
fn host(url: &Url) -> Result<Host<&str>, FetchError> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err(FetchError::Credentials);
    }
    match (url.scheme(), url.host()) {
        ("http" | "https", Some(host)) => Ok(host),
        _ => Err(FetchError::NotWeb(quoted(url.as_str()))),
    }
}

async fn walk(mut url: Url, bounds: &Bounds, resolver: &dyn Resolve) -> Result<Page, FetchError> {
    let client = client(&url, bounds, resolver).await?;
    let name = host(&url)?.to_string();
    for _ in 0..=MAX_REDIRECTS {
        let response = client.get(url.clone()).send().await.map_err(|error| broken(&name, &error))?;
        if response.status().is_redirection() {
            url = onward(&url, &response)?;
            continue;
        }
        if !response.status().is_success() {
            return Err(FetchError::Status { host: name, status: response.status().to_string() });
        }
        return page(url, &name, response, bounds.max_bytes).await;
    }
    Err(FetchError::Circle(name))
}

/// A client that can reach the host of `url` and nothing else: its addresses are looked up here, once.
async fn client(url: &Url, bounds: &Bounds, resolver: &dyn Resolve) -> Result<Client, FetchError> {
    const ACCEPTED: HeaderValue =
        HeaderValue::from_static("text/html, text/*;q=0.9, application/json, application/xml");
    let addresses = reachable(url, bounds, resolver).await?;
    let name = host(url)?.to_string();
    let headers = [(ACCEPT_ENCODING, HeaderValue::from_static("identity")), (ACCEPT, ACCEPTED)];
    Client::builder()
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .http1_only()
        .http1_max_headers(MAX_HEADERS)
        .pool_max_idle_per_host(0)
        .connect_timeout(CONNECT_WAIT)
        .timeout(bounds.wait)
        .user_agent(USER_AGENT)
        .default_headers(headers.into_iter().collect())
        // A host that is an address is not looked up, and there this changes nothing.
        .resolve_to_addrs(&name, &addresses)
        .build()
        .map_err(|error| broken(&name, &error))
}

/// The addresses of the host of `url` that may be connected to; never none.
async fn reachable(
    url: &Url,
    bounds: &Bounds,
    resolver: &dyn Resolve,
) -> Result<Vec<SocketAddr>, FetchError> {
    let (name, addresses) = match host(url)? {
        Host::Ipv4(address) => (address.to_string(), vec![SocketAddr::new(address.into(), 0)]),
        Host::Ipv6(address) => (address.to_string(), vec![SocketAddr::new(address.into(), 0)]),
        Host::Domain(name) => {
            let unresolved = |why: String| FetchError::Unresolved { host: name.to_owned(), why };
            let found =
                resolver.resolve(name).await.map_err(|error| unresolved(one_line(&error.to_string())))?;
            if found.is_empty() {
                return Err(unresolved("it has no address".into()));
            }
            (name.to_owned(), found)
        }
    };
    let may = |address: &SocketAddr| bounds.private || is_public(address.ip());
    let reachable: Vec<SocketAddr> = addresses.into_iter().filter(may).take(MAX_ADDRESSES).collect();
    if reachable.is_empty() { Err(FetchError::Private(name)) } else { Ok(reachable) }
}

/// Where a redirect leads, when that is a page of the same host.
fn onward(from: &Url, response: &Response) -> Result<Url, FetchError> {
    let nowhere = || FetchError::Nowhere(quoted(from.as_str()));
    let location = response.headers().get(LOCATION).ok_or_else(nowhere)?;
    let location = location.to_str().map_err(|_| nowhere())?;
    let to = from.join(location).map_err(|_| nowhere())?;
    let same_host = host(&to).is_ok() && to.host() == from.host();
    let same_port = to.port() == from.port() || (to.port().is_none() && from.port().is_none());
    let weaker = from.scheme() == "https" && to.scheme() != "https";
    if same_host && same_port && !weaker {
        Ok(to)
    } else {
        Err(FetchError::Elsewhere { from: quoted(from.as_str()), to: quoted(to.as_str()) })
    }
}

async fn page(url: Url, host: &str, mut response: Response, max_bytes: usize) -> Result<Page, FetchError> {
    let header = |name| {
        response.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).to_lowercase())
    };
    if let Some(encoding) = header(CONTENT_ENCODING).filter(|encoding| encoding.trim() != "identity") {
        return Err(FetchError::Encoded { host: host.to_owned(), encoding: quoted(&encoding) });
    }
    let declared = header(CONTENT_TYPE).unwrap_or_default();
    let (media, charset) = media(&declared);
    if !readable(&media) {
        return Err(FetchError::Media { host: host.to_owned(), media: quoted(&declared) });
    }
    let (mut body, mut cut) = (Vec::new(), false);
    while let Some(chunk) = response.chunk().await.map_err(|error| broken(host, &error))? {
        let room = max_bytes.saturating_sub(body.len());
        cut = chunk.len() > room;
        body.extend(chunk.iter().take(room));
        if cut {
            break;
        }
    }
    Ok(Page { url, media, charset, body, cut })
}

/// A `Content-Type`, lower case, as its media type and its character encoding.
fn media(declared: &str) -> (String, Option<String>) {
    let mut parts = declared.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default().to_owned();
    let charset =
        parts.find_map(|part| part.strip_prefix("charset=")).map(|name| name.trim_matches('"').to_owned());
    (media, charset)
}

fn readable(media: &str) -> bool {
    let (kind, subtype) = media.split_once('/').unwrap_or_default();
    let text = subtype.ends_with("json") || subtype.ends_with("xml");
    kind == "text" || (kind == "application" && text)
}

fn quoted(text: &str) -> String {
    one_line(beginning(text, MAX_QUOTED_BYTES))
}

/// The deepest cause of a transport error, which is the one that says something.
fn broken(host: &str, error: &reqwest::Error) -> FetchError {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    FetchError::Broken { host: host.to_owned(), why: quoted(&cause.to_string()) }
}
