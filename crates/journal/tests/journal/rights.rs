//! The role that gateways sign in as can add to the log and can do nothing else to it; and whoever could is found.

use bulkhead_journal::PostgresConfig;
use bulkhead_journal::postgres::{InitError, eraser_weaknesses, init, weaknesses};

use crate::common::fill;
use crate::kept::{ERASER, Kept, ROLE};

const LOG: [&str; 8] = ["meta", "record", "block", "node", "checkpoint", "key", "payload", "erased"];

#[tokio::test]
async fn a_gateways_role_adds_to_the_log_and_takes_nothing_from_it() {
    let Some(kept) = Kept::postgres() else { return };
    let Kept::Postgres { cluster, database } = &kept else { return };
    let journal = kept.open();
    fill(&journal, 3).await;
    let refused = |sql: &str| {
        let error = cluster.try_sql(ROLE, database, sql).expect_err(sql);
        assert!(error.contains("permission denied") || error.contains("must be owner"), "{sql}: {error}");
    };
    for table in LOG {
        let column = cluster.sql(
            database,
            &format!(
                "SELECT attname FROM pg_attribute WHERE attrelid = 'bulkhead.{table}'::regclass AND attnum = 2"
            ),
        );
        for sql in [
            "UPDATE LOG SET COL = COL",
            "UPDATE LOG SET COL = COL WHERE false",
            "DELETE FROM LOG",
            "TRUNCATE LOG",
            "ALTER TABLE LOG ADD more text",
            "ALTER TABLE LOG DISABLE TRIGGER ALL",
            "ALTER TABLE LOG OWNER TO CURRENT_USER",
            "ALTER TABLE LOG RENAME TO other",
            "DROP TABLE LOG",
            "CREATE RULE silent AS ON INSERT TO LOG DO INSTEAD NOTHING",
            "CREATE TRIGGER silent BEFORE INSERT ON LOG EXECUTE FUNCTION suppress_redundant_updates_trigger()",
            "SELECT * FROM LOG FOR UPDATE",
        ] {
            refused(&sql.replace("LOG", &format!("bulkhead.{table}")).replace("COL", &column));
        }
    }
    for sql in [
        "INSERT INTO bulkhead.meta VALUES ('x', 'y')",
        "INSERT INTO bulkhead.erased VALUES (1, 1, 2)",
        "SET ROLE bulkhead_owner",
        "SET ROLE bulkhead_eraser",
        "SET session_replication_role = replica",
        "DROP SCHEMA bulkhead CASCADE",
        "CREATE TABLE bulkhead.more (x int)",
        "CREATE FUNCTION bulkhead.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    ] {
        refused(sql);
    }
    // `INSERT ... ON CONFLICT DO UPDATE` is no way around.
    refused(
        "INSERT INTO bulkhead.record SELECT * FROM bulkhead.record ON CONFLICT (seq) DO UPDATE SET body = 'x'",
    );
    fill(&journal, 1).await;
    let checked = bulkhead_journal::verify::verify(&kept.place(), Some(journal.head())).unwrap();
    assert!(checked.ok && checked.records == 4);
}

#[tokio::test]
async fn the_erasers_role_removes_content_and_nothing_else() {
    let Some(kept) = Kept::postgres() else { return };
    let Kept::Postgres { cluster, database } = &kept else { return };
    for table in LOG.into_iter().filter(|table| *table != "payload") {
        let error = cluster.try_sql("an_eraser", database, &format!("DELETE FROM bulkhead.{table}"));
        assert!(error.is_err_and(|error| error.contains("permission denied")), "{table}");
    }
    for sql in ["UPDATE bulkhead.payload SET bytes = bytes", "TRUNCATE bulkhead.payload"] {
        assert!(cluster.try_sql("an_eraser", database, sql).is_err(), "{sql}");
    }
    cluster.try_sql("an_eraser", database, "DELETE FROM bulkhead.payload").unwrap();
}

