//! The SQL of a query: which blocks can hold what it asks for, and which records of them do.

use std::ops::{Range, RangeInclusive};

use rusqlite::types::Value as SqlValue;
use serde_json::Value;

use super::{MAX_LIMIT, Query, SELECT};
use crate::block::{AGENT, BLOCK_RECORDS, DECISION, Field, KIND, PERSON, SESSION, whole};
use crate::body::time_text;
use crate::erase::KEPT;
use crate::postgres::Found;

/// The highest sequence number that the database can hold.
pub(super) const MAX_SEQ: u64 = i64::MAX as u64;

/// The most blocks that are asked for at once.
pub(super) const MAX_BLOCKS: u32 = 1024;

/// Whether a record's labels hold a name, which follows.
const CARRIES: &str = "EXISTS (SELECT 1 FROM json_each(record.body, '$.labels') AS label WHERE label.value =";

/// What a text is searched in. There is no index for it: the records that fit otherwise are gone through.
const SEARCHED: [&str; 11] = [
    "event",
    "facts",
    "resource.name",
    "reasons",
    "agent",
    "person",
    "session",
    "turn",
    "proposal",
    "policy_version",
    "status",
];

/// The pattern of whatever has `text` in it.
fn containing(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// Whether the record's labels hold `label`.
fn carries(body: &Value, label: &str) -> bool {
    let labels = body.get("labels").map(|labels| match labels {
        Value::Array(labels) => labels.iter().collect(),
        Value::Object(labels) => labels.values().collect(),
        other => vec![other],
    });
    labels.unwrap_or_default().into_iter().any(|held| held.as_str() == Some(label))
}

/// Whether `text` is in anything that is searched.
fn has_text(body: &Value, text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    SEARCHED.iter().any(|part| {
        let path = format!("/{}", part.replace('.', "/"));
        body.pointer(&path).is_some_and(|part| {
            let part = part.as_str().map_or_else(|| part.to_string(), str::to_owned);
            part.to_ascii_lowercase().contains(&text)
        })
    })
}

/// A query in the database's terms.
pub(super) struct Search<'a> {
    query: &'a Query,
    /// What blocks are chosen by.
    fields: Vec<(Field, &'a str)>,
}

impl<'a> Search<'a> {
    pub(super) fn new(query: &'a Query) -> Self {
        let given = [
            (SESSION, query.session.as_ref().map(|session| session.as_str())),
            (AGENT, query.agent.as_ref().map(|agent| agent.as_str())),
            (PERSON, query.person.as_ref().map(|person| person.as_str())),
            (KIND, query.kind.map(|kind| kind.as_str())),
            (DECISION, query.decision.map(|decision| decision.as_str())),
        ];
        let fields = given.into_iter().filter_map(|(field, value)| Some((field, value?))).collect();
        Self { query, fields }
    }

    /// What blocks are chosen by.
    pub(super) fn fields(&self) -> &[(Field, &'a str)] {
        &self.fields
    }

    /// The first sequence number that it may give.
    pub(super) fn first(&self) -> u64 {
        self.query.after.map_or(0, |after| after.saturating_add(1))
    }

    /// The last sequence number that it may give.
    pub(super) fn last(&self) -> u64 {
        self.query.before.map_or(MAX_SEQ, |before| before.saturating_sub(1).min(MAX_SEQ))
    }

    /// Whether this record is one of those that it looks for, wherever it stands: what the SQL of
    /// [`Search::records`] says.
    pub(super) fn holds(&self, found: &Found) -> bool {
        // What is no record is given to the reader, who says so.
        let Ok(body) = serde_json::from_str::<Value>(&found.body) else { return true };
        let text = |field: &str| body.get(field).and_then(Value::as_str);
        let query = self.query;
        self.fields.iter().all(|(field, value)| text(field) == Some(value))
            && query.verb.is_none_or(|verb| text("verb") == Some(verb.as_str()))
            && query.event.is_none_or(|event| text("event") == Some(event.as_str()))
            && query.since.is_none_or(|since| text("time").is_some_and(|time| *time >= *time_text(since)))
            && query.until.is_none_or(|until| text("time").is_some_and(|time| *time < *time_text(until)))
            && (!query.erasable
                || found.has_content && KEPT.iter().all(|event| text("event") != Some(event.as_str())))
            && query.label.as_ref().is_none_or(|label| carries(&body, label))
            && query.text.as_ref().is_none_or(|text| has_text(&body, text))
    }

    /// How many records at most.
    pub(super) fn limit(&self) -> u32 {
        if self.query.limit == 0 { MAX_LIMIT } else { self.query.limit.min(MAX_LIMIT) }
    }

    /// Whether blocks tell anything about it.
    pub(super) fn goes_by_blocks(&self) -> bool {
        !self.fields.is_empty()
    }

    /// The block in which it begins.
    pub(super) fn first_block(&self) -> u64 {
        whole(self.query.after.unwrap_or(0))
    }

    /// The blocks from `from` on and before `end` in which each of its values occurs, in order, at most
    /// [`MAX_BLOCKS`].
    pub(super) fn blocks(&self, from: u64, end: u64) -> (String, Vec<SqlValue>) {
        blocks(&self.fields, from..end, "ASC", MAX_BLOCKS)
    }

    /// The records of `range`, in order, at most `limit`.
    pub(super) fn records(&self, range: RangeInclusive<u64>, limit: u32) -> (String, Vec<SqlValue>) {
        let mut parameters =
            vec![number(self.first().max(*range.start())), number(self.last().min(*range.end()))];
        let mut conditions = vec!["record.seq BETWEEN ?1 AND ?2".to_owned()];
        let mut add = |field: &str, holds: &str, value: SqlValue| {
            parameters.push(value);
            conditions.push(format!("record.body ->> '$.{field}' {holds} ?{}", parameters.len()));
        };
        for (field, value) in &self.fields {
            add(field, "=", SqlValue::from((*value).to_owned()));
        }
        if let Some(verb) = self.query.verb {
            add("verb", "=", SqlValue::from(verb.as_str().to_owned()));
        }
        if let Some(event) = self.query.event {
            add("event", "=", SqlValue::from(event.as_str().to_owned()));
        }
        if let Some(since) = self.query.since {
            add("time", ">=", SqlValue::from(time_text(since)));
        }
        if let Some(until) = self.query.until {
            add("time", "<", SqlValue::from(time_text(until)));
        }
        if self.query.erasable {
            let kept: Vec<String> = KEPT.iter().map(|event| format!("'{}'", event.as_str())).collect();
            conditions.push(format!(
                "payload.seq IS NOT NULL AND coalesce(record.body ->> '$.event', '') NOT IN ({})",
                kept.join(", ")
            ));
        }
        if let Some(label) = &self.query.label {
            parameters.push(SqlValue::from(label.clone()));
            conditions.push(format!("{CARRIES} ?{})", parameters.len()));
        }
        if let Some(text) = &self.query.text {
            parameters.push(SqlValue::from(containing(text)));
            let like = format!("LIKE ?{} ESCAPE '\\'", parameters.len());
            let parts = SEARCHED.map(|part| format!("record.body ->> '$.{part}' {like}"));
            conditions.push(format!("({})", parts.join(" OR ")));
        }
        let filter = conditions.join(" AND ");
        (format!("{SELECT} WHERE {filter} ORDER BY record.seq LIMIT {limit}"), parameters)
    }
}

/// The blocks of `range` in which each of the values occurs, in this order, at most `limit`.
pub(super) fn blocks(
    fields: &[(Field, &str)],
    range: Range<u64>,
    order: &'static str,
    limit: u32,
) -> (String, Vec<SqlValue>) {
    let mut parameters = vec![number(range.start), number(range.end)];
    let conditions = fields.iter().map(|(field, value)| {
        parameters.push(SqlValue::from((*value).to_owned()));
        let value = parameters.len();
        format!("SELECT number FROM block WHERE field = '{field}' AND value = ?{value} AND number >= ?1 AND number < ?2")
    });
    let all = conditions.collect::<Vec<_>>().join(" INTERSECT ");
    (format!("{all} ORDER BY number {order} LIMIT {limit}"), parameters)
}

fn number(number: u64) -> SqlValue {
    SqlValue::from(i64::try_from(number).unwrap_or(i64::MAX))
}

/// The sequence numbers of `blocks`, which are in order; neighbours are taken together.
pub(super) fn ranges(blocks: &[u64]) -> Vec<RangeInclusive<u64>> {
    let follows = |one: &u64, other: &u64| one.saturating_add(1) == *other;
    let range = |run: &[u64]| {
        let (first, last) = (run.first()?, run.last()?);
        let end = last.saturating_add(1).saturating_mul(BLOCK_RECORDS);
        Some(first.saturating_mul(BLOCK_RECORDS).saturating_add(1)..=end)
    };
    blocks.chunk_by(follows).filter_map(range).collect()
}
