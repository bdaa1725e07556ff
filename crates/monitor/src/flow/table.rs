//! The labels of tables.

use std::collections::{BTreeMap, HashMap};

use vocab::{Action, Labels};

use super::{Flow, Movement, Parties, missing};
use crate::config::{Config, Database};
use crate::policy::words::folders_above;

/// What the settings say of tables and databases.
#[derive(Debug)]
pub(super) struct Tables {
    /// By `database/table` or `database`.
    labels: HashMap<String, Labels>,
    /// By name: the file, and what the sources that cover it say.
    databases: HashMap<String, (String, Option<Labels>)>,
}

impl Tables {
    /// The labels of tables go to the files of their databases too, as `sources`: whoever may read such a file by another way
    /// reads every table.
    pub(super) fn new(config: &Config, sources: &mut HashMap<String, Labels>) -> Self {
        let mut labels: HashMap<String, Labels> = HashMap::new();
        for entry in &config.table_labels {
            join_into(&mut labels, &entry.table, &entry.labels);
        }
        let over = |path: &str| {
            let names = std::iter::once(path).chain(folders_above(path));
            joined(names.filter_map(|name| sources.get(name)))
        };
        let databases: HashMap<String, (String, Option<Labels>)> = config
            .databases
            .iter()
            .map(|Database { name, path }| (name.clone(), (path.clone(), over(path))))
            .collect();
        for entry in &config.table_labels {
            let of = entry.table.split('/').next().unwrap_or_default();
            if let Some((path, _)) = databases.get(of) {
                // What is not labelled in it is `internal`.
                join_into(sources, path, &entry.labels.join(&Labels::default()));
            }
        }
        Self { labels, databases }
    }
}

pub(super) fn join_into(all: &mut HashMap<String, Labels>, name: &str, labels: &Labels) {
    let labels = all.get(name).map_or_else(|| labels.clone(), |before| before.join(labels));
    all.insert(name.to_owned(), labels);
}

fn joined<'a>(labels: impl Iterator<Item = &'a Labels>) -> Option<Labels> {
    labels.fold(None, |all: Option<Labels>, labels| {
        Some(all.map_or_else(|| labels.clone(), |all| all.join(labels)))
    })
}

impl Flow {
    /// The labels of a table, or of all that is known of a database.
    fn table(&self, name: &str, marks: &BTreeMap<String, Labels>) -> Labels {
        let database = name.split('/').next().unwrap_or_default();
        let file = self.tables.databases.get(database);
        let said =
            [self.tables.labels.get(name), self.tables.labels.get(database).filter(|_| name != database)];
        let covering = file.and_then(|(_, labels)| labels.as_ref());
        let labels = joined(said.into_iter().flatten().chain(covering)).unwrap_or_default();
        // What an agent or a command may have written into the file.
        let Some((path, _)) = file else { return labels };
        let marked =
            std::iter::once(path.as_str()).chain(folders_above(path)).filter_map(|place| marks.get(place));
        marked.fold(labels, |all, mark| all.join(mark))
    }

    /// A query, by all that it reads.
    pub(super) fn query(
        &self,
        action: &Action,
        marks: &BTreeMap<String, Labels>,
        parties: &Parties<'_>,
    ) -> Movement {
        let Parties { agent, agent_clearance, asker } = parties;
        let (mut denies, mut labels) = (Vec::new(), Labels::public());
        for table in action.resources() {
            let own = self.table(table.name(), marks);
            let carries = format!("the table `{}` carries", table.name());
            missing(&mut denies, "clearance:agent", &carries, &own, agent, agent_clearance);
            missing(&mut denies, "clearance:asker", &carries, &own, &asker.id, &asker.clearance);
            labels = labels.join(&own);
        }
        Movement { returns: labels.clone(), labels, marks: Vec::new(), denies }
    }
}
