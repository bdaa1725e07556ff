//! What somebody without a right asks for again and again makes few records, and none of it is lost from sight.

use std::sync::Arc;

use journal::Event;
use journal::read::Record;
use turn::{Gateway, Message, Pending, Program, RefusalKind, Scope};
use vocab::{Person, PersonId};

use crate::house::{House, SOUL, echo, person, program};

const GREETING: &str = "turns:\n  - say: Hello.\n    repeat: true\n";

/// How often each is tried.
const FLOOD: u64 = 500;

/// The records of refusals that there may be of a flood: 32 in each minute, with one sum, and this machine may be slow.
const FEW: u64 = 200;

/// How many records there are of an event, and how many refusals they tell of.
fn told(house: &House, events: &[Event]) -> (u64, u64) {
    let of = |record: &Record| record.event.is_some_and(|event| events.contains(&event));
    let found: Vec<Record> = house.record().into_iter().filter(of).collect();
    let refusals = found.iter().map(|record| record.facts.number("count").unwrap_or(1)).sum();
    (found.len() as u64, refusals)
}

async fn ask(gateway: &Arc<Gateway>) -> RefusalKind {
    let message = Message { person: person("cleo", false), agent: echo(), session: None, text: "hi".into() };
    gateway.accept(message).await.unwrap_err().kind
}

async fn erase(gateway: &Arc<Gateway>) -> RefusalKind {
    let scope = Scope::Person(PersonId::new("anna").unwrap());
    gateway.ask_erasure(&person("anna", false), scope, "now").await.unwrap_err().kind
}

async fn run(gateway: &Arc<Gateway>) -> RefusalKind {
    let program = Program { person: person("ben", false), ..program() };
    gateway.begin_run(program).await.unwrap_err().kind
}

#[tokio::test(flavor = "multi_thread")]
async fn no_flood_of_refusals_fills_the_record() {
    let house = House::new(GREETING);
    house.soul(&SOUL.replace("- Be concise", "- Never execute code or system commands"));
    let cleo = Person { groups: vec![], ..person("cleo", false) };
    house.settings.lock().people.push(cleo);
    let gateway = house.open().await;
    for _ in 0..FLOOD {
        assert_eq!(ask(&gateway).await, RefusalKind::Forbidden);
        assert_eq!(erase(&gateway).await, RefusalKind::Forbidden);
        assert_eq!(run(&gateway).await, RefusalKind::Forbidden);
    }
    gateway.shutdown(None, Pending::Cancel).await.unwrap();
    for event in [Event::AskRefused, Event::ErasureRefused, Event::RunRefused] {
        let (records, _) = told(&house, &[event]);
        assert!((32..FEW).contains(&records), "{records} of {event:?}");
    }
    let all = [Event::AskRefused, Event::ErasureRefused, Event::RunRefused, Event::RightRefused];
    assert_eq!(told(&house, &all).1, 3 * FLOOD, "each is told, alone or in a sum");
}
