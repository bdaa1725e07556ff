//! Reading a gateway's rows of state.

use super::PostgresConfig;
use super::batch::number;
use super::line::{Line, NoAnswer};
use super::link::{BIGINT, Fault, TEXT};
use crate::read::ReadError;
use crate::state::MAX_ROWS;

/// The rows of state of one gateway, as they were committed last. Values are their JSON texts.
pub(crate) struct States {
    line: Line,
    gateway: String,
}

impl States {
    pub(crate) fn open(config: &PostgresConfig) -> Result<Self, String> {
        let line = Line::keep(config.clone(), "bulkhead state")?;
        Ok(Self { line, gateway: config.gateway().to_owned() })
    }

    pub(crate) fn close(&self) {
        self.line.close();
    }

    /// Why they cannot be read, if they cannot.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.line.trouble()
    }

    pub(crate) fn one(&self, kind: &str, key: &str) -> Result<Option<String>, ReadError> {
        let (gateway, kind, key) = (self.gateway.clone(), kind.to_owned(), key.to_owned());
        let sql = "SELECT value FROM bulkhead.state WHERE gateway = $1 AND kind = $2 AND key = $3";
        let asked = self.line.ask(move |link| async move {
            let row = link.row(sql, &[(&gateway, TEXT), (&kind, TEXT), (&key, TEXT)]).await?;
            Ok::<_, Fault>(row.map(|row| row.try_get(0)).transpose()?)
        });
        asked.map_err(unread)
    }

    /// The keys from `first` on and before `end`, from the last on.
    pub(crate) fn last_keys(
        &self,
        kind: &str,
        first: &str,
        end: &str,
        limit: usize,
    ) -> Result<Vec<String>, ReadError> {
        let (gateway, kind) = (self.gateway.clone(), kind.to_owned());
        let (first, end) = (first.to_owned(), end.to_owned());
        let limit = number(limit.min(MAX_ROWS) as u64);
        let sql = "SELECT key FROM bulkhead.state WHERE gateway = $1 AND kind = $2 AND key >= $3 AND key < $4 \
             ORDER BY key DESC LIMIT $5";
        let asked = self.line.ask(move |link| async move {
            let parameters = [
                (&gateway as _, TEXT),
                (&kind as _, TEXT),
                (&first as _, TEXT),
                (&end as _, TEXT),
                (&limit as _, BIGINT),
            ];
            let rows = link.rows(sql, &parameters).await?;
            Ok::<_, Fault>(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
        });
        asked.map_err(unread)
    }

    pub(crate) fn all(&self, kind: &str, prefix: &str) -> Result<Vec<(String, String)>, ReadError> {
        let (gateway, family, prefix) = (self.gateway.clone(), kind.to_owned(), prefix.to_owned());
        let sql = "SELECT key, value FROM bulkhead.state \
             WHERE gateway = $1 AND kind = $2 AND key >= $3 AND starts_with(key, $3) ORDER BY key LIMIT $4";
        let limit = number(MAX_ROWS as u64).saturating_add(1);
        let asked = self.line.ask(move |link| async move {
            let parameters =
                [(&gateway as _, TEXT), (&family as _, TEXT), (&prefix as _, TEXT), (&limit as _, BIGINT)];
            let rows = link.rows(sql, &parameters).await?;
            let pair = |row: &tokio_postgres::Row| Ok((row.try_get(0)?, row.try_get(1)?));
            rows.iter().map(pair).collect::<Result<Vec<_>, Fault>>()
        });
        bounded(kind, asked.map_err(unread)?)
    }

    /// Those of every gateway.
    pub(crate) fn everyones(&self, kind: &str) -> Result<Vec<(String, String)>, ReadError> {
        let family = kind.to_owned();
        let sql = "SELECT key, value FROM bulkhead.state WHERE kind = $1 ORDER BY key LIMIT $2";
        let limit = number(MAX_ROWS as u64).saturating_add(1);
        let asked = self.line.ask(move |link| async move {
            let rows = link.rows(sql, &[(&family, TEXT), (&limit, BIGINT)]).await?;
            let pair = |row: &tokio_postgres::Row| Ok((row.try_get(0)?, row.try_get(1)?));
            rows.iter().map(pair).collect::<Result<Vec<_>, Fault>>()
        });
        bounded(kind, asked.map_err(unread)?)
    }
}

fn bounded(kind: &str, found: Vec<(String, String)>) -> Result<Vec<(String, String)>, ReadError> {
    if found.len() > MAX_ROWS {
        return Err(ReadError::TooMany { kind: kind.to_owned(), limit: MAX_ROWS });
    }
    Ok(found)
}

/// What a reader is told about it.
pub(crate) fn unread(no_answer: NoAnswer) -> ReadError {
    match no_answer {
        NoAnswer::Fault(fault) => ReadError::Server(fault.why().to_owned()),
        NoAnswer::Closed => ReadError::Closed,
    }
}
