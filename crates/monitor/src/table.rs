//! A query before it runs: what it may read, of what was judged.

use std::path::PathBuf;

use soul::Table;
use vocab::{Layer, Resource};

use crate::judge::{Answers, Case};
use crate::permit::{Bounds, Tables};
use crate::resolve::shown;

/// What a query may read. A table that no grant names, and a database that the settings do not have, are denied whatever a
/// policy says, because there is nothing to hold the query to.
pub(crate) fn bounds(case: &Case<'_>, answers: &mut Answers) -> Bounds {
    let (Some(tool), Resource::Table(resource)) = (case.tool, &case.action.resource) else {
        return Bounds::None;
    };
    let name = resource.split('/').next().unwrap_or_default();
    let Some(file) = case.compartment.house.databases.get(name) else {
        let message = format!(
            "the settings have no database `{}`; add `[databases.NAME]`, or mend the name",
            shown(name)
        );
        answers.deny(Layer::Policy, "database:unknown", message);
        return Bounds::None;
    };
    let granted = &tool.grant.tables;
    let of = |resource: &Resource| {
        let (database, table) = resource.name().split_once('/')?;
        let ours = granted.database.as_deref() == Some(database);
        granted.tables.iter().find(|grant| ours && grant.name == table).cloned()
    };
    let mut tables: Vec<Table> = Vec::new();
    for resource in case.action.resources() {
        match of(&resource) {
            Some(table) => tables.push(table),
            None => {
                let agent = &case.compartment.charter.name;
                let message =
                    format!("`{}` is in no `{}` grant of `{agent}`", shown(resource.name()), tool.spec.name);
                answers.deny(Layer::Policy, &format!("skill:{}", tool.spec.name), message);
            }
        }
    }
    Bounds::Tables(Box::new(Tables { file: PathBuf::from(file), tables, max_rows: granted.max_rows }))
}
