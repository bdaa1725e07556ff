//! In which blocks of records a value occurs: what queries go by instead of an index.
//!
//! A block is [`BLOCK_RECORDS`] records in a row, numbered from 0. The writer gathers the values of the block that
//! it is filling and writes them with its last record; the records after the last whole block are few, and
//! are looked through.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};

use rusqlite::{Connection, Row};

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

/// What queries go by of one record.
pub(crate) type Values = Vec<(Field, Cow<'static, str>)>;

/// The values of a record to be.
pub(crate) fn values(draft: &Draft) -> Values {
    let own = |text: &str| Cow::Owned(text.to_owned());
    let given = [
        (SESSION, draft.session.as_ref().map(|session| own(session.as_str()))),
        (AGENT, draft.agent.as_ref().map(|agent| own(agent.as_str()))),
        (PERSON, draft.person.as_ref().map(|person| own(person.as_str()))),
        (KIND, Some(Cow::Borrowed(draft.kind.as_str()))),
        (DECISION, draft.decision.map(|decision| Cow::Borrowed(decision.as_str()))),
    ];
    given.into_iter().filter_map(|(field, value)| Some((field, value?))).collect()
}

/// The values of a record whose body this is.
pub(crate) fn values_of(body: &serde_json::Value) -> Values {
    FIELDS
        .into_iter()
        .filter_map(|field| Some((field, body.get(field)?.as_str()?.to_owned().into())))
        .collect()
}

/// How many blocks are whole when the log has so many records.
pub(crate) const fn whole(records: u64) -> u64 {
    records / BLOCK_RECORDS
}

/// The block that is being filled.
#[derive(Debug, Default)]
pub(crate) struct Filling {
    /// Hashed, because each record asks for all of its own, and nearly all are there.
    values: HashSet<(Field, Cow<'static, str>)>,
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
    pub(crate) fn take_in<'a>(&mut self, values: impl IntoIterator<Item = &'a (Field, Cow<'static, str>)>) {
        for value in values {
            if !self.values.contains(value) {
                self.values.insert(value.clone());
            }
        }
    }

    /// The values so far.
    pub(crate) const fn values(&self) -> &HashSet<(Field, Cow<'static, str>)> {
        &self.values
    }

    /// The values of the block, which is whole now, in order; the next one begins.
    pub(crate) fn finish(&mut self) -> BTreeSet<(Field, Cow<'static, str>)> {
        self.values.drain().collect()
    }
}

fn columns(row: &Row<'_>) -> rusqlite::Result<Values> {
    let mut values = Values::new();
    for (column, field) in FIELDS.into_iter().enumerate() {
        if let Some(value) = row.get::<_, Option<String>>(column)? {
            values.push((field, Cow::Owned(value)));
        }
    }
    Ok(values)
}
