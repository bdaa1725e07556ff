//! Where the values are: files of the home, and environment variables of the gateway.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, de};

use crate::name::Name;

/// The longest value, in bytes: what servers take in one header.
pub const MAX_VALUE_BYTES: usize = 8 * 1024;

/// The shortest value, in bytes: a shorter one could not be told from ordinary text in what comes back.
pub const MIN_VALUE_BYTES: usize = 8;

/// The bits of a file's mode that let others at it.
const OTHERS: u32 = 0o077;

/// All bits of a mode that people write.
const PERMISSIONS: u32 = 0o7777;

/// A secret's value, whose memory is overwritten when it is dropped. It cannot be printed, compared or serialised.
pub struct Secret {
    name: String,
    value: SecretString,
}

impl Secret {
    /// The value, for the one place that sends it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.value.expose_secret()
    }

    /// What people may read in its place.
    pub(crate) fn shown(&self) -> String {
        format!("(secret:{})", self.name)
    }

    /// The value that these texts make together.
    pub(crate) fn joined(first: Option<&Name>, texts: &[&str]) -> Self {
        // Made in one piece, since a text that grows leaves copies of itself behind.
        let mut whole = String::with_capacity(texts.iter().map(|text| text.len()).sum());
        for text in texts {
            whole.push_str(text);
        }
        Self { name: first.map(Name::to_string).unwrap_or_default(), value: SecretString::from(whole) }
    }
}

/// Where a secret is that is not in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The gateway's environment variable.
    pub env: String,
}

/// Where secrets are. Holds no value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Store {
    /// The folder of the secrets' files.
    pub folder: PathBuf,
    /// Those that are elsewhere.
    pub named: BTreeMap<Name, Source>,
}

/// Why a secret cannot be had. No value is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Nobody has given it a value.
    #[error(
        "the secret `{name}` has no value: write it into `{}` with mode 0600, or name an environment variable for it in `[secrets]`",
        .path.display()
    )]
    Missing {
        /// The secret.
        name: Name,
        /// Where its file would be.
        path: PathBuf,
    },
    /// Its environment variable is not there.
    #[error(
        "the secret `{name}` has no value: the environment variable `{variable}`, which `[secrets]` names for it, is not set for the gateway"
    )]
    Unset {
        /// The secret.
        name: Name,
        /// The variable.
        variable: String,
    },
    /// Others can read or change its file.
    #[error("the secret `{name}` is not used while others may open `{}` (mode {mode:04o}): chmod 600 it", .path.display())]
    Open {
        /// The secret.
        name: Name,
        /// Its file.
        path: PathBuf,
        /// The file's mode.
        mode: u32,
    },
    /// Its file is somebody else's.
    #[error("the secret `{name}` is not used: `{}` belongs to another user ({uid}); chown it to the gateway's", .path.display())]
    Foreign {
        /// The secret.
        name: Name,
        /// Its file.
        path: PathBuf,
        /// The file's owner.
        uid: u32,
    },
    /// It cannot be read.
    #[error("the secret `{name}` cannot be read from `{place}`: {why}")]
    Unreadable {
        /// The secret.
        name: Name,
        /// Its file, or its variable.
        place: String,
        /// What the system said, or what is wrong with the form.
        why: String,
    },
}

impl Store {
    /// The value of a secret as it is now, so that a changed one counts at once.
    ///
    /// # Errors
    /// When there is none, or it is not kept as it must be.
    pub fn value(&self, name: &Name) -> Result<Secret, SecretError> {
        match self.named.get(name) {
            Some(Source { env }) => self.variable(name, env),
            None => self.file(name, &self.folder.join(name.as_str())),
        }
    }

    fn variable(&self, name: &Name, variable: &str) -> Result<Secret, SecretError> {
        let unset = || SecretError::Unset { name: name.clone(), variable: variable.to_owned() };
        let bytes = std::env::var_os(variable).ok_or_else(unset)?.into_encoded_bytes();
        value(name, variable, &Zeroizing::new(bytes))
    }

    fn file(&self, name: &Name, path: &Path) -> Result<Secret, SecretError> {
        let place = path.display().to_string();
        let unreadable =
            |why: String| SecretError::Unreadable { name: name.clone(), place: place.clone(), why };
        // Not blocking, so that a pipe in its place keeps nobody waiting.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => {
                return Err(SecretError::Missing { name: name.clone(), path: path.to_owned() });
            }
            Err(Errno::LOOP) => return Err(unreadable("it is a symbolic link".to_owned())),
            Err(error) => return Err(unreadable(error.to_string())),
        };
        let about = file.metadata().map_err(|error| unreadable(error.to_string()))?;
        if !about.is_file() {
            return Err(unreadable("it is not a file".to_owned()));
        }
        if about.mode() & OTHERS != 0 {
            let mode = about.mode() & PERMISSIONS;
            return Err(SecretError::Open { name: name.clone(), path: path.to_owned(), mode });
        }
        let own = rustix::process::geteuid().as_raw();
        if about.uid() != own && about.uid() != 0 {
            return Err(SecretError::Foreign { name: name.clone(), path: path.to_owned(), uid: about.uid() });
        }
        // Room for all that is read, since a buffer that grows leaves copies of itself behind.
        let limit = MAX_VALUE_BYTES.saturating_add(LINE_END_BYTES).saturating_add(1);
        let mut bytes = Zeroizing::new(Vec::with_capacity(limit.saturating_mul(2)));
        file.take(limit as u64).read_to_end(&mut bytes).map_err(|error| unreadable(error.to_string()))?;
        value(name, &place, &bytes)
    }
}

/// The bytes of the longest line end.
const LINE_END_BYTES: usize = 2;

/// What `place` holds, as a value; the line end that editors leave is cut.
fn value(name: &Name, place: &str, bytes: &[u8]) -> Result<Secret, SecretError> {
    let wrong = |why: String| SecretError::Unreadable { name: name.clone(), place: place.to_owned(), why };
    let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return Err(wrong("it is empty".to_owned()));
    }
    if line.len() > MAX_VALUE_BYTES {
        return Err(wrong(format!("it is over {MAX_VALUE_BYTES} bytes")));
    }
    if !line.iter().all(u8::is_ascii_graphic) {
        return Err(wrong("a secret is one word of visible ASCII characters".to_owned()));
    }
    if line.len() < MIN_VALUE_BYTES {
        return Err(wrong(format!(
            "it is shorter than {MIN_VALUE_BYTES} characters, and so could not be told from ordinary text where it comes back"
        )));
    }
    let text = str::from_utf8(line).map_err(|_| wrong("it is not text".to_owned()))?;
    Ok(Secret { name: name.to_string(), value: SecretString::from(text.to_owned()) })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    env: String,
}

/// A table as it must be, or whatever else: somebody may write a value there, and no error may quote that.
#[derive(Deserialize)]
#[serde(untagged)]
enum Form {
    Good(Written),
    Bad(de::IgnoredAny),
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Form::deserialize(deserializer)? {
            Form::Good(Written { env }) if is_variable(&env) => Ok(Self { env }),
            Form::Good(_) => Err(de::Error::custom(
                "an environment variable's name is letters, digits and `_`, such as `API_KEY`",
            )),
            Form::Bad(_) => Err(de::Error::custom(
                "write `NAME = { env = \"VARIABLE\" }`: a secret itself does not belong in the settings",
            )),
        }
    }
}

/// The longest name of an environment variable, in bytes.
const MAX_VARIABLE_BYTES: usize = 128;

fn is_variable(text: &str) -> bool {
    let first = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    first && text.len() <= MAX_VARIABLE_BYTES && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests;
