//! `[[role]]`: whose each role is.

use monitor::{Approvers, Holders};
use serde::Deserialize;
use toml::Spanned;
use vocab::PersonId;

/// The most roles that are given.
const MAX_ROLES: usize = 256;

/// A role that is given, as the file has it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Row {
    /// One that ships, or a file of `roles/` without `.cedar`.
    name: String,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    people: Vec<PersonId>,
}

impl Row {
    pub(super) fn holders(&self) -> Holders {
        let holders = Approvers { groups: self.groups.clone(), people: self.people.clone() };
        Holders { role: self.name.clone(), holders }
    }
}

/// The first entry that cannot be, with its place in the text. Which roles there are, the monitor knows.
pub(super) fn fault(rows: &[Spanned<Row>]) -> Option<(usize, String)> {
    if let Some(row) = rows.get(MAX_ROLES) {
        return Some((row.span().start, format!("more than {MAX_ROLES} entries of `[[role]]`; remove some")));
    }
    rows.iter().enumerate().find_map(|(nth, row)| {
        let name = &row.get_ref().name;
        let twice = rows.iter().take(nth).any(|other| other.get_ref().name == *name);
        let message =
            format!("the role `{name}` is in the settings twice; put its people and groups into one");
        twice.then(|| (row.span().start, message))
    })
}
