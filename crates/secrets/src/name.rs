//! What a secret is called.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest name, in bytes.
pub const MAX_NAME_BYTES: usize = 64;

/// A secret's name: letters, digits, `-` and `_`, a letter or digit first. It is a file's name, so it is no path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// Text that names no secret. It is not quoted: it may be the secret itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a secret's name is 1 to {MAX_NAME_BYTES} letters, digits, `-` and `_`, a letter or digit first")]
pub struct NameError;

impl Name {
    /// Takes a name.
    ///
    /// # Errors
    /// When it is not one.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let first = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        let good = first && text.len() <= MAX_NAME_BYTES && text.chars().all(is_part);
        if good { Ok(Self(text.to_owned())) } else { Err(NameError) }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether `c` may be in a name.
pub(crate) const fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(&text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_files_name_and_never_a_path() {
        for good in ["a", "box", "OPENAI_API_KEY", "a-b_c-1", "0x"] {
            assert_eq!(Name::new(good).unwrap().as_str(), good);
        }
        for bad in
            ["", ".", "..", "../x", "a/b", "a.b", "-a", "_a", "a b", "a\0", "é", "a\n", &"x".repeat(65)]
        {
            assert_eq!(Name::new(bad), Err(NameError), "{bad:?}");
            assert!(serde_json::from_value::<Name>(bad.into()).is_err(), "{bad:?}");
        }
    }
}