#[test]
fn a_user_that_can_change_the_log_is_found() {
    let Some(kept) = Kept::postgres() else { return };
    let Kept::Postgres { cluster, database } = &kept else { return };
    let config = |user: &str| PostgresConfig::new(&cluster.url(user, database)).unwrap();
    let found = |user: &str| {
        let found = weaknesses(&config(user)).unwrap();
        assert!(found.iter().all(|one| !one.what.contains('\n') && !one.mend.is_empty()), "{found:?}");
        found.into_iter().map(|one| one.what).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(found(ROLE), "");
    assert!(found("postgres").contains("`postgres` is a superuser"), "{}", found("postgres"));
    // Users of this test alone, since roles are the whole cluster's.
    let user = |number: u32, sql: &str| {
        let name = format!("weak_{database}_{number}");
        cluster.sql(
            database,
            &format!(
                "CREATE ROLE {name} LOGIN; GRANT bulkhead_gateway TO {name}; {}",
                sql.replace("DATABASE DATABASE", &format!("DATABASE {database}")).replace("USER", &name)
            ),
        );
        name
    };
    for (number, (sql, expected)) in (0..).zip([
        ("GRANT bulkhead_owner TO USER", "is a member of `bulkhead_owner`"),
        ("GRANT bulkhead_eraser TO USER", "is a member of `bulkhead_eraser`"),
        ("GRANT pg_write_all_data TO USER", "is a member of `pg_write_all_data`"),
        ("GRANT UPDATE ON bulkhead.record TO USER", "may UPDATE in `bulkhead.record`"),
        ("GRANT DELETE ON bulkhead.checkpoint TO USER", "may DELETE in `bulkhead.checkpoint`"),
        ("GRANT TRUNCATE ON bulkhead.payload TO USER", "may TRUNCATE in `bulkhead.payload`"),
        ("GRANT TRIGGER ON bulkhead.node TO USER", "may TRIGGER in `bulkhead.node`"),
        ("GRANT UPDATE (body) ON bulkhead.record TO USER", "may UPDATE in `bulkhead.record`"),
        ("GRANT INSERT ON bulkhead.meta TO USER", "may INSERT in `bulkhead.meta`, where it should only look"),
        ("GRANT INSERT (first, last, by) ON bulkhead.erased TO USER", "may INSERT in `bulkhead.erased`"),
        ("ALTER DATABASE DATABASE OWNER TO USER", "owns the database, and can drop it"),
        ("ALTER SCHEMA bulkhead OWNER TO USER", "owns the schema `bulkhead`, and can drop it"),
        ("ALTER ROLE USER CREATEROLE", "is allowed to make roles"),
        ("ALTER ROLE USER SET synchronous_commit = off", "`synchronous_commit` is `off`"),
    ]) {
        let name = user(number, sql);
        let found = found(&name);
        assert!(found.contains(expected), "{sql}: {found}");
        let back = format!("REASSIGN OWNED BY {name} TO postgres; DROP OWNED BY {name}; DROP ROLE {name}");
        cluster.sql(database, &back);
    }
    cluster.sql("postgres", &format!("CREATE DATABASE empty_{database}"));
    let empty = PostgresConfig::new(&cluster.url(ROLE, &format!("empty_{database}"))).unwrap();
    assert!(weaknesses(&empty).unwrap_err().contains("bulkhead record init"));
}

#[test]
fn an_eraser_that_can_do_more_or_cannot_erase_is_found() {
    let Some(kept) = Kept::postgres() else { return };
    let Kept::Postgres { cluster, database } = &kept else { return };
    let config = PostgresConfig::new(&kept.address()).unwrap();
    assert_eq!(eraser_weaknesses(&config), Ok(None));
    let found = |user: &str| {
        let found = eraser_weaknesses(&config.clone().with_eraser(user, None))?.unwrap();
        assert!(found.iter().all(|one| one.severe && !one.mend.is_empty()), "{found:?}");
        Ok::<_, String>(found.into_iter().map(|one| one.what).collect::<Vec<_>>().join("; "))
    };
    assert_eq!(found(ERASER), Ok(String::new()));
    assert!(found("postgres").unwrap().contains("the eraser `postgres` is a superuser"));
    assert!(found("nobody_is_called_so").unwrap_err().contains("does not exist"));
    let refused = found(ROLE).unwrap_err();
    assert!(refused.contains("may not DELETE in `bulkhead.payload`"), "{refused}");
    for (number, (sql, expected)) in (0..).zip([
        ("GRANT bulkhead_owner TO USER", Ok("is a member of `bulkhead_owner`")),
        ("GRANT pg_write_all_data TO USER", Ok("is a member of `pg_write_all_data`")),
        ("GRANT UPDATE ON bulkhead.payload TO USER", Ok("`bulkhead.payload`, where it should only add and remove")),
        ("GRANT DELETE ON bulkhead.erased TO USER", Ok("may DELETE in `bulkhead.erased`, where it should only add")),
        ("GRANT INSERT ON bulkhead.meta TO USER", Ok("may INSERT in `bulkhead.meta`, where it should only look")),
        ("ALTER ROLE USER CREATEROLE", Ok("is allowed to make roles")),
        ("ALTER ROLE USER NOLOGIN", Err("is not permitted to log in")),
        ("REVOKE bulkhead_eraser FROM USER", Err("permission denied for schema bulkhead")),
        (
            "REVOKE bulkhead_eraser FROM USER; GRANT bulkhead_gateway TO USER; GRANT DELETE ON bulkhead.payload TO USER",
            Err("may not INSERT in `bulkhead.erased`"),
        ),
    ]) {
        let name = format!("erasing_{database}_{number}");
        let made = format!("CREATE ROLE {name} LOGIN; GRANT bulkhead_eraser TO {name}; {}", sql.replace("USER", &name));
        cluster.sql(database, &made);
        let found = found(&name);
        match expected {
            Ok(expected) => assert!(found.as_ref().is_ok_and(|what| what.contains(expected)), "{sql}: {found:?}"),
            Err(expected) => {
                let why = found.unwrap_err();
                assert!(why.contains(expected) && why.contains(&format!("the eraser `{name}`")), "{sql}: {why}");
            }
        }
        cluster.sql(database, &format!("DROP OWNED BY {name}; DROP ROLE {name}"));
    }
}

#[test]
fn a_record_is_made_once_and_by_somebody_who_may() {
    let Some(kept) = Kept::postgres() else { return };
    let Kept::Postgres { cluster, database } = &kept else { return };
    let config = |user: &str, database: &str| PostgresConfig::new(&cluster.url(user, database)).unwrap();
    // A second time only sees to the roles, and the log stays what it is.
    let again = init(&config("postgres", database), "another id", &[ROLE.to_owned()], &[]).unwrap();
    assert!(!again.record && again.roles.is_empty());
    assert_eq!(
        cluster.sql(database, "SELECT value FROM bulkhead.meta WHERE name = 'log'"),
        "0123456789abcdef"
    );
    cluster.sql("postgres", &format!("CREATE DATABASE bare_{database}"));
    let bare = format!("bare_{database}");
    let refused = init(&config(ROLE, &bare), "id", &[], &[]).unwrap_err();
    assert!(matches!(&refused, InitError::Refused { .. }), "{refused}");
    assert_eq!(cluster.sql(&bare, "SELECT count(*) FROM pg_namespace WHERE nspname = 'bulkhead'"), "0");
    for name in ["", "Robert'; DROP TABLE students", "1a", "a b", "ä"] {
        let refused = init(&config("postgres", &bare), "id", &[name.to_owned()], &[]);
        assert!(matches!(refused, Err(InitError::Role(_))), "{name}");
    }
    // Somebody who may make roles and schemas need not be a superuser.
    let admin = format!("admin_{database}");
    cluster.sql(
        "postgres",
        &format!("CREATE ROLE {admin} LOGIN CREATEROLE; GRANT CREATE ON DATABASE {bare} TO {admin}"),
    );
    assert!(init(&config(&admin, &bare), "id", &[], &[]).unwrap().record);
    cluster.sql(&bare, "UPDATE bulkhead.meta SET value = '99' WHERE name = 'form'");
    let newer = init(&config("postgres", &bare), "id", &[], &[]).unwrap_err();
    assert!(matches!(&newer, InitError::Form { .. }), "{newer}");
    cluster
        .sql("postgres", &format!("CREATE DATABASE latin_{database} ENCODING 'LATIN1' TEMPLATE template0"));
    let latin = init(&config("postgres", &format!("latin_{database}")), "id", &[], &[]).unwrap_err();
    assert!(matches!(&latin, InitError::Encoding { .. }) && latin.to_string().contains("LATIN1"), "{latin}");
}

/// Roles are the whole server's: whoever comes second finds them made, in the middle of making their own.
#[test]
fn records_in_several_databases_of_a_server_are_made_at_once() {
    let Some(Kept::Postgres { cluster, .. }) = Kept::postgres() else { return };
    for round in 0..4 {
        let (gateway, eraser) = ([format!("gateway_{round}")], [format!("eraser_{round}")]);
        std::thread::scope(|scope| {
            let make = || {
                let owner = PostgresConfig::new(&cluster.url("postgres", &cluster.database())).unwrap();
                assert!(init(&owner, "0123456789abcdef", &gateway, &eraser).unwrap().record);
            };
            let making: Vec<_> = (0..4).map(|_| scope.spawn(make)).collect();
            making.into_iter().for_each(|one| one.join().unwrap());
        });
    }
}
