//! `[collections.NAME]`: the folders of documents that agents may search and read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use monitor::Collection;
use serde::Deserialize;
use toml::Spanned;
use vocab::{Group, Labels, collection};

use super::policies::every_name;

/// The most collections.
const MAX_COLLECTIONS: usize = 256;

/// All of a kind.
const ALL: &str = "*";

/// By name.
pub(crate) type Collections = BTreeMap<String, Spanned<Folder>>;

/// A folder of text files.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Folder {
    /// Where it is.
    folder: PathBuf,
    /// What it carries, beside what covers it by `[[label]]`.
    #[serde(default)]
    labels: Option<Labels>,
}

/// What the monitor is told.
///
/// # Errors
/// One sentence, when a folder by any name has something of the gateway's `own` in it, or lies in it, or among the `agents`' files.
pub(super) fn apart(
    collections: &Collections,
    own: &[PathBuf],
    agents: &Path,
) -> Result<Vec<Collection>, String> {
    let mut all = Vec::new();
    for (name, entry) in collections {
        let Folder { folder, labels } = entry.get_ref();
        let gateways = |folder: &Path| {
            own.iter().any(|own| folder.starts_with(own) || own.starts_with(folder))
                || every_name(agents).iter().any(|agents| holds_agents(folder, agents))
        };
        if every_name(folder).iter().any(|folder| gateways(folder)) {
            return Err(format!(
                "the `folder` of `[collections.{name}]` has files of the gateway's own in it, which are not for agents; name another"
            ));
        }
        let Some(folder) = folder.to_str() else {
            return Err(format!("the `folder` of `[collections.{name}]` is no text; name another"));
        };
        all.push(Collection { name: name.clone(), folder: folder.to_owned(), labels: labels.clone() });
    }
    Ok(all)
}

/// Whether a folder has an agent's own files in it, or lies among them and not in a workspace.
fn holds_agents(folder: &Path, agents: &Path) -> bool {
    let Ok(beneath) = folder.strip_prefix(agents) else { return agents.starts_with(folder) };
    beneath.components().nth(1).is_none_or(|part| part.as_os_str() != "workspace")
}

/// The first thing that is wrong with collections, and with those that rights name.
pub(super) fn fault(collections: &Collections, groups: &[Spanned<Group>]) -> Option<(usize, String)> {
    let place = collections.values().next().map_or(0, |folder| folder.span().start);
    if collections.len() > MAX_COLLECTIONS {
        return Some((place, format!("there are more than {MAX_COLLECTIONS} collections; remove some")));
    }
    let within = |name: &str, folder: &Path| {
        let others = collections.iter().filter(|(other, _)| *other != name);
        let mut over = others.filter(|(_, other)| folder.starts_with(&other.get_ref().folder));
        over.next().map(|(other, _)| other.clone())
    };
    let own = collections.iter().find_map(|(name, entry)| {
        let folder = &entry.get_ref().folder;
        let message = match (collection::collection(name), within(name, folder)) {
            (Err(error), _) => format!("`[collections.{name}]`: `{name}` {error}"),
            (Ok(()), _) if !folder.is_absolute() => {
                format!("the `folder` of `[collections.{name}]` must be absolute")
            }
            (Ok(()), Some(other)) => format!(
                "the `folder` of `[collections.{name}]` lies in that of `[collections.{other}]`, and a document is in one collection; give them folders beside each other"
            ),
            (Ok(()), None) => return None,
        };
        Some((entry.span().start, message))
    });
    let granted = groups.iter().flat_map(|group| {
        let names = group.get_ref().rights.collections.iter().filter(|name| *name != ALL);
        names.map(move |name| (name, group))
    });
    own.or_else(|| {
        let mut unknown = granted.filter(|(name, _)| !collections.contains_key(*name));
        let (name, group) = unknown.next()?;
        let message = format!(
            "`collections` of the group `{}` names `{name}`, and there is no `[collections.{name}]`; add it, or mend the name",
            group.get_ref().name
        );
        Some((group.span().start, message))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_collection_has_the_gateways_files_or_an_agents_soul_in_it() {
        let (own, agents) =
            ([PathBuf::from("/home/b/data"), "/home/b/bulkhead.toml".into()], Path::new("/home/b/agents"));
        let tried = |folder: &str| {
            let text = format!("[handbook]\nfolder = \"{folder}\"");
            apart(&toml::from_str(&text).unwrap(), &own, agents)
        };
        for bad in [
            "/",
            "/home",
            "/home/b",
            "/home/b/data",
            "/home/b/data/x",
            "/home/b/agents",
            "/home/b/agents/echo",
            "/home/b/agents/echo/SOUL.md",
            "/home/b/agents/echo/workspaces",
        ] {
            assert!(tried(bad).unwrap_err().contains("the gateway's own"), "{bad}");
        }
        for good in [
            "/srv/docs",
            "/home/b/database",
            "/home/b/agents/echo/workspace",
            "/home/b/agents/echo/workspace/x",
        ] {
            assert_eq!(tried(good).unwrap()[0].folder, good);
        }
    }

    #[test]
    fn a_home_named_through_a_link_is_kept_by_its_other_name_too() {
        let field = tempfile::tempdir().unwrap();
        let at = |name: &str| field.path().canonicalize().unwrap().join(name);
        std::fs::create_dir_all(at("real/data")).unwrap();
        std::fs::create_dir(at("docs")).unwrap();
        std::os::unix::fs::symlink(at("real"), at("home")).unwrap();
        let own: Vec<PathBuf> =
            ["home/data", "home/keys"].iter().flat_map(|name| every_name(&at(name))).collect();
        let tried = |name: &str| {
            let text = format!("[handbook]\nfolder = {:?}", at(name));
            apart(&toml::from_str(&text).unwrap(), &own, &at("home/agents"))
        };
        for bad in ["real", "real/data", "real/keys", "home/keys", "real/agents/echo", "home"] {
            assert!(tried(bad).unwrap_err().contains("the gateway's own"), "{bad}");
        }
        for good in ["docs", "real/agents/echo/workspace", "home/agents/echo/workspace"] {
            assert!(tried(good).is_ok(), "{good}");
        }
    }
}
