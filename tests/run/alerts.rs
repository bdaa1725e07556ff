//! What somebody should look at is told, though the record could not take it at first.

use std::sync::Arc;

use journal::{Draft, Entry, Event, Journal, Kind};
use serde_json::json;
use turn::{Gateway, Message, Pending, RefusalKind};
use vocab::{Digest, Person};

use crate::house::{House, echo, opened, person};

const GREETING: &str = "turns:\n  - say: Hello.\n    repeat: true\n";

/// Texts that fill what may wait for the writer, with few records, in bytes.
const FILLING: [usize; 4] = [15 * 1024 * 1024, 1024 * 1024, 64 * 1024, 1];

/// How often it is tried to have the record full for as long as it takes to ask.
const ATTEMPTS: usize = 8;

/// Has the journal full: nothing is written as long as what is given is kept.
fn fill(house: &House, journal: &Journal) -> rusqlite::Connection {
    let held = rusqlite::Connection::open(house.at("record.sqlite")).unwrap();
    held.execute_batch("BEGIN IMMEDIATE").unwrap();
    for bytes in FILLING {
        let entry = || {
            let mut draft = Draft::new(Kind::Message);
            draft.payload = json!({ "words": "x".repeat(bytes) });
            Entry { subject: Digest::of(b"x"), records: vec![draft], state: vec![] }
        };
        while journal.follow_now(entry()).is_ok() {}
    }
    held
}

async fn drained(journal: &Journal, held: rusqlite::Connection) {
    held.execute_batch("ROLLBACK").unwrap();
    while journal.flush().await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

fn alerts(house: &House, event: Event) -> usize {
    house.record().iter().filter(|record| record.event == Some(event)).count()
}

async fn ask(gateway: &Arc<Gateway>) -> RefusalKind {
    let message = Message { person: person("anna", false), agent: echo(), session: None, text: "hi".into() };
    gateway.accept(message).await.unwrap_err().kind
}

/// A house with something wrong that was met while the record was full, and is not any more.
async fn met_while_full(wrong: impl Fn(&House)) -> (House, Arc<Gateway>, Journal) {
    for _ in 0..ATTEMPTS {
        let house = House::new(GREETING);
        let (gateway, journal) = opened(house.folder.path(), &house.settings).await;
        wrong(&house);
        let held = fill(&house, &journal);
        let refused = ask(&gateway).await != RefusalKind::Invalid;
        drained(&journal, held).await;
        if refused {
            return (house, gateway, journal);
        }
        // The writer gave something up just then, and there was room for the alert.
        drop(gateway.shutdown(None, Pending::Cancel).await);
    }
    panic!("however full the record was, it took the alert");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_soul_that_the_journal_was_not_told_of_is_told_when_it_can_be() {
    let (house, gateway, journal) = met_while_full(|house| house.soul("# Nothing")).await;
    assert_eq!(ask(&gateway).await, RefusalKind::Invalid);
    journal.flush().await.unwrap();
    assert_eq!(alerts(&house, Event::SoulInvalid), 1);
    drop(gateway.shutdown(None, Pending::Cancel).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_settings_that_the_journal_was_not_told_of_are_told_when_they_can_be() {
    let wrong = |house: &House| {
        house.settings.lock().people.push(Person { groups: vec!["none".into()], ..person("cleo", false) });
    };
    let (house, gateway, journal) = met_while_full(wrong).await;
    assert_eq!(ask(&gateway).await, RefusalKind::Invalid);
    assert_eq!(ask(&gateway).await, RefusalKind::Invalid);
    journal.flush().await.unwrap();
    assert_eq!(alerts(&house, Event::SettingsInvalid), 1);
    drop(gateway.shutdown(None, Pending::Cancel).await);
}
