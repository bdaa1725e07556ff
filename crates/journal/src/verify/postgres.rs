//! A PostgreSQL log as the walk goes through it: its own connection, its own SQL, one moment of the log's life.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use super::kept::{KeyRows, Own};
use super::sealed::MAX_KEYS;
use super::source::{Content, Line, MAX_BYTES, Missing, Reach, Source, misnumbered};
use crate::postgres::{PostgresConfig, foreign};
use crate::readonly::LookError;

/// Rows that are asked for at once.
const PAGE_ROWS: i64 = 1_000;

/// The form of the log that is understood.
const FORM: &str = "3";

/// The bytes of a page of rows, which are there twice for a moment; one row may have more, and is then a page alone.
const PAGE_BYTES: i64 = 4 * 1024 * 1024;

/// A page of one table. The server tells how long a row is without reading it.
macro_rules! page {
    ($table:literal, $fixed:literal, $long:literal) => {
        concat!(
            "SELECT page.seq, CASE WHEN octet_length(page.",
            $fixed,
            ") <= 64 THEN page.",
            $fixed,
            " ELSE '' END, CASE WHEN page.size <= $3 THEN page.",
            $long,
            " END FROM (SELECT part.*, row_number() OVER (ORDER BY seq) AS place, sum(size) OVER (ORDER BY seq) AS running \
             FROM (SELECT seq, ",
            $fixed,
            ", ",
            $long,
            ", octet_length(",
            $long,
            ") AS size FROM bulkhead.",
            $table,
            " WHERE seq > $1 ORDER BY seq LIMIT $2) AS part) AS page \
             WHERE page.running <= $4 OR page.place = 1 ORDER BY page.seq"
        )
    };
}

const RECORDS: &str = page!("record", "hash", "body");

const CONTENTS: &str = page!("payload", "salt", "bytes");

const ERASED: &str =
    "SELECT first, last, by FROM bulkhead.erased WHERE first > $1 AND last >= $2 ORDER BY first LIMIT $3";

/// All rows of a block in one question: each question is a way to the server and back.
const MISSING_OF_BLOCK: &str = "SELECT asked.field, asked.value \
     FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS asked (field, value, place) \
     WHERE NOT EXISTS (SELECT FROM bulkhead.block AS block \
       WHERE block.field = asked.field AND block.value = asked.value AND block.number = $3) \
     ORDER BY asked.place LIMIT 1";

/// Why it cannot be read on.
pub(super) enum Halt {
    /// The database says that it is damaged.
    Damaged(String),
    /// The server went away, or refuses.
    Lost(String),
}

impl From<tokio_postgres::Error> for Halt {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            // XX000 to XX002: the server met something in its files that cannot be.
            Some(refusal) if refusal.code().code().starts_with("XX") => {
                Self::Damaged(refusal.message().to_owned())
            }
            Some(refusal) => Self::Lost(refusal.message().to_owned()),
            None => Self::Lost(error.to_string()),
        }
    }
}

/// A log on a server.
pub(super) struct Postgres {
    runtime: Runtime,
    client: Client,
    wait: Duration,
    records: Pages<Line>,
    contents: Pages<Content>,
    erased: Pages<[i64; 3]>,
    /// The record that a row of the table of erasures has to reach.
    erased_from: i64,
}

/// The rows of one table, a page at a time.
struct Pages<T> {
    rows: VecDeque<T>,
    last: i64,
    ended: bool,
}

impl<T> Pages<T> {
    const fn after(last: i64) -> Self {
        Self { rows: VecDeque::new(), last, ended: false }
    }
}

