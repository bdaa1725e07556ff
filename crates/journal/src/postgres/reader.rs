//! Looking into the log.

use std::ops::{Range, RangeInclusive};

use tokio_postgres::Row;

use super::PostgresConfig;
use super::batch::number;
use super::line::{Line, NoAnswer};
use super::link::{BIGINT, Fault, Link};
use super::schema::{Form, form};
use super::states::unread;
use crate::block::Field;
use crate::read::{Content, KeptCheckpoint, ReadError, Run};
use crate::readonly::LookError;
use crate::schema::SCHEMA_VERSION;

/// A record as it stands in the table.
pub(crate) struct Found {
    pub(crate) seq: u64,
    pub(crate) hash: [u8; 32],
    pub(crate) body: String,
    pub(crate) has_content: bool,
    /// The record that erased the content in this place, if one says so.
    pub(crate) erased_by: Option<u64>,
}

/// The log of a database, for looking only.
pub(crate) struct Log {
    line: Line,
}

const SELECT: &str = "SELECT record.seq, record.hash, record.body, payload.seq IS NOT NULL, \
     CASE WHEN payload.seq IS NULL THEN \
       (SELECT CASE WHEN last >= record.seq THEN by END FROM bulkhead.erased WHERE first <= record.seq \
        ORDER BY first DESC LIMIT 1) END \
     FROM bulkhead.record AS record LEFT JOIN bulkhead.payload AS payload ON payload.seq = record.seq";

/// Each run by the index on its table: with a bound on what one run gives, the server has no reason to read all of it.
const RUNS: &str = "SELECT run.place, found.hash \
     FROM unnest($1, $2, $3) WITH ORDINALITY AS run (level, first, last, place) CROSS JOIN LATERAL ( \
       (SELECT seq AS number, hash FROM bulkhead.record AS record \
        WHERE run.level = 0 AND record.seq > run.first AND record.seq <= run.last ORDER BY record.seq LIMIT 256) \
       UNION ALL \
       (SELECT node.number, node.hash FROM bulkhead.node AS node \
        WHERE run.level > 0 AND node.level = run.level AND node.number >= run.first AND node.number < run.last \
        ORDER BY node.number LIMIT 256)) AS found \
     ORDER BY run.place, found.number";

impl Log {
    pub(crate) fn open(config: &PostgresConfig) -> Result<Self, ReadError> {
        let place = config.to_string();
        let unreachable = |why: String| LookError::Unreachable { place: place.clone(), why };
        let line = Line::open(config.clone(), "bulkhead reader").map_err(unreachable)?;
        let asked = line.ask(|link| async move { form(&link).await });
        let form = asked.map_err(|no_answer| match no_answer {
            NoAnswer::Fault(fault) => unreachable(fault.why().to_owned()),
            NoAnswer::Closed => unreachable("the line is closed".to_owned()),
        })?;
        match form {
            Form::None => Err(LookError::NoRecord(place).into()),
            Form::Some(form) if form == SCHEMA_VERSION.to_string() => Ok(Self { line }),
            Form::Some(found) => Err(LookError::OtherForm { place, found }.into()),
        }
    }

    /// The sequence number of the last record; 0 when there is none.
    pub(crate) fn last(&self) -> Result<u64, ReadError> {
        let asked = self.line.ask(|link| async move {
            let sql = "SELECT coalesce(max(seq), 0) FROM bulkhead.record";
            let row = link.row(sql, &[]).await?;
            Ok::<_, Fault>(row.map(|row| row.try_get::<_, i64>(0)).transpose()?)
        });
        Ok(u64::try_from(asked.map_err(unread)?.unwrap_or(0)).unwrap_or(0))
    }

    /// The blocks from `from` on and before `end` in which each of the values occurs, in order, at most `limit`.
    pub(crate) fn blocks(
        &self,
        values: &[(Field, &str)],
        from: u64,
        end: u64,
        limit: u32,
    ) -> Result<Vec<u64>, ReadError> {
        self.blocks_of(values, from..end, "ASC", limit)
    }

