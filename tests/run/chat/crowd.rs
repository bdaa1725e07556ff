//! More than fit into the row to the chat, and a chat that takes nothing.

use std::sync::atomic::Ordering;
use std::time::Duration;

use journal::{Change, Draft, Entry, Event, Kind};
use monitor::Escalation;
use serde_json::Value;
use turn::{ApprovalState, ApprovalView, Pending};
use vocab::Digest;

use super::{Mood, READS, Stage, asks, eventually, facts, house, in_queue, these};
use crate::house::{House, opened};

/// How many wait to be posted at the most, as the decision about the chat says.
const ROW: usize = 256;

/// How many wait beside the one that was asked for: too many by some.
const CROWD: usize = ROW + 4;

/// A house in which one reading waits, and behind as many others that are just like it.
async fn crowded() -> (House, ApprovalView) {
    let house = house(READS);
    let (gateway, journal) = opened(house.folder.path(), &house.settings).await;
    let view = asks(&gateway).await;
    let (_, row) = journal.states("approval", "").unwrap().pop().unwrap();
    let another = |nth: usize| {
        // Digits come before letters, so that the one that was asked for is the last in every list.
        let digit = |place: u32| ["2", "3", "4", "5", "6", "7"][nth / 6_usize.pow(place) % 6];
        let id = format!("a-2222{}{}{}{}", digit(3), digit(2), digit(1), digit(0));
        let mut row: Value = row.clone();
        row["view"]["id"] = id.as_str().into();
        Change::put("approval", &id, &row).unwrap()
    };
    let state: Vec<Change> = (0..CROWD).map(another).collect();
    for state in state.chunks(100) {
        let records = vec![Draft::new(Kind::Admin)];
        drop(
            journal
                .append(Entry { subject: Digest::of(b"x"), records, state: state.to_vec() })
                .await
                .unwrap(),
        );
    }
    assert_eq!(journal.states("approval", "").unwrap().len(), CROWD + 1);
    gateway.shutdown(None, Pending::Keep).await.unwrap();
    (house, view)
}

