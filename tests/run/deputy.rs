//! The confused deputy of programs: what a run does is done for the person who began it, whoever could use another's.

use std::sync::Arc;

use serde_json::json;
use turn::{Came, Choice, Gateway, Pending, Program, Run};
use vocab::{Group, Intent, Rights};

use crate::driver::{call, given_up};
use crate::house::{House, SOUL, person, program};

fn post() -> Intent {
    call("message", &json!({ "channel": "board:forum", "text": "the draft is ready" }))
}

/// Anna and ben may all that echo may, but for the closed folder, which anna has and ben has not; cleo decides.
fn house() -> House {
    let house = House::new("turns: [{say: hello, repeat: true}]");
    house.soul(&SOUL.replace("FOLDER/docs", "FOLDER/docs, FOLDER/closed"));
    {
        let mut settings = house.settings.lock();
        let closed = house.at("closed").display().to_string();
        settings.groups[0].rights.read.retain(|folder| *folder != closed);
        let rights = Rights { read: vec![closed], ..Rights::default() };
        settings.groups.push(Group { name: "insiders".into(), rights });
        settings.people.push(person("cleo", false));
        let anna = settings.people.iter_mut().find(|person| person.id.as_str() == "anna").unwrap();
        anna.groups.push("insiders".into());
    }
    house
}

async fn run_of(gateway: &Arc<Gateway>, who: &str) -> Run {
    gateway.begin_run(Program { person: person(who, false), ..program() }).await.unwrap()
}

async fn reads(run: &Run, house: &House) -> Result<String, String> {
    let closed = call("file-reader", &json!({ "path": house.at("closed/pay.md") }));
    match run.propose(closed).await.unwrap() {
        Came::Text(text) => Ok(text),
        Came::Denied(reasons) => Err(reasons[0].message.clone()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_one_person_began_has_their_rights_and_no_others() {
    let house = house();
    let gateway = house.open().await;
    let (anna, ben) = (run_of(&gateway, "anna").await, run_of(&gateway, "ben").await);
    assert!(reads(&anna, &house).await.unwrap().contains("nobody reads this"));
    assert!(reads(&ben, &house).await.unwrap_err().starts_with("`ben` has no right to read"));
    // Whatever the one who began it claims to be in, the settings say.
    let claims = vocab::Person { groups: vec!["all".into(), "insiders".into()], ..person("ben", true) };
    let claiming = gateway.begin_run(Program { person: claims, ..program() }).await.unwrap();
    assert!(reads(&claiming, &house).await.unwrap_err().starts_with("`ben` has no right to read"));
    drop((anna, ben, claiming));
    gateway.shutdown(None, Pending::Cancel).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_to_what_one_persons_run_asked_for_is_of_no_use_to_anothers() {
    let house = house();
    let gateway = house.open().await;
    let (anna, ben) = (run_of(&gateway, "anna").await, run_of(&gateway, "ben").await);
    // Anna's program gives up and comes back for its yes; meanwhile ben's asks for the very same.
    let view = given_up(&gateway, anna.propose(post())).await;
    assert_eq!(view.asked_by.as_str(), "anna");
    gateway.decide(&person("cleo", false), &view.id, Choice::Approve, Some(view.digest)).await.unwrap();
    let bens = given_up(&gateway, ben.propose(post())).await;
    assert_eq!((bens.asked_by.as_str(), bens.digest), ("ben", view.digest), "the same bytes, another asker");
    assert!(matches!(anna.propose(post()).await.unwrap(), Came::Text(_)));
    house
        .until("it is posted once", |story| {
            story.iter().filter(|line| *line == "message.post done").count() == 1
        })
        .await;
    drop((anna, ben));
    gateway.shutdown(None, Pending::Cancel).await.unwrap();
}
