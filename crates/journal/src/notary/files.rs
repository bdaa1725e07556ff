//! The key of the log and the last checkpoint that it signed, in files that are their owner's alone.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::SealError;
use crate::checkpoint::{Checkpoint, Sealed};
use crate::merkle::TreeHead;
use crate::note::{MAX_NOTE_BYTES, Note, SigningKey, VerifierKey};

/// The key.
const KEY: &str = "record.key";

/// The key that is about to replace it.
const NEXT: &str = "record.key.next";

/// The last checkpoint that was signed.
const CHECKPOINT: &str = "record.checkpoint";

const FILES: [&str; 3] = [CHECKPOINT, KEY, NEXT];

/// How often a file of one name is put aside.
const MAX_FORMER: u32 = 1_000;

/// The files of one folder.
pub(super) struct KeyFiles {
    folder: PathBuf,
    checkpoint: PathBuf,
}

impl KeyFiles {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), checkpoint: folder.join(CHECKPOINT) }
    }

    /// Where the last checkpoint is.
    pub(super) fn checkpoint(&self) -> &Path {
        &self.checkpoint
    }

    /// The key whose public half is `newest`.
    pub(super) fn take_up(&self, newest: &VerifierKey) -> Result<SigningKey, SealError> {
        let path = self.folder.join(KEY);
        if let Some(key) = read_key(&path)?.filter(|key| key.verifier() == newest) {
            return Ok(key);
        }
        // A gateway that died in the middle of a change had recorded it, and not yet put the new key in place.
        if let Some(key) = read_key(&self.folder.join(NEXT))?.filter(|key| key.verifier() == newest) {
            self.replace()?;
            return Ok(key);
        }
        Err(SealError::KeyLost { expected: Box::new(newest.clone()), path })
    }

    /// The first key of the log `name`. A key of that name that is there already is taken: a gateway that died then had not
    /// recorded it yet.
    pub(super) fn make_first(&self, name: &str, seed: [u8; 32]) -> Result<SigningKey, SealError> {
        let path = self.folder.join(KEY);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)
            .map_err(|why| fault(&path, &why))?;
        if let Some(key) = read_key(&path)? {
            let of = key.verifier().name();
            return if of == name { Ok(key) } else { Err(another(path, of, name)) };
        }
        let key =
            SigningKey::from_seed(name, seed).map_err(|why| SealError::Key { path: path.clone(), why })?;
        write(&path, &format!("{}\n", key.private_text()))?;
        Ok(key)
    }

    fn put_aside(&self, file: &str, as_what: &str) -> Result<(), SealError> {
        let path = self.folder.join(file);
        match fs::rename(&path, self.folder.join(format!("{file}.{as_what}"))) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(fault(&path, &error)),
            _ => Ok(()),
        }
    }

    /// Makes the key that will replace `present`, the log's own.
    pub(super) fn make_next(
        &self,
        name: &str,
        present: &VerifierKey,
        seed: [u8; 32],
    ) -> Result<SigningKey, SealError> {
        let path = self.folder.join(NEXT);
        match read_key(&path) {
            // A change before this one was recorded, and its key never came to its place: there is no other copy.
            Ok(Some(key)) if key.verifier() == present => self.replace()?,
            // One that the log never had.
            Ok(_) | Err(SealError::Key { .. }) => {}
            Err(unread) => return Err(unread),
        }
        self.write_next(name, seed)
    }

    /// Makes the key that takes the place of a lost one. What is there instead may be wanted again and is put aside, where
    /// it has the name of the key before which it was there.
    pub(super) fn make_for_lost(&self, name: &str, seed: [u8; 32]) -> Result<SigningKey, SealError> {
        let path = self.folder.join(NEXT);
        let key = SigningKey::from_seed(name, seed).map_err(|why| SealError::Key { path, why })?;
        let text = key.verifier().to_string();
        let id = text.split('+').nth(1).unwrap_or_default();
        for file in [KEY, NEXT] {
            self.put_aside(file, &format!("before-{id}"))?;
        }
        self.write_next(name, seed)
    }

    fn write_next(&self, name: &str, seed: [u8; 32]) -> Result<SigningKey, SealError> {
        let path = self.folder.join(NEXT);
        let key =
            SigningKey::from_seed(name, seed).map_err(|why| SealError::Key { path: path.clone(), why })?;
        write(&path, &format!("{}\n", key.private_text()))?;
        Ok(key)
    }

    /// Puts the next key in the place of the present one.
    pub(super) fn replace(&self) -> Result<(), SealError> {
        let next = self.folder.join(NEXT);
        fs::rename(&next, self.folder.join(KEY)).map_err(|why| fault(&next, &why))?;
        sync_folder(&self.folder)
    }

    /// Keeps `sealed` as the last that was signed.
    pub(super) fn remember(&self, sealed: &Sealed) -> Result<(), SealError> {
        write(&self.checkpoint, &sealed.note().to_string())
    }

    /// The tree of the last checkpoint that was signed for the log `origin`.
    pub(super) fn remembered(&self, origin: &str) -> Result<Option<TreeHead>, SealError> {
        let Some(text) = read(&self.checkpoint)? else { return Ok(None) };
        let odd = |why: String| SealError::File { path: self.checkpoint.clone(), why };
        let note: Note = text.parse().map_err(|error: crate::note::NoteError| odd(error.to_string()))?;
        let checkpoint = Checkpoint::read(&note).map_err(|error| odd(error.to_string()))?;
        if checkpoint.origin == origin {
            return Ok(Some(checkpoint.tree));
        }
        Err(another(self.checkpoint.clone(), &checkpoint.origin, origin))
    }

    /// What is here of a record that is not `origin`; of whatever record where that one has no key yet.
    pub(super) fn former(&self, origin: &str, keyless: bool) -> Result<Option<Former>, SealError> {
        let mut former = Former::default();
        for file in FILES {
            let path = self.folder.join(file);
            let Some(text) = read(&path)? else { continue };
            let of = match file {
                CHECKPOINT => {
                    text.parse().ok().and_then(|note: Note| Checkpoint::read(&note).ok()).map(|found| {
                        former.size = Some(found.tree.size);
                        found.origin
                    })
                }
                // What cannot be read is somebody's all the same.
                _ => text.trim_end().parse().ok().map(|key: SigningKey| {
                    former.key = Some(key.verifier().to_string());
                    key.verifier().name().to_owned()
                }),
            };
            if keyless || of.as_deref() != Some(origin) {
                former.origin = of.or(former.origin);
                former.files.push(path);
            }
        }
        Ok((!former.files.is_empty()).then_some(former))
    }

    /// Renames what is here of a former record, and never over anything.
    pub(super) fn leave(&self, former: &Former) -> Result<Vec<PathBuf>, SealError> {
        let of = former.origin.as_deref().unwrap_or("unknown").replace('/', "-");
        let mut left = Vec::new();
        for path in &former.files {
            let name = |number: u32| {
                let more = if number == 0 { String::new() } else { format!(".{number}") };
                let mut name = path.as_os_str().to_owned();
                name.push(format!(".of-{of}{more}"));
                PathBuf::from(name)
            };
            let free = (0..MAX_FORMER).map(name).find(|name| !name.exists());
            let free = free.ok_or_else(|| SealError::File {
                path: path.clone(),
                why: "too many are beside it already".to_owned(),
            })?;
            fs::rename(path, &free).map_err(|why| fault(path, &why))?;
            left.push(free);
        }
        sync_folder(&self.folder)?;
        Ok(left)
    }
}

