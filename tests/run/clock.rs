//! A clock that is set back, or runs ahead: what waits for a person lasts no longer by it, and nothing that is over comes back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use journal::Event;
use turn::{ApprovalState, ApprovalView, RefusalKind};

use crate::house::opened_at;
use crate::queues::{Stage, posted};

/// An hour, in seconds.
const HOUR: i64 = 3_600;

fn set(stage: &Stage, seconds: i64) {
    stage.clock.later.store(seconds, Ordering::Relaxed);
}

/// How it ended, once it has.
async fn ended(stage: &Stage, view: &ApprovalView) -> ApprovalState {
    stage.until(|now| now.id == view.id && now.state != ApprovalState::Waiting).await.state
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_for_later_than_now_is_a_no_and_stays_one() {
    let stage = Stage::new(|_| {}).await;
    let view = stage.asks().await;
    set(&stage, -HOUR);
    assert_eq!(stage.yes("ben", &view).await.unwrap_err(), RefusalKind::Conflict);
    assert_eq!(ended(&stage, &view).await, ApprovalState::Expired);
    // The clock is right again, and what is over is over.
    set(&stage, 0);
    assert_eq!(stage.yes("ben", &view).await.unwrap_err(), RefusalKind::Conflict);
    let house = stage.end().await;
    assert_eq!(posted(&house), 0);
    let expired = house.record().into_iter().filter(|one| one.event == Some(Event::ApprovalExpired)).count();
    assert_eq!(expired, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_back_a_little_neither_ends_nor_moves_a_deadline() {
    let stage = Stage::new(|queue| queue.lifetime = Some(Duration::from_secs(4 * 3_600))).await;
    let view = stage.asks().await;
    for seconds in [2 * HOUR, HOUR, -120] {
        set(&stage, seconds);
        let now = stage.sees("ben", &view.id).await.unwrap();
        assert_eq!((now.state, now.expires), (ApprovalState::Waiting, view.expires), "{seconds}");
    }
    // Its end is where it was, however the clock came there, and a clock that goes back from there brings nothing back.
    set(&stage, 4 * HOUR + 1);
    assert_eq!(ended(&stage, &view).await, ApprovalState::Expired);
    set(&stage, HOUR);
    assert_eq!(stage.yes("ben", &view).await.unwrap_err(), RefusalKind::Conflict);
    assert_eq!(posted(&stage.end().await), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_starts_with_its_clock_behind_has_no_yes_to_give_to_what_waited() {
    let stage = Stage::new(|_| {}).await;
    let view = stage.asks().await;
    let clock = Arc::clone(&stage.clock);
    let house = stage.end().await;
    clock.later.store(-30 * 24 * HOUR, Ordering::Relaxed);
    let (gateway, journal) = opened_at(house.folder.path(), &house.settings, Arc::clone(&clock)).await;
    let stage = Stage { house, clock, gateway, journal };
    assert_eq!(ended(&stage, &view).await, ApprovalState::Expired);
    assert_eq!(stage.yes("ben", &view).await.unwrap_err(), RefusalKind::Conflict);
    assert_eq!(posted(&stage.end().await), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_again_ends_when_the_clock_is_set_back_to_before_it() {
    let stage = Stage::new(|_| {}).await;
    let view = stage.asks().await;
    stage.again(&view).await.unwrap();
    stage.house.tells("message.post done").await;
    assert!(stage.happens("anna").await);
    set(&stage, -HOUR);
    assert!(!stage.happens("anna").await, "nobody knows how long ago the yes was");
    stage.until_ended(1).await;
    // It does not come back with the time.
    set(&stage, 0);
    assert!(stage.gateway.patterns(&crate::house::person("root", true)).unwrap().is_empty());
    assert!(!stage.happens("anna").await);
    stage.end().await;
}
