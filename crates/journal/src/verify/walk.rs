//! The walk along the chain, records and contents side by side.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, Rows};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use vocab::Digest;

use super::blocks::Blocks;
use super::erasures::Erasures;
use super::finding::{FirstBad, Why};
use super::tree::Tree;
use crate::entry::Head;

/// A body, content or salt larger than this was never written, in bytes; it is not even loaded.
const MAX_BYTES: i64 = 64 * 1024 * 1024;

/// The bytes of a salt.
const SALT_BYTES: usize = 32;

type Found = Option<FirstBad>;

/// One record as it stands in the table.
struct Line {
    seq: i64,
    hash: Vec<u8>,
    body: Vec<u8>,
}

/// A walk and how far it has come.
pub(super) struct Walk {
    /// The sequence number and hash of the last good record.
    seq: u64,
    hash: [u8; 32],
    expected: Option<Head>,
    /// The blocks so far; none when the walk does not begin with the first record.
    blocks: Option<Blocks>,
    /// The tree so far; none then either.
    tree: Option<Tree>,
}

impl Walk {
    pub(super) const fn begin(expected: Option<Head>) -> Self {
        Self { seq: 0, hash: [0; 32], expected, blocks: None, tree: None }
    }

    /// Where the good part ends.
    pub(super) const fn head(&self) -> Head {
        Head { records: self.seq, hash: Digest::from_bytes(self.hash) }
    }

    /// The record that comes next.
    pub(super) const fn next(&self) -> u64 {
        self.seq.saturating_add(1)
    }

    /// Goes through everything.
    pub(super) fn all(&mut self, conn: &Connection) -> rusqlite::Result<Found> {
        let id: String = conn.query_row("SELECT value FROM meta WHERE name = 'log'", [], |row| row.get(0))?;
        self.hash = Sha256::digest(format!("bulkhead journal\n{id}")).into();
        if self.contradicts_checkpoint(0, &self.hash) {
            return Ok(Some(FirstBad { seq: None, why: Why::NotTheCheckpoint }));
        }
        (self.blocks, self.tree) = (Some(Blocks::default()), Some(Tree::default()));
        let mut records = conn.prepare(RECORDS)?;
        let mut records = records.query([i64::MIN])?;
        let mut contents = conn.prepare(CONTENTS)?;
        let mut contents = Contents::begin(contents.query([i64::MIN])?)?;
        let mut erased = conn.prepare(ERASED)?;
        let mut erasures = Erasures::begin(erased.query([i64::MIN])?, 1)?;
        while let Some(row) = records.next()? {
            if let Some(bad) = self.step(conn, &line(row)?, &mut contents, &mut erasures)? {
                return Ok(Some(bad));
            }
        }
        if let Some(expected) = self.expected.filter(|expected| expected.records > self.seq) {
            return Ok(Some(FirstBad::at(self.next(), Why::CutOff(expected.records))));
        }
        // Content behind the last record: its record was removed.
        if contents.seq.is_some() {
            return Ok(Some(FirstBad::at(self.next(), Why::Removed)));
        }
        if let Some(bad) = erasures.finish(self.seq) {
            return Ok(Some(bad));
        }
        let tree = self.tree.as_ref().map(|tree| tree.finish(conn)).transpose()?.flatten();
        let blocks = self.blocks.take().map(|blocks| blocks.finish(conn)).transpose()?.flatten();
        let wrong = tree.or(blocks);
        Ok(wrong.map(|why| FirstBad { seq: None, why: Why::Structure(why) }))
    }