/// What a folder has of a record that a gateway there wrote before.
#[derive(Debug, Default)]
pub(super) struct Former {
    pub(super) origin: Option<String>,
    pub(super) key: Option<String>,
    /// How many records its last checkpoint has.
    pub(super) size: Option<u64>,
    files: Vec<PathBuf>,
}

/// The first file in `folder` that says that a gateway with these keys has written a record.
#[must_use]
pub fn remains(folder: &Path) -> Option<PathBuf> {
    FILES.iter().map(|file| folder.join(file)).find(|path| path.symlink_metadata().is_ok())
}

fn another(path: PathBuf, of: &str, is: &str) -> SealError {
    SealError::AnotherRecord { path, of: of.to_owned(), is: is.to_owned() }
}

fn fault(path: &Path, why: &std::io::Error) -> SealError {
    SealError::File { path: path.to_owned(), why: why.to_string() }
}

/// A small file's text, if it is there.
fn read(path: &Path) -> Result<Option<String>, SealError> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fault(path, &error)),
    };
    let mut text = String::new();
    file.take(MAX_NOTE_BYTES as u64 + 1).read_to_string(&mut text).map_err(|why| fault(path, &why))?;
    Ok(Some(text))
}

fn read_key(path: &Path) -> Result<Option<SigningKey>, SealError> {
    let Some(text) = read(path)? else { return Ok(None) };
    text.trim_end().parse().map(Some).map_err(|why| SealError::Key { path: path.to_owned(), why })
}

/// Writes a file whole or not at all, for its owner alone.
fn write(path: &Path, text: &str) -> Result<(), SealError> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = PathBuf::from(draft);
    let written = || {
        match fs::remove_file(&draft) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, path)
    };
    written().map_err(|why| fault(path, &why))?;
    path.parent().map_or(Ok(()), sync_folder)
}

fn sync_folder(folder: &Path) -> Result<(), SealError> {
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(|why| fault(folder, &why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_only_copy_of_the_logs_key_is_put_in_its_place_before_another_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let files = KeyFiles::new(folder.path());
        let first = files.make_first("log", [1; 32]).unwrap();
        let second = files.make_next("log", first.verifier(), [2; 32]).unwrap();
        // Recorded, and its file stayed where it was made.
        let third = files.make_next("log", second.verifier(), [3; 32]).unwrap();
        assert_eq!(files.take_up(second.verifier()).unwrap().verifier(), second.verifier());
        // One that was never recorded goes.
        let fourth = files.make_next("log", second.verifier(), [4; 32]).unwrap();
        assert!(matches!(files.take_up(third.verifier()), Err(SealError::KeyLost { .. })));
        assert_eq!(files.take_up(fourth.verifier()).unwrap().verifier(), fourth.verifier());
    }
}
