//! The address by which browsers reach the gateway. What a passkey is bound to, and where an identity provider sends people
//! back to, is this and nothing that a request says.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Deserializer, de};
use url::{Host, Url};

/// An origin with a name that passkeys can be bound to: `https://NAME`, or `http://localhost` on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(Url);

/// It is no such origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not an origin for browsers: write `https://NAME`, with a port where it has one and no path, or `http://localhost:PORT`"
)]
pub struct OriginError(String);

impl Origin {
    /// The origin with this text.
    ///
    /// # Errors
    /// When it has a path, a query, a person or an address instead of a name, or is neither https nor on this machine.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let refused = || OriginError(text.to_owned());
        let url = Url::parse(text).map_err(|_| refused())?;
        let bare = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        let Some(Host::Domain(name)) = url.host() else { return Err(refused()) };
        let safe = match url.scheme() {
            "https" => true,
            "http" => name == "localhost",
            _ => false,
        };
        if bare && safe { Ok(Self(url)) } else { Err(refused()) }
    }

    /// How a browser on this machine reaches a gateway that listens there; none where `localhost` does not lead.
    #[must_use]
    pub fn local(address: SocketAddr) -> Option<Self> {
        let here = matches!(address.ip().to_string().as_str(), "127.0.0.1" | "::1");
        here.then(|| Self::parse(&format!("http://localhost:{}", address.port())).ok()).flatten()
    }

    /// Its name, without the port.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.domain().unwrap_or_default()
    }

    /// Its name with the port where that is not the scheme's own: what `Host` says.
    #[must_use]
    pub fn authority(&self) -> &str {
        let text = self.0.as_str().trim_end_matches('/');
        text.split_once("://").map_or(text, |(_, authority)| authority)
    }

    /// Whether what goes there is encrypted.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    pub(crate) const fn url(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_a_name_and_nothing_behind_it() {
        for (text, shown, name, authority, https) in [
            (
                "https://Bulkhead.example.org",
                "https://bulkhead.example.org",
                "bulkhead.example.org",
                "bulkhead.example.org",
                true,
            ),
            ("https://b.example:8443/", "https://b.example:8443", "b.example", "b.example:8443", true),
            ("https://b.example:443", "https://b.example", "b.example", "b.example", true),
            ("http://localhost:7400", "http://localhost:7400", "localhost", "localhost:7400", false),
        ] {
            let origin = Origin::parse(text).unwrap();
            assert_eq!(
                (origin.to_string().as_str(), origin.name(), origin.authority()),
                (shown, name, authority)
            );
            assert_eq!(origin.is_https(), https);
        }
        for bad in [
            "",
            "bulkhead.example",
            "http://bulkhead.example",
            "http://127.0.0.1:7400",
            "https://10.0.0.1",
            "https://[::1]",
            "https://a@b.example",
            "https://a:b@b.example",
            "https://b.example/x",
            "https://b.example/?x",
            "https://b.example/#x",
            "ftp://b.example",
            "file:///etc",
            "https://",
            "http://localhost.evil.example",
            "javascript:alert(1)",
        ] {
            assert!(Origin::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn localhost_leads_to_the_usual_addresses_only() {
        let local = |address: &str| Origin::local(address.parse().unwrap()).map(|origin| origin.to_string());
        assert_eq!(local("127.0.0.1:7400").as_deref(), Some("http://localhost:7400"));
        assert_eq!(local("[::1]:80").as_deref(), Some("http://localhost"));
        assert_eq!(local("127.0.0.9:7400"), None);
    }
}