impl Postgres {
    /// Opens the log of `config`, which a gateway may be adding to: what is there now is looked at.
    pub(super) fn open(config: &PostgresConfig) -> Result<Self, LookError> {
        let place = config.to_string();
        let unreachable = |why: String| LookError::Unreachable { place: place.clone(), why };
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| unreachable(error.to_string()))?;
        let wait = config.wait();
        let connected = runtime.block_on(async { tokio::time::timeout(wait, config.look()).await });
        let client = connected
            .map_err(|_| unreachable("the server does not answer".to_owned()))?
            .map_err(unreachable)?;
        let (records, contents) = (Pages::after(i64::MIN), Pages::after(i64::MIN));
        let erased = Pages::after(i64::MIN);
        let mut log = Self { runtime, client, wait, records, contents, erased, erased_from: i64::MIN };
        match log.form() {
            Ok(Some(form)) if form == FORM => Ok(log),
            Ok(Some(found)) => Err(LookError::OtherForm { place, found }),
            Ok(None) => Err(LookError::NoRecord(place)),
            Err(Halt::Damaged(why) | Halt::Lost(why)) => Err(unreachable(why)),
        }
    }

    fn form(&mut self) -> Result<Option<String>, Halt> {
        self.ask(async |client| {
            client
                .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL search_path = ''")
                .await
        })?;
        let there = self.rows("SELECT to_regclass('bulkhead.meta') IS NOT NULL", &[])?;
        if !there.first().map_or(Ok(false), |row| row.try_get(0))? {
            return Ok(None);
        }
        let form = self.rows("SELECT value FROM bulkhead.meta WHERE name = 'form'", &[])?;
        Ok(Some(form.first().map(|row| row.try_get(0)).transpose()?.unwrap_or_default()))
    }

    /// Begins with record `first`, and with all erasures or with those that reach it.
    pub(super) fn begin(&mut self, first: i64, erasures: Reach) {
        self.records = Pages::after(first.saturating_sub(1));
        self.contents = Pages::after(first.saturating_sub(1));
        self.erased_from = erasures.from(first);
    }

    /// The highest sequence number, if there is a record.
    pub(super) fn last(&mut self) -> Result<Option<i64>, Halt> {
        let rows = self.rows("SELECT max(seq) FROM bulkhead.record", &[])?;
        Ok(rows.first().map(|row| row.try_get(0)).transpose()?.flatten())
    }

    /// The first thing that was put to its tables.
    pub(super) fn foreign(&mut self) -> Result<Option<String>, Halt> {
        Ok(self.rows(foreign::FOREIGN, &[])?.first().map(foreign::in_words).transpose()?)
    }

    fn ask<T>(
        &self,
        question: impl AsyncFnOnce(&Client) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, Halt> {
        let asked = async { tokio::time::timeout(self.wait, question(&self.client)).await };
        match self.runtime.block_on(asked) {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(Halt::Lost("the server does not answer".to_owned())),
        }
    }

    fn rows(&self, sql: &str, parameters: &[(&(dyn ToSql + Sync), Type)]) -> Result<Vec<Row>, Halt> {
        self.ask(async |client| client.query_typed(sql, parameters).await)
    }

    fn page(&self, sql: &str, after: i64, limit: i64) -> Result<Vec<Row>, Halt> {
        let bounds = [&after, &limit, &MAX_BYTES, &PAGE_BYTES];
        self.rows(sql, &bounds.map(|bound| (bound as _, Type::INT8)))
    }

    fn count(&self, table: &str) -> Result<u64, Halt> {
        let rows = self.rows(&format!("SELECT count(*) FROM bulkhead.{table}"), &[])?;
        let count: i64 = rows.first().map(|row| row.try_get(0)).transpose()?.unwrap_or(0);
        Ok(u64::try_from(count).unwrap_or(0))
    }
}

impl Source for Postgres {
    type Error = Halt;

    fn log_id(&mut self) -> Result<String, Halt> {
        let rows = self.rows("SELECT value FROM bulkhead.meta WHERE name = 'log'", &[])?;
        let id = rows.first().map(|row| row.try_get(0)).transpose()?;
        id.ok_or_else(|| Halt::Damaged("the log has no id".to_owned()))
    }

    fn last(&mut self) -> Result<u64, Halt> {
        Ok(Self::last(self)?.and_then(|last| u64::try_from(last).ok()).unwrap_or(0))
    }

