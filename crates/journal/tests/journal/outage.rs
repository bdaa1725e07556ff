//! A server that goes away, hangs or is full, and connections that go in the middle of a commit: nothing that was
//! acknowledged is missing, nothing is there twice, nobody is told what is not so, and the journal recovers by itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bulkhead_journal::read::{Query, Reader};
use bulkhead_journal::verify::verify;
use bulkhead_journal::{AppendError, Config, Head, Journal, PostgresConfig};
use serde_json::json;

use crate::cluster::Cluster;
use crate::common::{Clock, NOON, draft, entry, fill, number, put};
use crate::full::{healthy_again, mount};
use crate::kept::{Kept, ROLE};
use crate::proxy::{Proxy, Way};

/// How long the journals here wait for their server: longer than a machine may stand still, since some of what they ask is
/// answered.
const WAIT: Duration = Duration::from_secs(6);

/// The same for those that come to an answer after all, however much else the machine has to do.
const PATIENT: Duration = Duration::from_secs(60);

/// How often two entries that are handed in one after the other are tried to share a commit.
const MAX_ROUNDS: u32 = 10;

/// A record, and a journal that reaches it by a way that fails.
pub(crate) fn by_proxy() -> Option<(Kept, Proxy, Journal)> {
    by_proxy_for(WAIT)
}

/// The same with a journal that waits so long.
fn by_proxy_for(wait: Duration) -> Option<(Kept, Proxy, Journal)> {
    let kept = Kept::postgres()?;
    let Kept::Postgres { cluster, database } = &kept else { return None };
    let proxy = Proxy::new(cluster.folder());
    let config = PostgresConfig::new(&proxy.url(ROLE, database)).unwrap().patient(wait);
    let journal = Journal::open(Config { place: config.into() }, Clock::at(NOON)).unwrap();
    Some((kept, proxy, journal))
}

/// How often each message stands in the log, which has to be whole.
pub(crate) fn counted(kept: &Kept) -> BTreeMap<u64, usize> {
    let reader = Reader::open(&kept.place()).unwrap();
    let mut counts = BTreeMap::new();
    for record in reader.query(&Query::default()).unwrap() {
        *counts.entry(number(&reader, &record, "number")).or_insert(0) += 1;
    }
    let report = verify(&kept.place(), None).unwrap();
    assert!(report.ok, "{report:?}");
    counts
}

