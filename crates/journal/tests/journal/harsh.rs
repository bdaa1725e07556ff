//! Erasures in any order, and whoever carries them out killed at any moment: each is whole or not there, nothing else
//! goes, and it verifies. In either database.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bulkhead_journal::read::{Query, Reader};
use bulkhead_journal::verify::verify;
use bulkhead_journal::{Change, Config, Entry, Event, Head, Journal, Kind, Place};
use proptest::prelude::*;
use serde_json::Value;

use crate::common::{Clock, NOON, draft, entry, fill, open_with};
use crate::crash::{place, start_at};
use crate::erase::erasure;
use crate::full::healthy_again;
use crate::kept::Kept;
use crate::outage::{own_cluster, restarted};

/// How often the child is killed, for each database.
const LIVES: u64 = 24;

/// How often the server is.
const CRASHES: u64 = 8;

/// How many contents one erasure takes.
const AT_ONCE: u32 = 40;

#[track_caller]
fn whole(kept: &Kept, head: Option<Head>) {
    let report = verify(&kept.place(), head).unwrap();
    assert!(report.ok, "{report:?}");
}

/// The oldest that are left.
fn oldest(place: &Place) -> Result<BTreeSet<u64>, Box<dyn Error + Send + Sync>> {
    let query = Query { erasable: true, limit: AT_ONCE, ..Query::default() };
    Ok(Reader::open(place)?.query(&query)?.iter().map(|record| record.seq).collect())
}

/// Appends some more and erases the oldest that are left, with a row of state that says which was the last.
async fn erase_more(
    journal: &Journal,
    place: &Place,
    round: u64,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let first = round * u64::from(AT_ONCE);
    drop(journal.append(entry((first..first + u64::from(AT_ONCE)).map(draft).collect())).await?);
    let seqs = oldest(place)?;
    let state = vec![Change::put("gone", "last", seqs.last().unwrap()).unwrap()];
    drop(journal.append(Entry { state, ..erasure(seqs) }).await?);
    Ok(())
}

/// How many erasures there are. What is gone, what the record says and the row of state agree.
fn agreed(kept: &Kept, journal: &Journal) -> u64 {
    let reader = Reader::open(&kept.place()).unwrap();
    let query = Query { event: Some(Event::ErasureDone), ..Query::default() };
    let done = reader.query(&query).unwrap();
    let last = done.last().map(|record| record.erases.as_ref().unwrap().ranges().last().unwrap().1);
    assert_eq!(journal.state("gone", "last").unwrap().as_ref().and_then(Value::as_u64), last);
    let said: u64 = done.iter().map(|record| record.erases.as_ref().unwrap().contents()).sum();
    let messages = reader.query(&Query { kind: Some(Kind::Message), ..Query::default() }).unwrap();
    assert_eq!(messages.iter().filter(|record| record.erased).count() as u64, said);
    done.len() as u64
}

