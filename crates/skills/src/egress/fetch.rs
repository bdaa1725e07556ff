//! Fetching one page over the network: the only code of this room that opens a connection.
//!
//! A URL and its bounds come in, bytes and their type go out. The name is looked up once and the
//! connection goes to an address that was looked at, for every hop. What the server sends is hostile:
//! all of it is bounded in size and time, nothing is decompressed, and nothing of it is run or rendered here.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::{Client, Response, redirect};
use secrets::End;
use url::{Host, Url};

use super::{Broker, EgressError, Errand, Kind, MAX_REDIRECTS, Reach, kind};
use crate::plain::one_line;

/// The most addresses of one host.
const MAX_ADDRESSES: usize = 64;

/// The most header lines of an answer.
const MAX_HEADERS: usize = 100;

/// How long a connection may take to come about.
const CONNECT_WAIT: std::time::Duration = std::time::Duration::from_secs(10);

/// What the gateway calls itself to servers.
const USER_AGENT: &str = concat!("bulkhead/", env!("CARGO_PKG_VERSION"));

/// What a skill wants of a page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// The most bytes of a body; the rest is left unread.
    pub(crate) max_bytes: usize,
    /// The types that it asks for, as an `Accept` header says them.
    pub(crate) accept: &'static str,
    /// Whether it takes a body of this type, lower case, without parameters.
    pub(crate) takes: fn(&str) -> bool,
}

/// A page as it came over the network, without the secrets that were sent for it.
#[derive(Debug)]
pub(crate) struct Page {
    /// Where it was in the end.
    pub(crate) url: String,
    /// Its type, such as `text/html`.
    pub(crate) media: String,
    /// The character encoding that the server named.
    pub(crate) charset: Option<String>,
    /// Its bytes.
    pub(crate) body: Vec<u8>,
    /// Whether there was more.
    pub(crate) cut: bool,
}

/// The addresses of the one host that is asked. Nothing else can be connected to, and nobody is asked again.
pub(super) struct Pinned {
    host: String,
    addresses: Vec<IpAddr>,
    /// Whether all of them are inside, and were named to be.
    pub(super) inside: bool,
}