/// The approvals of the alerts that there are; none of one that is about several.
fn alerts(house: &House) -> Vec<Option<String>> {
    let of = |alert: &Value| alert["approval"].as_str().map(str::to_owned);
    facts(house, Event::ChatFailed).iter().map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn those_that_do_not_fit_the_row_are_one_alert_and_are_posted_once_these_are_through() {
    let (house, view) = crowded().await;
    let stage = Stage::of(house, Mood::Hangs).await;
    drop(stage.pipe.message(0).await);
    // Nothing waits for the chat: what it is not told of yet is decided, and not posted then.
    stage.yes("ben", &view).await;
    stage.ends(&view, ApprovalState::Used).await;
    assert_eq!((stage.pipe.count(), alerts(&stage.house)), (1, vec![]));
    stage.pipe.is(Mood::Takes);
    eventually("all are posted", || stage.pipe.count() >= CROWD).await;
    // What comes then comes behind them, and after it there is nothing more to post.
    let next = stage.asks().await;
    assert!(stage.pipe.message(CROWD).await.contains(next.id.as_str()));
    assert_eq!((stage.pipe.count(), stage.pipe.about(&view)), (CROWD + 1, 0));
    let mut posted: Vec<String> = stage
        .facts(Event::ApprovalPosted)
        .iter()
        .map(|posted| posted["approval"].as_str().unwrap().to_owned())
        .collect();
    posted.sort();
    posted.dedup();
    assert_eq!(posted.len(), CROWD + 1, "each once");
    let failed = stage.facts(Event::ChatFailed);
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0]["error"].as_str().unwrap().contains("more than 256"), "{failed:?}");
    assert_eq!((&failed[0]["channel"], &failed[0]["approval"]), (&"ops".into(), &Value::Null));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_crowd_that_the_chat_does_not_take_each_is_one_alert_and_the_next_gateway_posts_them() {
    let (house, view) = crowded().await;
    let stage = Stage::of(house, Mood::Refuses).await;
    stage.told(Event::ChatFailed, CROWD + 2).await;
    let mut told = alerts(&stage.house);
    told.sort();
    assert_eq!(told[0], None);
    assert!(told.contains(&Some(view.id.to_string())));
    let each = told.len();
    told.dedup();
    assert_eq!((each, told.len()), (CROWD + 2, CROWD + 2), "each is told once");
    assert_eq!(stage.pipe.count(), 4 + CROWD, "the first is tried four times and the others once");
    // Somebody may have read it, and it is good for nothing.
    let once = stage.pipe.once(0).await;
    assert!(stage.says("ben", &format!("approve {once}")).await.contains("there is no such id"));
    let (house, clock) = stage.end().await;
    let stage = Stage::named(house, "ops", Mood::Takes, clock).await;
    eventually("all are posted", || stage.pipe.count() == CROWD + 1 && stage.pipe.about(&view) == 1).await;
    assert!(stage.says("ben", &format!("approve {once}")).await.contains("there is no such id"));
    assert_eq!(stage.facts(Event::ChatFailed).len(), CROWD + 3, "that they were too many, once more");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_tried_four_times_and_once_while_the_chat_is_known_to_take_nothing() {
    let stage = Stage::of(house(READS), Mood::Refuses).await;
    let first = stage.asks().await;
    stage.told(Event::ChatFailed, 1).await;
    assert_eq!(stage.pipe.about(&first), 4);
    let second = stage.asks().await;
    stage.told(Event::ChatFailed, 2).await;
    assert_eq!(stage.pipe.about(&second), 1);
    stage.pipe.is(Mood::Takes);
    let third = stage.asks().await;
    let once = stage.pipe.once(5).await;
    assert_eq!(stage.says("ben", &format!("approve {once}")).await, format!("Approved: {}.", third.id));
    // It took one, so the next is tried as the first was; what was given up is not begun again.
    stage.pipe.is(Mood::Refuses);
    let fourth = stage.asks().await;
    eventually("it is tried again", || stage.pipe.about(&fourth) >= 2).await;
    stage.yes("ben", &fourth).await;
    assert_eq!((stage.pipe.about(&first), stage.pipe.about(&second), stage.pipe.about(&third)), (4, 1, 1));
    assert_eq!(
        alerts(&stage.house),
        [&first, &second].map(|view| Some(view.id.to_string())),
        "what was decided meanwhile is no alert"
    );
    // A chat that takes nothing keeps nobody from deciding.
    for view in [&first, &second] {
        assert_eq!(stage.yes("ben", view).await.state, ApprovalState::Approved);
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_up_is_posted_after_a_first_yes_and_when_more_people_are_asked() {
    let house = house(READS);
    in_queue(&house, &["ben", "cleo"], |queue| {
        queue.needed = 2;
        queue.escalation = Some(Escalation { after: Duration::from_secs(600), to: these(&["dora"]) });
    });
    let stage = Stage::of(house, Mood::Refuses).await;
    let (first, second) = (stage.asks().await, stage.asks().await);
    stage.told(Event::ChatFailed, 2).await;
    assert_eq!((stage.pipe.about(&first), stage.pipe.about(&second)), (4, 1));
    stage.pipe.is(Mood::Takes);
    stage.yes("ben", &first).await;
    assert!(stage.pipe.message(5).await.contains("yes from ben"));
    stage.clock.later.store(601, Ordering::Relaxed);
    let once = stage.pipe.once(6).await;
    assert!(stage.pipe.message(6).await.contains(second.id.as_str()));
    assert!(stage.says("ben", &format!("approve {once}")).await.contains("takes another person"));
    let once = stage.pipe.once(5).await;
    assert_eq!(stage.says("cleo", &format!("approve {once}")).await, format!("Approved: {}.", first.id));
    assert_eq!((stage.pipe.about(&first), alerts(&stage.house).len()), (5, 2));
    stage.end().await;
}