    fn keys(&mut self) -> Result<KeyRows, Halt> {
        let limit = i64::try_from(MAX_KEYS).unwrap_or(i64::MAX).saturating_add(1);
        let sql = "SELECT verifier, change FROM bulkhead.key ORDER BY number LIMIT $1";
        let rows = self.rows(sql, &[(&limit, Type::INT8)])?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    fn misnumbered(&mut self) -> Result<Option<i64>, Halt> {
        let rows = self.rows(&misnumbered("bulkhead.key"), &[])?;
        Ok(rows.first().map(|row| row.try_get(0)).transpose()?)
    }

    fn checkpoint_after(&mut self, size: i64, number: i64) -> Result<Option<Own>, Halt> {
        let sql = "SELECT size, number, note FROM bulkhead.checkpoint WHERE (size, number) > ($1, $2) \
             ORDER BY size, number LIMIT 1";
        let rows = self.rows(sql, &[(&size, Type::INT8), (&number, Type::INT8)])?;
        let own =
            |row: &Row| Ok(Own { size: row.try_get(0)?, number: row.try_get(1)?, note: row.try_get(2)? });
        rows.first().map(own).transpose()
    }

    fn record(&mut self) -> Result<Option<Line>, Halt> {
        if self.records.rows.is_empty() && !self.records.ended {
            let rows = self.page(RECORDS, self.records.last, PAGE_ROWS)?;
            self.records.ended = rows.is_empty();
            self.records.rows = rows.iter().map(line).collect::<Result<_, _>>()?;
            self.records.last = self.records.rows.back().map_or(self.records.last, |line| line.seq);
        }
        Ok(self.records.rows.pop_front())
    }

    fn content(&mut self) -> Result<Option<Content>, Halt> {
        if self.contents.rows.is_empty() && !self.contents.ended {
            let rows = self.page(CONTENTS, self.contents.last, PAGE_ROWS)?;
            self.contents.ended = rows.is_empty();
            self.contents.rows = rows.iter().map(content).collect::<Result<_, _>>()?;
            self.contents.last = self.contents.rows.back().map_or(self.contents.last, |one| one.seq);
        }
        Ok(self.contents.rows.pop_front())
    }

    fn erased(&mut self) -> Result<Option<[i64; 3]>, Halt> {
        if self.erased.rows.is_empty() && !self.erased.ended {
            let parameters = [
                (&self.erased.last as _, Type::INT8),
                (&self.erased_from as _, Type::INT8),
                (&PAGE_ROWS as _, Type::INT8),
            ];
            let rows = self.rows(ERASED, &parameters)?;
            self.erased.ended = rows.is_empty();
            let row = |row: &Row| Ok([row.try_get(0)?, row.try_get(1)?, row.try_get(2)?]);
            self.erased.rows = rows.iter().map(row).collect::<Result<_, Halt>>()?;
            self.erased.last = self.erased.rows.back().map_or(self.erased.last, |[first, ..]| *first);
        }
        Ok(self.erased.rows.pop_front())
    }

    fn record_from(&mut self, seq: i64) -> Result<Option<Line>, Halt> {
        let rows = self.page(RECORDS, seq.saturating_sub(1), 1)?;
        rows.first().map(line).transpose()
    }

    fn missing_of_block(&mut self, number: u64, rows: &[(&str, &str)]) -> Result<Missing, Halt> {
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        let (fields, values): (Vec<&str>, Vec<&str>) = rows.iter().copied().unzip();
        let parameters: [(&(dyn ToSql + Sync), Type); 3] =
            [(&fields, Type::TEXT_ARRAY), (&values, Type::TEXT_ARRAY), (&number, Type::INT8)];
        let missing = self.rows(MISSING_OF_BLOCK, &parameters)?;
        missing.first().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
    }

    fn blocks(&mut self) -> Result<u64, Halt> {
        self.count("block")
    }

    fn has_node(&mut self, level: u32, number: u64, hash: &[u8; 32]) -> Result<bool, Halt> {
        let (level, number) = (i64::from(level), i64::try_from(number).unwrap_or(i64::MAX));
        let hash = hash.as_slice();
        let sql = "SELECT FROM bulkhead.node WHERE level = $1 AND number = $2 AND hash = $3";
        Ok(!self.rows(sql, &[(&level, Type::INT8), (&number, Type::INT8), (&hash, Type::BYTEA)])?.is_empty())
    }

    fn nodes(&mut self) -> Result<u64, Halt> {
        self.count("node")
    }
}

fn line(row: &Row) -> Result<Line, Halt> {
    let body: Option<String> = row.try_get(2)?;
    Ok(Line { seq: row.try_get(0)?, hash: row.try_get(1)?, body: body.unwrap_or_default().into_bytes() })
}

fn content(row: &Row) -> Result<Content, Halt> {
    Ok(Content { seq: row.try_get(0)?, salt: row.try_get(1)?, bytes: row.try_get(2)?, husk: false })
}
