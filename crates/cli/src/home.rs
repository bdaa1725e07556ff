//! The home: where everything of an organisation's Bulkhead lies.

use std::path::{Path, PathBuf};

use crate::failure::{Exit, Failure};

/// The paths inside a home.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    root: PathBuf,
}

impl Home {
    /// The home that was asked for (`--home` or `$BULKHEAD_HOME`), or `~/.bulkhead`.
    ///
    /// # Errors
    /// When none was asked for and there is no home directory.
    pub(crate) fn choose(asked: Option<&Path>) -> Result<Self, Failure> {
        let root = match asked {
            Some(path) => path.to_owned(),
            None => std::env::home_dir()
                .filter(|home| home.is_absolute())
                .ok_or_else(|| {
                    Failure::usage(
                        "there is no home directory here: say where with `--home PATH` or `BULKHEAD_HOME`",
                    )
                })?
                .join(".bulkhead"),
        };
        let root = std::path::absolute(&root)
            .map_err(|error| Failure::usage(format!("`{}` is no path: {error}", root.display())))?;
        Ok(Self { root })
    }

    /// Refuses to go on when no home has been made there.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn must_exist(&self) -> Result<(), Failure> {
        match self.settings().try_exists() {
            Ok(true) => Ok(()),
            Ok(false) => Err(Failure::unreachable(format!(
                "there is no home at `{}`: make one with `bulkhead init`, or say where it is with `--home`",
                self.root.display()
            ))),
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Err(Failure::new(
                Exit::Refused,
                format!(
                    "the home at `{}` is not open to you: ask its administrator, or name your own with `--home`",
                    self.root.display()
                ),
            )),
            Err(error) => Err(Failure::unreachable(format!(
                "the home at `{}` cannot be looked into: {error}",
                self.root.display()
            ))),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn settings(&self) -> PathBuf {
        self.root.join("bulkhead.toml")
    }

    pub(crate) fn guardrails(&self) -> PathBuf {
        self.root.join("guardrails")
    }

    /// The roles of the house, a file each.
    pub(crate) fn roles(&self) -> PathBuf {
        self.root.join("roles")
    }

    pub(crate) fn agents(&self) -> PathBuf {
        self.root.join("agents")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.data().join("journal.sqlite")
    }

    /// The name that this gateway has given itself among those on one record.
    pub(crate) fn gateway_name(&self) -> PathBuf {
        self.data().join("gateway.name")
    }

    pub(crate) fn board(&self) -> PathBuf {
        self.data().join("board")
    }

    pub(crate) fn removed(&self) -> PathBuf {
        self.data().join("removed")
    }

    pub(crate) fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// The values of secrets, a file each.
    pub(crate) fn secrets(&self) -> PathBuf {
        self.root.join("secrets")
    }

    /// What is the gateway's own: no agent reads or writes it.
    pub(crate) fn own(&self) -> Vec<PathBuf> {
        let beside = ["keys", "secrets", "data", "rehearsal", "roles"].map(|name| self.root.join(name));
        [self.settings(), self.guardrails()].into_iter().chain(beside).collect()
    }

    pub(crate) fn handbook(&self) -> PathBuf {
        self.root.join("handbook")
    }

    /// Scenarios of the rehearsal model.
    pub(crate) fn rehearsal(&self) -> PathBuf {
        self.root.join("rehearsal")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.root.join("gateway.sock")
    }

    /// Where programs are run.
    pub(crate) fn run_socket(&self) -> PathBuf {
        self.root.join("run.sock")
    }

    /// Where kills and stops are heard.
    pub(crate) fn stop_socket(&self) -> PathBuf {
        self.root.join("stop.sock")
    }

    /// Held by the running gateway, with its process number inside.
    pub(crate) fn lock(&self) -> PathBuf {
        self.data().join("gateway.lock")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.data().join("gateway.log")
    }
}
