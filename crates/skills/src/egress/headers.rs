//! Headers that an administrator ties to one host, with secrets in them.

use reqwest::header::{HeaderName, HeaderValue};
use secrets::{Scrub, SecretError, Store, Template, TemplateError};
use url::{Host, Url};

/// Headers that say how the message is sent, to whom, or in what form the answer may come: the broker's own.
const NOT_THEIRS: [&str; 16] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A header for one host, and for one port of it. It goes over `https`, or to a private host that was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostHeader {
    host: Host,
    port: Option<u16>,
    name: HeaderName,
    value: Template,
}

/// A header for a host that cannot be used. What was written as its value is never quoted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Not one host.
    #[error(
        "`{0}` is not one host: write a name or an address, and a port behind `:` where it is not the usual one"
    )]
    Host(String),
    /// Not a header.
    #[error("`{0}` cannot be the name of a header")]
    Name(String),
    /// A header that others depend on.
    #[error("the header `{0}` is the gateway's own; tie another one to the host")]
    Reserved(String),
    /// The value is none, or holds no secret.
    #[error(transparent)]
    Value(#[from] TemplateError),
}

impl HostHeader {
    /// The header `name` for `host` (`api.example.com`, `10.0.0.7:8080`, `[::1]:8080`), whose value holds references
    /// such as `Bearer secret:NAME`. Without a port, the usual one of the scheme is meant.
    ///
    /// # Errors
    /// When one of the three cannot be used.
    pub fn new(host: &str, name: &str, value: &str) -> Result<Self, HeaderError> {
        let (place, port) = place(host).ok_or_else(|| HeaderError::Host(host.to_owned()))?;
        let header =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| HeaderError::Name(name.to_owned()))?;
        if NOT_THEIRS.contains(&header.as_str()) {
            return Err(HeaderError::Reserved(header.as_str().to_owned()));
        }
        Ok(Self { host: place, port, name: header, value: Template::parse(value)? })
    }

    /// The secrets that it needs.
    pub fn secrets(&self) -> impl Iterator<Item = &secrets::Name> {
        self.value.names()
    }

    /// Whether it is for the host that a permit names, at whichever port.
    pub(super) fn is_for(&self, permitted: &str) -> bool {
        place(permitted).is_some_and(|(host, _)| host == self.host)
    }

    /// Whether it goes with a request for `url`. `inside`: the connection goes to named places inside only.
    fn goes_with(&self, url: &Url, inside: bool) -> bool {
        let there = url.host().is_some_and(|host| host.to_owned() == self.host);
        // A port that is the scheme's usual one is not in a URL, nor needs it be in the settings.
        let usual = match url.scheme() {
            "https" => Some(443),
            "http" if inside => Some(80),
            _ => return false,
        };
        there && url.port().or(usual) == self.port.or(usual)
    }
}

/// A host and its port out of `text`; `None` where that is not exactly one place.
fn place(text: &str) -> Option<(Host, Option<u16>)> {
    // An address of IPv6 without its brackets has no port behind it.
    if let Ok(address) = text.parse() {
        return Some((Host::Ipv6(address), None));
    }
    let is_port = |digits: &str| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    let (host, port) = match text.rsplit_once(':') {
        Some((host, digits)) if is_port(digits) => (host, Some(digits.parse().ok()?)),
        _ => (text, None),
    };
    let one = !host.is_empty() && !host.contains('*');
    Host::parse(host).ok().filter(|_| one).map(|host| (host, port))
}

/// A header with its secrets in it.
pub(super) struct Filled<'a> {
    header: &'a HostHeader,
    value: HeaderValue,
}

impl Filled<'_> {
    /// The header's name and value, when it goes with a request for `url`.
    pub(super) fn of(&self, url: &Url, inside: bool) -> Option<(HeaderName, HeaderValue)> {
        self.header.goes_with(url, inside).then(|| (self.header.name.clone(), self.value.clone()))
    }
}

