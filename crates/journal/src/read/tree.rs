//! Looking into the tree: hashes for proofs, the log's keys and its checkpoints.

use rusqlite::{OptionalExtension as _, Row};
use vocab::Digest;

use super::nodes::Nodes;
use super::{ReadError, Reader, Source};
use crate::checkpoint::{Consistency, Inclusion, Keys, MAX_KEYS, Sealed};
use crate::merkle::{self, OutOfTree, ProofError, TreeHead};
use crate::note::{Note, VerifierKey};

/// Why a proof cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// Reading failed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The record came after the checkpoint, or the newer checkpoint before the older.
    #[error(
        "the checkpoint at {size} has nothing to say of record {seq}: `bulkhead audit checkpoint` makes a newer one"
    )]
    Later {
        /// What was asked for.
        seq: u64,
        /// The checkpoint's size.
        size: u64,
    },
    /// The log is shorter than the checkpoint, or another.
    #[error(
        "the checkpoint at {size} is not one of this record: {why}, so run `bulkhead audit verify --checkpoint` with it"
    )]
    NotOurs {
        /// Its size.
        size: u64,
        /// What does not fit.
        why: &'static str,
    },
}

/// One of the log's keys, as the record keeps them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptKey {
    /// The key.
    pub key: VerifierKey,
    /// The note of the change from the key before to it; none for the first, or when that was lost.
    pub change: Option<Note>,
}

/// A checkpoint, as the record keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptCheckpoint {
    /// Of so many records.
    pub(crate) size: u64,
    /// Its place among those of that size, from 1: each has more cosignatures than the one before.
    pub(crate) number: u64,
    /// The note.
    pub(crate) note: String,
}

impl KeptCheckpoint {
    /// Of a row whose note is bytes: what somebody put there need not be text.
    pub(super) fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        let note: Vec<u8> = row.get(2)?;
        let note = String::from_utf8_lossy(&note).into_owned();
        Ok(Self { size: row.get(0)?, number: row.get(1)?, note })
    }
}