pub(crate) fn once(numbers: impl IntoIterator<Item = u64>) -> BTreeMap<u64, usize> {
    numbers.into_iter().map(|number| (number, 1)).collect()
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_is_found_in_the_log_and_acknowledged() {
    let Some((kept, proxy, journal)) = by_proxy_for(PATIENT) else { return };
    fill(&journal, 3).await;
    for number in 4..8 {
        proxy.set(Way::LoseAnswer);
        let receipt = journal.append(entry(vec![draft(number)])).await.unwrap();
        assert!(proxy.is(Way::Open), "the connection was not cut");
        assert_eq!((receipt.seq(), *receipt.hash()), (number, journal.head().hash));
    }
    drop(journal.append(entry(vec![draft(8)])).await.unwrap());
    assert_eq!(counted(&kept), once(1..=8));
    assert!(verify(&kept.place(), Some(journal.head())).unwrap().ok);
}

#[tokio::test]
async fn a_commit_that_never_arrived_is_sent_again() {
    let Some((kept, proxy, journal)) = by_proxy_for(PATIENT) else { return };
    fill(&journal, 3).await;
    for number in 4..8 {
        proxy.set(Way::LoseQuestion);
        assert_eq!(journal.append(entry(vec![draft(number)])).await.unwrap().seq(), number);
        assert!(proxy.is(Way::Open), "the connection was not cut");
    }
    assert_eq!(counted(&kept), once(1..=7));
}

#[tokio::test]
async fn a_commit_that_arrives_after_all_is_not_done_twice() {
    let Some((kept, proxy, journal)) = by_proxy_for(PATIENT) else { return };
    fill(&journal, 3).await;
    proxy.set(Way::DelayQuestion);
    assert_eq!(journal.append(entry(vec![draft(4)])).await.unwrap().seq(), 4);
    assert_eq!(proxy.deliver(), 1, "no commit was delayed");
    drop(journal.append(entry(vec![draft(5)])).await.unwrap());
    assert_eq!(counted(&kept), once(1..=5));
}

/// Loses a commit on `way`: of 3, which only follows, and of 4, for which somebody waits. While nobody knows what became of it
/// come 5, for which somebody waits, and 6, which only follows; 7 comes when all is well again. Then `there` is in the log,
/// whether 3 shared the commit with 4 or went before it; what was delayed arrives `away` from a gateway that is cut off, or when it is back.
/// Whether the two shared it; nothing where there is no PostgreSQL.
async fn lose(way: Way, away: bool, there: &[u64]) -> Option<bool> {
    let (kept, proxy, journal) = by_proxy()?;
    fill(&journal, 2).await;
    proxy.set(way);
    journal.follow(entry(vec![draft(3)])).await.unwrap();
    let refused = journal.append(entry(vec![draft(4)])).await.unwrap_err();
    assert!(matches!(refused, AppendError::Unsure(_)), "{refused}");
    assert!(journal.healthy().is_err());
    assert_eq!(journal.head().records, 2);
    assert!(journal.append(entry(vec![draft(5)])).await.is_err());
    journal.follow(entry(vec![draft(6)])).await.unwrap();
    let deliver = || assert_eq!(proxy.deliver(), 1, "no commit was delayed");
    let delayed = way == Way::DelayQuestionAndClose;
    if delayed && away {
        deliver();
    }
    proxy.set(Way::Open);
    healthy_again(&journal).await;
    if delayed && !away {
        deliver();
    }
    drop(journal.append(entry(vec![draft(7)])).await.unwrap());
    let counts = counted(&kept);
    let shared = counts.contains_key(&4) || !there.contains(&4);
    assert_eq!(counts, once(there.iter().copied().filter(|number| shared || *number != 4)), "{way:?}");
    assert_eq!(journal.head().records, kept.bodies().len() as u64);
    Some(shared)
}

/// The same until the two have shared the commit.
async fn lose_together(way: Way, away: bool, there: &[u64]) {
    for _ in 0..MAX_ROUNDS {
        if lose(way, away, there).await != Some(false) {
            return;
        }
    }
    panic!("no commit was shared");
}

#[tokio::test]
async fn a_commit_of_which_nothing_can_be_learned_is_refused_and_settled_later() {
    // What was refused as unknown may be there, and then once; what follows is there in any case.
    lose_together(Way::LoseAnswerAndClose, false, &[1, 2, 3, 4, 6, 7]).await;
    lose_together(Way::LoseQuestionAndClose, false, &[1, 2, 3, 6, 7]).await;
}

#[tokio::test]
async fn a_commit_that_arrives_after_it_was_called_unknown_is_in_once_or_never() {
    lose_together(Way::DelayQuestionAndClose, true, &[1, 2, 3, 4, 6, 7]).await;
    // Its session was ended before anybody looked what had become of it.
    lose_together(Way::DelayQuestionAndClose, false, &[1, 2, 3, 6, 7]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_is_given_up_and_taken_up_again() {
    let Some((kept, proxy, journal)) = by_proxy() else { return };
    let mut first = entry(vec![draft(1)]);
    first.state = vec![put("row", json!(1))];
    drop(journal.append(first).await.unwrap());
    assert_eq!(journal.state("test", "row").unwrap(), Some(json!(1)));
    proxy.set(Way::Stuck);
    // Far beyond what either may take.
    let bound = 20 * WAIT;
    let refused = tokio::time::timeout(bound, journal.append(entry(vec![draft(2)]))).await;
    let refused = refused.expect("an append waits for a server that hangs").unwrap_err();
    assert!(matches!(refused, AppendError::Unsure(_) | AppendError::Write(_)), "{refused}");
    assert!(
        refused.to_string().contains(&format!("has not answered within {} ms", WAIT.as_millis())),
        "{refused}"
    );
    assert!(journal.healthy().is_err());
    let reading = journal.clone();
    let read = tokio::task::spawn_blocking(move || reading.state("test", "row"));
    let read = tokio::time::timeout(bound, read).await.expect("a look waits for a server that hangs");
    assert!(read.unwrap().is_err());
    proxy.set(Way::Open);
    healthy_again(&journal).await;
    drop(journal.append(entry(vec![draft(3)])).await.unwrap());
    let counts = counted(&kept);
    assert!(counts.values().all(|count| *count == 1) && counts.contains_key(&3), "{counts:?}");
}

/// Appends from several tasks until told to stop, and goes on after each refusal. What was acknowledged.
async fn load(journal: &Journal, stop: Arc<AtomicBool>) -> Vec<(u64, Head)> {
    let next = Arc::new(std::sync::atomic::AtomicU64::new(journal.head().records));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (journal, stop, next) = (journal.clone(), stop.clone(), next.clone());
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    match journal.append(entry(vec![draft(number)])).await {
                        Ok(receipt) => {
                            let head = Head { records: receipt.seq(), hash: *receipt.hash() };
                            acknowledged.push((number, head));
                        }
                        Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                    }
                }
                acknowledged
            })
        })
        .collect();
    let mut acknowledged = Vec::new();
    for task in tasks {
        acknowledged.extend(task.await.unwrap());
    }
    acknowledged
}

