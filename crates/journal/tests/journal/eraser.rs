//! An eraser that the server refuses: nothing is erased, that is said, and all else is recorded as ever.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bulkhead_journal::read::{Query, Reader};
use bulkhead_journal::verify::verify;
use bulkhead_journal::{AppendError, Config, Entry, Event, Journal, Place, PostgresConfig};
use serde_json::json;

use crate::cluster::Cluster;
use crate::common::{Clock, NOON, draft, entry, fill, put};
use crate::erase::erasure;
use crate::full::healthy_again;
use crate::kept::{ERASER, Kept, ROLE};
use crate::proxy::{Proxy, Way};

/// How long the journals here wait for their server.
const WAIT: Duration = Duration::from_secs(3);

/// How long anything here may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The record of `kept` for a gateway that erases as `eraser`.
fn erasing_as(kept: &Kept, eraser: &str) -> Journal {
    let config = PostgresConfig::new(&kept.address()).unwrap().patient(WAIT).with_eraser(eraser, None);
    Journal::open(Config { place: config.into() }, Clock::at(NOON)).unwrap()
}

#[track_caller]
fn whole(kept: &Kept, journal: &Journal) {
    let report = verify(&kept.place(), Some(journal.head())).unwrap();
    assert!(report.ok, "{report:?}");
}

/// Asks for an erasure between two messages, of which none is the worse for it; what it was refused with.
async fn refused(kept: &Kept, journal: &Journal, seq: u64) -> AppendError {
    let state = vec![put("erased", json!(true))];
    let (before, erased, after) = tokio::join!(
        journal.append(entry(vec![draft(1)])),
        journal.append(Entry { state, ..erasure([seq]) }),
        journal.append(entry(vec![draft(2)])),
    );
    drop((before.unwrap(), after.unwrap()));
    let error = erased.unwrap_err();
    assert_eq!(journal.healthy(), Ok(()), "{error}");
    fill(journal, 1).await;
    let reader = Reader::open(&kept.place()).unwrap();
    assert!(reader.content(seq).unwrap().is_some());
    error
}

#[tokio::test]
async fn an_eraser_that_is_refused_harms_nobody_else() {
    let Some(kept) = Kept::postgres() else { return };
    let Kept::Postgres { cluster, database } = &kept else { return };
    fill(&kept.open(), 3).await;
    // Roles of this test alone, since roles are the whole cluster's.
    let role = |name: &str, sql: &str| {
        let name = format!("{name}_{database}");
        cluster.sql(database, &sql.replace("NAME", &name));
        name
    };
    let out = role("out", "CREATE ROLE NAME NOLOGIN; GRANT bulkhead_eraser TO NAME");
    let bare = role("bare", "CREATE ROLE NAME LOGIN");
    let half = role(
        "half",
        "CREATE ROLE NAME LOGIN; GRANT bulkhead_gateway TO NAME; GRANT DELETE ON bulkhead.payload TO NAME",
    );
    let crowd = role("crowd", "CREATE ROLE NAME LOGIN CONNECTION LIMIT 0; GRANT bulkhead_eraser TO NAME");
    for (eraser, said) in [
        (ROLE, "permission denied for table payload"),
        ("nobody_is_called_so", "does not exist"),
        (&out, "is not permitted to log in"),
        (&bare, "permission denied for schema bulkhead"),
        (&half, "permission denied for table erased"),
        (&crowd, "too many connections"),
    ] {
        let journal = erasing_as(&kept, eraser);
        let error = refused(&kept, &journal, 2).await;
        assert!(matches!(&error, AppendError::Eraser { user, .. } if user == eraser), "{error}");
        let error = error.to_string();
        assert!(error.contains(said) && error.contains("bulkhead doctor"), "{eraser}: {error}");
        assert_eq!(journal.state("test", "erased").unwrap(), None);
        whole(&kept, &journal);
        journal.close().await.unwrap();
    }
    // Whoever was let in meanwhile erases without a new start.
    let journal = erasing_as(&kept, &out);
    drop(refused(&kept, &journal, 2).await);
    cluster.sql(database, &format!("ALTER ROLE {out} LOGIN"));
    drop(journal.append(erasure([2])).await.unwrap());
    whole(&kept, &journal);
    journal.close().await.unwrap();
    for name in [out, bare, half, crowd] {
        cluster.sql(database, &format!("DROP OWNED BY {name}; DROP ROLE {name}"));
    }
}

