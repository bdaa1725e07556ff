//! What somebody should look at is told, though the record could not take it at first.

use journal::{Draft, Entry, Event, Journal, Kind};
use serde_json::json;
use turn::{Gateway, Message, Pending, RefusalKind};
use vocab::{Digest, Person};

use crate::house::{House, echo, opened, person};

const GREETING: &str = "turns:\n  - say: Hello.\n    repeat: true\n";

/// Texts that fill what may wait for the writer, with few records, in bytes.
const FILLING: [usize; 4] = [15 * 1024 * 1024, 1024 * 1024, 64 * 1024, 1];

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

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_that_the_journal_did_not_take_is_told_when_it_does() {
    let house = House::new(GREETING);
    let (gateway, journal) = opened(house.folder.path(), &house.settings).await;
    let ask = async |gateway: &std::sync::Arc<Gateway>| {
        let message =
            Message { person: person("anna", false), agent: echo(), session: None, text: "hi".into() };
        gateway.accept(message).await.unwrap_err().kind
    };

    house.soul("# Nothing");
    let held = fill(&house, &journal);
    assert_ne!(ask(&gateway).await, RefusalKind::Invalid, "the record took it");
    drained(&journal, held).await;
    assert_eq!(ask(&gateway).await, RefusalKind::Invalid);
    journal.flush().await.unwrap();
    assert_eq!(alerts(&house, Event::SoulInvalid), 1);

    house.settings.lock().people.push(Person { groups: vec!["none".into()], ..person("cleo", false) });
    let held = fill(&house, &journal);
    assert_ne!(ask(&gateway).await, RefusalKind::Invalid, "the record took it");
    drained(&journal, held).await;
    assert_eq!(ask(&gateway).await, RefusalKind::Invalid);
    assert_eq!(ask(&gateway).await, RefusalKind::Invalid);
    journal.flush().await.unwrap();
    assert_eq!(alerts(&house, Event::SettingsInvalid), 1);
    drop(gateway.shutdown(None, Pending::Cancel).await);
}