    /// Holds one record against the walk so far, and takes it in.
    fn step(
        &mut self,
        conn: &Connection,
        line: &Line,
        contents: &mut Contents<'_>,
        erasures: &mut Erasures<'_>,
    ) -> rusqlite::Result<Found> {
        let next = self.next();
        let seq = match u64::try_from(line.seq) {
            Ok(seq) if seq == next => seq,
            Ok(seq) if seq > next => return Ok(Some(FirstBad::at(next, Why::Removed))),
            _ => return Ok(Some(FirstBad::at(next, Why::Inserted))),
        };
        let hash: [u8; 32] = Sha256::new().chain_update([0]).chain_update(&line.body).finalize().into();
        if hash.as_slice() != line.hash {
            let why = self.which_changed(conn, line, &hash)?;
            return Ok(Some(FirstBad::at(seq, why)));
        }
        let claims = match Claims::read(&line.body) {
            Ok(claims) => claims,
            Err(why) => return Ok(Some(FirstBad::at(seq, Why::Malformed(why)))),
        };
        if claims.seq != seq {
            return Ok(Some(FirstBad::at(seq, Why::Misplaced(claims.seq))));
        }
        if claims.prev != self.hash {
            return Ok(Some(FirstBad::at(seq, Why::Unlinked)));
        }
        let Ok(erased) = erasures.step(seq)? else {
            return Ok(Some(FirstBad::at(seq, Why::Erasures)));
        };
        if let Some(why) = contents.hold_against(line.seq, claims.commit.as_ref(), erased)? {
            return Ok(Some(FirstBad::at(seq, why)));
        }
        if !erasures.is_as_said(seq, claims.body.get("erases")) {
            return Ok(Some(FirstBad::at(seq, Why::NotTheErasure)));
        }
        if self.contradicts_checkpoint(seq, &hash) {
            return Ok(Some(FirstBad::at(seq, Why::NotTheCheckpoint)));
        }
        if let Some(blocks) = &mut self.blocks {
            blocks.step(conn, seq, &claims.body)?;
        }
        if let Some(tree) = &mut self.tree {
            tree.step(conn, hash)?;
        }
        (self.seq, self.hash) = (seq, hash);
        Ok(None)
    }

    fn contradicts_checkpoint(&self, seq: u64, hash: &[u8; 32]) -> bool {
        self.expected.is_some_and(|expected| expected.records == seq && expected.hash.as_bytes() != hash)
    }

    /// A record whose hash and body disagree: its successor, or the checkpoint, remembers the true hash.
    fn which_changed(&self, conn: &Connection, line: &Line, computed: &[u8; 32]) -> rusqlite::Result<Why> {
        let mut after = conn.prepare(RECORDS)?;
        let mut after = after.query([line.seq.saturating_add(1)])?;
        let successor = match after.next()? {
            Some(row) => Claims::read(&self::line(row)?.body).ok().map(|claims| claims.prev),
            None => None,
        };
        let checkpoint = self
            .expected
            .filter(|expected| expected.records == self.next())
            .map(|expected| *expected.hash.as_bytes());
        Ok(match checkpoint.or(successor) {
            Some(truth) if truth.as_slice() == line.hash => Why::BodyChanged,
            Some(truth) if truth == *computed => Why::HashChanged,
            _ => Why::BodyOrHashChanged,
        })
    }
}

const RECORDS: &str = "SELECT seq, hash, CASE WHEN octet_length(body) <= 67108864 THEN body END \
     FROM record NOT INDEXED WHERE seq >= ?1 ORDER BY seq";

const CONTENTS: &str = "SELECT seq, salt, octet_length(bytes), \
     CASE WHEN octet_length(bytes) <= 67108864 THEN bytes END \
     FROM payload NOT INDEXED WHERE seq >= ?1 AND octet_length(salt) + octet_length(bytes) > 0 ORDER BY seq";

const ERASED: &str = "SELECT first, last, by FROM erased NOT INDEXED WHERE last >= ?1 ORDER BY first";

fn line(row: &Row<'_>) -> rusqlite::Result<Line> {
    Ok(Line { seq: row.get(0)?, hash: bytes(row.get_ref(1)?), body: bytes(row.get_ref(2)?) })
}

/// The bytes of a text or blob; anything else was never written and has none.
fn bytes(value: ValueRef<'_>) -> Vec<u8> {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_vec(),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => Vec::new(),
    }
}

/// What a body says that the chain depends on.
struct Claims {
    seq: u64,
    prev: [u8; 32],
    commit: Option<[u8; 32]>,
    body: Value,
}

