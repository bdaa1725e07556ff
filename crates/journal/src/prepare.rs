//! What can be done about an entry before its turn comes: limits, text, salts and commitments. It runs
//! on the caller's thread, so that the writer has little left to do.

use sha2::Digest as _;
use vocab::{Ambient, Digest};

use crate::block::{self, Values};
use crate::body::Form;
use crate::entry::{Change, Draft, Unless};
use crate::erase::{Erased, MAX_ERASED_CONTENTS, MAX_ERASED_RANGES};
use crate::journal::AppendError;
use crate::stored::Stored;

/// The largest entry, in bytes of content, state and metadata.
pub const MAX_ENTRY_BYTES: usize = 16 * 1024 * 1024;

/// The most records, and the most changes of state, in one entry.
pub const MAX_ENTRY_RECORDS: usize = 256;

/// What a record or a row takes beyond its texts, in bytes; generous.
const OVERHEAD_BYTES: usize = 512;

/// The content of one record.
pub(crate) struct Content {
    pub(crate) salt: [u8; 32],
    pub(crate) bytes: Vec<u8>,
}

/// A record that lacks only its place.
pub(crate) struct Record {
    pub(crate) form: Form,
    pub(crate) values: Values,
    pub(crate) content: Option<Content>,
    /// What goes together with it.
    pub(crate) erases: Option<Erased>,
}

/// An entry that is ready to be written.
pub(crate) struct Prepared {
    pub(crate) records: Vec<Record>,
    pub(crate) rows: Vec<Change>,
    pub(crate) stored: Vec<Stored>,
    /// What keeps it out of the log.
    pub(crate) unless: Option<Unless>,
    pub(crate) bytes: usize,
}

impl Prepared {
    /// Whether there is nothing to write.
    pub(crate) const fn is_empty(&self) -> bool {
        self.records.is_empty() && self.rows.is_empty() && self.stored.is_empty()
    }

    /// Nothing to write.
    pub(crate) const fn empty() -> Self {
        Self { records: Vec::new(), rows: Vec::new(), stored: Vec::new(), unless: None, bytes: 0 }
    }

    /// Whether it adds records and rows and does nothing else.
    pub(crate) fn is_plain(&self) -> bool {
        self.unless.is_none()
            && self.stored.is_empty()
            && !self.erases()
            && !self.rows.iter().any(Change::drops_list)
    }

    /// What it takes in memory while it waits, in bytes: itself, and the bodies that are made of its forms.
    pub(crate) fn weight(&self) -> usize {
        let bodies: usize = self.records.iter().map(|record| record.form.len()).sum();
        self.bytes.saturating_add(bodies)
    }

    /// Whether content goes with it.
    pub(crate) fn erases(&self) -> bool {
        self.records.iter().any(|record| record.erases.is_some())
    }
}

/// Readies records and changes of state.
pub(crate) fn prepare(
    records: Vec<Draft>,
    state: Vec<Change>,
    ambient: &dyn Ambient,
) -> Result<Prepared, AppendError> {
    let most = records.len().max(state.len());
    if most > MAX_ENTRY_RECORDS {
        return Err(AppendError::TooMany { count: most });
    }
    records.iter().filter_map(|draft| draft.erases.as_ref()).try_for_each(bounded)?;
    let records =
        records.into_iter().map(|draft| record(draft, ambient)).collect::<Result<Vec<_>, AppendError>>()?;
    let bytes = records.iter().map(record_bytes).chain(state.iter().map(row_bytes)).sum();
    if bytes > MAX_ENTRY_BYTES {
        return Err(AppendError::TooLarge { bytes });
    }
    Ok(Prepared { records, rows: state, stored: Vec::new(), unless: None, bytes })
}

/// Whether one erasure may be so large.
fn bounded(erased: &Erased) -> Result<(), AppendError> {
    let (ranges, contents) = (erased.ranges().len(), erased.contents());
    if ranges > MAX_ERASED_RANGES || contents > MAX_ERASED_CONTENTS {
        let count = ranges.max(usize::try_from(contents).unwrap_or(usize::MAX));
        return Err(AppendError::TooMany { count });
    }
    Ok(())
}

fn record(mut draft: Draft, ambient: &dyn Ambient) -> Result<Record, AppendError> {
    let malformed = |error: serde_json::Error| AppendError::Form(error.to_string());
    let written = match draft.written.take() {
        Some(written) => Some(written.into_bytes()),
        None if draft.payload.is_null() => None,
        None => Some(serde_json::to_vec(&draft.payload).map_err(malformed)?),
    };
    let Some(bytes) = written else {
        let form = Form::of(&draft, None).map_err(malformed)?;
        let erases = draft.erases.take();
        return Ok(Record { form, values: block::values(&draft), content: None, erases });
    };
    let salt = ambient.salt();
    let commit = sha2::Sha256::new().chain_update(salt).chain_update(&bytes).finalize();
    let form = Form::of(&draft, Some(&Digest::from_bytes(commit.into()))).map_err(malformed)?;
    let erases = draft.erases.take();
    Ok(Record { form, values: block::values(&draft), content: Some(Content { salt, bytes }), erases })
}

fn record_bytes(record: &Record) -> usize {
    OVERHEAD_BYTES + record.form.len() + record.content.as_ref().map_or(0, |content| content.bytes.len())
}

fn row_bytes(row: &Change) -> usize {
    OVERHEAD_BYTES + row.kind.len() + row.key.len() + row.value_bytes()
}
