//! What the users that a gateway signs in and erases as can do to the log, tried as those users, and whether the server keeps
//! what it acknowledges.

use super::PostgresConfig;
use super::foreign::{MEND, foreign};
use super::link::{Fault, Link, TEXT};
use super::runtime::on_a_thread;
use super::schema::{ERASER, Form, OWNER, form, text};

/// The tables of the log and a column of each. A gateway adds to them and does nothing else; an eraser also removes content.
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

/// What a gateway keeps beside the log: anything may be done to it.
const STATE: &str = "state";

/// Whose rights are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    /// The user that the gateway signs in as.
    Gateway,
    /// The user that it erases as.
    Eraser,
}

impl Who {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "the gateway's user",
            Self::Eraser => "the eraser",
        }
    }

    /// Whether it adds to this table.
    fn adds(self, table: &str) -> bool {
        table != "meta" && (self == Self::Eraser || table != "erased")
    }

    /// Whether it removes from this table.
    fn removes(self, table: &str) -> bool {
        self == Self::Eraser && table == "payload"
    }

    fn may(self, right: &str, table: &str) -> Weakness {
        let should = match (self.adds(table), self.removes(table)) {
            (_, true) => "only add and remove",
            (true, false) => "only add",
            (false, false) => "only look",
        };
        severe(
            format!("{} may {right} in `bulkhead.{table}`, where it should {should}", self.as_str()),
            format!("`REVOKE {right} ON bulkhead.{table}` from it and from the roles that it is in"),
        )
    }
}

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
    let found = asked(config, async |link| {
        let mut found = standing(link, Who::Gateway).await?;
        found.extend(tried(link, Who::Gateway).await?);
        found.extend(put_to(link).await?);
        found.extend(durability(link).await?);
        Ok(found)
    });
    found.map_err(|why| format!("the database `{config}` {why}"))
}

/// The same of the user that content is erased as, where `config` names one: what it can do beside that. Blocks.
///
/// # Errors
/// One sentence, when that user cannot sign in, or cannot erase.
pub fn eraser_weaknesses(config: &PostgresConfig) -> Result<Option<Vec<Weakness>>, String> {
    let Some(config) = config.as_eraser() else { return Ok(None) };
    let user = config.user();
    let found = asked(&config, async |link| {
        let mut found = standing(link, Who::Eraser).await?;
        let lacking = lacking(link).await?;
        if lacking.is_none() {
            found.extend(tried(link, Who::Eraser).await?);
        }
        Ok((found, lacking))
    });
    match found {
        Ok((found, None)) => Ok(Some(found)),
        Ok((_, Some((right, table)))) => {
            Err(format!("nothing can be erased: the eraser `{user}` may not {right} in `bulkhead.{table}`"))
        }
        Err(why) => Err(format!("nothing can be erased: as the eraser `{user}` the database {why}")),
    }
}

/// What `question` is answered as the user of `config`; or why it is not, in words that go on after "the database".
fn asked<T: Send>(
    config: &PostgresConfig,
    question: impl AsyncFnOnce(&Link) -> Result<T, Fault> + Send,
) -> Result<T, String> {
    on_a_thread(|| async {
        let asked = async {
            let link = Link::connect(config, "bulkhead doctor").await?;
            if matches!(form(&link).await?, Form::None) {
                return Ok(None);
            }
            let answer = question(&link).await?;
            link.close().await;
            Ok::<_, Fault>(Some(answer))
        };
        match asked.await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => {
                Err("has no record: an administrator makes one with `bulkhead record init`".to_owned())
            }
            Err(fault) => Err(format!("cannot be asked: {}", fault.why())),
        }
    })?
}

/// What an eraser needs that the user has not: a right, and in which table.
async fn lacking(link: &Link) -> Result<Option<(&'static str, &'static str)>, Fault> {
    for table in LOG.map(|(table, _)| table).into_iter().chain([STATE]) {
        for (right, needed) in [
            ("SELECT", true),
            ("INSERT", Who::Eraser.adds(table)),
            ("UPDATE", table == STATE),
            ("DELETE", table == STATE || Who::Eraser.removes(table)),
        ] {
            let sql = format!(
                "SELECT (has_schema_privilege('bulkhead', 'USAGE') AND has_table_privilege(class.oid, '{right}'))::text \
                 FROM pg_class AS class JOIN pg_namespace AS space ON space.oid = class.relnamespace \
                 WHERE space.nspname = 'bulkhead' AND class.relname = '{table}'"
            );
            if needed && text(link, &sql).await?.as_deref() != Some("true") {
                return Ok(Some((right, table)));
            }
        }
    }
    Ok(None)
}