/// The headers with their secrets, and what takes these out of an answer.
pub(super) fn fill<'a>(
    headers: impl Iterator<Item = &'a HostHeader>,
    store: &Store,
) -> Result<(Vec<Filled<'a>>, Scrub), SecretError> {
    let (mut filled, mut all) = (Vec::new(), Vec::new());
    for header in headers {
        let (text, secrets) = header.value.fill(store)?;
        // Visible ASCII is what a template and a secret are made of, and always a header's value.
        if let Ok(mut value) = HeaderValue::from_str(text.reveal()) {
            value.set_sensitive(true);
            filled.push(Filled { header, value });
        }
        all.extend(secrets);
    }
    Ok((filled, Scrub::of(&all)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(host: &str) -> HostHeader {
        HostHeader::new(host, "Authorization", "Bearer secret:api").unwrap()
    }

    fn goes(host: &str, url: &str, inside: bool) -> bool {
        header(host).goes_with(&Url::parse(url).unwrap(), inside)
    }

    #[test]
    fn a_header_goes_to_its_host_and_port_over_https_alone() {
        for (host, url) in [
            ("api.example.com", "https://api.example.com/x"),
            ("api.example.com", "https://API.Example.com:443/"),
            ("API.example.com:443", "https://api.example.com/"),
            ("api.example.com:8443", "https://api.example.com:8443/"),
            ("bücher.example", "https://xn--bcher-kva.example/"),
        ] {
            assert!(goes(host, url, false), "{host} {url}");
        }
        for (host, url) in [
            ("api.example.com", "http://api.example.com/"),
            ("api.example.com", "https://api.example.com:8443/"),
            ("api.example.com:8443", "https://api.example.com/"),
            ("api.example.com", "https://api.example.com.evil.org/"),
            ("api.example.com", "https://sub.api.example.com/"),
            ("api.example.com", "https://example.com/"),
            ("api.example.com", "https://api.example.com./"),
            ("api.example.com", "ftp://api.example.com/"),
            ("10.0.0.1", "http://10.0.0.1/"),
        ] {
            assert!(!goes(host, url, false), "{host} {url}");
        }
    }

    #[test]
    fn a_place_inside_may_have_it_without_tls_at_its_port() {
        for (host, url) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080/"),
            ("127.0.0.1:8080", "http://0x7f.1:8080/"),
            ("localhost", "http://localhost/"),
            ("[::1]:8080", "http://[::1]:8080/"),
            ("::1", "http://[::1]/"),
            ("intranet.example:80", "http://intranet.example/"),
        ] {
            assert!(goes(host, url, true), "{host} {url}");
        }
        // Who listens at another port of this machine is somebody else.
        assert!(!goes("127.0.0.1:8080", "http://127.0.0.1:8081/", true));
        assert!(!goes("127.0.0.1", "http://127.0.0.1:8081/", true));
        assert!(!goes("localhost", "http://127.0.0.1/", true));
    }

    #[test]
    fn what_is_not_one_host_or_no_header_is_refused() {
        for host in
            ["", "*.example.com", "*", "a b", "https://a/", "a/b", "user@a", "a:x", "a:99999", "[::1", "a?b"]
        {
            let error = HostHeader::new(host, "X-Key", "secret:a").unwrap_err();
            assert!(matches!(error, HeaderError::Host(_)), "{host}");
        }
        for name in ["", "a b", "a:b", "é", "a\r\nb"] {
            assert!(matches!(HostHeader::new("a", name, "secret:a"), Err(HeaderError::Name(_))), "{name:?}");
        }
        for name in NOT_THEIRS {
            let error = HostHeader::new("a", &name.to_uppercase(), "secret:a").unwrap_err();
            assert_eq!(error, HeaderError::Reserved(name.to_owned()));
        }
        let error = HostHeader::new("a", "X-Key", "sk-sesame").unwrap_err();
        assert!(matches!(error, HeaderError::Value(_)) && !error.to_string().contains("sesame"));
    }
}
