//! A connection that is cut at every step of what has a transaction of its own, an erasure and a checkpoint: it is done
//! once or not at all, and nobody is told what is not so.

use std::time::Duration;

use bulkhead_journal::read::{Query, Reader};
use bulkhead_journal::verify::verify;
use bulkhead_journal::{AppendError, Config, Event, Journal, Notary, Place, PostgresConfig};

use crate::common::{Clock, NOON, fill};
use crate::erase::erasure;
use crate::full::healthy_again;
use crate::kept::{ERASER, Kept, ROLE};
use crate::notary::settings;
use crate::proxy::{Proxy, Way};

/// More steps than any of it has.
const MAX_STEPS: u32 = 64;

/// Each of them has at least so many.
const MIN_STEPS: u32 = 5;

/// How long the journals here wait for their server.
const WAIT: Duration = Duration::from_secs(5);

/// A record, the way to it, and its place by that way.
fn by_proxy() -> Option<(Kept, Proxy, Place)> {
    let kept = Kept::postgres()?;
    let Kept::Postgres { cluster, database } = &kept else { return None };
    let proxy = Proxy::new(cluster.folder());
    let config = PostgresConfig::new(&proxy.url(ROLE, database)).unwrap();
    let place = config.patient(WAIT).with_eraser(ERASER, None).into();
    Some((kept, proxy, place))
}

/// How often the record says that something was erased.
fn erasures(reader: &Reader) -> usize {
    let query = Query { event: Some(Event::ErasureDone), ..Query::default() };
    reader.query(&query).unwrap().len()
}

#[tokio::test]
async fn an_erasure_is_done_once_or_not_at_all_wherever_the_connection_goes() {
    for way in [Way::LoseAnswerAfter, Way::LoseQuestionAfter] {
        let Some((kept, proxy, place)) = by_proxy() else { return };
        let journal = Journal::open(Config { place }, Clock::at(NOON)).unwrap();
        let reader = Reader::open(&kept.place()).unwrap();
        let mut steps = 0;
        for step in 0..MAX_STEPS {
            fill(&journal, 2).await;
            let seqs = [journal.head().records - 1, journal.head().records];
            let before = erasures(&reader);
            proxy.set(way(step));
            let answer = journal.append(erasure(seqs)).await;
            let cut = proxy.is(Way::Open);
            proxy.set(Way::Open);
            healthy_again(&journal).await;
            journal.flush().await.unwrap();
            let done = erasures(&reader) - before;
            let gone = seqs.map(|seq| reader.content(seq).unwrap().is_none());
            assert_eq!(gone, [done == 1; 2], "{:?}: {answer:?}", way(step));
            match answer {
                Ok(receipt) => {
                    let record = reader.show(seqs[0]).unwrap().unwrap();
                    assert_eq!((done, record.erased_by), (1, Some(receipt.seq())), "{:?}", way(step));
                }
                Err(AppendError::Unsure(_)) => assert!(done <= 1),
                Err(error) => assert_eq!(done, 0, "{:?}: {error}", way(step)),
            }
            if !cut {
                break;
            }
            steps += 1;
        }
        assert!((MIN_STEPS..MAX_STEPS).contains(&steps), "it was cut at {steps} steps");
        let report = verify(&kept.place(), Some(journal.head())).unwrap();
        assert!(report.ok, "{report:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_is_stored_once_or_not_at_all_wherever_the_connection_goes() {
    for way in [Way::LoseAnswerAfter, Way::LoseQuestionAfter] {
        let Some((kept, proxy, place)) = by_proxy() else { return };
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(Config { place: place.clone() }, Clock::at(NOON)).unwrap();
        let notary =
            Notary::open(journal.clone(), place, settings(folder.path()), Clock::random_from(7, NOON))
                .await
                .unwrap();
        let reader = Reader::open(&kept.place()).unwrap();
        let mut steps = 0;
        for step in 0..MAX_STEPS {
            fill(&journal, 1).await;
            proxy.set(way(step));
            let answer = notary.seal().await;
            let cut = proxy.is(Way::Open);
            proxy.set(Way::Open);
            healthy_again(&journal).await;
            let sealed = match answer {
                Ok(sealed) => sealed,
                // What was not done is done the next time.
                Err(error) => notary.seal().await.unwrap_or_else(|again| panic!("{error}, then {again}")),
            };
            assert_eq!(sealed.tree(), journal.tree(), "{:?}", way(step));
            let stored = reader.newest_checkpoint().unwrap().unwrap();
            assert_eq!(stored.to_string(), sealed.note().to_string(), "{:?}", way(step));
            if !cut {
                break;
            }
            steps += 1;
        }
        assert!((MIN_STEPS..MAX_STEPS).contains(&steps), "it was cut at {steps} steps");
        let report = verify(&kept.place(), Some(journal.head())).unwrap();
        assert!(report.ok, "{report:?}");
    }
}