    /// The last blocks before `end` in which each of the values occurs, from the last on, at most `limit`.
    pub(crate) fn blocks_back(
        &self,
        values: &[(Field, &str)],
        end: u64,
        limit: u32,
    ) -> Result<Vec<u64>, ReadError> {
        self.blocks_of(values, 0..end, "DESC", limit)
    }

    fn blocks_of(
        &self,
        values: &[(Field, &str)],
        range: Range<u64>,
        order: &'static str,
        limit: u32,
    ) -> Result<Vec<u64>, ReadError> {
        let fields: Vec<String> = values.iter().map(|(field, _)| (*field).to_owned()).collect();
        let values: Vec<String> = values.iter().map(|(_, value)| (*value).to_owned()).collect();
        let (from, end, limit, count) =
            (number(range.start), number(range.end), i64::from(limit), number(fields.len() as u64));
        // The first value's blocks, as far as each of the others is there too.
        let sql = format!(
            "SELECT number FROM bulkhead.block AS block \
             WHERE field = ($1::text[])[1] AND value = ($2::text[])[1] AND number >= $3 AND number < $4 \
             AND (SELECT count(*) FROM unnest($1::text[], $2::text[]) AS given (field, value) WHERE EXISTS ( \
               SELECT FROM bulkhead.block AS other \
               WHERE other.field = given.field AND other.value = given.value AND other.number = block.number)) = $5 \
             ORDER BY number {order} LIMIT $6"
        );
        let asked = self.line.ask(move |link| async move {
            let texts = tokio_postgres::types::Type::TEXT_ARRAY;
            let parameters = [
                (&fields as _, texts.clone()),
                (&values as _, texts),
                (&from as _, BIGINT),
                (&end as _, BIGINT),
                (&count as _, BIGINT),
                (&limit as _, BIGINT),
            ];
            let rows = link.rows(&sql, &parameters).await?;
            rows.iter().map(|row| Ok(row.try_get::<_, i64>(0)?)).collect::<Result<Vec<i64>, Fault>>()
        });
        Ok(asked.map_err(unread)?.into_iter().filter_map(|number| u64::try_from(number).ok()).collect())
    }

    /// The records of `range`, in order, at most `limit`.
    pub(crate) fn records(&self, range: RangeInclusive<u64>, limit: u32) -> Result<Vec<Found>, ReadError> {
        let sql = format!("{SELECT} WHERE record.seq BETWEEN $1 AND $2 ORDER BY record.seq LIMIT $3");
        let (from, to, limit) = (number(*range.start()), number(*range.end()), i64::from(limit));
        self.found(move |link| async move {
            link.rows(&sql, &[(&from, BIGINT), (&to, BIGINT), (&limit, BIGINT)]).await
        })
    }

    /// The last records before `end`, from the last on, at most `limit`.
    pub(crate) fn before(&self, end: u64, limit: u32) -> Result<Vec<Found>, ReadError> {
        let sql = format!("{SELECT} WHERE record.seq < $1 ORDER BY record.seq DESC LIMIT $2");
        let (end, limit) = (number(end), i64::from(limit));
        self.found(move |link| async move { link.rows(&sql, &[(&end, BIGINT), (&limit, BIGINT)]).await })
    }

    /// The records of `range` whose bodies have one of `marks` in them, from the last on.
    pub(crate) fn marked(
        &self,
        range: RangeInclusive<u64>,
        marks: Vec<String>,
    ) -> Result<Vec<Found>, ReadError> {
        let sql = format!(
            "{SELECT} WHERE record.seq BETWEEN $1 AND $2 AND EXISTS ( \
               SELECT FROM unnest($3::text[]) AS given (mark) WHERE strpos(record.body, given.mark) > 0) \
             ORDER BY record.seq DESC"
        );
        let (from, to) = (number(*range.start()), number(*range.end()));
        self.found(move |link| async move {
            let texts = tokio_postgres::types::Type::TEXT_ARRAY;
            link.rows(&sql, &[(&from, BIGINT), (&to, BIGINT), (&marks, texts)]).await
        })
    }

