//! Making a home: what is missing is made, what is there is left as it is.

mod text;

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::home::Home;
use crate::souls::Template;

pub(crate) use text::Administrator;

/// Folders and files of a home are for its own user alone.
const PRIVATE_FOLDER: u32 = 0o700;
const PRIVATE_FILE: u32 = 0o600;

/// A home of several people: others may pass through it to the gateway's socket, and see nothing.
const PASSABLE_FOLDER: u32 = 0o711;

/// What `init` did.
#[derive(Debug, Default)]
pub(crate) struct Made {
    pub(crate) made: Vec<PathBuf>,
    pub(crate) kept: Vec<PathBuf>,
}

impl Made {
    fn file(&mut self, path: PathBuf, text: &str) -> Result<(), Failure> {
        if fs::symlink_metadata(&path).is_ok() {
            self.kept.push(path);
            return Ok(());
        }
        private_file(&path, text)?;
        self.made.push(path);
        Ok(())
    }
}

/// Makes whatever of a home is missing.
///
/// # Errors
/// When something cannot be made.
pub(crate) fn make(home: &Home, first: &Administrator) -> Result<Made, Failure> {
    let fresh = fs::symlink_metadata(home.settings()).is_err();
    folder(home.root(), if first.team { PASSABLE_FOLDER } else { PRIVATE_FOLDER })?;
    let kept = [home.guardrails(), home.roles(), home.agents(), home.data(), home.keys(), home.secrets()];
    for path in kept.into_iter().chain([home.rehearsal()]) {
        private_folder(&path)?;
    }
    let mut made = Made::default();
    for (name, guardrail) in monitor::SHIPPED_GUARDRAILS {
        made.file(home.guardrails().join(name), guardrail)?;
    }
    // A home that its people have made their own does not get the samples back that they removed.
    if fresh {
        private_folder(&home.handbook())?;
        for (name, page) in text::HANDBOOK {
            made.file(home.handbook().join(name), page)?;
        }
        for template in Template::SAMPLES {
            let name = template.agent().map_err(|error| Failure::internal(error.to_string()))?;
            let folder = home.agents().join(name.as_str());
            private_folder(&folder)?;
            private_folder(&folder.join("workspace"))?;
            made.file(folder.join("SOUL.md"), &template.soul(&name, home))?;
        }
    }
    // Last, because it is what makes a folder a home.
    made.file(home.settings(), &text::settings(first))?;
    Ok(made)
}

/// Makes a folder for its own user alone, with those above it. One that is there stays as it is.
///
/// # Errors
/// When it cannot be made.
pub(crate) fn private_folder(path: &Path) -> Result<(), Failure> {
    folder(path, PRIVATE_FOLDER)
}

fn folder(path: &Path, mode: u32) -> Result<(), Failure> {
    let unmade = |error| Failure::unreachable(format!("`{}` cannot be made: {error}", path.display()));
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(PRIVATE_FOLDER).create(path).map_err(unmade)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(unmade)
}

/// Writes a new file for its own user alone.
///
/// # Errors
/// When it is there already or cannot be written.
pub(crate) fn private_file(path: &Path, text: &str) -> Result<(), Failure> {
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(PRIVATE_FILE)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::usage(format!("`{}` is there already", path.display())),
        _ => Failure::unreachable(format!("`{}` cannot be written: {error}", path.display())),
    })
}
