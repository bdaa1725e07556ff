//! The writer's session with the server: what must hold before it may add anything.

use std::time::Duration;

use sha2::Digest as _;
use tokio_postgres::Statement;
use tokio_postgres::types::Type;

use super::PostgresConfig;
use super::batch::{CHANGE, Shape};
use super::edge::Trouble;
use super::foreign::foreign;
use super::link::{BIGINT, Fault, INT, Link, TEXT};
use super::schema::{Form, form, text};
use crate::schema::SCHEMA_VERSION;

/// "BLKH": the class of this program's advisory locks.
const LOCK_CLASS: i32 = 0x424c_4b48;

/// The advisory lock of whoever takes a turn; every append takes it shared.
pub(super) const TURN: i64 = 0x424c_4b48_0000_0001;

/// How often a turn is asked for: others add to the log, each for a moment.
const TURN_TRIES: u32 = 10;

/// And how long after one another.
const TURN_DELAY: Duration = Duration::from_millis(20);

/// How often a gateway's name is asked for: the server may not have noticed yet that the process before has ended.
const NAME_TRIES: u32 = 50;

/// And how long after one another.
const NAME_DELAY: Duration = Duration::from_millis(40);

/// The statements of an append, by what a batch has.
pub(super) struct Append {
    one: Statement,
    plain: Statement,
    rows: Statement,
    more: Statement,
}

impl Append {
    pub(super) const fn of(&self, shape: Shape) -> &Statement {
        match shape {
            Shape::One => &self.one,
            Shape::Plain => &self.plain,
            Shape::Rows => &self.rows,
            Shape::More => &self.more,
        }
    }
}

/// A session that may write.
pub(super) struct Session {
    pub(super) link: Link,
    pub(super) append: Append,
    pub(super) change: Statement,
}