    fn found<F: Future<Output = Result<Vec<Row>, Fault>>>(
        &self,
        question: impl FnOnce(std::sync::Arc<Link>) -> F + Send + 'static,
    ) -> Result<Vec<Found>, ReadError> {
        let rows = self.line.ask(question).map_err(unread)?;
        rows.iter().map(found).collect()
    }

    /// The log's id.
    pub(crate) fn id(&self) -> Result<String, ReadError> {
        let id = self.text("SELECT value FROM bulkhead.meta WHERE name = 'log'", &[])?;
        id.ok_or_else(|| ReadError::Server("the log has no id".to_owned()))
    }

    /// The body of a record.
    pub(crate) fn body(&self, seq: u64) -> Result<Option<String>, ReadError> {
        self.text("SELECT body FROM bulkhead.record WHERE seq = $1", &[number(seq)])
    }

    /// The newest note of the checkpoint at this size.
    pub(crate) fn checkpoint(&self, size: u64) -> Result<Option<String>, ReadError> {
        self.text(
            "SELECT note FROM bulkhead.checkpoint WHERE size = $1 ORDER BY number DESC LIMIT 1",
            &[number(size)],
        )
    }

    /// The checkpoints after the one in the place `place` of its `size`, in order, at most `limit`.
    pub(crate) fn checkpoints_after(
        &self,
        size: u64,
        place: u64,
        limit: u32,
    ) -> Result<Vec<KeptCheckpoint>, ReadError> {
        let sql = "SELECT size, number, note FROM bulkhead.checkpoint WHERE (size, number) > ($1, $2) \
             ORDER BY size, number LIMIT $3";
        self.checkpoints(sql, [number(size), number(place), limit.into()])
    }

    /// The checkpoints before that one, from there backwards.
    pub(crate) fn checkpoints_before(
        &self,
        size: i64,
        place: i64,
        limit: u32,
    ) -> Result<Vec<KeptCheckpoint>, ReadError> {
        let sql = "SELECT size, number, note FROM bulkhead.checkpoint WHERE (size, number) < ($1, $2) \
             ORDER BY size DESC, number DESC LIMIT $3";
        self.checkpoints(sql, [size, place, limit.into()])
    }

    fn checkpoints(&self, sql: &'static str, parameters: [i64; 3]) -> Result<Vec<KeptCheckpoint>, ReadError> {
        let asked = self.line.ask(move |link| async move {
            let [size, place, limit] = parameters;
            let rows = link.rows(sql, &[(&size, BIGINT), (&place, BIGINT), (&limit, BIGINT)]).await?;
            let count = |number: i64| u64::try_from(number).unwrap_or(0);
            let kept = |row: &Row| {
                let (size, number) = (count(row.try_get(0)?), count(row.try_get(1)?));
                Ok(KeptCheckpoint { size, number, note: row.try_get(2)? })
            };
            rows.iter().map(kept).collect::<Result<Vec<_>, Fault>>()
        });
        asked.map_err(unread)
    }

    /// The log's keys, the oldest first, each with the note of the change to it.
    pub(crate) fn keys(&self, limit: u64) -> Result<Vec<(String, Option<String>)>, ReadError> {
        let limit = number(limit);
        let sql = "SELECT verifier, change FROM bulkhead.key ORDER BY number LIMIT $1";
        let asked = self.line.ask(move |link| async move {
            let rows = link.rows(sql, &[(&limit, BIGINT)]).await?;
            let pair = |row: &Row| Ok((row.try_get(0)?, row.try_get(1)?));
            rows.iter().map(pair).collect::<Result<Vec<_>, Fault>>()
        });
        asked.map_err(unread)
    }

