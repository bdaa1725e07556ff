//! In which blocks of records a value occurs: what queries go by instead of an index.
//!
//! A block is [`BLOCK_RECORDS`] records in a row, numbered from 0. The writer gathers the values of the block that
//! it is filling and writes them with its last record; the records after the last whole block are few, and
//! are looked through.

use std::collections::{BTreeSet, HashSet};

use rusqlite::{Connection, Row};
use smol_str::SmolStr;

use crate::entry::Draft;

/// Records in a block.
pub(crate) const BLOCK_RECORDS: u64 = 256;

/// A field that queries go by, as bodies have it.
pub(crate) type Field = &'static str;

pub(crate) const SESSION: Field = "session";
pub(crate) const AGENT: Field = "agent";
pub(crate) const PERSON: Field = "person";
pub(crate) const KIND: Field = "kind";
pub(crate) const DECISION: Field = "decision";

/// All of them.
const FIELDS: [Field; 5] = [SESSION, AGENT, PERSON, KIND, DECISION];

/// What queries go by of one record, in the order of the fields.
pub(crate) type Values = [Option<SmolStr>; FIELDS.len()];

/// The values of a record to be.
pub(crate) fn values(draft: &Draft) -> Values {
    [
        draft.session.as_ref().map(|session| SmolStr::new(session.as_str())),
        draft.agent.as_ref().map(|agent| SmolStr::new(agent.as_str())),
        draft.person.as_ref().map(|person| SmolStr::new(person.as_str())),
        Some(SmolStr::new_static(draft.kind.as_str())),
        draft.decision.map(|decision| SmolStr::new_static(decision.as_str())),
    ]
}

/// The values of a record whose body this is.
pub(crate) fn values_of(body: &serde_json::Value) -> Values {
    FIELDS.map(|field| body.get(field)?.as_str().map(SmolStr::new))
}

/// How many blocks are whole when the log has so many records.
pub(crate) const fn whole(records: u64) -> u64 {
    records / BLOCK_RECORDS
}

/// The block that is being filled.
#[derive(Debug, Default)]
pub(crate) struct Filling {
    /// By field; hashed, because each record asks for all of its own, and nearly all are there.
    values: [HashSet<SmolStr>; FIELDS.len()],
}

impl Filling {
    /// The block that the log of `conn`, with so many records, is in the middle of.
    pub(crate) fn read(conn: &Connection, records: u64) -> rusqlite::Result<Self> {
        let fields = FIELDS.map(|field| format!("body ->> '$.{field}'")).join(", ");
        let mut statement =
            conn.prepare(&format!("SELECT {fields} FROM record WHERE seq > ?1 ORDER BY seq"))?;
        let mut rows = statement.query([whole(records) * BLOCK_RECORDS])?;
        let mut filling = Self::default();
        while let Some(row) = rows.next()? {
            filling.take_in(&columns(row)?);
        }
        Ok(filling)
    }

    /// Takes in the values of the next record.
    pub(crate) fn take_in(&mut self, values: &Values) {
        for (known, value) in self.values.iter_mut().zip(values) {
            if let Some(value) = value
                && !known.contains(value)
            {
                known.insert(value.clone());
            }
        }
    }

    /// Takes in those of the next record that are not in `before`, which it will be joined with.
    pub(crate) fn take_in_beside(&mut self, before: &Self, values: &Values) {
        let known = self.values.iter_mut().zip(&before.values);
        for ((known, before), value) in known.zip(values) {
            if let Some(value) = value
                && !before.contains(value)
                && !known.contains(value)
            {
                known.insert(value.clone());
            }
        }
    }

    /// Takes in what has been gathered elsewhere.
    pub(crate) fn join(&mut self, other: Self) {
        for (known, values) in self.values.iter_mut().zip(other.values) {
            known.extend(values);
        }
    }

    /// The values so far.
    pub(crate) fn values(&self) -> impl Iterator<Item = (Field, &SmolStr)> {
        let fields = FIELDS.into_iter().zip(&self.values);
        fields.flat_map(|(field, values)| values.iter().map(move |value| (field, value)))
    }

    /// The values of the block, which is whole now, in order; the next one begins.
    pub(crate) fn finish(&mut self) -> BTreeSet<(Field, SmolStr)> {
        let fields = FIELDS.into_iter().zip(&mut self.values);
        fields.flat_map(|(field, values)| values.drain().map(move |value| (field, value))).collect()
    }
}

fn columns(row: &Row<'_>) -> rusqlite::Result<Values> {
    let mut values = Values::default();
    for (column, value) in values.iter_mut().enumerate() {
        *value = row.get::<_, Option<String>>(column)?.map(SmolStr::from);
    }
    Ok(values)
}
