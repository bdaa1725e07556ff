//! One caller, whom nobody else waits beside: commits in its own thread, beside the writer's.

use std::time::Duration;

use bulkhead_journal::read::{Query, Reader};
use bulkhead_journal::verify::verify;
use serde_json::json;

use crate::common::{draft, entry, number, put};
use crate::kept::Kept;

/// How long what follows may take to become durable, far beyond what it does.
const PATIENCE: Duration = Duration::from_secs(60);

/// Appends of one caller, each with something behind it that nobody waits for.
const ACTIONS: u64 = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_caller_records_stands_in_order_with_what_follows_it() {
    for kept in Kept::both() {
        let journal = kept.open();
        let own = journal.clone();
        let caller = async move {
            for number in 0..ACTIONS {
                let mut said = entry(vec![draft(2 * number)]);
                said.state = vec![put("at", json!(number))];
                let receipt = own.append(said).await.unwrap();
                assert_eq!(receipt.seq(), 2 * number + 1);
                own.follow(entry(vec![draft(2 * number + 1)])).await.unwrap();
                // Also what follows late, when a commit has just been.
                if number % 7 == 0 {
                    tokio::time::sleep(Duration::from_millis(number % 9)).await;
                }
            }
        };
        tokio::spawn(caller).await.unwrap();
        // Nobody appends any more, so what followed last becomes durable by itself.
        let durable = async {
            while journal.head().records < 2 * ACTIONS {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, durable).await.expect("what followed last stays undone");
        assert_eq!(journal.state("test", "at").unwrap(), Some(json!(ACTIONS - 1)));
        let report = verify(&kept.place(), Some(journal.head())).unwrap();
        assert!(report.ok && report.records == 2 * ACTIONS, "{report:?}");
        let reader = Reader::open(&kept.place()).unwrap();
        for record in reader.query(&Query { limit: 2 * ACTIONS as u32, ..Query::default() }).unwrap() {
            assert_eq!(number(&reader, &record, "number") + 1, record.seq);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_comes_and_goes_beside_others_loses_nothing() {
    for kept in Kept::both() {
        let journal = kept.open();
        let caller = |name: u64, pause: u64| {
            let journal = journal.clone();
            tokio::spawn(async move {
                for number in 0..100 {
                    drop(journal.append(entry(vec![draft(name * 1_000 + number)])).await.unwrap());
                    if number % 10 == 9 {
                        tokio::time::sleep(Duration::from_millis(pause)).await;
                    }
                }
            })
        };
        for caller in [caller(1, 0), caller(2, 7), caller(3, 11)] {
            caller.await.unwrap();
        }
        let report = verify(&kept.place(), Some(journal.head())).unwrap();
        assert!(report.ok && report.records == 300, "{report:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_is_closed_while_one_caller_goes_on() {
    for kept in Kept::both() {
        let journal = kept.open();
        let own = journal.clone();
        let caller = tokio::spawn(async move {
            let mut told = 0;
            while let Ok(receipt) = own.append(entry(vec![draft(told)])).await {
                told = receipt.seq();
            }
            told
        });
        tokio::time::sleep(Duration::from_millis(20)).await;
        journal.close().await.unwrap();
        let told = tokio::time::timeout(PATIENCE, caller).await.expect("nobody is told").unwrap();
        let report = verify(&kept.place(), None).unwrap();
        assert!(report.ok && report.records == told, "{told} were told: {report:?}");
        drop(kept.open());
    }
}
