//! What the user that a gateway signs in as can do to the log, tried as that user, and whether the server keeps what it
//! acknowledges.

use super::PostgresConfig;
use super::foreign::{MEND, foreign};
use super::link::{Fault, Link, TEXT};
use super::runtime::on_a_thread;
use super::schema::{ERASER, Form, OWNER, form, text};

/// The tables of the log and a column of each. A gateway adds to them and does nothing else.
const LOG: [(&str, &str); 8] = [
    ("meta", "value"),
    ("record", "hash"),
    ("block", "value"),
    ("node", "hash"),
    ("checkpoint", "note"),
    ("key", "verifier"),
    ("payload", "bytes"),
    ("erased", "by"),
];

/// Those of them that a gateway does not even add to.
const NOT_ADDED: [&str; 2] = ["meta", "erased"];

/// Roles of the server that let their members past every grant.
const MIGHTY: [&str; 3] = ["pg_write_all_data", "pg_write_server_files", "pg_execute_server_program"];

/// Something about the server or the user that weakens the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weakness {
    /// Whether the record may be changed or lost by it; otherwise somebody should know.
    pub severe: bool,
    /// What, in one sentence.
    pub what: String,
    /// What mends it.
    pub mend: String,
}

/// Tries what the user of `config` can do. Nothing is changed. Blocks.
///
/// # Errors
/// One sentence, when the server cannot be asked or has no record.
pub fn weaknesses(config: &PostgresConfig) -> Result<Vec<Weakness>, String> {
    on_a_thread(|| async {
        let asked = async {
            let link = Link::connect(config, "bulkhead doctor").await?;
            if matches!(form(&link).await?, Form::None) {
                return Ok(None);
            }
            let mut found = standing(&link).await?;
            found.extend(tried(&link).await?);
            found.extend(put_to(&link).await?);
            found.extend(durability(&link).await?);
            link.close().await;
            Ok::<_, Fault>(Some(found))
        };
        match asked.await {
            Ok(Some(found)) => Ok(found),
            Ok(None) => Err(format!(
                "the database `{config}` has no record: an administrator makes one with `bulkhead record init`"
            )),
            Err(fault) => Err(format!("the database `{config}` cannot be asked: {}", fault.why())),
        }
    })?
}

fn severe(what: String, mend: impl Into<String>) -> Weakness {
    Weakness { severe: true, what, mend: mend.into() }
}

/// What the user is, beside what is granted on the tables.
async fn standing(link: &Link) -> Result<Vec<Weakness>, Fault> {
    let user = text(link, "SELECT current_user::text").await?.unwrap_or_default();
    let own = "make a user with `bulkhead record init --gateway NAME` and name that in `[record]`";
    let mut found = Vec::new();
    for (attribute, name) in [
        ("rolsuper", "a superuser"),
        ("rolcreaterole", "allowed to make roles"),
        ("rolreplication", "allowed to replicate"),
    ] {
        let sql = format!("SELECT {attribute}::text FROM pg_roles WHERE rolname = current_user");
        if text(link, &sql).await?.as_deref() == Some("true") {
            found.push(severe(
                format!("the gateway's user `{user}` is {name}, and can change the record"),
                own,
            ));
        }
    }
    if !found.is_empty() {
        // A superuser is a member of everything.
        return Ok(found);
    }
    for role in MIGHTY.into_iter().chain([OWNER, ERASER]) {
        let sql = "SELECT pg_has_role(oid, 'MEMBER')::text FROM pg_roles WHERE rolname = $1";
        let row = link.row(sql, &[(&role, TEXT)]).await?;
        let member: Option<String> = row.map(|row| row.try_get(0)).transpose()?;
        if member.as_deref() == Some("true") {
            found.push(severe(
                format!("the gateway's user `{user}` is a member of `{role}`, and can change the record"),
                format!("`REVOKE {role} FROM {user}`"),
            ));
        }
    }
    for (what, owner) in [
        (
            "database",
            "SELECT pg_has_role(datdba, 'MEMBER')::text FROM pg_database WHERE datname = current_database()",
        ),
        (
            "schema `bulkhead`",
            "SELECT pg_has_role(nspowner, 'MEMBER')::text FROM pg_namespace WHERE nspname = 'bulkhead'",
        ),
    ] {
        if text(link, owner).await?.as_deref() == Some("true") {
            found.push(severe(
                format!("the gateway's user `{user}` owns the {what}, and can drop it with the record"),
                own,
            ));
        }
    }
    Ok(found)
}

