//! Databases on a server that hold no whole record of a known form: each refused with one sentence.

use std::os::unix::fs::FileExt as _;

use bulkhead_journal::read::{LookError, Reader};
use bulkhead_journal::verify::{VerifyError, verify};
use bulkhead_journal::{Journal, OpenError};

use crate::cluster::Cluster;
use crate::common::{Clock, NOON, fill};
use crate::kept::Kept;

/// The bytes of a page of PostgreSQL's.
const PAGE_BYTES: u64 = 8192;

/// A page that none of its programs has written.
const GARBAGE: [u8; 8192] = [0xa5; 8192];

/// A record of so many, with nobody at it.
async fn record(kept: &Kept, records: u64) {
    let journal = kept.open();
    fill(&journal, records).await;
    journal.close().await.unwrap();
}

#[track_caller]
fn refused(kept: &Kept) -> OpenError {
    let Err(error) = Journal::open(kept.config(), Clock::at(NOON)) else { panic!("it was opened") };
    error
}

#[tokio::test]
async fn a_newer_form_on_a_server_is_neither_written_nor_read() {
    let Some(kept) = Kept::postgres() else { return };
    record(&kept, 3).await;
    // A later version's, and an earlier one's that there never was.
    for form in ["99", "0"] {
        kept.tamper(&format!("UPDATE meta SET value = '{form}' WHERE name = 'form'"));
        let error = refused(&kept);
        let said = format!("form {form},");
        assert!(matches!(&error, OpenError::Unfit { .. }) && error.to_string().contains(&said), "{error}");
        let error = verify(&kept.place(), None).unwrap_err();
        let VerifyError::Open(error) = error;
        assert!(matches!(&error, LookError::OtherForm { found, .. } if found == form), "{error}");
        assert_eq!(kept.bodies().len(), 3, "it is left as it was");
    }
}

#[test]
fn a_database_on_a_server_that_has_no_record_is_said_to_have_none_and_gets_none() {
    let Some(kept) = Kept::postgres() else { return };
    let Kept::Postgres { cluster, .. } = kept else { return };
    let kept = Kept::Postgres { cluster, database: cluster.database() };
    for made in ["SELECT 1", "CREATE TABLE public.recipe (name text)"] {
        kept.tamper(made);
        let error = refused(&kept);
        assert!(matches!(&error, OpenError::NoRecord(_)), "{error}");
        assert!(error.to_string().contains("bulkhead record init"), "{error}");
        let error = Reader::open(&kept.place()).err().unwrap().to_string();
        assert!(error.contains("no record") && !error.contains('\n'), "{error}");
        assert!(verify(&kept.place(), None).is_err());
        let Kept::Postgres { database, .. } = &kept else { return };
        assert_eq!(cluster.sql(database, "SELECT to_regnamespace('bulkhead')"), "", "something was made");
    }
}

#[tokio::test]
async fn a_tail_and_a_tree_on_a_server_that_were_changed_are_not_added_to() {
    for (sql, why) in [
        ("UPDATE record SET body = replace(body, 'echo', 'oche') WHERE seq = 590", "record 590"),
        ("DELETE FROM record WHERE seq = 590", "record 591"),
        ("DELETE FROM node WHERE number = 0", "record 513"),
    ] {
        let Some(kept) = Kept::postgres() else { return };
        record(&kept, 600).await;
        kept.tamper(sql);
        let error = refused(&kept);
        assert!(
            matches!(&error, OpenError::Damaged { .. }) && error.to_string().contains(why),
            "{sql}: {error}"
        );
        assert!(!verify(&kept.place(), None).unwrap().ok);
    }
}

#[tokio::test]
async fn a_page_on_a_server_that_was_damaged_is_told_of_and_added_to_by_nobody() {
    // Its files are changed while it is down, so it is nobody else's.
    let cluster: &'static Cluster = match Cluster::start(&[]) {
        Ok(cluster) => Box::leak(Box::new(cluster)),
        Err(why) => return eprintln!("SKIPPED: {why}"),
    };
    let kept = Kept::in_cluster(cluster);
    record(&kept, 200).await;
    let Kept::Postgres { database, .. } = &kept else { return };
    let file = cluster.sql(database, "CHECKPOINT; SELECT pg_relation_filepath('bulkhead.record')");
    let pages: u64 = cluster
        .sql(database, &format!("SELECT pg_relation_size('bulkhead.record') / {PAGE_BYTES}"))
        .parse()
        .unwrap();
    assert!(pages > 3);
    cluster.quit();
    let path = cluster.folder().join("data").join(file);
    let damage = |page: u64| {
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.write_all_at(&GARBAGE, page * PAGE_BYTES).unwrap();
    };
    // One in the middle is found by whoever goes through all of it.
    damage(1);
    cluster.resume();
    let report = verify(&kept.place(), None).unwrap();
    let bad = report.first_bad.unwrap();
    assert!(bad.to_string().contains("invalid page"), "{bad}");
    cluster.quit();
    // One that the next record would stand behind keeps a gateway from starting.
    damage(pages - 1);
    cluster.resume();
    let error = refused(&kept);
    assert!(error.to_string().contains("invalid page"), "{error}");
    cluster.end();
}
