//! `[[role]]`: whose each role is.

use monitor::{Approvers, Holders};
use serde::Deserialize;
use toml::Spanned;
use vocab::{Person, PersonId};

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
///
/// A role is given to people of the file alone: of others a directory decides whose name is whose, and could give one to
/// somebody else.
pub(super) fn fault(rows: &[Spanned<Row>], people: &[Spanned<Person>]) -> Option<(usize, String)> {
    if let Some(row) = rows.get(MAX_ROLES) {
        return Some((row.span().start, format!("more than {MAX_ROLES} entries of `[[role]]`; remove some")));
    }
    rows.iter().enumerate().find_map(|(nth, spanned)| {
        let row = spanned.get_ref();
        let name = &row.name;
        let stranger = row.people.iter().find(|id| people.iter().all(|person| person.get_ref().id != **id));
        let message = if rows.iter().take(nth).any(|other| other.get_ref().name == *name) {
            format!("the role `{name}` is in the settings twice; put its people and groups into one")
        } else {
            let id = stranger?;
            format!(
                "the role `{name}` is given to `{id}`, who is no `[[person]]` of this file; give it to a group, \
                 to which `[[directory]]` maps people"
            )
        };
        Some((spanned.span().start, message))
    })
}
