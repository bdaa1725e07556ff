//! Where a record is kept.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::postgres::PostgresConfig;

/// The database that holds a record. Every way in takes it: [`crate::Config`] to write,
/// [`crate::read::Reader::open`] to look, [`crate::verify::verify`] to verify.
#[derive(Debug, Clone)]
pub enum Place {
    /// A SQLite file of one gateway. It is made when there is none; its folder must be there.
    Sqlite(PathBuf),
    /// A PostgreSQL database, in which several gateways may keep one record. `bulkhead record init` makes it.
    Postgres(Box<PostgresConfig>),
}

impl Place {
    /// The file, if the record is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Postgres(_) => None,
        }
    }
}

/// What people are shown.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
            Self::Postgres(config) => config.fmt(f),
        }
    }
}

impl From<PathBuf> for Place {
    fn from(path: PathBuf) -> Self {
        Self::Sqlite(path)
    }
}

impl From<PostgresConfig> for Place {
    fn from(config: PostgresConfig) -> Self {
        Self::Postgres(Box::new(config))
    }
}

impl From<&Path> for Place {
    fn from(path: &Path) -> Self {
        Self::Sqlite(path.to_owned())
    }
}
