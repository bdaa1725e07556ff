//! The record fails while people are at work, with the real gateway: what somebody was answered is on the record, once, whatever
//! is killed, cut or full; while nothing can be recorded the gateway says so, and goes on by itself.
//!
//! | what fails | SQLite | PostgreSQL |
//! |---|---|---|
//! | the gateway is killed | `nothing_answered_is_missing_when_the_gateway_is_killed` | the same |
//! | the database's server is killed | it has none | `nothing_answered_is_missing_when_the_server_is_killed` |
//! | the connection is cut in mid-commit | it has none | `nothing_answered_is_missing_when_the_connection_is_cut_anywhere` |
//! | the disk is full | `disk::a_disk_that_fills_up_refuses_loses_nothing_and_recovers` | `a_full_disk_under_the_server_refuses_loses_nothing_and_recovers` |

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use bulkhead_tests::postgres::Cluster;
use bulkhead_tests::proxy::{Proxy, Way};
use bulkhead_tests::{Browser, Home, eventually, skipped};
use serde_json::Value;
use vocab::Digest;

use crate::disk::{Mount, fill};
use crate::server::{ROLE, on, ready, record};

/// How many people talk to an agent at once.
const CALLERS: usize = 3;

/// How many of them are answered before anything fails.
const ANSWERED: usize = 4;

/// How long somebody who was refused waits.
const PAUSE: Duration = Duration::from_millis(20);

/// The longest that a gateway here waits for its server.
const WAIT: &str = "wait = \"2s\"";

/// Ends every session at a database but the one that does so.
const ENDED: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
     WHERE datname = current_database() AND pid <> pg_backend_pid()";

const HELLO: &str = "turns: [{say: hello, repeat: true}]";

/// The conversations in which somebody was answered.
#[derive(Default)]
struct Answered(Mutex<BTreeSet<String>>);

impl Answered {
    fn of(&self, said: &bulkhead_tests::Said) {
        let session = said.lines()[0]["session"].as_str().unwrap().to_owned();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(session);
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// So many more were answered.
    fn more(&self) {
        let before = self.count();
        eventually("some are answered", || self.count() >= before + ANSWERED);
    }

    /// Each of them is on the record, once, with what was decided before it was answered.
    fn all_there(&self, home: &Home) {
        let mut sessions: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for record in home.records(&[]) {
            if let Some(session) = record["session"].as_str() {
                sessions.entry(session.to_owned()).or_default().push(record.clone());
            }
        }
        for session in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let none = Vec::new();
            let records = sessions.get(session).unwrap_or(&none);
            let count = |fits: &dyn Fn(&Value) -> bool| records.iter().filter(|record| fits(record)).count();
            let reply =
                |record: &Value, kind: &str| record["kind"] == kind && record["action"]["verb"] == "reply";
            assert_eq!(count(&|record| record["event"] == "message.received"), 1, "{session}: {records:?}");
            let permitted = |record: &Value| reply(record, "verdict") && record["decision"] == "permit";
            assert_eq!(count(&permitted), 1, "{session}: {records:?}");
            // It was delivered; what a crash kept from saying so is told as unknown.
            let came = |record: &Value| {
                reply(record, "outcome")
                    && ["done", "unknown"].iter().any(|status| record["status"] == *status)
            };
            assert_eq!(count(&came), 1, "{session}: {records:?}");
        }
        home.verifies();
    }
}

/// Ends what it is for, however that ends.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Has `fails` happen while people talk to an agent, and gives who was answered.
fn while_they_talk(home: &Home, fails: impl FnOnce(&Answered)) -> Answered {
    let (answered, stop) = (Answered::default(), AtomicBool::new(false));
    thread::scope(|scope| {
        let _stop = Stop(&stop);
        for _ in 0..CALLERS {
            scope.spawn(|| {
                while !stop.load(Ordering::Acquire) {
                    let said = home.run(&["chat", "helper", "hi", "--json"]);
                    if said.code == 0 {
                        answered.of(&said);
                    } else {
                        thread::sleep(PAUSE);
                    }
                }
            });
        }
        fails(&answered);
    });
    answered
}

/// The gateway was not ready for a while, and its record tells of that.
fn told(home: &Home) {
    let alerts = || home.records(&["--event", "record.failed"]);
    eventually("the record tells of its outage", || !alerts().is_empty());
    for alert in alerts() {
        assert_eq!(alert["kind"], "alert");
        let (since, until) = (&alert["facts"]["since"], &alert["facts"]["until"]);
        assert!(since.as_str().unwrap() <= until.as_str().unwrap(), "{alert}");
    }
}

#[test]
fn nothing_answered_is_missing_when_the_gateway_is_killed() {
    for home in Home::both_playing("scenarios::closed::nothing_answered_is_missing_when_the_gateway", HELLO) {
        let answered = while_they_talk(&home, |answered| {
            for _ in 0..3 {
                answered.more();
                home.crash();
                home.start();
            }
            answered.more();
        });
        answered.all_there(&home);
    }
}

