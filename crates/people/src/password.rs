//! A password that somebody sent, and what is demanded of a new one.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::bounds::{MAX_PASSWORD_BYTES, MIN_PASSWORD_CHARS};
use crate::no::{No, NoKind};

/// A password as it was sent. `Debug` does not show it, and its memory is wiped when it is dropped.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct Password(SecretString);

impl Password {
    /// Takes `text` as it is.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(SecretString::from(text.to_owned()))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }

    /// Whether it is short enough to be hashed at all.
    pub(crate) fn bounded(&self) -> Result<(), No> {
        if self.bytes().len() > MAX_PASSWORD_BYTES {
            let message = format!("a password has at most {MAX_PASSWORD_BYTES} bytes");
            return Err(No::new(NoKind::Invalid, message));
        }
        Ok(())
    }

    /// Whether it may become somebody's password, as far as it itself says.
    pub(crate) fn acceptable(&self) -> Result<(), No> {
        self.bounded()?;
        if self.0.expose_secret().chars().count() < MIN_PASSWORD_CHARS {
            let message = format!(
                "this password is too short: use at least {MIN_PASSWORD_CHARS} characters, such as four words in a row"
            );
            return Err(No::new(NoKind::Invalid, message));
        }
        Ok(())
    }
}
