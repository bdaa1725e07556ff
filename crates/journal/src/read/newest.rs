//! The record's newest checkpoint. Whoever may add to the log can add a row there that nobody signed, so a note counts only
//! when a key of the log signed it; what is in front of it is told of and stops nobody.

use super::tree::KeptCheckpoint;
use super::{KeptKey, ReadError, Reader, Source};
use crate::checkpoint::{CheckpointError, Keys, Sealed};
use crate::note::{Distrust, Note};

/// Rows that are read at once.
const PAGE: u32 = 64;

/// The most rows that are looked at for one that holds.
const MAX_ROWS: usize = 1_024;

/// All keys that a log has had, also those before one that was lost.
pub(crate) struct Known {
    origin: String,
    keys: Vec<Keys>,
}

impl Known {
    /// Of the keys that the log keeps.
    ///
    /// # Errors
    /// When a change of keys does not hold.
    pub(crate) fn of(kept: &[KeptKey]) -> Result<Self, ReadError> {
        // The name of a log's key is the log's own.
        let origin = kept.last().map(|last| last.key.name().to_owned()).unwrap_or_default();
        let changes: Vec<Note> = kept.iter().filter_map(|kept| kept.change.clone()).collect();
        let mut keys: Vec<Keys> = Vec::new();
        for kept in kept.iter().rev() {
            if !keys.iter().any(|keys| keys.all().any(|known| *known == kept.key)) {
                let led = Keys::from_changes(kept.key.clone(), &origin, &changes);
                keys.push(led.map_err(|error| ReadError::Kept(error.to_string()))?);
            }
        }
        Ok(Self { origin, keys })
    }

    /// The checkpoint of this log that `note` is, by a key that was the log's then.
    ///
    /// # Errors
    /// When it is none.
    pub(crate) fn check(&self, note: &Note) -> Result<Sealed, CheckpointError> {
        let mut why = CheckpointError::Distrust(Distrust::Unsigned("of the record".to_owned()));
        for keys in &self.keys {
            match Sealed::check(note.clone(), &self.origin, keys) {
                Ok(sealed) => return Ok(sealed),
                // That it is by a key which was retired says more than that the others have not signed it.
                Err(error) if !matches!(why, CheckpointError::Retired { .. }) => why = error,
                Err(_) => {}
            }
        }
        Err(why)
    }

    /// The same of a row, which says of itself where it stands.
    ///
    /// # Errors
    /// When it is none of that size.
    pub(crate) fn check_row(&self, row: &KeptCheckpoint) -> Result<Sealed, CheckpointError> {
        let sealed = self.check(&row.note.parse::<Note>()?)?;
        match sealed.tree().size {
            size if size == row.size => Ok(sealed),
            found => Err(CheckpointError::OtherSize { size: row.size, found }),
        }
    }
}

/// What is stored as newest.
#[derive(Default)]
pub(crate) struct Newest {
    /// The newest that a key of the log signed.
    pub(crate) note: Option<Note>,
    /// The first row that says to be newer and is not to be believed, with its size.
    pub(crate) distrusted: Option<(u64, CheckpointError)>,
}

impl Reader {
    /// The newest checkpoint that a key of this log signed.
    ///
    /// # Errors
    /// When the database cannot be read or holds no keys where they are.
    pub fn newest_checkpoint(&self) -> Result<Option<Note>, ReadError> {
        Ok(self.newest(&self.keys()?)?.note)
    }

    /// The same, with what stands in front of it.
    ///
    /// # Errors
    /// As [`Reader::newest_checkpoint`].
    pub(crate) fn newest(&self, kept: &[KeptKey]) -> Result<Newest, ReadError> {
        let known = Known::of(kept)?;
        let (mut newest, mut before, mut looked) = (Newest::default(), (i64::MAX, i64::MAX), 0);
        loop {
            let page = self.checkpoints_before(before, PAGE)?;
            looked += page.len();
            for row in &page {
                match known.check_row(row) {
                    Ok(sealed) => {
                        newest.note = Some(sealed.note().clone());
                        return Ok(newest);
                    }
                    Err(why) => drop(newest.distrusted.get_or_insert((row.size, why))),
                }
            }
            let Some(last) = page.last().filter(|_| looked < MAX_ROWS) else { return Ok(newest) };
            let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
            before = (number(last.size), number(last.number));
        }
    }

    /// The checkpoints before the one in this place of this size, from there backwards, at most `limit`.
    pub(super) fn checkpoints_before(
        &self,
        (size, number): (i64, i64),
        limit: u32,
    ) -> Result<Vec<KeptCheckpoint>, ReadError> {
        let conn = match &self.source {
            Source::Sqlite(conn) => conn,
            Source::Postgres(log) => return log.checkpoints_before(size, number, limit),
        };
        let sql = "SELECT max(size, 0), max(number, 0), CAST(note AS BLOB) FROM checkpoint \
             WHERE (size, number) < (?1, ?2) ORDER BY size DESC, number DESC LIMIT ?3";
        let mut statement = conn.prepare_cached(sql)?;
        let rows = statement.query_map((size, number, limit), KeptCheckpoint::of)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}