impl Resolve for Pinned {
    fn resolve(&self, name: Name) -> Resolving {
        let known = name.as_str() == self.host;
        // Without a port, so that it is the URL's.
        let addresses: Vec<SocketAddr> =
            self.addresses.iter().map(|address| SocketAddr::new(*address, 0)).collect();
        Box::pin(async move {
            if !known {
                return Err("another host than the permitted one".into());
            }
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}

/// Fetches `url`, over the redirects within its host.
pub(super) async fn walk(errand: &Errand<'_>, mut url: Url, wanted: &Wanted) -> Result<Page, EgressError> {
    let pinned = Arc::new(pin(errand.broker, errand, &url).await?);
    let name = pinned.host.clone();
    for _ in 0..=MAX_REDIRECTS {
        let client = client(url.scheme(), wanted, &pinned).map_err(|error| broken(errand, &name, &error))?;
        let mut request = client.get(url.clone());
        for (header, value) in errand.headers.iter().filter_map(|header| header.of(&url, pinned.inside)) {
            request = request.header(header, value);
        }
        let response = request.send().await.map_err(|error| broken(errand, &name, &error))?;
        if response.status().is_redirection() {
            url = onward(errand, &url, &response)?;
            continue;
        }
        if !response.status().is_success() {
            return Err(EgressError::Status { host: name, status: response.status().to_string() });
        }
        return page(errand, &url, &name, response, wanted).await;
    }
    Err(EgressError::Circle(name))
}

/// A client that can reach the pinned host and nothing else.
fn client(scheme: &str, wanted: &Wanted, pinned: &Arc<Pinned>) -> Result<Client, reqwest::Error> {
    let headers = [
        (ACCEPT_ENCODING, HeaderValue::from_static("identity")),
        (ACCEPT, HeaderValue::from_static(wanted.accept)),
    ];
    let builder = Client::builder()
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .http1_only()
        .http1_max_headers(MAX_HEADERS)
        .pool_max_idle_per_host(0)
        .connect_timeout(CONNECT_WAIT)
        .user_agent(USER_AGENT)
        .default_headers(headers.into_iter().collect())
        // A host that is an address is not looked up.
        .dns_resolver(Arc::clone(pinned));
    // The machine's certificates are not wanted where they mean nothing: a machine may have none.
    if scheme == "https" { builder.https_only(true).build() } else { builder.tls_certs_only([]).build() }
}

/// Looks the host of `url` up, once, and judges all that it leads to. A name that leads inside as well as outside is
/// what an attack looks like, so one bad address spoils the others.
pub(super) async fn pin(broker: &Broker, errand: &Errand<'_>, url: &Url) -> Result<Pinned, EgressError> {
    let host = errand.host(url)?;
    let name = host.to_string();
    let reach = broker.reach(&host, errand.permitted);
    let addresses: Vec<IpAddr> = match host {
        Host::Ipv4(address) => vec![address.into()],
        Host::Ipv6(address) => vec![address.into()],
        Host::Domain(domain) => {
            let unresolved = |why: String| EgressError::Unresolved { host: name.clone(), why };
            let found = broker.resolver.resolve(domain).await;
            let found = found.map_err(|error| unresolved(one_line(&error.to_string())))?;
            if found.is_empty() {
                return Err(unresolved("it has no address".into()));
            }
            found.into_iter().map(|address| address.ip()).take(MAX_ADDRESSES).collect()
        }
    };
    for address in &addresses {
        errand.judge(reach, &name, *address)?;
        errand.is_not_own(url, &name, *address)?;
    }
    let inside = reach != Reach::Public && addresses.iter().all(|address| kind(*address) != Kind::Public);
    Ok(Pinned { host: name, addresses, inside })
}

/// Where a redirect leads, when that is a page of the same host.
fn onward(errand: &Errand<'_>, from: &Url, response: &Response) -> Result<Url, EgressError> {
    let nowhere = || EgressError::Nowhere(errand.quoted(from.as_str()));
    let location = response.headers().get(LOCATION).ok_or_else(nowhere)?;
    let location = location.to_str().map_err(|_| nowhere())?;
    let to = from.join(location).map_err(|_| nowhere())?;
    let same_host = errand.host(&to).is_ok() && to.host() == from.host();
    let same_port = to.port() == from.port() || (to.port().is_none() && from.port().is_none());
    let weaker = from.scheme() == "https" && to.scheme() != "https";
    if same_host && same_port && !weaker {
        Ok(to)
    } else {
        Err(EgressError::Elsewhere { from: errand.quoted(from.as_str()), to: errand.quoted(to.as_str()) })
    }
}

async fn page(
    errand: &Errand<'_>,
    url: &Url,
    host: &str,
    mut response: Response,
    wanted: &Wanted,
) -> Result<Page, EgressError> {
    let host = || host.to_owned();
    let header = |name| {
        let value = response.headers().get(name);
        let text = value.map(|value| String::from_utf8_lossy(value.as_bytes()).to_lowercase());
        text.map(|text| errand.clean(text, End::Whole))
    };
    if let Some(encoding) = header(CONTENT_ENCODING).filter(|encoding| encoding.trim() != "identity") {
        return Err(EgressError::Encoded { host: host(), encoding: errand.quoted(&encoding) });
    }
    let declared = header(CONTENT_TYPE).unwrap_or_default();
    let (media, charset) = media(&declared);
    if !(wanted.takes)(&media) {
        return Err(EgressError::Media { host: host(), media: errand.quoted(&declared) });
    }
    let (mut body, mut cut) = (Vec::new(), false);
    while let Some(chunk) = response.chunk().await.map_err(|error| broken(errand, &host(), &error))? {
        let room = wanted.max_bytes.saturating_sub(body.len());
        cut = chunk.len() > room;
        body.extend(chunk.iter().take(room));
        if cut {
            break;
        }
    }
    let end = if cut { End::Cut } else { End::Whole };
    let url = errand.clean(url.to_string(), End::Whole);
    Ok(Page { url, media, charset, body: errand.scrub.bytes(body, end), cut })
}

/// A `Content-Type`, lower case, as its media type and its character encoding.
fn media(declared: &str) -> (String, Option<String>) {
    let mut parts = declared.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default().to_owned();
    let charset =
        parts.find_map(|part| part.strip_prefix("charset=")).map(|name| name.trim_matches('"').to_owned());
    (media, charset)
}

/// The deepest cause of a transport error, which is the one that says something.
fn broken(errand: &Errand<'_>, host: &str, error: &reqwest::Error) -> EgressError {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    EgressError::Broken { host: host.to_owned(), why: errand.quoted(&cause.to_string()) }
}