impl Reader {
    /// The id of the log.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn log_id(&self) -> Result<String, ReadError> {
        match &self.source {
            Source::Sqlite(conn) => {
                Ok(conn.query_row("SELECT value FROM meta WHERE name = 'log'", [], |row| row.get(0))?)
            }
            Source::Postgres(log) => log.id(),
        }
    }

    /// How many records there are.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn size(&self) -> Result<u64, ReadError> {
        self.last()
    }

    /// The keys that the log has had, the oldest first.
    ///
    /// # Errors
    /// When the database cannot be read or holds something else there.
    pub fn keys(&self) -> Result<Vec<KeptKey>, ReadError> {
        let rows: Vec<(String, Option<String>)> = match &self.source {
            Source::Sqlite(conn) => {
                let sql = "SELECT verifier, change FROM key ORDER BY number LIMIT ?1";
                let mut statement = conn.prepare_cached(sql)?;
                let rows = statement.query_map([MAX_KEYS], |row| Ok((row.get(0)?, row.get(1)?)))?;
                rows.collect::<rusqlite::Result<_>>()?
            }
            Source::Postgres(log) => log.keys(MAX_KEYS as u64)?,
        };
        let mut keys = Vec::new();
        for (key, change) in rows {
            let key = key.parse().map_err(|error| kept(&error))?;
            let change = change.map(|note| note.parse()).transpose().map_err(|error| kept(&error))?;
            keys.push(KeptKey { key, change });
        }
        Ok(keys)
    }

    /// The keys to check checkpoints of the log `origin` with: those to which the changes that the record keeps lead from
    /// `trusted`, or from its newest key when there is none.
    ///
    /// # Errors
    /// When the database cannot be read, or a change of keys does not hold.
    pub fn trusted(&self, origin: &str, trusted: Option<VerifierKey>) -> Result<Option<Keys>, ReadError> {
        let kept_keys = self.keys()?;
        let Some(trusted) = trusted.or_else(|| kept_keys.last().map(|last| last.key.clone())) else {
            return Ok(None);
        };
        let changes: Vec<Note> = kept_keys.into_iter().filter_map(|key| key.change).collect();
        Keys::from_changes(trusted, origin, &changes).map(Some).map_err(|error| kept(&error))
    }

    /// The checkpoint at this size, with what was added to it.
    ///
    /// # Errors
    /// When the database cannot be read or holds something else there.
    pub fn checkpoint_at(&self, size: u64) -> Result<Option<Note>, ReadError> {
        let note: Option<String> = match &self.source {
            Source::Sqlite(conn) => {
                let sql = "SELECT note FROM checkpoint WHERE size = ?1 ORDER BY number DESC LIMIT 1";
                conn.prepare_cached(sql)?.query_row([size], |row| row.get(0)).optional()?
            }
            Source::Postgres(log) => log.checkpoint(size)?,
        };
        note.map(|note| note.parse()).transpose().map_err(|error| kept(&error))
    }

    /// The checkpoints after the one in the place `number` of its `size`, in order, at most `limit`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(crate) fn checkpoints_after(
        &self,
        size: u64,
        number: u64,
        limit: u32,
    ) -> Result<Vec<KeptCheckpoint>, ReadError> {
        let conn = match &self.source {
            Source::Sqlite(conn) => conn,
            Source::Postgres(log) => return log.checkpoints_after(size, number, limit),
        };
        let sql = "SELECT max(size, 0), max(number, 0), CAST(note AS BLOB) FROM checkpoint \
             WHERE (size, number) > (?1, ?2) ORDER BY size, number LIMIT ?3";
        let mut statement = conn.prepare_cached(sql)?;
        let rows = statement.query_map((size, number, limit), KeptCheckpoint::of)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The body of a record, as it is hashed.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn body(&self, seq: u64) -> Result<Option<String>, ReadError> {
        let Ok(row) = i64::try_from(seq) else { return Ok(None) };
        match &self.source {
            Source::Sqlite(conn) => {
                let mut body = conn.prepare_cached("SELECT body FROM record WHERE seq = ?1")?;
                Ok(body.query_row([row], |row| row.get(0)).optional()?)
            }
            Source::Postgres(log) => log.body(seq),
        }
    }

    /// The root of the tree over the first `size` records.
    ///
    /// # Errors
    /// When the log has fewer, or its tree is damaged.
    pub fn root(&self, size: u64) -> Result<Digest, ReadError> {
        let nodes = self.nodes(|ask| {
            let Ok(_) = merkle::root(size, ask);
        })?;
        merkle::root(size, |height, number| nodes.get(height, number))
    }

    /// The proof that record `seq` is under the checkpoint `sealed`, with the record's body.
    ///
    /// # Errors
    /// When the record came later, or the checkpoint is not one of this log.
    pub fn inclusion(&self, seq: u64, sealed: &Sealed) -> Result<Inclusion, ProveError> {
        let tree = sealed.tree();
        let index = seq.checked_sub(1).ok_or(ProveError::Later { seq, size: tree.size })?;
        self.must_reach(&tree)?;
        let nodes = self.nodes(|ask| {
            let Ok(_) = merkle::root(tree.size, &mut *ask);
            drop(merkle::inclusion(index, tree.size, ask));
        })?;
        must_be(&tree, &nodes)?;
        let hashes = merkle::inclusion(index, tree.size, |height, number| nodes.get(height, number));
        let hashes = hashes.map_err(|error| unprovable(error, seq, tree.size))?;
        let body = self.body(seq)?.ok_or(ReadError::Tree { seq })?;
        if !merkle::includes(&tree, index, &merkle::leaf(body.as_bytes()), &hashes) {
            return Err(ReadError::Tree { seq }.into());
        }
        Ok(Inclusion { seq, body: Some(body.into_bytes()), hashes, note: sealed.note().clone() })
    }

    /// The proof that the log at `new` begins with the log at `old`.
    ///
    /// # Errors
    /// When `old` came later, or one of them is not one of this log.
    pub fn consistency(&self, old: &TreeHead, new: &Sealed) -> Result<Consistency, ProveError> {
        let tree = new.tree();
        self.must_reach(old)?;
        self.must_reach(&tree)?;
        let nodes = self.nodes(|ask| {
            let Ok(_) = merkle::root(old.size, &mut *ask);
            let Ok(_) = merkle::root(tree.size, &mut *ask);
            drop(merkle::consistency(old.size, tree.size, ask));
        })?;
        must_be(old, &nodes)?;
        must_be(&tree, &nodes)?;
        let hashes = if old.size == 0 {
            Vec::new()
        } else {
            let hashes = merkle::consistency(old.size, tree.size, |height, number| nodes.get(height, number));
            hashes.map_err(|error| unprovable(error, old.size, tree.size))?
        };
        Ok(Consistency { old: old.size, hashes, note: new.note().clone() })
    }

    /// Whether the log has as many records as this tree.
    fn must_reach(&self, tree: &TreeHead) -> Result<(), ProveError> {
        if tree.size > self.last()? {
            return Err(ProveError::NotOurs { size: tree.size, why: "the record is shorter" });
        }
        Ok(())
    }
}

/// Whether the log, whose nodes these are, had this tree.
fn must_be(tree: &TreeHead, nodes: &Nodes) -> Result<(), ProveError> {
    let size = tree.size;
    if merkle::root(size, |height, number| nodes.get(height, number))? != tree.root {
        return Err(ProveError::NotOurs { size, why: "the record has another root there" });
    }
    Ok(())
}

fn kept(error: &dyn std::error::Error) -> ReadError {
    ReadError::Kept(error.to_string())
}

fn unprovable(error: ProofError<ReadError>, seq: u64, size: u64) -> ProveError {
    match error {
        ProofError::OutOfTree(OutOfTree) => ProveError::Later { seq, size },
        ProofError::Node(error) => error.into(),
    }
}
