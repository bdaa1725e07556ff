//! What waits for a person, at the moments at which something else happens to it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use journal::{Event, Journal};
use serde_json::json;
use turn::{Came, Choice, Gateway, Message, Pending, Portion, What};
use vocab::{ApprovalId, Verb};

use crate::driver::call;
use crate::house::{Clock, House, begin, echo, opened, opened_at, person};

const POSTS: &str = "
turns:
  - calls:
      - skill: message
        arguments: {channel: \"board:forum\", text: \"the draft is ready\"}
  - say: That is what became of it.
";

fn count(house: &House, event: Event) -> usize {
    house.record().iter().filter(|record| record.event == Some(event)).count()
}

/// The approval that is in the database, as soon as there is one; nothing else of this thread runs until then.
fn held(journal: &Journal) -> ApprovalId {
    loop {
        if let Some((key, _)) = journal.states("approval", "").unwrap().first() {
            return ApprovalId::new(key).unwrap();
        }
        std::thread::yield_now();
    }
}

/// Begins a turn, and comes back when what it wants is durable and the turn itself does not know it yet.
async fn about_to_wait(gateway: &Arc<Gateway>, journal: &Journal) -> (vocab::TurnId, ApprovalId) {
    let message =
        Message { person: person("anna", false), agent: echo(), session: None, text: "announce it".into() };
    let mut accepted = gateway.accept(message).await.unwrap();
    loop {
        let event = accepted.events.next().await.unwrap().expect("the turn went on");
        if matches!(&event.what, What::Proposal { action, .. } if action.verb == Verb::MessagePost) {
            return (accepted.turn, held(journal));
        }
    }
}

// On one thread, so that the turn takes no step while the test does not wait.
#[tokio::test]
async fn a_turn_that_is_stopped_just_as_it_begins_to_wait_ends_once() {
    for _ in 0..4 {
        let house = House::new(POSTS);
        let (gateway, journal) = opened(house.folder.path(), &house.settings).await;
        let (turn, _) = about_to_wait(&gateway, &journal).await;
        assert!(gateway.stop_turn(&person("anna", false), &turn, false).await.unwrap().over);
        gateway.shutdown(None, Pending::Keep).await.unwrap();
        assert_eq!(count(&house, Event::ApprovalCancelled), 1);
        assert_eq!(count(&house, Event::TurnEnded), 1, "{:?}", house.story());
    }
}

#[tokio::test]
async fn a_turn_whose_agent_is_stopped_just_as_it_begins_to_wait_ends_once() {
    let house = House::new(POSTS);
    let (gateway, journal) = opened(house.folder.path(), &house.settings).await;
    about_to_wait(&gateway, &journal).await;
    drop(gateway.kill(&person("root", true), Some(&echo())).await.unwrap());
    gateway.shutdown(None, Pending::Keep).await.unwrap();
    assert_eq!(count(&house, Event::ApprovalCancelled), 1);
    assert_eq!(count(&house, Event::TurnEnded), 1, "{:?}", house.story());
}

#[tokio::test]
async fn a_turn_that_is_decided_just_as_it_begins_to_wait_goes_on_once() {
    let house = House::new(POSTS);
    let (gateway, journal) = opened(house.folder.path(), &house.settings).await;
    let (_, id) = about_to_wait(&gateway, &journal).await;
    drop(gateway.decide(&person("ben", false), &id, Choice::Approve, None).await.unwrap());
    house.tells("turn.ended").await;
    gateway.shutdown(None, Pending::Keep).await.unwrap();
    assert_eq!(count(&house, Event::TurnEnded), 1, "{:?}", house.story());
    assert!(house.story().contains(&"message.post done".to_owned()), "{:?}", house.story());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_that_a_program_comes_back_for_too_late_is_void() {
    let house = House::new(POSTS);
    let clock = Arc::<Clock>::default();
    let (gateway, journal) = opened_at(house.folder.path(), &house.settings, Arc::clone(&clock)).await;
    let run = begin(&gateway).await;
    let post = || call("message", &json!({ "channel": "board:forum", "text": "the draft is ready" }));
    // The program does not wait for it, and comes back an hour and a second later.
    let waits = tokio::task::spawn_blocking({
        let journal = journal.clone();
        move || held(&journal)
    });
    let id = tokio::select! {
        came = run.propose(post()) => panic!("it did not wait: {came:?}"),
        id = waits => id.unwrap(),
    };
    // Requests are taken one after another: with this one answered, the one that nobody waits for is set aside.
    drop(run.propose(call("no-such-skill", &json!({}))).await);
    drop(gateway.decide(&person("ben", false), &id, Choice::Approve, None).await.unwrap());
    clock.later.store(3_601, Ordering::Relaxed);
    let came = run.propose(post()).await.unwrap();
    assert!(matches!(&came, Came::Denied(why) if why[0].message.contains("before it expired")), "{came:?}");
    run.close("done").await;
    gateway.shutdown(None, Pending::Keep).await.unwrap();
    let record = house.record();
    let void: Vec<_> = record.iter().filter(|record| record.event == Some(Event::ApprovalVoid)).collect();
    assert_eq!(void.len(), 1, "{:?}", house.story());
    assert_eq!(void[0].facts.text("approval"), Some(id.as_str()));
    assert!(!house.story().contains(&"message.post done".to_owned()), "{:?}", house.story());
    let shown = gateway.approval(&person("ben", false), &id).await.unwrap();
    assert_eq!(shown.state, turn::ApprovalState::Void);
}

#[test]
fn a_list_of_what_waits_is_read_on_no_thread_that_takes_requests() {
    // One thread that takes requests and one for what is waited for, which is busy when the list is asked for.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build();
    runtime.unwrap().block_on(async {
        let house = House::new(POSTS);
        let (gateway, journal) = opened(house.folder.path(), &house.settings).await;
        let (_, id) = about_to_wait(&gateway, &journal).await;
        let (ben, wanted) = (person("ben", false), Portion::default());
        for all in [false, true] {
            // The first look is on the record, which has to be waited for in any case.
            drop(gateway.approvals(&ben, all, &wanted).await.unwrap());
            let (go, gate) = std::sync::mpsc::sync_channel::<()>(1);
            let busy = tokio::task::spawn_blocking(move || gate.recv());
            let mut list = Box::pin(gateway.approvals(&ben, all, &wanted));
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(list.as_mut().poll(&mut context).is_pending(), "it was read where it was asked for");
            go.send(()).unwrap();
            let listed = list.await.unwrap().items;
            assert_eq!(listed.iter().map(|view| &view.id).collect::<Vec<_>>(), [&id]);
            busy.await.unwrap().unwrap();
        }
        gateway.shutdown(None, Pending::Keep).await.unwrap();
    });
}