/// Erases one after the other until it is killed.
#[tokio::test]
#[ignore = "the crash test's child; it lives until it is killed"]
async fn child() {
    let place = place();
    let journal = open_with(&Config { place: place.clone() }, &Clock::at(NOON));
    std::io::stdout().write_all(b"\nopen\n").unwrap();
    for round in 0_u64.. {
        erase_more(&journal, &place, round).await.unwrap();
        std::io::stdout().write_all(b"erased\n").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_is_whole_or_not_there_whenever_its_gateway_is_killed() {
    for kept in Kept::both() {
        let journal = kept.open();
        fill(&journal, 100).await;
        journal.close().await.unwrap();
        let mut erasures = 0;
        for life in 0..LIVES {
            let mut child = start_at(&kept, "harsh::child");
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            while lines.next().unwrap().unwrap() != "open" {}
            for _ in 0..life % 3 {
                lines.next().unwrap().unwrap();
            }
            std::thread::sleep(Duration::from_micros(life * 347 % 4_000));
            child.kill().unwrap();
            assert!(!child.wait().unwrap().success());
            whole(&kept, None);
            let journal = kept.open();
            whole(&kept, Some(journal.head()));
            assert!(journal.wiped());
            erasures = agreed(&kept, &journal);
            journal.close().await.unwrap();
        }
        assert!(erasures > 10, "only {erasures} erasures in all");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_erasure_is_whole_or_not_there_whenever_its_server_is_killed() {
    let Some(cluster) = own_cluster(&[]) else { return };
    let kept = Kept::in_cluster(cluster);
    let journal = kept.open();
    fill(&journal, 100).await;
    let stop = Arc::new(AtomicBool::new(false));
    let erasing = {
        let (journal, stop, place) = (journal.clone(), Arc::clone(&stop), kept.place());
        tokio::spawn(async move {
            let mut done = 0;
            for round in 0_u64.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                match erase_more(&journal, &place, round).await {
                    Ok(()) => done += 1,
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
            done
        })
    };
    for life in 0..CRASHES {
        let before = journal.head().records;
        while journal.head().records < before + 2 * u64::from(AT_ONCE) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_micros(life * 1_347 % 6_000)).await;
        restarted(cluster).await;
        healthy_again(&journal).await;
    }
    stop.store(true, Ordering::Relaxed);
    let done: u64 = erasing.await.unwrap();
    healthy_again(&journal).await;
    journal.flush().await.unwrap();
    let found = agreed(&kept, &journal);
    // One of which nobody could learn whether it was done may have been.
    assert!(
        done >= CRASHES && (done..=done + CRASHES).contains(&found),
        "{done} acknowledged, {found} there"
    );
    whole(&kept, Some(journal.head()));
    journal.close().await.unwrap();
    cluster.end();
}

#[derive(Debug, Clone)]
enum Step {
    Append(u8),
    Erase(Vec<prop::sample::Index>),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..40_u8).prop_map(Step::Append),
        3 => prop::collection::vec(any::<prop::sample::Index>(), 1..12).prop_map(Step::Erase),
        1 => Just(Step::Reopen),
    ]
}

async fn interleaved(kept: &Kept, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut journal = kept.open();
    let mut heads = vec![journal.head()];
    // What is there of each message, by its record's number.
    let mut there: BTreeMap<u64, u64> = BTreeMap::new();
    let mut gone: BTreeMap<u64, u64> = BTreeMap::new();
    let mut number = 1_000;
    for step in steps {
        match step {
            Step::Append(count) => {
                for _ in 0..*count {
                    number += 1;
                    there.insert(journal.append(entry(vec![draft(number)])).await.unwrap().seq(), number);
                }
            }
            Step::Erase(chosen) => {
                let keys: Vec<u64> = there.keys().copied().collect();
                let seqs: BTreeSet<u64> =
                    chosen.iter().filter(|_| !keys.is_empty()).map(|index| *index.get(&keys)).collect();
                drop(journal.append(erasure(seqs.clone())).await.unwrap());
                gone.extend(seqs.iter().filter_map(|seq| there.remove_entry(seq)));
            }
            Step::Reopen => {
                journal.close().await.unwrap();
                journal = kept.open();
            }
        }
        heads.push(journal.head());
    }
    for head in heads {
        let report = verify(&kept.place(), Some(head)).unwrap();
        prop_assert!(report.ok, "{:?}", report);
    }
    let reader = Reader::open(&kept.place()).unwrap();
    let records = reader.query(&Query::default()).unwrap();
    for record in records.iter().filter(|record| record.kind == Kind::Message) {
        prop_assert_eq!(record.erased, gone.contains_key(&record.seq));
        let said = reader.content(record.seq).unwrap().unwrap_or_default();
        prop_assert_eq!(said["number"].as_u64(), there.get(&record.seq).copied());
    }
    prop_assert_eq!(kept.spoken(), there.into_values().collect::<BTreeSet<u64>>());
    Ok(())
}

fn played(kept: &Kept, steps: &[Step]) -> Result<(), TestCaseError> {
    tokio::runtime::Builder::new_current_thread().build()?.block_on(interleaved(kept, steps))
}

/// So many cases each.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(24))]
    #[test]
    fn whatever_is_erased_in_whatever_order_nothing_else_goes_and_it_verifies(steps in prop::collection::vec(step(), 1..20)) {
        played(&Kept::sqlite(), &steps)?;
    }
}

proptest! {
    #![proptest_config(cases(12))]
    #[test]
    fn whatever_is_erased_on_a_server_in_whatever_order_nothing_else_goes_and_it_verifies(steps in prop::collection::vec(step(), 1..20)) {
        if let Some(kept) = Kept::postgres() {
            played(&kept, &steps)?;
        }
    }
}