/// Everything that was acknowledged stands in its place, and nothing stands there twice.
fn all_there(kept: &Kept, acknowledged: &[(u64, Head)]) {
    let reader = Reader::open(&kept.place()).unwrap();
    for (number_of_it, head) in acknowledged {
        let record =
            reader.show(head.records).unwrap().unwrap_or_else(|| panic!("an acknowledged record is missing"));
        assert_eq!((record.hash, number(&reader, &record, "number")), (head.hash, *number_of_it));
    }
    let counts = counted(kept);
    assert!(counts.values().all(|count| *count == 1), "something stands twice: {counts:?}");
}

/// A cluster of this test's own; it lives as long as the process.
pub(crate) fn own_cluster(settings: &[(&str, &str)]) -> Option<&'static Cluster> {
    match Cluster::start(settings) {
        Ok(cluster) => Some(Box::leak(Box::new(cluster))),
        Err(why) => {
            eprintln!("SKIPPED: {why}");
            None
        }
    }
}

/// Kills the server and starts it again, while others go on.
pub(crate) async fn restarted(cluster: &'static Cluster) {
    tokio::task::spawn_blocking(move || {
        cluster.crash();
        cluster.resume();
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_acknowledged_is_lost_when_postgresql_is_killed_under_load() {
    let Some(cluster) = own_cluster(&[]) else { return };
    let kept = Kept::in_cluster(cluster);
    let journal = kept.open();
    let stop = Arc::new(AtomicBool::new(false));
    let loaded = {
        let (journal, stop) = (journal.clone(), stop.clone());
        tokio::spawn(async move { load(&journal, stop).await })
    };
    for life in 0_u64..6 {
        let before = journal.head().records;
        while journal.head().records < before + 20 + 7 * life {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let ended =
            tokio::task::spawn_blocking(move || if life % 2 == 0 { cluster.crash() } else { cluster.quit() });
        ended.await.unwrap();
        while journal.healthy().is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::task::spawn_blocking(move || cluster.resume()).await.unwrap();
        healthy_again(&journal).await;
    }
    stop.store(true, Ordering::Relaxed);
    let acknowledged = loaded.await.unwrap();
    assert!(acknowledged.len() > 100, "only {} were acknowledged", acknowledged.len());
    all_there(&kept, &acknowledged);
    assert!(verify(&kept.place(), Some(journal.head())).unwrap().ok);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_full_disk_under_postgresql_refuses_clearly_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let Some(_mount) = mount(folder.path(), "size=80m,mode=0777") else { return };
    let started = Cluster::start_in(folder.path(), &[("max_wal_size", "32MB"), ("min_wal_size", "32MB")]);
    let cluster: &'static Cluster = match started {
        Ok(cluster) => Box::leak(Box::new(cluster)),
        Err(why) => {
            eprintln!("SKIPPED: {why}");
            return;
        }
    };
    let kept = Kept::in_cluster(cluster);
    let journal = kept.open();
    let mut acknowledged = Vec::new();
    let large = |number: u64| {
        let mut draft = draft(number);
        // Noise, which is stored at its full size.
        let noise: String = (0..2000_u64)
            .map(|n| vocab::Digest::of(&(number * 4096 + n).to_be_bytes()).to_string())
            .collect();
        draft.payload = json!({ "number": number, "text": noise });
        entry(vec![draft])
    };
    let refused = loop {
        let number = acknowledged.len() as u64;
        match journal.append(large(number)).await {
            Ok(receipt) => {
                let head = Head { records: receipt.seq(), hash: *receipt.hash() };
                acknowledged.push((number, head));
            }
            Err(error) => break error,
        }
        assert!(acknowledged.len() < 2_000, "the disk never filled");
    };
    let fits = matches!(refused, AppendError::Full | AppendError::Write(_) | AppendError::Unsure(_));
    assert!(fits && journal.healthy().is_err(), "{refused}");
    let bigger =
        std::process::Command::new("mount").args(["-o", "remount,size=300m"]).arg(folder.path()).status();
    assert!(bigger.unwrap().success());
    // A server whose log has no room stops; whoever looks after it starts it again.
    if cluster.try_sql("postgres", "postgres", "SELECT 1").is_err() {
        restarted(cluster).await;
    }
    healthy_again(&journal).await;
    let receipt = journal.append(large(acknowledged.len() as u64 + 1)).await.unwrap();
    let head = Head { records: receipt.seq(), hash: *receipt.hash() };
    acknowledged.push((acknowledged.len() as u64 + 1, head));
    all_there(&kept, &acknowledged);
    journal.close().await.unwrap();
    cluster.end();
}