/// What happens when the log is written to otherwise than it should be.
async fn tried(link: &Link) -> Result<Vec<Weakness>, Fault> {
    let mut found = Vec::new();
    for (table, column) in LOG {
        for (right, sql) in [
            ("UPDATE", format!("UPDATE bulkhead.{table} SET {column} = {column} WHERE false")),
            ("DELETE", format!("DELETE FROM bulkhead.{table} WHERE false")),
        ] {
            if succeeds(link, &sql).await? {
                found.push(may(right, table));
            }
        }
        // These are asked for: to try them would lock or empty the table.
        for right in ["TRUNCATE", "TRIGGER"] {
            let sql = format!("SELECT has_table_privilege('bulkhead.{table}', '{right}')::text");
            if text(link, &sql).await?.as_deref() == Some("true") {
                found.push(may(right, table));
            }
        }
        // Of a single column too.
        for right in ["UPDATE", "INSERT"] {
            let sql = format!("SELECT has_any_column_privilege('bulkhead.{table}', '{right}')::text");
            let known = found.iter().any(|one: &Weakness| *one == may(right, table));
            let granted = right == "INSERT" && !NOT_ADDED.contains(&table);
            if !known && !granted && text(link, &sql).await?.as_deref() == Some("true") {
                found.push(may(right, table));
            }
        }
        let owns = format!(
            "SELECT pg_has_role(relowner, 'MEMBER')::text FROM pg_class WHERE oid = 'bulkhead.{table}'::regclass"
        );
        if text(link, &owns).await?.as_deref() == Some("true") {
            found.push(severe(
                format!(
                    "the gateway's user owns `bulkhead.{table}`, and can alter it and disable what guards it"
                ),
                format!("`ALTER TABLE bulkhead.{table} OWNER TO {OWNER}`, and sign in as another user"),
            ));
        }
    }
    Ok(found)
}

fn may(right: &str, table: &str) -> Weakness {
    let should = if NOT_ADDED.contains(&table) { "only look" } else { "only add" };
    severe(
        format!("the gateway's user may {right} in `bulkhead.{table}`, where it should {should}"),
        format!("`REVOKE {right} ON bulkhead.{table}` from it and from the roles that it is in"),
    )
}

/// Whether the user may do this; it is taken back in any case.
async fn succeeds(link: &Link, sql: &str) -> Result<bool, Fault> {
    link.run("BEGIN").await?;
    let done = link.run(sql).await;
    link.run("ROLLBACK").await?;
    match done {
        Ok(()) => Ok(true),
        Err(Fault::Refused { .. }) => Ok(false),
        Err(lost) => Err(lost),
    }
}

/// What somebody has put to the tables.
async fn put_to(link: &Link) -> Result<Vec<Weakness>, Fault> {
    Ok(foreign(link).await?.into_iter().map(|what| severe(format!("the record {what}"), MEND)).collect())
}

/// Whether what is acknowledged is on the disk.
async fn durability(link: &Link) -> Result<Vec<Weakness>, Fault> {
    let mut found = Vec::new();
    for (setting, loss) in [
        ("fsync", "loses what it acknowledged when the machine fails"),
        ("full_page_writes", "may be left with torn pages when the machine fails"),
    ] {
        let value = text(link, &format!("SELECT current_setting('{setting}')")).await?.unwrap_or_default();
        if value != "on" {
            let what = format!("`{setting}` is `{value}` on the server, which {loss}");
            found.push(severe(what, format!("set `{setting} = on` in postgresql.conf and reload it")));
        }
    }
    let sql = "SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit'";
    let value = text(link, sql).await?.unwrap_or_default();
    if value == "off" {
        found.push(Weakness {
            severe: false,
            what: "`synchronous_commit` is `off` for this user; the gateway sets it to `on` for its own sessions".to_owned(),
            mend: "`ALTER ROLE ... RESET synchronous_commit`, or `on` in postgresql.conf".to_owned(),
        });
    }
    Ok(found)
}
