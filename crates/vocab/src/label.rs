//! Data labels: a level and a set of categories, ordered as a lattice (Denning 1976; Bell and LaPadula 1973).
//!
//! The same type says what data carries (its labels) and what a person, an agent or a destination may
//! receive (a clearance).

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// How far data may travel, lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Anybody may read it.
    Public,
    /// What nobody has labelled: for people inside.
    #[default]
    Internal,
    /// For those who need it.
    Confidential,
    /// For few, by name.
    Restricted,
}

impl Level {
    /// All levels, lowest first.
    pub const ALL: [Self; 4] = [Self::Public, Self::Internal, Self::Confidential, Self::Restricted];

    /// The level's name, as settings and SOUL.md write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Confidential => "confidential",
            Self::Restricted => "restricted",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == name)
    }
}

/// The category that marks data about the organisation's own people.
pub const EMPLOYEE_PERSONAL_DATA: &str = "employee-personal-data";

/// The most categories that one set of labels holds.
pub const MAX_CATEGORIES: usize = 32;

/// A level and any number of categories. In JSON and TOML a list of names, such as
/// `["confidential", "employee-personal-data"]`; without a level it is `internal`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct Labels {
    level: Level,
    categories: BTreeSet<String>,
}

/// A list of names that is not a set of labels.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// A category outside the allowed characters.
    #[error(
        "`{0}` is not a label: use public, internal, confidential, restricted, or a category of a-z, 0-9 and `-`"
    )]
    Name(String),
    /// Two levels in one list.
    #[error("`{0}` and `{1}` are both levels; give one")]
    TwoLevels(&'static str, &'static str),
    /// More than `MAX_CATEGORIES`.
    #[error("more than {MAX_CATEGORIES} categories")]
    TooMany,
}

impl Labels {
    /// A level without categories.
    #[must_use]
    pub const fn level_only(level: Level) -> Self {
        Self { level, categories: BTreeSet::new() }
    }

    /// The lowest labels: the neutral element of [`Labels::join`].
    #[must_use]
    pub const fn public() -> Self {
        Self::level_only(Level::Public)
    }

    /// Labels from their names, in any order.
    ///
    /// # Errors
    /// When a name is malformed, two are levels, or there are too many.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, LabelError> {
        let mut level: Option<Level> = None;
        let mut categories = BTreeSet::new();
        for name in names {
            if let Some(found) = Level::from_name(name) {
                if let Some(first) = level.filter(|first| *first != found) {
                    return Err(LabelError::TwoLevels(first.as_str(), found.as_str()));
                }
                level = Some(found);
                continue;
            }
            let ok = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if name.is_empty() || name.len() > 64 || !name.chars().all(ok) {
                return Err(LabelError::Name(name.chars().take(64).collect()));
            }
            categories.insert(name.to_owned());
        }
        if categories.len() > MAX_CATEGORIES {
            return Err(LabelError::TooMany);
        }
        Ok(Self { level: level.unwrap_or_default(), categories })
    }

    /// The level.
    #[must_use]
    pub const fn level(&self) -> Level {
        self.level
    }

    /// The categories, sorted.
    pub fn categories(&self) -> impl Iterator<Item = &str> {
        self.categories.iter().map(String::as_str)
    }

    /// The least labels that are at least both.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        Self {
            level: self.level.max(other.level),
            categories: self.categories.union(&other.categories).cloned().collect(),
        }
    }

    /// Whether data with these labels may reach something cleared for `clearance`.
    #[must_use]
    pub fn within(&self, clearance: &Self) -> bool {
        self.level <= clearance.level && self.categories.is_subset(&clearance.categories)
    }

    /// The level's name, then each category.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        std::iter::once(self.level.as_str().to_owned()).chain(self.categories.iter().cloned()).collect()
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(", "))
    }
}

impl TryFrom<Vec<String>> for Labels {
    type Error = LabelError;
    fn try_from(names: Vec<String>) -> Result<Self, LabelError> {
        Self::from_names(names.iter().map(String::as_str))
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(std::iter::once(self.level.as_str()).chain(self.categories()))
    }
}

impl From<Labels> for Vec<String> {
    fn from(labels: Labels) -> Self {
        labels.names()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(names: &[&str]) -> Labels {
        Labels::from_names(names.iter().copied()).unwrap()
    }

    #[test]
    fn a_category_is_needed_whatever_the_level() {
        let data = labels(&["internal", EMPLOYEE_PERSONAL_DATA]);
        assert!(!data.within(&labels(&["restricted"])));
        assert!(data.within(&labels(&["internal", EMPLOYEE_PERSONAL_DATA])));
    }

    #[test]
    fn a_join_is_above_both_and_never_loses_a_category() {
        let (a, b) = (labels(&["public", "x"]), labels(&["confidential", "y"]));
        let joined = a.join(&b);
        assert!(a.within(&joined) && b.within(&joined));
        assert_eq!(joined.names(), ["confidential", "x", "y"]);
        assert_eq!(Labels::public().join(&a), a);
    }

    #[test]
    fn malformed_lists_say_what_is_wrong() {
        assert!(Labels::from_names(["public", "restricted"]).is_err());
        assert!(Labels::from_names(["Top Secret"]).is_err());
        assert_eq!(labels(&[]).level(), Level::Internal);
    }
}
