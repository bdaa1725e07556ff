//! What a failing server must not take with it, and what it leaves to be done: PostgreSQL only.

use std::sync::mpsc;
use std::time::Duration;

use bulkhead_journal::{Config, Journal, PostgresConfig};
use serde_json::json;

use crate::common::{Clock, NOON, draft, entry, fill, put};
use crate::full::healthy_again;
use crate::kept::{Kept, ROLE};
use crate::outage::{by_proxy, counted, once};
use crate::proxy::{Proxy, Way};

/// How often a task has to go on.
const TICKS: usize = 50;

#[tokio::test]
async fn a_server_that_is_read_and_takes_nothing_is_no_recovery() {
    let Some(kept) = Kept::postgres() else { return };
    let Kept::Postgres { cluster, database } = &kept else { return };
    for tables in ["record", "payload", "state"] {
        let journal = kept.open();
        let before = journal.head().records;
        fill(&journal, 1).await;
        cluster.sql(database, &format!("REVOKE INSERT ON bulkhead.{tables} FROM bulkhead_gateway"));
        let mut refused = entry(vec![draft(2)]);
        refused.state = vec![put("row", json!(1))];
        let refused = journal.append(refused).await.unwrap_err();
        assert!(refused.to_string().contains("permission denied"), "{tables}: {refused}");
        // The writer looks by itself again and again; nothing of that may pass for a recovery.
        for _ in 0..60 {
            assert!(journal.healthy().is_err(), "{tables}: healthy, though it takes nothing");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        cluster.sql(database, &format!("GRANT INSERT ON bulkhead.{tables} TO bulkhead_gateway"));
        healthy_again(&journal).await;
        fill(&journal, 1).await;
        assert_eq!(journal.head().records, before + 2);
        journal.close().await.unwrap();
    }
}

#[tokio::test]
async fn what_an_outage_has_left_over_comes_through_in_parts() {
    let Some((kept, proxy, journal)) = by_proxy() else { return };
    let Kept::Postgres { cluster, database } = &kept else { return };
    fill(&journal, 1).await;
    proxy.set(Way::LoseQuestionAndClose);
    assert!(journal.append(entry(vec![draft(9_999)])).await.is_err());
    for number in 2..=1_500 {
        journal.follow(entry(vec![draft(number)])).await.unwrap();
    }
    proxy.set(Way::Open);
    healthy_again(&journal).await;
    journal.flush().await.unwrap();
    // What one statement adds has one transaction's number.
    let largest =
        "SELECT max(rows) FROM (SELECT count(*) AS rows FROM bulkhead.record GROUP BY xmin::text) AS parts";
    let largest: u64 = cluster.sql(database, largest).parse().unwrap();
    assert!(largest <= 512, "{largest} entries went as one statement");
    let mut counts = counted(&kept);
    // What was refused as unknown may be there.
    counts.remove(&9_999);
    assert_eq!(counts, once(1..=1_500));
}

#[test]
fn rows_of_state_that_a_hanging_server_keeps_hold_up_nothing_else() {
    let Some(kept) = Kept::postgres() else { return };
    let Kept::Postgres { cluster, database } = &kept else { return };
    let proxy = Proxy::new(cluster.folder());
    // So long that only what does not wait for it goes on.
    let config = PostgresConfig::new(&proxy.url(ROLE, database)).unwrap().patient(Duration::from_secs(120));
    // As the gateway has them.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(16)
        .enable_all()
        .build()
        .unwrap();
    let journal = Journal::open(Config { place: config.into() }, Clock::at(NOON)).unwrap();
    assert_eq!(journal.state("test", "row").unwrap(), None);
    proxy.set(Way::Stuck);
    for _ in 0..64 {
        let journal = journal.clone();
        runtime.spawn(async move { journal.state("test", "row").is_err() });
    }
    let (tick, ticked) = mpsc::sync_channel(TICKS);
    runtime.spawn(async move {
        for _ in 0..TICKS {
            tokio::time::sleep(Duration::from_millis(10)).await;
            tick.send(()).unwrap();
        }
    });
    for _ in 0..TICKS {
        ticked.recv_timeout(Duration::from_secs(60)).expect("the whole runtime stands still");
    }
    proxy.set(Way::Open);
    runtime.shutdown_timeout(Duration::from_secs(30));
}
