//! Who has what: each resource that the settings grant, with the groups that have it, for people.
//!
//! It is made of the same [`Rights`] that `policy/rights.rs` compiles; nothing else gives anybody a right.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use vocab::{AgentName, Group, Person, PersonId, Resource};

use crate::policy::rights::ALL;
use crate::policy::words::names_above;

/// The table of grants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grants {
    /// The groups, by name, each with its members: the columns.
    pub groups: Vec<Members>,
    /// The resources, by right and then by name: the rows.
    pub grants: Vec<Grant>,
}

/// Who is in a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Members {
    /// The group.
    pub name: String,
    /// Its members, by name.
    pub people: Vec<PersonId>,
}

/// One resource, and who has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// What may be done with it: the name of the list in `[[group]]`.
    pub right: String,
    /// The resource; `*` is all of its kind.
    pub resource: String,
    /// The groups that it is granted to, by name.
    pub groups: Vec<String>,
    /// Further groups that have it, by a wider grant: of all of its kind, or of a name above it, such as a folder.
    pub wider: Vec<String>,
}

/// The table for these people and groups. Each of `agents` has a row, whether or not anybody may ask it.
pub(crate) fn grants<'a>(
    people: impl Iterator<Item = &'a Person>,
    groups: impl Iterator<Item = &'a Group>,
    agents: &[AgentName],
) -> Grants {
    let mut members: BTreeMap<&str, BTreeSet<&PersonId>> = BTreeMap::new();
    let mut had: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    had.extend(agents.iter().map(|agent| (("agents", agent.as_str()), BTreeSet::new())));
    for group in groups {
        members.entry(&group.name).or_default();
        for (right, names) in group.rights.lists() {
            for name in names {
                had.entry((right, name)).or_default().insert(&group.name);
            }
        }
        for (right, _) in group.rights.switches().into_iter().filter(|(_, on)| *on) {
            had.entry((right, ALL)).or_default().insert(&group.name);
        }
    }
    for person in people {
        for group in &person.groups {
            if let Some(members) = members.get_mut(group.as_str()) {
                members.insert(&person.id);
            }
        }
    }
    let wider = |right: &str, resource: &str, own: &BTreeSet<&str>| {
        let above = above(right, resource);
        let of =
            had.iter().filter(|((other, name), _)| *other == right && above.iter().any(|over| over == name));
        let groups: BTreeSet<&str> = of.flat_map(|(_, groups)| groups).copied().collect();
        groups.difference(own).map(|group| (*group).to_owned()).collect()
    };
    let grants = had.iter().map(|((right, resource), groups)| Grant {
        right: (*right).to_owned(),
        resource: (*resource).to_owned(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        wider: wider(right, resource, groups),
    });
    Grants {
        groups: members
            .into_iter()
            .map(|(name, people)| Members {
                name: name.to_owned(),
                people: people.into_iter().cloned().collect(),
            })
            .collect(),
        grants: grants.collect(),
    }
}

/// The names by whose grant a resource is granted, too.
fn above(right: &str, resource: &str) -> Vec<String> {
    let name = resource.to_owned();
    let of_its_kind = match right {
        "read" | "write" => Some(Resource::Path(name)),
        "hosts" => Some(Resource::Host(name)),
        "channels" => Some(Resource::Channel(name)),
        "models" => Some(Resource::Model(name)),
        "tables" => Some(Resource::Table(name)),
        _ => None,
    };
    let names = of_its_kind.iter().flat_map(names_above).map(Cow::into_owned);
    names.chain([ALL.to_owned()]).filter(|name| name != resource).collect()
}
