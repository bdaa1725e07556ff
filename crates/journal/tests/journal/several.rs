//! Several gateways on one record: one order, no gap, no fork, and nothing acknowledged is missing.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::Child;
use std::time::Duration;

use bulkhead_journal::read::{Query, Reader};
use bulkhead_journal::verify::verify;
use bulkhead_journal::{Config, Journal, OpenError};
use serde_json::json;
use vocab::Digest;

use crate::common::{Clock, NOON, draft, entry, number, put};
use crate::crash::{Acknowledged, acknowledged, start_as};
use crate::kept::Kept;

/// Gateways at once.
const GATEWAYS: usize = 3;

/// How often each of them is killed.
const LIVES: u64 = 12;

/// A child lives for fewer acknowledged entries than this.
const MAX_TOLD: u64 = 40;

/// And then for less than this, in microseconds.
const MAX_REST: u64 = 4_000;

fn open(kept: &Kept, gateway: &str) -> Journal {
    Journal::open(Config { place: kept.place_of(gateway) }, Clock::at(NOON)).unwrap()
}

/// The whole log, which has to be one chain without a gap: each record's place and hash.
fn whole(kept: &Kept) -> Vec<(u64, Digest)> {
    let reader = Reader::open(&kept.place()).unwrap();
    let mut all = Vec::new();
    loop {
        let after = all.last().map(|(seq, _)| *seq);
        let page = reader.query(&Query { after, ..Query::default() }).unwrap();
        if page.is_empty() {
            break;
        }
        all.extend(page.into_iter().map(|record| (record.seq, record.hash)));
    }
    assert!(all.iter().map(|(seq, _)| *seq).eq(1..=all.len() as u64), "the log has a gap");
    let report = verify(&kept.place(), None).unwrap();
    assert!(report.ok && report.records == all.len() as u64, "{report:?}");
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn gateways_that_append_at_once_make_one_log() {
    let Some(kept) = Kept::postgres() else { return };
    let journals: Vec<Journal> = (0..GATEWAYS).map(|gateway| open(&kept, &format!("gw-{gateway}"))).collect();
    let mut tasks = Vec::new();
    for (gateway, journal) in (0_u64..).zip(&journals) {
        for task in 0..4 {
            let journal = journal.clone();
            tasks.push(tokio::spawn(async move {
                let mut receipts = Vec::new();
                for turn in 0..25 {
                    let mut wanted = entry(vec![draft(gateway), draft(turn)]);
                    wanted.state = vec![put(&format!("task-{task}"), json!(turn))];
                    let receipt = journal.append(wanted).await.unwrap();
                    receipts.push((receipt.seq(), *receipt.hash()));
                }
                assert!(receipts.is_sorted(), "a gateway's own entries are out of order");
                receipts
            }));
        }
    }
    let mut receipts = Vec::new();
    for task in tasks {
        receipts.extend(task.await.unwrap());
    }
    let all: BTreeMap<u64, Digest> = whole(&kept).into_iter().collect();
    assert_eq!(all.len(), GATEWAYS * 4 * 25 * 2);
    assert!(receipts.iter().all(|(seq, hash)| all.get(seq) == Some(hash)), "a receipt is for nothing");
    // The two records of an entry stand together, whoever else appends.
    let reader = Reader::open(&kept.place()).unwrap();
    for pair in reader.query(&Query::default()).unwrap().chunks(2) {
        assert!(number(&reader, &pair[0], "number") < GATEWAYS as u64, "an entry was torn apart");
    }
    let trees: Vec<_> = journals.iter().map(Journal::tree).collect();
    let largest = trees.iter().map(|tree| tree.size).max().unwrap();
    assert_eq!(largest, all.len() as u64);
    for journal in journals {
        journal.close().await.unwrap();
    }
    let again = open(&kept, "gw-0");
    assert_eq!(Some(&again.tree()), trees.iter().find(|tree| tree.size == largest));
}

#[tokio::test]
async fn a_gateway_that_never_rests_leaves_the_others_their_turn() {
    let Some(kept) = Kept::postgres() else { return };
    let (busy, slow) = (open(&kept, "busy"), open(&kept, "slow"));
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let flood: Vec<_> = (0..8)
        .map(|_| {
            let (busy, stop) = (busy.clone(), stop.clone());
            tokio::spawn(async move {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    drop(busy.append(entry(vec![draft(1)])).await.unwrap());
                }
            })
        })
        .collect();
    for number in 0..20 {
        drop(slow.append(entry(vec![draft(number)])).await.unwrap());
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    for task in flood {
        task.await.unwrap();
    }
    assert!(whole(&kept).len() >= 28);
}

#[tokio::test]
async fn each_gateway_sees_its_own_rows_of_state_and_has_its_name_alone() {
    let Some(kept) = Kept::postgres() else { return };
    let (one, other) = (open(&kept, "one"), open(&kept, "other"));
    for (journal, value) in [(&one, 1), (&other, 2)] {
        let mut wanted = entry(vec![draft(1)]);
        wanted.state = vec![put("mine", json!(value))];
        drop(journal.append(wanted).await.unwrap());
    }
    assert_eq!(one.state("test", "mine").unwrap(), Some(json!(1)));
    assert_eq!(other.states("test", "").unwrap(), [("mine".to_owned(), json!(2))]);
    let again = Journal::open(Config { place: kept.place_of("one") }, Clock::at(NOON));
    let Err(error) = again else { panic!("two processes have one name") };
    assert!(matches!(&error, OpenError::Locked { .. }) && error.to_string().contains("process"), "{error}");
    one.close().await.unwrap();
    let again = open(&kept, "one");
    assert_eq!(again.state("test", "mine").unwrap(), Some(json!(1)));
}

/// Kills a child after it was told so much, and a little later; what it was told.
fn live(mut child: Child, told: u64, rest: Duration) -> Vec<Acknowledged> {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledgements = Vec::new();
    while (acknowledgements.len() as u64) < told {
        let Some(line) = lines.next() else { panic!("the child ended by itself") };
        acknowledgements.extend(acknowledged(&line.unwrap()));
    }
    std::thread::sleep(rest);
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());
    acknowledgements.extend(lines.filter_map(|line| acknowledged(&line.unwrap())));
    acknowledgements
}

#[test]
fn gateways_that_are_killed_at_random_leave_one_log_with_all_that_was_acknowledged() {
    let Some(kept) = Kept::postgres() else { return };
    let address = kept.address();
    let killed: Vec<_> = (0..GATEWAYS)
        .map(|gateway| {
            let address = address.clone();
            std::thread::spawn(move || {
                let mut random = gateway as u64 + 1;
                let mut below = |bound: u64| {
                    random = random
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    (random >> 33) % bound
                };
                let mut told = Vec::new();
                for life in 0..LIVES {
                    let child = start_as(&format!("gw-{gateway}"), &address, life % 4 == 1);
                    let rest = Duration::from_micros(below(MAX_REST));
                    told.extend(live(child, below(MAX_TOLD), rest).into_iter().map(|told| told.head));
                }
                told
            })
        })
        .collect();
    let told: Vec<_> = killed.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    let all: BTreeMap<u64, Digest> = whole(&kept).into_iter().collect();
    for head in &told {
        assert_eq!(all.get(&head.records), Some(&head.hash), "an acknowledged record is missing");
    }
    assert!(told.len() > 100, "only {} were acknowledged in all", told.len());
    eprintln!("{GATEWAYS} gateways, {LIVES} lives each, {} acknowledged, {} records", told.len(), all.len());
}