/// Why a session cannot be had.
#[derive(Debug)]
pub(super) enum Unfit {
    /// The server does not answer, or refuses.
    Trouble(Trouble),
    /// There is no record in the database.
    NoRecord,
    /// It has another form.
    Form(String),
    /// It is another log than before.
    AnotherLog,
    /// Another process has this gateway's name.
    Held(String),
    /// What the server promises is not enough.
    Unsafe(&'static str),
    /// Somebody put something to the tables, or changed how they are made.
    Foreign(String),
}

impl<T: Into<Trouble>> From<T> for Unfit {
    fn from(trouble: T) -> Self {
        Self::Trouble(trouble.into())
    }
}

/// Opens a session for the gateway of `config`. `instance` is what the server lists the sessions of this process under:
/// those that it still has are ended first, so that nothing of them can come to be any more. Gives the log's id too.
pub(super) async fn open(config: &PostgresConfig, instance: &str) -> Result<(Session, String), Unfit> {
    let link = Link::connect(config, instance).await?;
    let id = fit(&link).await?;
    end_former(&link, config, instance).await?;
    take_name(&link, config).await?;
    let append = prepare_append(&link).await?;
    let change = prepare(&link, CHANGE, &change_types()).await?;
    Ok((Session { link, append, change }, id))
}

/// A connection as the eraser, whose `config` this is, after its former ones have been ended.
pub(super) async fn open_eraser(config: &PostgresConfig, instance: &str) -> Result<Link, Unfit> {
    let link = Link::connect(config, instance).await?;
    end_former(&link, config, instance).await?;
    Ok(link)
}

/// Has the server plan the statements of an append.
pub(super) async fn prepare_append(link: &Link) -> Result<Append, Fault> {
    let plan = async |shape: Shape| {
        let (sql, types) = shape.statement();
        prepare(link, sql, &types).await
    };
    let (one, plain) = (plan(Shape::One).await?, plan(Shape::Plain).await?);
    Ok(Append { one, plain, rows: plan(Shape::Rows).await?, more: plan(Shape::More).await? })
}

async fn prepare(link: &Link, sql: &str, types: &[Type]) -> Result<Statement, Fault> {
    link.within(async { Ok(link.client.prepare_typed(sql, types).await?) }).await
}

fn change_types() -> [Type; 6] {
    let texts = Type::TEXT_ARRAY;
    [TEXT, texts.clone(), texts.clone(), texts.clone(), texts.clone(), texts]
}

/// Whether the server keeps what it acknowledges, and what log it has.
async fn fit(link: &Link) -> Result<String, Unfit> {
    match form(link).await? {
        Form::None => return Err(Unfit::NoRecord),
        Form::Some(form) if form == SCHEMA_VERSION.to_string() => {}
        Form::Some(form) => return Err(Unfit::Form(form)),
    }
    if let Some(what) = foreign(link).await?.into_iter().next() {
        return Err(Unfit::Foreign(what));
    }
    if text(link, "SELECT current_setting('fsync')").await?.as_deref() != Some("on") {
        return Err(Unfit::Unsafe(
            "`fsync` is off on its server, which forgets what it acknowledges when the machine fails: set it to `on`",
        ));
    }
    if text(link, "SELECT pg_is_in_recovery()::text").await?.as_deref() != Some("false") {
        return Err(Unfit::Unsafe("its server is a standby, which takes nothing: name the primary"));
    }
    text(link, "SELECT value FROM bulkhead.meta WHERE name = 'log'").await?.ok_or(Unfit::NoRecord)
}

/// Whether nobody has a turn that nothing else comes between, or ends it within a moment.
pub(super) async fn turn_is_free(link: &Link) -> Result<bool, Fault> {
    let sql = "SELECT pg_catalog.pg_try_advisory_xact_lock($1)";
    for _ in 0..TURN_TRIES {
        let row = link.row(sql, &[(&TURN, BIGINT)]).await?;
        if row.map(|row| row.try_get(0)).transpose()?.unwrap_or(false) {
            return Ok(true);
        }
        tokio::time::sleep(TURN_DELAY).await;
    }
    Ok(false)
}

/// Ends the sessions that this process has had, and waits until they are gone.
async fn end_former(link: &Link, config: &PostgresConfig, instance: &str) -> Result<(), Unfit> {
    let sql = "SELECT pg_terminate_backend(pid, $2) FROM pg_stat_activity \
         WHERE application_name = $1 AND datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()";
    let wait = i64::try_from(config.wait().as_millis() / 2).unwrap_or(i64::MAX);
    let rows = link.rows(sql, &[(&instance, TEXT), (&wait, BIGINT)]).await?;
    for row in rows {
        if !row.try_get::<_, bool>(0)? {
            return Err(Fault::Lost("its server does not end the connection that was lost".to_owned()).into());
        }
    }
    Ok(())
}

/// Takes the lock on the gateway's name, for as long as the session lives.
async fn take_name(link: &Link, config: &PostgresConfig) -> Result<(), Unfit> {
    let lock = lock_of(config.gateway());
    let sql = "SELECT pg_try_advisory_lock($1, $2)";
    for _ in 0..NAME_TRIES {
        let row = link.row(sql, &[(&LOCK_CLASS, INT), (&lock, INT)]).await?;
        if row.map(|row| row.try_get(0)).transpose()?.unwrap_or(false) {
            return Ok(());
        }
        tokio::time::sleep(NAME_DELAY).await;
    }
    // As far as this user may know.
    let holder = "SELECT 'process ' || locks.pid || coalesce(' from ' || host(who.client_addr), '') \
         FROM pg_locks AS locks LEFT JOIN pg_stat_activity AS who ON who.pid = locks.pid \
         WHERE locks.locktype = 'advisory' AND locks.classid = $1::int4::oid AND locks.objid = $2::int4::bit(32)::bigint::oid \
         AND locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let row = link.row(holder, &[(&LOCK_CLASS, INT), (&lock, INT)]).await?;
    let holder = row.map(|row| row.try_get(0)).transpose()?;
    Err(Unfit::Held(holder.unwrap_or_else(|| "another process".to_owned())))
}

/// The number of the lock on a name.
fn lock_of(gateway: &str) -> i32 {
    let hash: [u8; 32] = sha2::Sha256::digest(gateway).into();
    let [a, b, c, d, ..] = hash;
    i32::from_be_bytes([a, b, c, d])
}