#[test]
fn nothing_answered_is_missing_when_the_server_is_killed() {
    // This one is killed, so it is nobody else's.
    let cluster = match Cluster::start(&[]) {
        Ok(cluster) => cluster,
        Err(why) => return skipped("scenarios::closed::nothing_answered_is_missing_when_the_server", &why),
    };
    let home = Home::new();
    let (address, _) = record(&home, &cluster);
    on(&home, &format!("[record]\ndatabase = \"{address}\"\n{WAIT}"));
    let gateway = Browser::at(&home).address;
    let answered = while_they_talk(&home, |answered| {
        for _ in 0..3 {
            answered.more();
            cluster.crash();
            eventually("it says that it is not ready", || ready(&gateway).starts_with("HTTP/1.1 503"));
            cluster.resume();
            eventually("it is ready by itself", || ready(&gateway).starts_with("HTTP/1.1 200"));
        }
        answered.more();
    });
    answered.all_there(&home);
    told(&home);
}

#[test]
fn nothing_answered_is_missing_when_the_connection_is_cut_anywhere() {
    let test = "scenarios::closed::nothing_answered_is_missing_when_the_connection";
    let cluster = match Cluster::shared() {
        Ok(cluster) => cluster,
        Err(why) => return skipped(test, why),
    };
    let home = Home::new();
    let (_, database) = record(&home, cluster);
    let proxy = Proxy::new(cluster.folder());
    on(&home, &format!("[record]\ndatabase = \"{}\"\n{WAIT}", proxy.url(ROLE, &database)));
    let gateway = Browser::at(&home).address;
    let answered = while_they_talk(&home, |answered| {
        // One question or answer after the other is lost, and then the connection with it, for good for a while.
        for after in 0..6 {
            for way in [Way::LoseAnswerAfter(after), Way::LoseQuestionAfter(after)] {
                proxy.set(way);
                eventually("it was cut", || proxy.is(Way::Open));
            }
        }
        answered.more();
        for way in [Way::LoseAnswerAndClose, Way::LoseQuestionAndClose] {
            proxy.set(way);
            eventually("it was cut", || proxy.is(Way::Closed));
            // Whichever connection it was: the others go, too.
            cluster.sql(&database, ENDED);
            eventually("it says that it is not ready", || ready(&gateway).starts_with("HTTP/1.1 503"));
            proxy.set(Way::Open);
            eventually("it is ready by itself", || ready(&gateway).starts_with("HTTP/1.1 200"));
            answered.more();
        }
    });
    answered.all_there(&home);
    told(&home);
}

/// Words that no database makes shorter.
fn noise(number: usize) -> String {
    (0..500).map(|part| Digest::of(format!("{number} {part}").as_bytes()).to_string()).collect()
}

#[test]
fn a_full_disk_under_the_server_refuses_loses_nothing_and_recovers() {
    let test = "scenarios::closed::a_full_disk_under_the_server";
    let folder = tempfile::tempdir().unwrap();
    let Some(_mount) = Mount::of(folder.path(), "size=96m,mode=0777") else {
        return skipped(test, "mounting a small disk needs root");
    };
    let settings = [("max_wal_size", "32MB"), ("min_wal_size", "32MB")];
    let cluster = match Cluster::start_in(folder.path(), &settings) {
        Ok(cluster) => cluster,
        Err(why) => return skipped(test, &why),
    };
    let home = Home::new();
    let (address, _) = record(&home, &cluster);
    on(&home, &format!("[record]\ndatabase = \"{address}\"\n{WAIT}"));
    let gateway = Browser::at(&home).address;
    let answered = Answered::default();
    answered.of(&home.run(&["chat", "helper", "hi", "--json"]).done());

    let ballast = folder.path().join("ballast");
    fill(ballast.clone());
    let refused = (0..500).find_map(|number| {
        let said = home.run(&["chat", "helper", "--json", &noise(number)]);
        if said.code != 0 {
            return Some(said);
        }
        answered.of(&said);
        None
    });
    assert_eq!(refused.expect("the disk is full").code, 4);
    eventually("it says that it is not ready", || ready(&gateway).starts_with("HTTP/1.1 503"));
    assert_eq!(home.run(&["gateway", "status", "--json"]).with(4).json()["ready"], false);

    std::fs::remove_file(ballast).unwrap();
    // A server whose log has no room stops; whoever looks after it starts it again.
    if cluster.try_sql("postgres", "postgres", "SELECT 1").is_err() {
        cluster.crash();
        cluster.resume();
    }
    eventually("it is ready by itself", || ready(&gateway).starts_with("HTTP/1.1 200"));
    answered.of(&home.run(&["chat", "helper", "hi", "--json"]).done());
    answered.all_there(&home);
    told(&home);
    drop(home);
    cluster.end();
}
