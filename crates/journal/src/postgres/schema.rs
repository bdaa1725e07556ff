//! The database's form, and its making by an administrator. Roles: `bulkhead_owner` owns the tables and nobody works
//! as it; `bulkhead_gateway` adds to the log and never takes from it; `bulkhead_eraser` may take content besides.

use tokio_postgres::error::SqlState;

use super::PostgresConfig;
use super::link::{Fault, Link};
use super::runtime::on_a_thread;
use crate::schema::SCHEMA_VERSION;

/// The role that owns the tables.
pub const OWNER: &str = "bulkhead_owner";

/// The role of whoever appends.
pub const GATEWAY: &str = "bulkhead_gateway";

/// The role of whoever appends and may remove content.
pub const ERASER: &str = "bulkhead_eraser";

/// The longest name that PostgreSQL gives a role, in bytes.
const MAX_ROLE_BYTES: usize = 63;

/// A body is text and the columns that SQLite computes from it are left out: here they would be stored, and told twice. Text
/// sorts by its bytes, as in SQLite.
const TABLES: &str = "
CREATE TABLE bulkhead.meta (
  name  text PRIMARY KEY,
  value text NOT NULL
);
CREATE TABLE bulkhead.record (
  seq  bigint PRIMARY KEY,
  hash bytea NOT NULL,
  body text NOT NULL
);
CREATE TABLE bulkhead.block (
  field  text COLLATE \"C\" NOT NULL,
  value  text COLLATE \"C\" NOT NULL,
  number bigint NOT NULL,
  PRIMARY KEY (field, value, number)
);
CREATE TABLE bulkhead.node (
  level  bigint NOT NULL,
  number bigint NOT NULL,
  hash   bytea NOT NULL,
  PRIMARY KEY (level, number)
);
CREATE TABLE bulkhead.checkpoint (
  size   bigint NOT NULL,
  number bigint NOT NULL,
  note   text NOT NULL,
  PRIMARY KEY (size, number)
);
CREATE TABLE bulkhead.key (
  number   bigint PRIMARY KEY,
  verifier text NOT NULL,
  change   text
);
CREATE TABLE bulkhead.payload (
  seq   bigint PRIMARY KEY,
  salt  bytea NOT NULL,
  bytes bytea NOT NULL
);
CREATE TABLE bulkhead.erased (
  first bigint PRIMARY KEY,
  last  bigint NOT NULL,
  by    bigint NOT NULL
);
CREATE TABLE bulkhead.state (
  gateway text COLLATE \"C\" NOT NULL,
  kind    text COLLATE \"C\" NOT NULL,
  key     text COLLATE \"C\" NOT NULL,
  value   text NOT NULL,
  PRIMARY KEY (gateway, kind, key)
) WITH (fillfactor = 70);
";

const GRANTS: &str = "
GRANT USAGE ON SCHEMA bulkhead TO bulkhead_gateway, bulkhead_eraser;
GRANT SELECT ON bulkhead.meta, bulkhead.erased TO bulkhead_gateway, bulkhead_eraser;
GRANT SELECT, INSERT ON bulkhead.record, bulkhead.block, bulkhead.node, bulkhead.payload,
  bulkhead.checkpoint, bulkhead.key TO bulkhead_gateway, bulkhead_eraser;
GRANT SELECT, INSERT, UPDATE, DELETE ON bulkhead.state TO bulkhead_gateway, bulkhead_eraser;
GRANT DELETE ON bulkhead.payload TO bulkhead_eraser;
GRANT INSERT ON bulkhead.erased TO bulkhead_eraser;
";

/// Why a record cannot be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InitError {
    /// The server does not answer, or not to this user.
    #[error("the database `{place}` cannot be reached: {why}")]
    Unreachable {
        /// The database.
        place: String,
        /// What was said.
        why: String,
    },
    /// Another form.
    #[error(
        "the record in `{place}` has form {found} and this version has form {SCHEMA_VERSION}: use the version of Bulkhead that made it"
    )]
    Form {
        /// The database.
        place: String,
        /// Its form.
        found: String,
    },
    /// Not UTF-8.
    #[error(
        "the database `{place}` is encoded in {found}: make it with `CREATE DATABASE ... ENCODING 'UTF8'`"
    )]
    Encoding {
        /// The database.
        place: String,
        /// Its encoding.
        found: String,
    },
    /// The server refused.
    #[error(
        "the record in `{place}` cannot be set up ({why}): give the address of a superuser, or of a user who may create roles and schemas"
    )]
    Refused {
        /// The database.
        place: String,
        /// What was said.
        why: String,
    },
    /// Not a role's name.
    #[error(
        "`{0}` cannot be the name of a role here: use lower-case letters, digits and `_`, and begin with a letter"
    )]
    Role(String),
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The tables were made; false when a record was there and only roles were granted.
    pub record: bool,
    /// The roles that were made, with nothing to sign in by yet.
    pub roles: Vec<String>,
}

