//! What the record says of something, in both databases: by the index, from a place on, and only what stands where it says.

use std::ops::ControlFlow;

use bulkhead_journal::read::{ReadError, Reader, Told};
use bulkhead_journal::{Draft, Event, Facts, Journal, Kind, MAX_ENTRY_RECORDS, Place};
use serde_json::json;
use vocab::{PersonId, SessionId};

use crate::common::{Clock, NOON, draft, entry};
use crate::kept::Kept;

fn hold(event: Event, person: &str, session: Option<&str>) -> Draft {
    let mut draft = Draft::of_event(Kind::Admin, event, Facts::new().with("hold", "h-1"));
    draft.person = PersonId::new(person).ok();
    draft.session = session.and_then(|session| SessionId::new(session).ok());
    draft.payload = json!({ "why": "lawsuit" });
    draft
}

fn wanted(after: u64) -> Told {
    let events = vec![Event::HoldAdded, Event::HoldRemoved];
    Told { kind: Kind::Admin, events, person: None, session: None, after }
}

fn person(name: &str) -> Option<PersonId> {
    PersonId::new(name).ok()
}

async fn add(journal: &Journal, records: Vec<Draft>) {
    let mut records = records.into_iter().peekable();
    while records.peek().is_some() {
        let some: Vec<Draft> = records.by_ref().take(MAX_ENTRY_RECORDS).collect();
        drop(journal.append(entry(some)).await.unwrap());
    }
}

/// The numbers of what is told, and how far it was looked.
fn told(place: &Place, wanted: &Told) -> Result<(Vec<u64>, u64), ReadError> {
    let mut seqs = Vec::new();
    let upto = Reader::open(place)?.told(wanted, |record| {
        seqs.push(record.seq);
        ControlFlow::Continue(())
    })?;
    Ok((seqs, upto))
}

#[tokio::test]
async fn what_is_told_is_found_in_order_wherever_it_stands_and_from_any_place_on() {
    for kept in Kept::both() {
        let journal = Journal::open(kept.config(), Clock::at(NOON)).unwrap();
        let place = kept.place();
        assert_eq!(told(&place, &wanted(0)).unwrap(), (vec![], 0));
        // 1, 2, then more blocks than are asked for at once, 4502 and 4503, two more, and the rest behind the last whole one.
        let others = |count| (0..count).map(draft).collect::<Vec<_>>();
        add(&journal, vec![hold(Event::HoldAdded, "ann", None), hold(Event::ContentRead, "ann", None)]).await;
        add(&journal, others(4_499)).await;
        add(
            &journal,
            vec![hold(Event::HoldRemoved, "bob", Some("s-1")), hold(Event::HoldAdded, "ann", None)],
        )
        .await;
        add(&journal, others(600)).await;
        let mut other = hold(Event::HoldAdded, "ann", None);
        other.kind = Kind::Alert;
        add(&journal, vec![other, hold(Event::HoldAdded, "bob", Some("s-1"))]).await;
        let last = journal.head().records;
        assert_eq!(last, 5_105);
        assert_eq!(told(&place, &wanted(0)).unwrap(), (vec![1, 4_502, 4_503, last], last));
        assert_eq!(told(&place, &wanted(4_502)).unwrap(), (vec![4_503, last], last));
        assert_eq!(told(&place, &wanted(last)).unwrap(), (vec![], last));
        assert_eq!(told(&place, &wanted(last + 7)).unwrap(), (vec![], last + 7));
        let anns = Told { person: person("ann"), ..wanted(0) };
        assert_eq!(told(&place, &anns).unwrap().0, [1, 4_503]);
        let here = Told { session: SessionId::new("s-1").ok(), ..wanted(0) };
        assert_eq!(told(&place, &here).unwrap().0, [4_502, last]);
        let any = Told { events: vec![], person: person("ann"), ..wanted(0) };
        assert_eq!(told(&place, &any).unwrap().0, [1, 2, 4_503]);
        // It ends where it is broken off.
        let reader = Reader::open(&place).unwrap();
        assert_eq!(reader.told(&wanted(1), |_| ControlFlow::Break(())).unwrap(), 4_502);
    }
}

#[tokio::test]
async fn a_record_that_was_changed_is_not_told_and_neither_is_another_content() {
    for kept in Kept::both() {
        let journal = kept.open();
        add(&journal, (0..3).map(draft).collect()).await;
        add(&journal, vec![hold(Event::HoldAdded, "ann", None)]).await;
        journal.close().await.unwrap();
        let place = kept.place();
        let reader = Reader::open(&place).unwrap();
        let record = reader.show(4).unwrap().unwrap();
        assert_eq!(reader.committed(&record).unwrap(), Some(json!({ "why": "lawsuit" })));
        let fun = kept.blob(b"{\"why\":\"fun\"}");
        kept.tamper(&format!("UPDATE payload SET bytes = {fun} WHERE seq = 4"));
        assert!(reader.committed(&record).unwrap_err().to_string().contains("another than was recorded"));

        assert_eq!(told(&place, &wanted(0)).unwrap().0, [4]);
        kept.tamper("UPDATE record SET body = replace(body, '\"ann\"', '\"bob\"') WHERE seq = 4");
        assert!(told(&place, &wanted(0)).unwrap_err().to_string().contains("its hash is another's"));
        // With a hash of its own that fits, it does not come after the one before it.
        kept.tamper("UPDATE record SET body = replace(body, '\"bob\"', '\"ann\"') WHERE seq = 4");
        kept.tamper("UPDATE record SET hash = ZEROS WHERE seq = 3");
        assert!(told(&place, &wanted(0)).unwrap_err().to_string().contains("does not come after"));
    }
}
