//! `[databases.NAME]`: the databases whose tables agents may read.

use std::collections::BTreeMap;
use std::path::PathBuf;

use monitor::Database;
use serde::Deserialize;
use toml::Spanned;
use vocab::{Group, table};

use super::labels::Label;

/// The most databases.
const MAX_DATABASES: usize = 256;

/// All of a kind.
const ALL: &str = "*";

/// By name.
pub(crate) type Databases = BTreeMap<String, Spanned<File>>;

/// A database of SQLite.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct File {
    /// Its file.
    path: String,
}

/// What the monitor is told.
///
/// # Errors
/// One sentence, when one is a file of the gateway's `own`.
pub(super) fn apart(databases: &Databases, own: &[PathBuf]) -> Result<Vec<Database>, String> {
    let mut all = Vec::new();
    for (name, file) in databases {
        let path = &file.get_ref().path;
        if own.iter().any(|own| std::path::Path::new(path).starts_with(own)) {
            return Err(format!(
                "the `path` of `[databases.{name}]` is one of the gateway's own files, which are not for agents; name another"
            ));
        }
        all.push(Database { name: name.clone(), path: path.clone() });
    }
    Ok(all)
}

/// The first thing that is wrong with databases, and with the tables that rights and labels name.
pub(super) fn fault(
    databases: &Databases,
    groups: &[Spanned<Group>],
    labels: &[Spanned<Label>],
) -> Option<(usize, String)> {
    let place = databases.values().next().map_or(0, |file| file.span().start);
    if databases.len() > MAX_DATABASES {
        return Some((place, format!("there are more than {MAX_DATABASES} databases; remove some")));
    }
    let own = databases.iter().find_map(|(name, file)| {
        let message = match table::database(name) {
            Err(error) => format!("`[databases.{name}]`: `{name}` {error}"),
            Ok(()) if !file.get_ref().path.starts_with('/') => {
                format!("the `path` of `[databases.{name}]` must be absolute")
            }
            Ok(()) => return None,
        };
        Some((file.span().start, message))
    });
    let granted = groups.iter().flat_map(|group| {
        let tables = group.get_ref().rights.tables.iter().filter(|name| *name != ALL);
        tables.map(|name| {
            (name, group.span().start, format!("`tables` of the group `{}`", group.get_ref().name))
        })
    });
    let labelled = labels.iter().filter_map(|label| {
        Some((label.get_ref().of_table()?, label.span().start, "a `[[label]]`".to_owned()))
    });
    own.or_else(|| {
        granted.chain(labelled).find_map(|(name, at, place)| {
            let database = name.split('/').next().unwrap_or_default();
            let message = if !table::is_canonical(name) {
                format!("{place} names `{name}`; write `database/table` or `database`, in lower case, such as `crm/orders`")
            } else if databases.contains_key(database) {
                return None;
            } else {
                format!("{place} names `{name}`, and there is no `[databases.{database}]`; add it, or mend the name")
            };
            Some((at, message))
        })
    })
}
