//! What a chat says that speaks as Slack does: a slash command, signed with the secret that the chat and the gateway share.
//!
//! In: the two headers, as often as they came, and the body. Out: the account whose words they are, and the words. A request is heard
//! once: the same one again is refused for as long as its time would let it through, and so is what was sent before this
//! gateway began, of which it does not know whether the one before it heard it. What is heard is remembered in memory alone: of a sender whose
//! clock is ahead, a request may be heard once more by the next gateway. That nothing is decided twice rests on the one-time id in it.
//! <https://api.slack.com/authentication/verifying-requests-from-slack>

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::hmac;
use data_encoding::HEXLOWER;
use parking_lot::Mutex;
use secrecy::{ExposeSecret as _, SecretString};
use vocab::{Ambient, Digest};

use crate::no::{No, NoKind};

/// How far the time of a request may be from the gateway's, in seconds.
pub const MAX_SLACK_SKEW: i64 = 5 * 60;

/// The largest body, in bytes.
pub const MAX_SLACK_BYTES: usize = 16 * 1024;

/// The most fields in it.
const MAX_FIELDS: usize = 64;

/// The most requests that are remembered, so that none is heard twice.
const MAX_HEARD: usize = 4096;

/// The longest account or team, in bytes.
const MAX_ID_BYTES: usize = 32;

/// The longest time in a header, in digits: until the year 5138.
const MAX_TIME_DIGITS: usize = 11;

/// What a signature begins with.
const VERSION: &str = "v0";

/// The value of the signing secret as it is now.
pub type SigningSecret = Arc<dyn Fn() -> Result<SecretString, String> + Send + Sync>;

/// Who said what in the chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The account.
    pub user: String,
    /// What stands behind the name of the command.
    pub text: String,
}

/// Hears one team of one chat.
pub struct Slack {
    team: String,
    secret: SigningSecret,
    ambient: Arc<dyn Ambient>,
    /// The second in which this began.
    began: i64,
    heard: Mutex<BTreeMap<Digest, i64>>,
}

impl Slack {
    /// Hears `team`, which signs with `secret`.
    #[must_use]
    pub fn new(team: String, secret: SigningSecret, ambient: Arc<dyn Ambient>) -> Self {
        let began = ambient.now().as_second();
        Self { team, secret, ambient, began, heard: Mutex::default() }
    }

