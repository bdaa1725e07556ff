//! `[databases.NAME]`: the databases whose tables agents may read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use monitor::Database;
use serde::Deserialize;
use toml::Spanned;
use vocab::{Group, table};

use super::labels::Label;
use super::policies::every_name;

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
        let names = every_name(Path::new(path));
        if own.iter().any(|own| names.iter().any(|name| name.starts_with(own))) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_of_the_gateways_is_a_database_by_any_name() {
        let field = tempfile::tempdir().unwrap();
        let at = |name: &str| field.path().canonicalize().unwrap().join(name);
        std::fs::create_dir_all(at("real/data")).unwrap();
        std::os::unix::fs::symlink(at("real"), at("home")).unwrap();
        std::os::unix::fs::symlink(at("real/data"), at("beside")).unwrap();
        let own = every_name(&at("home/data"));
        let tried = |name: &str| {
            let text = format!("[crm]\npath = {:?}", at(name));
            apart(&toml::from_str(&text).unwrap(), &own)
        };
        for bad in ["home/data/journal.sqlite", "real/data/journal.sqlite", "beside/journal.sqlite"] {
            assert!(tried(bad).unwrap_err().contains("the gateway's own"), "{bad}");
        }
        assert!(tried("real/crm.db").is_ok());
    }
}
