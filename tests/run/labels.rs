//! Labels that rise on what a program has before it bind it from then on.

use std::time::Duration;

use bulkhead_tests::PATIENCE;
use monitor::{Reach, Sink, Source};
use serde_json::json;
use turn::{Came, Pending, Program, Run};
use vocab::{Labels, Person};

use crate::driver::{call, chat};
use crate::house::{House, SOUL, person, program};

const GREETING: &str = "turns:\n  - say: Hello.\n    repeat: true\n";

fn confidential() -> Labels {
    Labels::from_names(["confidential"]).unwrap()
}

/// A house whose agent and whose anna are cleared for what is confidential, and whose model is not.
fn house() -> House {
    let house = House::new(GREETING);
    {
        let mut settings = house.settings.lock();
        let anna = settings.people.iter_mut().find(|person| person.id.as_str() == "anna").unwrap();
        anna.clearance = confidential();
        let closed = house.at("closed").display().to_string();
        settings.sources = vec![Source { path: closed, labels: confidential() }];
    }
    house.soul(&format!(
        "{}## Clearance\n- confidential\n## Limits\n- actions-per-turn: 10000\n- actions-per-minute: 10000\n",
        SOUL.replace("FOLDER/docs", "FOLDER/docs, FOLDER/closed, FOLDER/board")
    ));
    house
}

fn with(house: &House, read: &[&str], write: &[&str]) -> Program {
    let paths = |names: &[&str]| names.iter().map(|name| house.at(name)).collect();
    let reach = Reach { read: paths(read), write: paths(write), labels: Labels::public(), left_out: vec![] };
    let person = Person { clearance: confidential(), ..person("anna", false) };
    Program { person, reach: Some(reach), ..program() }
}

fn refused(came: &Came, policy: &str) -> bool {
    matches!(came, Came::Denied(why) if why.iter().any(|why| why.policy == policy))
}

async fn read(house: &House, run: &Run, path: &str) -> Came {
    run.propose(call("file-reader", &json!({ "path": house.at(path) }))).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_program_wrote_into_a_shared_folder_counts_as_read() {
    let house = house();
    let gateway = house.open().await;
    let reader = gateway.begin_run(with(&house, &["docs"], &["board"])).await.unwrap();
    assert!(matches!(reader.propose(chat("hi")).await.unwrap(), Came::Answer(_)));

    // Another one hears what is confidential, and could have written it to where the first one reads.
    let writer = gateway.begin_run(with(&house, &[], &["docs"])).await.unwrap();
    assert!(matches!(read(&house, &writer, "closed/pay.md").await, Came::Text(_)));
    writer.close("done").await;

    let came = reader.propose(chat("hi")).await.unwrap();
    assert!(refused(&came, "clearance:sink"), "{came:?}");
    reader.close("done").await;
    // What the first one can write is confidential, too.
    let other = Program { person: person("ben", false), ..program() };
    let other = gateway.begin_run(other).await.unwrap();
    let came = read(&house, &other, "board/forum.md").await;
    assert!(refused(&came, "clearance:asker"), "{came:?}");
    gateway.shutdown(None, Pending::Cancel).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_that_the_settings_put_on_its_folder_counts() {
    let house = house();
    let gateway = house.open().await;
    let run = gateway.begin_run(with(&house, &["docs"], &[])).await.unwrap();
    assert!(matches!(run.propose(chat("hi")).await.unwrap(), Came::Answer(_)));
    let docs = house.at("docs").display().to_string();
    house.settings.lock().sources.push(Source { path: docs, labels: confidential() });
    // The settings reach a program that runs within a second.
    let until = tokio::time::Instant::now() + PATIENCE;
    while !refused(&run.propose(chat("hi")).await.unwrap(), "clearance:sink") {
        assert!(tokio::time::Instant::now() < until, "its model is told what is confidential");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Where the model may hear it, the program goes on.
    let model = vocab::Resource::Model("rehearsal/scene".into());
    house.settings.lock().sinks.push(Sink { resource: model, clearance: confidential() });
    let until = tokio::time::Instant::now() + PATIENCE;
    while !matches!(run.propose(chat("hi")).await.unwrap(), Came::Answer(_)) {
        assert!(tokio::time::Instant::now() < until, "it never went on");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    gateway.shutdown(None, Pending::Cancel).await.unwrap();
}
