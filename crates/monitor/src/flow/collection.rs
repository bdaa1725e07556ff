//! The labels of collections: those of all that lies in their folders.

use std::collections::{BTreeMap, HashMap};

use vocab::{Action, Labels};

use super::table::join_into;
use super::{Flow, Movement, Parties, missing};
use crate::config::Config;

/// The folder of each collection, by its name. Its labels go to the folder too, as `sources`: whoever may read the folder by
/// another way reads every document.
pub(super) fn folders(config: &Config, sources: &mut HashMap<String, Labels>) -> HashMap<String, String> {
    for one in &config.collections {
        if let Some(labels) = &one.labels {
            join_into(sources, &one.folder, labels);
        }
    }
    config.collections.iter().map(|one| (one.name.clone(), one.folder.clone())).collect()
}

impl Flow {
    /// A search tells of all that is in a collection, and a document is not labelled by itself.
    pub(super) fn documents(
        &self,
        action: &Action,
        marks: &BTreeMap<String, Labels>,
        parties: &Parties<'_>,
    ) -> Movement {
        let Parties { agent, agent_clearance, asker } = parties;
        let name = action.resource.name();
        let folder = self.collections.get(name);
        let labels = folder.map(|folder| self.beneath(folder, marks)).unwrap_or_default();
        let carries = format!("the collection `{name}` carries");
        let mut denies = Vec::new();
        missing(&mut denies, "clearance:agent", &carries, &labels, agent, agent_clearance);
        missing(&mut denies, "clearance:asker", &carries, &labels, &asker.id, &asker.clearance);
        Movement { returns: labels.clone(), labels, marks: Vec::new(), denies }
    }
}
