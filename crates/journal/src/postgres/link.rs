//! One connection: how it is set up, how it is asked within its time, and how it is told from one that is lost.

use std::future::Future;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, NoTls, Row};

use super::PostgresConfig;
use super::socket::Socket;

/// How long a connection may take to say goodbye.
const GOODBYE: Duration = Duration::from_millis(500);

/// What the server said to a statement, or that nothing can be said.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// The server refused; what the statement began was taken back.
    Refused { code: SqlState, why: String },
    /// The connection is gone, or no answer came in time. What was sent may or may not come to be.
    Lost(String),
}

impl Fault {
    pub(crate) fn is(&self, code: &SqlState) -> bool {
        matches!(self, Self::Refused { code: found, .. } if found == code)
    }

    /// In words.
    pub(crate) fn why(&self) -> &str {
        match self {
            Self::Refused { why, .. } | Self::Lost(why) => why,
        }
    }
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        let why = in_words(&error);
        match error.as_db_error() {
            // Class 57: the server ends the connection, in the middle of whatever it was doing.
            Some(refusal) if !refusal.code().code().starts_with("57P") => {
                Self::Refused { code: refusal.code().clone(), why }
            }
            _ => Self::Lost(why),
        }
    }
}

/// The sentences of an error and its causes, in one line.
fn in_words(error: &tokio_postgres::Error) -> String {
    let mut words = match error.as_db_error() {
        Some(refusal) => format!("{} ({})", refusal.message(), refusal.code().code()),
        None => error.to_string(),
    };
    let mut cause = std::error::Error::source(error).filter(|_| error.as_db_error().is_none());
    while let Some(error) = cause {
        words.push_str(": ");
        words.push_str(&error.to_string());
        cause = error.source();
    }
    words.replace('\n', " ")
}

/// A connection that is set up.
pub(crate) struct Link {
    pub(crate) client: Client,
    driver: JoinHandle<()>,
    wait: Duration,
}

/// What every session sets for itself, whatever the server's and the role's defaults are: a statement sees what was
/// committed when it began, nobody else's operators are found, an answer means durable, and no wait is without end. There is
/// no time limit for a statement: it would also end the wait for a standby, and call that done.
fn setup(wait: Duration) -> String {
    let wait = wait.as_millis();
    format!(
        "SET search_path = ''; SET client_min_messages = warning; \
         SET default_transaction_isolation = 'read committed'; SET default_transaction_read_only = off; \
         SET plan_cache_mode = force_generic_plan; SET jit = off; SET statement_timeout = 0; SET lock_timeout = {wait}; \
         SET idle_in_transaction_session_timeout = {wait}; \
         SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; \
         SELECT pg_catalog.set_config('synchronous_commit', 'on', false) \
         WHERE pg_catalog.current_setting('synchronous_commit') <> 'remote_apply'"
    )
}

impl Link {
    /// Connects; the server lists the session under `name`. Has to be called within a runtime, which drives the
    /// connection.
    pub(crate) async fn connect(config: &PostgresConfig, name: &str) -> Result<Self, Fault> {
        within(config.wait(), Self::dial(config, name)).await
    }

    async fn dial(config: &PostgresConfig, name: &str) -> Result<Self, Fault> {
        let (mut server, wait) = (config.server.clone(), config.wait());
        server.application_name(name);
        let (client, driver) = match (&config.tls, config.socket()) {
            (None, Some(path)) => {
                let failed = |error| Fault::Lost(format!("error connecting to server: {error}"));
                let socket = Socket::connect(&path).await.map_err(failed)?;
                let (client, connection) = server.connect_raw(socket, NoTls).await?;
                (client, tokio::spawn(async move { drop(connection.await) }))
            }
            (None, None) => {
                let (client, connection) = server.connect(NoTls).await?;
                (client, tokio::spawn(async move { drop(connection.await) }))
            }
            (Some(tls), _) => {
                let (client, connection) = server.connect(tls.clone()).await?;
                (client, tokio::spawn(async move { drop(connection.await) }))
            }
        };
        client.batch_execute(&setup(wait)).await?;
        Ok(Self { client, driver, wait })
    }

    /// Asks for rows.
    pub(crate) async fn rows(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, Fault> {
        within(self.wait, async { Ok(self.client.query_typed(sql, parameters).await?) }).await
    }

    /// Asks for one row, or none.
    pub(crate) async fn row(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Option<Row>, Fault> {
        within(self.wait, async { Ok(self.client.query_typed_opt(sql, parameters).await?) }).await
    }

    /// Does what gives no rows.
    pub(crate) async fn run(&self, sql: &str) -> Result<(), Fault> {
        within(self.wait, async { Ok(self.client.batch_execute(sql).await?) }).await
    }

    /// Waits for `work` on it, as long as any step may take.
    pub(crate) async fn within<T>(&self, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        within(self.wait, work).await
    }

    /// Whether it is known to be gone.
    pub(crate) fn is_gone(&self) -> bool {
        self.client.is_closed()
    }

    /// Says goodbye, so that the server frees what the session held at once.
    pub(crate) async fn close(self) {
        let Self { client, driver, .. } = self;
        drop(client);
        if tokio::time::timeout(GOODBYE, driver).await.is_err() {
            // The server finds out by itself.
        }
    }
}

/// A parameter and its type.
pub(crate) type Parameter<'a> = (&'a (dyn tokio_postgres::types::ToSql + Sync), Type);

/// Waits for `work`, so long.
pub(crate) async fn within<T>(
    wait: Duration,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    match tokio::time::timeout(wait, work).await {
        Ok(done) => done,
        Err(_) => Err(Fault::Lost(format!("the server has not answered within {} ms", wait.as_millis()))),
    }
}

pub(crate) const TEXT: Type = Type::TEXT;
pub(crate) const BIGINT: Type = Type::INT8;
pub(crate) const BYTES: Type = Type::BYTEA;
pub(crate) const INT: Type = Type::INT4;
