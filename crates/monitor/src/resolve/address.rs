//! Addresses of pages in their one form (the WHATWG URL Standard), and the host that is judged.

use url::Url;

/// The longest address, in bytes.
pub(crate) const MAX_URL_BYTES: usize = 8 * 1024;

/// A text that is not the address of a page.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum AddressError {
    #[error("is longer than {MAX_URL_BYTES} bytes")]
    Long,
    #[error("has a control character in it")]
    Control,
    #[error("is not an address: {0}; write it whole, such as `https://docs.example.org/page`")]
    Form(#[from] url::ParseError),
    #[error("is `{0}:`; only http and https are fetched")]
    Scheme(String),
    #[error("has a user name or password in it; leave them out")]
    Userinfo,
    #[error("has no host")]
    NoHost,
}

/// The host (lower case, punycode; an address in its plain form) and the whole address without its fragment.
///
/// # Errors
/// When it is not an http or https address of a host, carries credentials, or is too long.
pub(crate) fn canonical(text: &str) -> Result<(String, String), AddressError> {
    if text.len() > MAX_URL_BYTES {
        return Err(AddressError::Long);
    }
    // The standard drops tabs and line ends in silence; what is judged should be what was read.
    if text.chars().any(char::is_control) {
        return Err(AddressError::Control);
    }
    let mut url = Url::parse(text)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(AddressError::Scheme(url.scheme().chars().take(32).collect()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(AddressError::Userinfo);
    }
    // `example.org.` is the same host as `example.org` and must not slip past a policy that names it.
    let host = url.host_str().unwrap_or_default().trim_end_matches('.').to_owned();
    if host.is_empty() || host.contains("..") {
        return Err(AddressError::NoHost);
    }
    url.set_host(Some(&host))?;
    url.set_fragment(None);
    let host = url.host_str().ok_or(AddressError::NoHost)?.to_owned();
    let whole = String::from(url);
    if whole.len() > MAX_URL_BYTES { Err(AddressError::Long) } else { Ok((host, whole)) }
}
