//! Text of the settings with references in it: `secret:NAME` alone, or within a header's value.

use serde::{Deserialize, Deserializer, de};

use crate::name::{Name, is_part};
use crate::store::{Secret, SecretError, Store};

/// The longest text with references, in bytes.
pub const MAX_TEMPLATE_BYTES: usize = 1024;

/// The most references in one text.
pub const MAX_REFERENCES: usize = 4;

/// What a reference begins with.
const MARK: &str = "secret:";

/// One reference and nothing else: `secret:NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference(Name);

/// A header's value with at least one reference in it, such as `Bearer secret:NAME`. What stands for a reference
/// goes on as long as a name may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Secret(Name),
}

/// Text that is no reference or holds a bad one. It is not quoted: it may be the secret itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// There is no reference in it.
    #[error("a secret is written as `secret:NAME`, and its value into the file `secrets/NAME` of the home")]
    NoReference,
    /// A reference without a name.
    #[error(
        "`secret:` must be followed by a name: 1 to 64 letters, digits, `-` and `_`, a letter or digit first"
    )]
    NoName,
    /// More than a reference where only one may be.
    #[error("only `secret:NAME` may stand here, without anything around it")]
    NotAlone,
    /// More references than anybody needs.
    #[error("there are more than {MAX_REFERENCES} references in one value; leave some out")]
    TooMany,
    /// Too long.
    #[error("the value is over {MAX_TEMPLATE_BYTES} bytes; put what is long into the secret")]
    TooLong,
    /// What no header can carry.
    #[error("a header's value is visible ASCII characters and blanks between them")]
    NotVisible,
}

impl Reference {
    /// Takes a reference.
    ///
    /// # Errors
    /// When it is not one.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let template = Template::parse(text)?;
        let mut parts = template.parts.into_iter();
        match (parts.next(), parts.next()) {
            (Some(Part::Secret(name)), None) => Ok(Self(name)),
            _ => Err(TemplateError::NotAlone),
        }
    }

    /// The secret's name.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.0
    }
}

impl Template {
    /// Takes a value with references apart.
    ///
    /// # Errors
    /// When it has none, or is not what a header can carry.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if text.len() > MAX_TEMPLATE_BYTES {
            return Err(TemplateError::TooLong);
        }
        if text.trim() != text || !text.chars().all(|c| c == ' ' || c.is_ascii_graphic()) {
            return Err(TemplateError::NotVisible);
        }
        let mut parts = Vec::new();
        let mut references = 0_usize;
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(MARK) {
            let end = after.find(|c| !is_part(c)).unwrap_or(after.len());
            let (name, behind) = after.split_at(end);
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::Secret(Name::new(name).map_err(|_| TemplateError::NoName)?));
            references = references.saturating_add(1);
            if references > MAX_REFERENCES {
                return Err(TemplateError::TooMany);
            }
            rest = behind;
        }
        if references == 0 {
            return Err(TemplateError::NoReference);
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { parts })
    }

    /// The secrets that it refers to, in their order.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.parts.iter().filter_map(|part| match part {
            Part::Secret(name) => Some(name),
            Part::Text(_) => None,
        })
    }

    /// The value, whole, with what was put into it. Both are to be used at once and dropped.
    ///
    /// # Errors
    /// When a secret has no value.
    pub fn fill(&self, store: &Store) -> Result<(Secret, Vec<Secret>), SecretError> {
        let mut secrets = Vec::new();
        for name in self.names() {
            secrets.push(store.value(name)?);
        }
        let mut filled = secrets.iter();
        let texts: Vec<&str> = self
            .parts
            .iter()
            .filter_map(|part| match part {
                Part::Text(text) => Some(text.as_str()),
                Part::Secret(_) => filled.next().map(Secret::reveal),
            })
            .collect();
        Ok((Secret::joined(self.names().next(), &texts), secrets))
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        Template::parse(text).unwrap().names().map(Name::to_string).collect()
    }

    #[test]
    fn references_are_found_wherever_they_stand() {
        assert_eq!(names("secret:api"), ["api"]);
        assert_eq!(names("Bearer secret:api"), ["api"]);
        assert_eq!(names("id=secret:id;key=secret:KEY_2"), ["id", "KEY_2"]);
        assert_eq!(names("secret:a,secret:a"), ["a", "a"]);
        assert_eq!(names("mysecret:a"), ["a"]);
        assert_eq!(Reference::parse("secret:box").unwrap().name().as_str(), "box");
    }

    #[test]
    fn what_holds_no_good_reference_is_refused_and_never_quoted() {
        use TemplateError::{NoName, NoReference, NotAlone, NotVisible, TooLong, TooMany};
        for (text, error) in [
            ("", NoReference),
            ("sk-sesame", NoReference),
            ("Bearer SECRET:sesame", NoReference),
            ("secret:", NoName),
            ("secret: sesame", NoName),
            ("secret:../sesame", NoName),
            ("secret:_sesame", NoName),
            (" secret:sesame", NotVisible),
            ("secret:sesame\r\nHost: evil", NotVisible),
            ("secret:sesame\t", NotVisible),
            ("é secret:sesame", NotVisible),
            ("secret:a secret:b secret:c secret:d secret:e", TooMany),
            (&format!("secret:{}", "x".repeat(65)), NoName),
            (&"secret:a ".repeat(1000), TooLong),
        ] {
            assert_eq!(Template::parse(text), Err(error), "{text:?}");
            assert!(!error.to_string().contains("sesame"));
        }
        for text in ["Bearer secret:a", "secret:a ", "secret:a.b", "sk-sesame"] {
            let error = Reference::parse(text).unwrap_err();
            assert!(matches!(error, NotAlone | NotVisible | NoReference), "{text}");
        }
    }
}
