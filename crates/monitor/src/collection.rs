//! Collections of documents: what the settings may say of them, and which folder a call is held to.

use std::collections::HashSet;
use std::path::PathBuf;

use vocab::{Layer, Resource};

use crate::config::{Collection, Config, ConfigError};
use crate::judge::{Answers, Case};
use crate::permit::Bounds;
use crate::policy::rights::ALL;
use crate::resolve::path::{is_canonical, is_within};
use crate::resolve::shown;

/// What a call may read. A collection that the settings do not have, or that no grant names, is denied whatever a policy
/// says, because there is nothing to hold the call to.
pub(crate) fn bounds(case: &Case<'_>, answers: &mut Answers) -> Bounds {
    let (Some(tool), Resource::Collection(name)) = (case.tool, &case.action.resource) else {
        return Bounds::None;
    };
    let Some(folder) = case.compartment.house.collections.get(name) else {
        let message = format!(
            "the settings have no collection `{}`; add `[collections.NAME]`, or mend the name",
            shown(name)
        );
        answers.deny(Layer::Policy, "collection:unknown", message);
        return Bounds::None;
    };
    if !tool.grant.collections.contains(name) {
        let (skill, agent) = (&tool.grant.skill, &case.compartment.charter.name);
        let message = format!("`{}` is in no `{skill}` grant of `{agent}`", shown(name));
        answers.deny(Layer::Policy, &format!("skill:{skill}"), message);
        return Bounds::None;
    }
    Bounds::Collection { folder: PathBuf::from(folder) }
}

/// Whether the collections of the settings, and the rights to them, can be judged by.
pub(crate) fn check(config: &Config) -> Result<(), ConfigError> {
    let mut known: HashSet<&str> = HashSet::new();
    for Collection { name, folder, .. } in &config.collections {
        canonical(name, "the name of a collection")?;
        if !is_canonical(folder) {
            return Err(ConfigError::Path {
                path: folder.clone(),
                place: "the folder of a collection".to_owned(),
            });
        }
        if !known.insert(name) {
            return Err(ConfigError::Twice { kind: "collection", name: name.clone() });
        }
    }
    // By another name a document would have neither the labels nor the rights of its collection.
    let pairs =
        config.collections.iter().flat_map(|one| config.collections.iter().map(move |other| (one, other)));
    for (one, other) in pairs.filter(|(one, other)| one.name != other.name) {
        if is_within(&one.folder, &other.folder) {
            return Err(ConfigError::WithinCollection {
                collection: one.name.clone(),
                folder: one.folder.clone(),
                other: other.name.clone(),
            });
        }
    }
    for group in &config.groups {
        let place = format!("`collections` of the group `{}`", group.name);
        for name in group.rights.collections.iter().filter(|name| *name != ALL) {
            canonical(name, &place)?;
            if !known.contains(name.as_str()) {
                return Err(ConfigError::UnknownCollection { collection: name.clone(), place });
            }
        }
    }
    Ok(())
}

fn canonical(name: &str, place: &str) -> Result<(), ConfigError> {
    vocab::collection::collection(name)
        .map_err(|_| ConfigError::Collection { collection: name.to_owned(), place: place.to_owned() })
}
