//! Which programs can be started, when not every one may be.
//!
//! The folders that machines keep programs in are covered by empty ones, in which only the named programs
//! are shown, each with the links that lead to it. Landlock then lets nothing else be started, wherever it
//! lies, but the dynamic loader, without which none of them runs.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use libc::MOUNT_ATTR_RDONLY;

use super::super::LayerError;
use super::super::files::mistaken;
use super::super::root::{Tree, empty, lacking, set};
use super::READ;

/// Where machines keep programs.
const FOLDERS: [&str; 8] = [
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/usr/games",
    "/usr/local/games",
    "/bin",
    "/sbin",
];

/// Where dynamic loaders lie, and how their names begin.
const LOADER_FOLDERS: [&str; 4] = ["/lib64", "/lib", "/usr/lib64", "/usr/lib"];
const LOADER_NAMES: [&str; 4] = ["ld-linux", "ld-musl-", "ld64.so", "ld.so.1"];

/// The most links that lead on from one program to the next.
const MAX_LINKS: usize = 16;

/// A program as it is found: the links that lead to it, and the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resolved {
    /// Each link's own path, and what it says.
    links: Vec<(PathBuf, PathBuf)>,
    /// The file, or a folder with programs in it.
    pub(crate) file: PathBuf,
}

/// Follows the links of a program's last part, one by one.
pub(crate) fn resolve(program: &Path) -> Result<Resolved, LayerError> {
    let wrong = |error: std::io::Error| mistaken(program, &error.to_string());
    let mut links = Vec::new();
    let mut at = program.to_path_buf();
    for _ in 0..MAX_LINKS {
        let (Some(folder), Some(name)) = (at.parent(), at.file_name()) else {
            return Err(mistaken(program, "it names no file"));
        };
        let here = fs::canonicalize(folder).map_err(wrong)?.join(name);
        if !fs::symlink_metadata(&here).map_err(wrong)?.is_symlink() {
            return Ok(Resolved { links, file: here });
        }
        let target = fs::read_link(&here).map_err(wrong)?;
        at = here.parent().unwrap_or(Path::new("/")).join(&target);
        links.push((here, target));
    }
    Err(mistaken(program, "too many links lead to it"))
}

/// Covers the folders with programs and shows the named ones. Nothing when every program may be started.
pub(super) fn narrow(tree: &Tree, programs: &[PathBuf]) -> Result<(), LayerError> {
    if programs.is_empty() {
        return Ok(());
    }
    let mut covers: BTreeMap<PathBuf, OwnedFd> = BTreeMap::new();
    for folder in FOLDERS.map(Path::new) {
        // `/bin` that is a link leads to a folder that is covered.
        if fs::symlink_metadata(folder).is_ok_and(|data| data.is_dir()) {
            let cover = empty()?;
            tree.attach(&cover, folder)?;
            covers.insert(folder.into(), cover);
        }
    }
    let covered = |path: &Path| path.parent().is_some_and(|folder| covers.contains_key(folder));
    for program in programs {
        let Resolved { links, file } = resolve(program)?;
        for (link, target) in links.iter().filter(|(link, _)| covered(link)) {
            tree.link(link, target)?;
        }
        if covered(&file) {
            tree.show(&file, &file, READ)?;
        }
    }
    let shut =
        |(folder, cover): (&PathBuf, &OwnedFd)| set(cover, MOUNT_ATTR_RDONLY, false).map_err(lacking(folder));
    covers.iter().try_for_each(shut)
}

/// Every dynamic loader that is there, as the tree shows it.
pub(crate) fn loaders() -> Vec<PathBuf> {
    let files = LOADER_FOLDERS.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    files
        .filter(|entry| {
            let name = entry.file_name();
            LOADER_NAMES.iter().any(|start| name.as_encoded_bytes().starts_with(start.as_bytes()))
        })
        .filter_map(|entry| fs::canonicalize(entry.path()).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_program_is_followed_link_by_link() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| fs::canonicalize(folder.path()).unwrap().join(name);
        fs::write(at("real"), "").unwrap();
        symlink("real", at("near")).unwrap();
        symlink(at("near"), at("far")).unwrap();
        symlink("round", at("round")).unwrap();
        let found = resolve(&at("far")).unwrap();
        assert_eq!(found.file, at("real"));
        assert_eq!(found.links, [(at("far"), at("near")), (at("near"), "real".into())]);
        for wrong in [at("nothing"), at("round"), "/".into()] {
            assert!(matches!(resolve(&wrong), Err(LayerError::Mistaken { .. })), "{wrong:?}");
        }
    }
}