/// Makes the record in the database of `config`, whose user is an administrator, and lets `gateways` append to it and
/// `erasers` append and remove content. A role that is not there is made, without a password. Where there is a record
/// already, only the roles are seen to. Blocks.
///
/// # Errors
/// When the database cannot be reached, has a record of another form, or the user lacks a right. Nothing has been changed then.
pub fn init(
    config: &PostgresConfig,
    log_id: &str,
    gateways: &[String],
    erasers: &[String],
) -> Result<Made, InitError> {
    for name in gateways.iter().chain(erasers) {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let first = name.starts_with(|c: char| c.is_ascii_lowercase());
        if !first || name.len() > MAX_ROLE_BYTES || !name.chars().all(fits) {
            return Err(InitError::Role(name.clone()));
        }
    }
    let place = config.to_string();
    let unreachable = |why: String| InitError::Unreachable { place: place.clone(), why };
    on_a_thread(|| async {
        let link = Link::connect(config, "bulkhead record init")
            .await
            .map_err(|fault| unreachable(fault.why().to_owned()))?;
        let made = set_up(&link, &place, log_id, gateways, erasers).await;
        link.close().await;
        made
    })
    .unwrap_or_else(|why| Err(unreachable(why)))
}

async fn set_up(
    link: &Link,
    place: &str,
    log_id: &str,
    gateways: &[String],
    erasers: &[String],
) -> Result<Made, InitError> {
    let refused = |fault: Fault| InitError::Refused { place: place.to_owned(), why: fault.why().to_owned() };
    link.run("BEGIN").await.map_err(refused)?;
    let encoding = text(link, "SELECT current_setting('server_encoding')").await.map_err(refused)?;
    if encoding.as_deref() != Some("UTF8") {
        return Err(InitError::Encoding { place: place.to_owned(), found: encoding.unwrap_or_default() });
    }
    let record = match form(link).await.map_err(refused)? {
        Form::None => true,
        Form::Some(form) if form == SCHEMA_VERSION.to_string() => false,
        Form::Some(found) => return Err(InitError::Form { place: place.to_owned(), found }),
    };
    let mut roles = Vec::new();
    for (role, login) in [(OWNER, false), (GATEWAY, false), (ERASER, false)]
        .into_iter()
        .chain(gateways.iter().chain(erasers).map(|name| (name.as_str(), true)))
    {
        if make_role(link, role, login).await.map_err(refused)? && login {
            roles.push(role.to_owned());
        }
    }
    if record {
        make_tables(link, log_id).await.map_err(refused)?;
    }
    for (group, names) in [(GATEWAY, gateways), (ERASER, erasers)] {
        for name in names {
            once(link, &format!("GRANT {group} TO {name}")).await.map_err(refused)?;
        }
    }
    link.run("COMMIT").await.map_err(refused)?;
    Ok(Made { record, roles })
}

/// Makes a role unless it is there; whether it was made.
async fn make_role(link: &Link, role: &str, login: bool) -> Result<bool, Fault> {
    let there = format!("SELECT rolname::text FROM pg_roles WHERE rolname = '{role}'");
    if text(link, &there).await?.is_some() {
        return Ok(false);
    }
    let login = if login { "LOGIN" } else { "NOLOGIN" };
    once(link, &format!("CREATE ROLE {role} {login}")).await
}

/// Does what `sql` says within the transaction, unless somebody does it at the same moment for another database of the
/// server, which has the same roles; whether it was done here.
async fn once(link: &Link, sql: &str) -> Result<bool, Fault> {
    link.run("SAVEPOINT once").await?;
    let done = match link.run(sql).await {
        Ok(()) => true,
        Err(fault) if fault.is(&SqlState::UNIQUE_VIOLATION) || fault.is(&SqlState::DUPLICATE_OBJECT) => {
            link.run("ROLLBACK TO SAVEPOINT once").await?;
            false
        }
        Err(fault) => return Err(fault),
    };
    link.run("RELEASE SAVEPOINT once").await?;
    Ok(done)
}

async fn make_tables(link: &Link, log_id: &str) -> Result<(), Fault> {
    // A schema is made for its owner by a member of the owner.
    link.run("DO $$ BEGIN IF NOT pg_has_role('bulkhead_owner', 'MEMBER') THEN GRANT bulkhead_owner TO CURRENT_USER; END IF; END $$")
        .await?;
    link.run("CREATE SCHEMA bulkhead AUTHORIZATION bulkhead_owner; SET LOCAL ROLE bulkhead_owner").await?;
    link.run(TABLES).await?;
    link.run(GRANTS).await?;
    let meta = "INSERT INTO bulkhead.meta (name, value) VALUES ('log', $1), ('form', $2)";
    let (id, form) = (log_id, SCHEMA_VERSION.to_string());
    link.rows(meta, &[(&id, super::link::TEXT), (&form, super::link::TEXT)]).await?;
    link.run("RESET ROLE").await
}

/// The form of the record in a database.
pub(super) enum Form {
    /// There is no record.
    None,
    /// Its version.
    Some(String),
}

/// Which form the record has.
pub(super) async fn form(link: &Link) -> Result<Form, Fault> {
    let there = "SELECT to_regclass('bulkhead.meta')::text";
    if text(link, there).await?.is_none() {
        return Ok(Form::None);
    }
    let form = text(link, "SELECT value FROM bulkhead.meta WHERE name = 'form'").await?;
    Ok(Form::Some(form.unwrap_or_default()))
}

/// The one text that `sql` gives.
pub(super) async fn text(link: &Link, sql: &str) -> Result<Option<String>, Fault> {
    match link.row(sql, &[]).await? {
        Some(row) => Ok(row.try_get(0)?),
        None => Ok(None),
    }
}