fn severe(what: String, mend: impl Into<String>) -> Weakness {
    Weakness { severe: true, what, mend: mend.into() }
}

/// What the user is, beside what is granted on the tables.
async fn standing(link: &Link, who: Who) -> Result<Vec<Weakness>, Fault> {
    let user = text(link, "SELECT current_user::text").await?.unwrap_or_default();
    let own = match who {
        Who::Gateway => "make a user with `bulkhead record init --gateway NAME` and name that in `[record]`",
        Who::Eraser => {
            "make a user with `bulkhead record init --eraser NAME` and name that as `eraser` in `[record]`"
        }
    };
    let (title, granted) = (who.as_str(), if who == Who::Eraser { None } else { Some(ERASER) });
    let mut found = Vec::new();
    for (attribute, name) in [
        ("rolsuper", "a superuser"),
        ("rolcreaterole", "allowed to make roles"),
        ("rolreplication", "allowed to replicate"),
    ] {
        let sql = format!("SELECT {attribute}::text FROM pg_roles WHERE rolname = current_user");
        if text(link, &sql).await?.as_deref() == Some("true") {
            found.push(severe(format!("{title} `{user}` is {name}, and can change the record"), own));
        }
    }
    if !found.is_empty() {
        // A superuser is a member of everything.
        return Ok(found);
    }
    for role in MIGHTY.into_iter().chain([OWNER]).chain(granted) {
        let sql = "SELECT pg_has_role(oid, 'MEMBER')::text FROM pg_roles WHERE rolname = $1";
        let row = link.row(sql, &[(&role, TEXT)]).await?;
        let member: Option<String> = row.map(|row| row.try_get(0)).transpose()?;
        if member.as_deref() == Some("true") {
            found.push(severe(
                format!("{title} `{user}` is a member of `{role}`, and can change the record"),
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
                format!("{title} `{user}` owns the {what}, and can drop it with the record"),
                own,
            ));
        }
    }
    Ok(found)
}

/// What happens when the log is written to otherwise than it should be.
async fn tried(link: &Link, who: Who) -> Result<Vec<Weakness>, Fault> {
    let mut found = Vec::new();
    for (table, column) in LOG {
        for (right, sql) in [
            ("UPDATE", format!("UPDATE bulkhead.{table} SET {column} = {column} WHERE false")),
            ("DELETE", format!("DELETE FROM bulkhead.{table} WHERE false")),
        ] {
            let granted = right == "DELETE" && who.removes(table);
            if !granted && succeeds(link, &sql).await? {
                found.push(who.may(right, table));
            }
        }
        // These are asked for: to try them would lock or empty the table.
        for right in ["TRUNCATE", "TRIGGER"] {
            let sql = format!("SELECT has_table_privilege('bulkhead.{table}', '{right}')::text");
            if text(link, &sql).await?.as_deref() == Some("true") {
                found.push(who.may(right, table));
            }
        }
        // Of a single column too.
        for right in ["UPDATE", "INSERT"] {
            let sql = format!("SELECT has_any_column_privilege('bulkhead.{table}', '{right}')::text");
            let known = found.iter().any(|one: &Weakness| *one == who.may(right, table));
            let granted = right == "INSERT" && who.adds(table);
            if !known && !granted && text(link, &sql).await?.as_deref() == Some("true") {
                found.push(who.may(right, table));
            }
        }
        let owns = format!(
            "SELECT pg_has_role(relowner, 'MEMBER')::text FROM pg_class WHERE oid = 'bulkhead.{table}'::regclass"
        );
        if text(link, &owns).await?.as_deref() == Some("true") {
            found.push(severe(
                format!(
                    "{} owns `bulkhead.{table}`, and can alter it and disable what guards it",
                    who.as_str()
                ),
                format!("`ALTER TABLE bulkhead.{table} OWNER TO {OWNER}`, and sign in as another user"),
            ));
        }
    }
    Ok(found)
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
