//! Secrets that are made here and handed out once, and how they look in a cookie, a header and on paper.
//!
//! Only their SHA-256 is kept: they have 120 or 256 random bits, so there is nothing to guess, and a slow hash would
//! only slow down whoever comes with the right one.

use aws_lc_rs::{constant_time, rand};
use data_encoding::{BASE32_NOPAD, HEXLOWER};
use vocab::{Digest, SignInId, TokenId};

use crate::bounds::MAX_HEADER_BYTES;
use crate::no::{No, NoKind};

/// The name of the cookie of a sign-in.
pub const COOKIE_NAME: &str = "bulkhead";

/// The name of the cookie that a browser has while its person is at the identity provider.
pub const FLOW_COOKIE_NAME: &str = "bulkhead-provider";

/// What an API token begins with, so that people and scanners of leaked secrets know it.
const TOKEN_PREFIX: &str = "bh_";

/// Random bytes of a cookie or token.
const SECRET_BYTES: usize = 32;

/// Random bytes of a one-time code, which a person may have to type.
const CODE_BYTES: usize = 15;

/// Characters of a code without its hyphens, and between two of them.
const CODE_CHARS: usize = 24;
const CODE_GROUP: usize = 6;

/// It is no cookie, token or code of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not one of the gateway's secrets")]
pub struct Malformed;

/// What proves who it is; never shown by `Debug`.
pub(crate) struct Secret([u8; SECRET_BYTES]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    pub(crate) fn fresh() -> Result<Self, No> {
        let mut bytes = [0; SECRET_BYTES];
        fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    fn parse(text: &str) -> Result<Self, Malformed> {
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| Malformed)?;
        Ok(Self(bytes.try_into().map_err(|_| Malformed)?))
    }

    fn text(&self) -> String {
        HEXLOWER.encode(&self.0)
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }
}

/// Random bytes that nobody can guess.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), No> {
    rand::fill(bytes).map_err(|_| No::new(NoKind::Unavailable, "the machine gives no random bytes"))
}

/// A text that nobody can guess, for what is asked for again within minutes.
pub(crate) fn ticket() -> Result<String, No> {
    Secret::fresh().map(|secret| secret.text())
}

/// Whether two digests are the same, in a time that does not tell how far.
pub(crate) fn same(one: &Digest, other: &Digest) -> bool {
    constant_time::verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}

/// What the cookie of a sign-in holds: `ID.SECRET`.
#[derive(Debug)]
pub struct Cookie {
    pub(crate) id: SignInId,
    pub(crate) secret: Secret,
}

impl Cookie {
    /// The cookie with this value.
    ///
    /// # Errors
    /// When it has another form.
    pub fn parse(value: &str) -> Result<Self, Malformed> {
        let (id, secret) = value.split_once('.').ok_or(Malformed)?;
        Ok(Self { id: SignInId::new(id).map_err(|_| Malformed)?, secret: Secret::parse(secret)? })
    }

    /// Its value, for the one it was made for.
    #[must_use]
    pub fn expose(&self) -> String {
        format!("{}.{}", self.id, self.secret.text())
    }
}

/// What an `Authorization: Bearer` header holds: `bh_ID_SECRET`.
#[derive(Debug)]
pub struct Bearer {
    pub(crate) id: TokenId,
    pub(crate) secret: Secret,
}

impl Bearer {
    /// The token with this text.
    ///
    /// # Errors
    /// When it has another form.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let (id, secret) =
            text.strip_prefix(TOKEN_PREFIX).and_then(|rest| rest.split_once('_')).ok_or(Malformed)?;
        Ok(Self { id: TokenId::new(id).map_err(|_| Malformed)?, secret: Secret::parse(secret)? })
    }

    /// Its text, for the one it was made for.
    #[must_use]
    pub fn expose(&self) -> String {
        format!("{TOKEN_PREFIX}{}_{}", self.id, self.secret.text())
    }

    /// Whether a text has something that looks like a token in it.
    #[must_use]
    pub fn is_in(text: &str) -> bool {
        text.contains(TOKEN_PREFIX)
    }
}

/// The cookie of a sign-in among the values of a request's `Cookie` headers; none without one.
///
/// # Errors
/// When there are several, which a page of another port may have planted, or it has another form.
pub fn cookie<'a>(headers: impl IntoIterator<Item = &'a [u8]>) -> Result<Option<Cookie>, Malformed> {
    the_one(headers, COOKIE_NAME)?.map(|value| Cookie::parse(&value)).transpose()
}

/// What a browser keeps of a sign-in that is under way at the identity provider; none without one.
///
/// # Errors
/// When there are several.
pub fn flow_cookie<'a>(headers: impl IntoIterator<Item = &'a [u8]>) -> Result<Option<String>, Malformed> {
    the_one(headers, FLOW_COOKIE_NAME)
}

/// The value of the one cookie of this name.
fn the_one<'a>(
    headers: impl IntoIterator<Item = &'a [u8]>,
    wanted: &str,
) -> Result<Option<String>, Malformed> {
    let mut found = None;
    for header in headers {
        let text = bounded(header)?;
        for pair in text.split(';') {
            let Some((name, value)) = pair.trim_matches([' ', '\t']).split_once('=') else { continue };
            if name == wanted && found.replace(value.to_owned()).is_some() {
                return Err(Malformed);
            }
        }
    }
    Ok(found)
}

/// The token of a request's `Authorization` headers; none without one.
///
/// # Errors
/// When there are several, or it is no bearer token of ours.
pub fn bearer<'a>(headers: impl IntoIterator<Item = &'a [u8]>) -> Result<Option<Bearer>, Malformed> {
    let mut headers = headers.into_iter();
    let Some(first) = headers.next() else { return Ok(None) };
    if headers.next().is_some() {
        return Err(Malformed);
    }
    let (scheme, token) = bounded(first)?.split_once(' ').ok_or(Malformed)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Malformed);
    }
    Bearer::parse(token.trim_matches(' ')).map(Some)
}

fn bounded(header: &[u8]) -> Result<&str, Malformed> {
    if header.len() > MAX_HEADER_BYTES {
        return Err(Malformed);
    }
    std::str::from_utf8(header).map_err(|_| Malformed)
}

/// A one-time code, as a person reads it out or types it.
pub struct Code(String);

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Code")
    }
}

impl Code {
    pub(crate) fn fresh() -> Result<Self, No> {
        let mut bytes = [0; CODE_BYTES];
        fill(&mut bytes)?;
        Ok(Self(BASE32_NOPAD.encode(&bytes)))
    }

    /// The code in what somebody typed: case, blanks and hyphens do not count, and `0`, `1` and `8`, which no code has,
    /// are the letters that they look like.
    ///
    /// # Errors
    /// When it has another form.
    pub fn parse(typed: &str) -> Result<Self, Malformed> {
        if typed.len() > MAX_HEADER_BYTES {
            return Err(Malformed);
        }
        let letter = |c: char| match c {
            '0' => 'O',
            '1' => 'I',
            '8' => 'B',
            other => other.to_ascii_uppercase(),
        };
        let text: String = typed.chars().filter(|c| !matches!(c, ' ' | '-' | '\t')).map(letter).collect();
        let whole = text.len() == CODE_CHARS && BASE32_NOPAD.decode(text.as_bytes()).is_ok();
        if whole { Ok(Self(text)) } else { Err(Malformed) }
    }

    /// Its text with hyphens, for the one it was made for.
    #[must_use]
    pub fn expose(&self) -> String {
        let chars: Vec<char> = self.0.chars().collect();
        chars.chunks(CODE_GROUP).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }
}

#[cfg(test)]
mod tests;