    /// Who said what in a request with these values of the headers `X-Slack-Request-Timestamp` and `X-Slack-Signature`.
    ///
    /// # Errors
    /// When it is not signed as it must be, is too old or of the future, was heard already, is of another team, or has no form.
    pub fn hear<'a>(
        &self,
        times: impl IntoIterator<Item = &'a [u8]>,
        signatures: impl IntoIterator<Item = &'a [u8]>,
        body: &[u8],
    ) -> Result<Said, No> {
        let time = only(times, "X-Slack-Request-Timestamp")?;
        let signature = only(signatures, "X-Slack-Signature")?;
        let now = self.ambient.now().as_second();
        let sent = self.sent(time, now)?;
        if body.len() > MAX_SLACK_BYTES {
            let message = format!("the request's body is over the limit of {MAX_SLACK_BYTES} bytes");
            return Err(No::new(NoKind::Invalid, message));
        }
        self.verify(time, signature, body)?;
        let fields = slack_form(body).ok_or_else(|| {
            let message =
                "the request's body is no form: each field once, in UTF-8, `%` with two hexadecimal digits";
            No::new(NoKind::Invalid, message)
        })?;
        let said = self.said(fields)?;
        self.once(signature, sent, now)?;
        Ok(said)
    }

    /// When it was sent, if that is near enough.
    fn sent(&self, time: &[u8], now: i64) -> Result<i64, No> {
        let digits = str::from_utf8(time).ok().filter(|time| {
            time.len() <= MAX_TIME_DIGITS
                && !time.is_empty()
                && time.bytes().all(|byte| byte.is_ascii_digit())
        });
        let Some(sent) = digits.and_then(|digits| digits.parse::<i64>().ok()) else {
            return Err(unsigned("the header `X-Slack-Request-Timestamp` is no number of seconds"));
        };
        if now.saturating_sub(sent).saturating_abs() > MAX_SLACK_SKEW {
            return Err(unsigned(
                "the request's time is more than five minutes from the gateway's: send it again, and see that the clocks are right",
            ));
        }
        if sent < self.began {
            return Err(unsigned("the request was sent before this gateway began: send it again"));
        }
        Ok(sent)
    }

    fn verify(&self, time: &[u8], signature: &[u8], body: &[u8]) -> Result<(), No> {
        let wrong = || {
            unsigned(
                "the request's signature is not one by the secret that `signing-secret` of `[chat]` names",
            )
        };
        let hex = signature.strip_prefix(VERSION.as_bytes()).and_then(|rest| rest.strip_prefix(b"="));
        let tag = hex.and_then(|hex| HEXLOWER.decode(hex).ok()).ok_or_else(wrong)?;
        // Nobody is known yet, so nobody is told where the secret is and what is wrong with it.
        let secret = (self.secret)().map_err(|why| {
            tracing::error!("the chat's signing secret cannot be had: {why}");
            No::new(NoKind::Unavailable, "the chat's signing secret cannot be had now")
        })?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
        let signed = [VERSION.as_bytes(), b":", time, b":", body].concat();
        // In a time that does not tell how much of it is right.
        hmac::verify(&key, &signed, &tag).map_err(|_| wrong())
    }

    fn said(&self, mut fields: BTreeMap<String, String>) -> Result<Said, No> {
        let mut field = |name: &str| {
            fields.remove(name).ok_or_else(|| {
                No::new(
                    NoKind::Invalid,
                    format!("the request has no `{name}`: send what a slash command of Slack has"),
                )
            })
        };
        let (team, user, text) = (field("team_id")?, field("user_id")?, field("text")?);
        if team != self.team {
            let message = "the request is of another team than the one that `team` of `[chat]` names";
            return Err(unsigned(message));
        }
        if !is_slack_id(&user) {
            return Err(No::new(
                NoKind::Invalid,
                "the request's `user_id` is none: it is capital letters and digits",
            ));
        }
        Ok(Said { user, text })
    }

    /// Demands that it was not heard before. Only what is rightly signed is remembered, so that nobody else fills this.
    fn once(&self, signature: &[u8], sent: i64, now: i64) -> Result<(), No> {
        let mut heard = self.heard.lock();
        heard.retain(|_, sent| now.saturating_sub(*sent) <= MAX_SLACK_SKEW);
        if heard.len() >= MAX_HEARD {
            return Err(No::new(NoKind::Busy, "the chat has said too much: wait a few minutes"));
        }
        match heard.insert(Digest::of(signature), sent) {
            None => Ok(()),
            Some(_) => Err(No::new(NoKind::Conflict, "this request was heard already, and counts once")),
        }
    }
}

/// The one value of a header.
fn only<'a>(values: impl IntoIterator<Item = &'a [u8]>, name: &str) -> Result<&'a [u8], No> {
    let mut values = values.into_iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Ok(value),
        (None, _) => Err(unsigned(format!(
            "this is for the chat, which signs what it sends: the header `{name}` is missing"
        ))),
        (Some(_), Some(_)) => Err(unsigned(format!("the header `{name}` is there more than once"))),
    }
}

fn unsigned(message: impl Into<String>) -> No {
    No::new(NoKind::Unidentified, message)
}

/// Whether this can be an account or a team of Slack's.
#[must_use]
pub fn is_slack_id(text: &str) -> bool {
    let first = text.starts_with(|c: char| c.is_ascii_uppercase());
    first && text.len() <= MAX_ID_BYTES && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// The fields of an `application/x-www-form-urlencoded` body; none when a `%` is not followed by two hexadecimal digits, a field comes
/// twice, something is not UTF-8, or there are too many. What others would read in two ways is not read at all.
#[must_use]
pub fn slack_form(body: &[u8]) -> Option<BTreeMap<String, String>> {
    let mut fields = BTreeMap::new();
    for pair in body.split(|byte| *byte == b'&') {
        let at = pair.iter().position(|byte| *byte == b'=')?;
        let (name, value) = pair.split_at(at);
        let (name, value) = (decoded(name)?, decoded(value.get(1..)?)?);
        if name.is_empty() || fields.len() >= MAX_FIELDS || fields.insert(name, value).is_some() {
            return None;
        }
    }
    Some(fields)
}

fn decoded(text: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                u8::try_from(high.checked_mul(16)?.checked_add(low)?).ok()?
            }
            plain if plain.is_ascii_graphic() => *plain,
            _ => return None,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests;