/// The record of `kept` by a way that can fail.
fn by(proxy: &Proxy, database: &str, eraser: &str) -> Place {
    let config = PostgresConfig::new(&proxy.url(ROLE, database)).unwrap();
    config.patient(WAIT).with_eraser(eraser, None).into()
}

#[tokio::test]
async fn an_eraser_that_is_never_answered_harms_nobody_else() {
    let Some(kept) = Kept::postgres() else { return };
    let Kept::Postgres { cluster, database } = &kept else { return };
    let proxy = Proxy::new(cluster.folder());
    let place = by(&proxy, database, ERASER);
    let journal = Journal::open(Config { place }, Clock::at(NOON)).unwrap();
    fill(&journal, 3).await;
    proxy.set(Way::MuteToNew);
    let error = refused(&kept, &journal, 2).await;
    assert!(matches!(&error, AppendError::Eraser { user, .. } if user == ERASER), "{error}");
    proxy.set(Way::Open);
    drop(journal.append(erasure([2])).await.unwrap());
    whole(&kept, &journal);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_an_eraser_is_not_answered_all_else_is_recorded() {
    let Some(kept) = Kept::postgres() else { return };
    let Kept::Postgres { cluster, database } = &kept else { return };
    let proxy = Proxy::new(cluster.folder());
    let config = PostgresConfig::new(&proxy.url(ROLE, database)).unwrap();
    // Longer than this test takes: what waits for the eraser's answer waits until it is told.
    let place = config.patient(PATIENCE).with_eraser(ERASER, None).into();
    let journal = Journal::open(Config { place }, Clock::at(NOON)).unwrap();
    fill(&journal, 5).await;
    proxy.set(Way::MuteTo(ERASER));
    let ask = |seq: u64| {
        let journal = journal.clone();
        tokio::spawn(async move { journal.append(erasure([seq])).await })
    };
    let muted = async |count: usize| {
        let until = Instant::now() + PATIENCE;
        while proxy.muted() < count {
            assert!(Instant::now() < until, "the eraser was not asked for");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let first = ask(2);
    muted(1).await;
    let second = ask(3);
    // One after the other, and together.
    fill(&journal, 20).await;
    let many = (0..8).map(|number| {
        let journal = journal.clone();
        tokio::spawn(async move { journal.append(entry(vec![draft(number)])).await })
    });
    for asked in many.collect::<Vec<_>>() {
        drop(asked.await.unwrap().unwrap());
    }
    assert_eq!((journal.healthy(), journal.head().records), (Ok(()), 33));
    assert!(!first.is_finished() && !second.is_finished(), "the eraser was answered after all");
    let reader = Reader::open(&kept.place()).unwrap();
    assert!([2, 3].iter().all(|seq| reader.content(*seq).unwrap().is_some()));
    // The one who was not answered is told, and the next is let in.
    proxy.set(Way::Open);
    let error = first.await.unwrap().unwrap_err();
    assert!(matches!(&error, AppendError::Eraser { user, .. } if user == ERASER), "{error}");
    drop(second.await.unwrap().unwrap());
    assert_eq!([2, 3].map(|seq| reader.content(seq).unwrap().is_some()), [true, false]);
    whole(&kept, &journal);
    // Who closes the journal waits for no eraser either.
    proxy.set(Way::MuteTo(ERASER));
    let last = ask(4);
    muted(2).await;
    journal.close().await.unwrap();
    assert_eq!(last.await.unwrap().unwrap_err(), AppendError::Closed);
    assert!(reader.content(4).unwrap().is_some());
}

/// A table that somebody else holds, until it is let go.
struct Holding {
    cluster: &'static Cluster,
    database: String,
    holder: JoinHandle<()>,
}

impl Holding {
    fn table(cluster: &'static Cluster, database: &str) -> Self {
        let sql = "BEGIN; LOCK TABLE bulkhead.erased IN SHARE MODE; SELECT pg_sleep(86400)";
        let at = database.to_owned();
        let holder = std::thread::spawn(move || drop(cluster.try_sql("postgres", &at, sql)));
        Self { cluster, database: database.to_owned(), holder }
    }

    /// Waits until so many have, or wait for, a lock of a kind on it.
    async fn until(&self, which: &str) {
        let sql = format!(
            "SELECT count(*) FROM pg_locks WHERE relation = 'bulkhead.erased'::regclass AND {which} \
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        );
        let until = Instant::now() + PATIENCE;
        while self.cluster.sql(&self.database, &sql) == "0" {
            assert!(Instant::now() < until, "{which}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn let_go(self) {
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND query LIKE 'BEGIN; LOCK TABLE%'";
        self.cluster.sql(&self.database, sql);
        self.holder.join().unwrap();
    }
}

/// How often the record says that something was erased.
fn erasures(reader: &Reader) -> usize {
    let query = Query { event: Some(Event::ErasureDone), ..Query::default() };
    reader.query(&query).unwrap().len()
}

/// How many answers an erasure still waits for when it begins to say what it removed, at most.
const ANSWERS: u32 = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_became_of_an_erasure_is_found_out_when_the_eraser_is_let_in_no_more() {
    let Some(kept) = Kept::postgres() else { return };
    let Kept::Postgres { cluster, database } = &kept else { return };
    let (proxy, eraser) = (Proxy::new(cluster.folder()), format!("once_{database}"));
    cluster.sql(database, &format!("CREATE ROLE {eraser} LOGIN; GRANT bulkhead_eraser TO {eraser}"));
    let place = by(&proxy, database, &eraser);
    let journal = Journal::open(Config { place }, Clock::at(NOON)).unwrap();
    let reader = Reader::open(&kept.place()).unwrap();
    let mut both = [0, 0];
    for answer in 0..ANSWERS {
        fill(&journal, 2).await;
        let (seq, before) = (journal.head().records, erasures(&reader));
        let holding = Holding::table(cluster, database);
        holding.until("granted AND mode = 'ShareLock'").await;
        let asked = tokio::spawn({
            let journal = journal.clone();
            async move { journal.append(erasure([seq])).await }
        });
        holding.until("NOT granted").await;
        cluster.sql(database, &format!("ALTER ROLE {eraser} NOLOGIN"));
        proxy.set(Way::LoseAnswerAfter(answer));
        holding.let_go();
        let told = asked.await.unwrap();
        proxy.set(Way::Open);
        healthy_again(&journal).await;
        fill(&journal, 1).await;
        let done = erasures(&reader) - before;
        assert_eq!(reader.content(seq).unwrap().is_none(), done == 1, "{answer}: {told:?}");
        match told {
            Ok(_) => assert_eq!(done, 1),
            Err(AppendError::Unsure(_)) => assert!(done <= 1),
            Err(error) => assert_eq!(done, 0, "{error}"),
        }
        both[done] += 1;
        cluster.sql(database, &format!("ALTER ROLE {eraser} LOGIN"));
    }
    assert!(both.iter().all(|times| *times > 0), "{both:?}");
    whole(&kept, &journal);
    journal.close().await.unwrap();
    cluster.sql(database, &format!("DROP OWNED BY {eraser}; DROP ROLE {eraser}"));
}