    /// The hashes of each run, by one question.
    pub(crate) fn runs(&self, runs: &[Run]) -> Result<Vec<Vec<[u8; 32]>>, ReadError> {
        let column = |of: fn(&Run) -> u64| runs.iter().map(|run| number(of(run))).collect::<Vec<i64>>();
        let (levels, firsts) = (column(|run| u64::from(run.level)), column(|run| run.first));
        let ends = column(|run| run.first.saturating_add(run.count));
        let asked = self.line.ask(move |link| async move {
            let numbers = tokio_postgres::types::Type::INT8_ARRAY;
            let parameters =
                [(&levels as _, numbers.clone()), (&firsts as _, numbers.clone()), (&ends as _, numbers)];
            let rows = link.rows(RUNS, &parameters).await?;
            let pair = |row: &Row| Ok((row.try_get::<_, i64>(0)?, row.try_get::<_, Vec<u8>>(1)?));
            rows.iter().map(pair).collect::<Result<Vec<_>, Fault>>()
        });
        let mut found = vec![Vec::new(); runs.len()];
        for (place, hash) in asked.map_err(unread)? {
            let run = usize::try_from(place).ok().and_then(|place| found.get_mut(place.checked_sub(1)?));
            // One that has another length is none: whoever asks sees that one is missing.
            if let (Some(run), Ok(hash)) = (run, hash.try_into()) {
                run.push(hash);
            }
        }
        Ok(found)
    }

    /// The one text that `sql` gives, if there is a row.
    fn text(&self, sql: &'static str, parameters: &[i64]) -> Result<Option<String>, ReadError> {
        let parameters = parameters.to_vec();
        let asked = self.line.ask(move |link| async move {
            let parameters: Vec<_> = parameters.iter().map(|number| (number as _, BIGINT)).collect();
            let row = link.row(sql, &parameters).await?;
            Ok::<_, Fault>(row.map(|row| row.try_get(0)).transpose()?)
        });
        asked.map_err(unread)
    }

    /// The salt and the bytes of a record's content.
    pub(crate) fn sealed(&self, seq: u64) -> Result<Option<Content>, ReadError> {
        let seq = number(seq);
        let sql = "SELECT salt, bytes FROM bulkhead.payload WHERE seq = $1";
        let asked = self.line.ask(move |link| async move {
            let row = link.row(sql, &[(&seq, BIGINT)]).await?;
            let pair = |row: Row| Ok::<_, Fault>((row.try_get(0)?, row.try_get(1)?));
            row.map(pair).transpose()
        });
        asked.map_err(unread)
    }

    /// The bytes of a record's content.
    pub(crate) fn content(&self, seq: u64) -> Result<Option<Vec<u8>>, ReadError> {
        let seq = number(seq);
        let asked = self.line.ask(move |link| async move {
            let row =
                link.row("SELECT bytes FROM bulkhead.payload WHERE seq = $1", &[(&seq, BIGINT)]).await?;
            Ok::<_, Fault>(row.map(|row| row.try_get(0)).transpose()?)
        });
        asked.map_err(unread)
    }
}

fn found(row: &Row) -> Result<Found, ReadError> {
    let refused = |error: tokio_postgres::Error| ReadError::Server(Fault::from(error).why().to_owned());
    let seq: i64 = row.try_get(0).map_err(refused)?;
    let seq = u64::try_from(seq).unwrap_or(0);
    let hash: &[u8] = row.try_get(1).map_err(refused)?;
    let hash = hash
        .try_into()
        .map_err(|_| ReadError::Damaged { seq, why: "its hash has not 32 bytes".to_owned() })?;
    let body = row.try_get(2).map_err(refused)?;
    let erased_by: Option<i64> = row.try_get(4).map_err(refused)?;
    let erased_by = erased_by.and_then(|by| u64::try_from(by).ok());
    Ok(Found { seq, hash, body, has_content: row.try_get(3).map_err(refused)?, erased_by })
}