impl Claims {
    fn read(body: &[u8]) -> Result<Self, String> {
        let body: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let digest = |name: &str| match body.get(name) {
            None => Ok(None),
            Some(value) => value
                .as_str()
                .and_then(|text| data_encoding::HEXLOWER.decode(text.as_bytes()).ok())
                .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
                .map(Some)
                .ok_or_else(|| format!("`{name}` is not a hash")),
        };
        let seq = body.get("seq").and_then(Value::as_u64).ok_or("it has no `seq`")?;
        let prev = digest("prev")?.ok_or("it has no `prev`")?;
        let commit = digest("commit")?;
        Ok(Self { seq, prev, commit, body })
    }
}

/// The contents, a step ahead of the records.
struct Contents<'a> {
    rows: Rows<'a>,
    seq: Option<i64>,
    hash: [u8; 32],
}

impl<'a> Contents<'a> {
    fn begin(rows: Rows<'a>) -> rusqlite::Result<Self> {
        let mut contents = Self { rows, seq: None, hash: [0; 32] };
        contents.advance()?;
        Ok(contents)
    }

    fn advance(&mut self) -> rusqlite::Result<()> {
        let Some(row) = self.rows.next()? else {
            self.seq = None;
            return Ok(());
        };
        self.seq = Some(row.get(0)?);
        let (salt, length) = (bytes(row.get_ref(1)?), row.get::<_, Option<i64>>(2)?);
        let fits = salt.len() == SALT_BYTES && length.is_some_and(|length| length <= MAX_BYTES);
        self.hash = if fits {
            Sha256::new().chain_update(&salt).chain_update(bytes(row.get_ref(3)?)).finalize().into()
        } else {
            [0; 32]
        };
        Ok(())
    }

    /// Whether the content of record `seq` is the one that the record commits to, and is there unless it was erased.
    fn hold_against(
        &mut self,
        seq: i64,
        commit: Option<&[u8; 32]>,
        erased: Option<u64>,
    ) -> rusqlite::Result<Option<Why>> {
        let here = self.seq == Some(seq);
        // Content before this record belongs to no record, since those before it have had theirs.
        let stray = self.seq.is_some_and(|content| content < seq);
        let why = match commit {
            _ if stray => Some(Why::ContentAdded),
            // Only what had content can have lost it.
            None if erased.is_some() => Some(Why::Erasures),
            Some(_) if here && let Some(by) = erased => Some(Why::ContentBack(by)),
            Some(_) if erased.is_some() => None,
            Some(_) if !here => Some(Why::ContentMissing),
            Some(commit) if *commit != self.hash => Some(Why::ContentChanged),
            None if here => Some(Why::ContentAdded),
            _ => None,
        };
        if why.is_none() && here {
            self.advance()?;
        }
        Ok(why)
    }
}

/// Checks the last `count` records, each with its content.
pub(super) fn tail(conn: &Connection, count: u32) -> rusqlite::Result<Found> {
    let last: Option<i64> = conn.query_row("SELECT max(seq) FROM record", [], |row| row.get(0))?;
    let Some(last) = last else { return Walk::begin(None).all(conn) };
    let first = last.saturating_sub(i64::from(count)).saturating_add(1);
    if first <= 1 {
        return Walk::begin(None).all(conn);
    }
    let mut records = conn.prepare(RECORDS)?;
    let mut records = records.query([first])?;
    let mut contents = conn.prepare(CONTENTS)?;
    let mut contents = Contents::begin(contents.query([first])?)?;
    let mut erased = conn.prepare(ERASED)?;
    let mut erasures = Erasures::begin(erased.query([first])?, u64::try_from(first).unwrap_or(1))?;
    let mut walk = Walk::begin(None);
    walk.seq = u64::try_from(first - 1).unwrap_or(0);
    let mut begun = false;
    while let Some(row) = records.next()? {
        let line = line(row)?;
        if !begun {
            // What the first one follows is not looked at.
            walk.hash = Claims::read(&line.body).map_or([0; 32], |claims| claims.prev);
            begun = true;
        }
        if let Some(bad) = walk.step(conn, &line, &mut contents, &mut erasures)? {
            return Ok(Some(bad));
        }
    }
    Ok(contents.seq.map(|_| FirstBad::at(walk.next(), Why::Removed)))
}
