//! The demo's record: what it says of each proposal, whether it verifies, and whether one changed byte is found.

use std::fs;
use std::path::Path;

use journal::read::{Query, Reader, Record};
use journal::verify::verify;
use journal::{Head, Kind};
use serde::Serialize;
use serde_json::Value;
use vocab::{Decision, ProposalId, Status};

use crate::failure::Failure;

/// The most records of a demo that are read: it makes some hundred.
const MAX_RECORDS: usize = 10_000;

/// How far before its `prev` a record's decision may stand, in bytes.
const BODY_REACH: usize = 2_048;

/// The name of the copy in which one byte is changed, beside the record.
const COPY: &str = "copy.sqlite";

/// All records, and their contents: the demo's home is its own, and it looks for what must not be in there.
pub(super) struct Ledger {
    pub(super) records: Vec<Record>,
    pub(super) contents: Vec<Value>,
}

impl Ledger {
    /// Reads the record at `path`, which a gateway may be writing.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let unread = |error: journal::ReadError| Failure::unreachable(error.to_string());
        let reader = Reader::open(&path.into()).map_err(unread)?;
        let (mut records, mut query) = (Vec::new(), Query::default());
        while records.len() < MAX_RECORDS {
            let page = reader.query(&query).map_err(unread)?;
            let Some(last) = page.last() else { break };
            query.after = Some(last.seq);
            records.extend(page);
        }
        let mut contents = Vec::new();
        for record in &records {
            contents.extend(reader.content(record.seq).map_err(unread)?);
        }
        Ok(Self { records, contents })
    }

    fn of(&self, proposal: &ProposalId, kind: Kind) -> impl Iterator<Item = &Record> {
        self.records
            .iter()
            .filter(move |record| record.kind == kind && record.proposal.as_ref() == Some(proposal))
    }

    /// The verdict on `proposal`, with its place.
    pub(super) fn verdict(&self, proposal: &ProposalId) -> Option<(u64, Decision)> {
        self.of(proposal, Kind::Verdict).find_map(|record| Some((record.seq, record.decision?)))
    }

    /// Whether `proposal` was carried out.
    pub(super) fn done(&self, proposal: &ProposalId) -> bool {
        self.of(proposal, Kind::Outcome).any(|record| record.status == Some(Status::Done))
    }

    /// Whether any record's content has `text`.
    pub(super) fn holds(&self, text: &str) -> bool {
        self.contents.iter().any(|content| content.to_string().contains(text))
    }
}

/// What `audit verify` says of the record and of a changed copy, as `--json` has it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Verified {
    pub(super) ok: bool,
    pub(super) records: u64,
    pub(super) checkpoint: Head,
    /// The record that one byte was changed of, in a copy.
    pub(super) changed: u64,
    /// What was found in the copy.
    pub(super) found: Option<String>,
    pub(super) contained: bool,
    pub(super) wrong: Option<String>,
}

/// Verifies the record at `path`, changes one byte of the verdict `seq` in a copy, and verifies the copy.
/// Nothing may be writing the record.
///
/// # Errors
/// When a file cannot be read or written, or the verdict is not found in it.
pub(super) fn examine(path: &Path, ledger: &Ledger, seq: u64) -> Result<Verified, Failure> {
    let copy = path.with_file_name(COPY);
    forge(path, &copy, ledger, seq)?;
    compare(path, &copy, ledger, seq)
}

/// Verifies the record at `path`, and the `copy` of it in which the verdict `seq` was changed.
fn compare(path: &Path, copy: &Path, ledger: &Ledger, seq: u64) -> Result<Verified, Failure> {
    let unread = |error: journal::verify::VerifyError| Failure::unreachable(error.to_string());
    let whole = verify(&path.into(), None).map_err(unread)?;
    let forged = verify(&copy.into(), None).map_err(unread)?;
    let place = forged.first_bad.as_ref().and_then(|bad| bad.seq);
    let wrong = if !whole.ok {
        Some("the record does not verify".to_owned())
    } else if whole.records != ledger.records.len() as u64 {
        Some(format!("the record has {} records, and {} were read", whole.records, ledger.records.len()))
    } else if forged.ok {
        Some("the changed byte was not found".to_owned())
    } else if place != Some(seq) {
        Some("the changed byte was found at another record".to_owned())
    } else {
        None
    };
    Ok(Verified {
        ok: whole.ok,
        records: whole.records,
        checkpoint: whole.checkpoint,
        changed: seq,
        found: forged.first_bad.map(|bad| bad.to_string()),
        contained: wrong.is_none(),
        wrong,
    })
}

/// Writes a copy of the record in which the verdict `seq` no longer says `deny`.
fn forge(path: &Path, copy: &Path, ledger: &Ledger, seq: u64) -> Result<(), Failure> {
    let failed =
        |error: std::io::Error| Failure::unreachable(format!("the record cannot be copied: {error}"));
    let missing = || Failure::internal(format!("the verdict {seq} is not to be found in the record's file"));
    let record = ledger.records.iter().find(|record| record.seq == seq).ok_or_else(missing)?;
    // No two records have the same hash before them.
    let prev = format!("\"prev\":\"{}\"", record.prev);
    let original = fs::read(path).map_err(failed)?;
    let mut end = original.len();
    while let Some(at) = place(original.get(..end).unwrap_or_default(), prev.as_bytes()) {
        let before = original.get(..at).unwrap_or_default();
        let near = before.get(at.saturating_sub(BODY_REACH)..).unwrap_or_default();
        if let Some(found) = place(near, b"\"decision\":\"deny\"") {
            let mut bytes = original.clone();
            let letter = at - near.len() + found + b"\"decision\":\"".len();
            if let Some(byte) = bytes.get_mut(letter) {
                *byte = b'D';
            }
            fs::write(copy, bytes).map_err(failed)?;
            // SQLite leaves copies of rows that it has moved; what stands there belongs to no record.
            if !reads_same(copy, record) {
                return Ok(());
            }
        }
        end = at;
    }
    Err(missing())
}

fn place(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).rposition(|window| window == wanted)
}

/// Whether the record in `copy` still reads as it was written.
fn reads_same(copy: &Path, record: &Record) -> bool {
    let read = Reader::open(&copy.into()).and_then(|reader| reader.show(record.seq));
    matches!(read, Ok(Some(found)) if found == *record)
}

#[cfg(test)]
mod tests;
