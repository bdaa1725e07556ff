//! What is over before the chat has its message, and after.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bulkhead_tests::{PATIENCE, tree};
use journal::Event;
use serde_json::Value;
use turn::{ApprovalState, ApprovalView, Choice, Scope};

use super::{Mood, READS, Stage, house};
use crate::house::{House, echo, person};

/// By which way what waits ends without a yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Denied,
    TakenBack,
    Stopped,
    Killed,
    Expired,
    Gone,
    Erased,
}

const ENDS: [End; 7] =
    [End::Denied, End::TakenBack, End::Stopped, End::Killed, End::Expired, End::Gone, End::Erased];

/// Ends both, and puts everything back so that the next one can wait.
async fn end(stage: &Stage, how: End, views: [&ApprovalView; 2]) {
    let (anna, ben, root) = (person("anna", false), person("ben", false), person("root", true));
    let no = || Choice::Deny { reason: "no".into() };
    for view in views {
        match how {
            End::Denied => drop(stage.gateway.decide(&ben, &view.id, no(), None).await.unwrap()),
            End::TakenBack => drop(stage.gateway.decide(&anna, &view.id, no(), None).await.unwrap()),
            End::Stopped => drop(stage.gateway.stop_turn(&anna, &view.turn, true).await.unwrap()),
            End::Erased => {
                let of = Scope::Session(view.session.clone());
                let asked = stage.gateway.ask_erasure(&root, of, "wrong").await.unwrap();
                drop(stage.gateway.consent_erasure(&person("ruth", true), &asked.id).await.unwrap());
                gone(stage, view).await;
            }
            End::Killed | End::Expired | End::Gone => {}
        }
    }
    match how {
        End::Killed => drop(stage.gateway.kill(&root, Some(&echo())).await.unwrap()),
        End::Expired => stage.clock.later.store(3_700, Ordering::Relaxed),
        End::Gone => stage.house.settings.lock().people.retain(|one| one.id != anna.id),
        _ => {}
    }
    let state = match how {
        End::Denied | End::TakenBack => ApprovalState::Denied,
        End::Expired => ApprovalState::Expired,
        _ => ApprovalState::Cancelled,
    };
    for view in views {
        if how == End::Erased {
            continue;
        }
        let until = tokio::time::Instant::now() + PATIENCE;
        while stage.gateway.approval(&ben, &view.id).await.unwrap().state != state {
            assert!(tokio::time::Instant::now() < until, "{how:?} ended nothing");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    match how {
        End::Killed => stage.gateway.resume(&root, &echo()).await.unwrap(),
        End::Gone => stage.house.settings.lock().people.push(anna),
        _ => {}
    }
}

/// Waits until there is no such approval any more.
async fn gone(stage: &Stage, view: &ApprovalView) {
    let until = tokio::time::Instant::now() + PATIENCE;
    while stage.gateway.approval(&person("ben", false), &view.id).await.is_ok() {
        assert!(tokio::time::Instant::now() < until, "it was not erased");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The id of an answer is good for nothing. The chat hears what ended its approval after that is on the record, and until then the answer
/// is told that.
async fn void(stage: &Stage, answer: &str) {
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        let told = stage.says("ben", answer).await;
        if told.contains("there is no such id") {
            return;
        }
        assert!(told.contains("does not wait any more") && tokio::time::Instant::now() < until, "{told}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_before_the_chat_has_it_is_not_sent_and_no_alert() {
    for how in ENDS {
        let stage = Stage::of(house(READS), Mood::Hangs).await;
        // One is on its way, the other behind it.
        let (first, second) = (stage.asks().await, stage.asks().await);
        let once = stage.pipe.once(0).await;
        // The one behind ends before its turn comes.
        end(&stage, how, [&second, &first]).await;
        void(&stage, &format!("approve {once}")).await;
        // The way is free for the next one, though the chat never answered.
        let next = stage.asks().await;
        assert!(stage.pipe.message(1).await.contains(next.id.as_str()), "{how:?}");
        assert_eq!((stage.pipe.about(&first), stage.pipe.about(&second)), (1, 0), "{how:?}");
        stage.pipe.is(Mood::Takes);
        let once = stage.pipe.once(1).await;
        assert!(stage.says("ben", &format!("approve {once}")).await.starts_with("Approved"), "{how:?}");
        assert_eq!(stage.facts(Event::ChatFailed).len(), 0, "{how:?}");
        assert_eq!(stage.facts(Event::ApprovalApproved).len(), 1, "{how:?}");
        stage.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_people_have_is_void_with_whatever_ends_its_approval() {
    for how in ENDS {
        let stage = Stage::of(house(READS), Mood::Takes).await;
        let (first, second) = (stage.asks().await, stage.asks().await);
        let ids = [stage.pipe.once(0).await, stage.pipe.once(1).await];
        stage.told(Event::ApprovalPosted, 2).await;
        end(&stage, how, [&first, &second]).await;
        for (id, answer) in [(&ids[0], "approve ID"), (&ids[1], "approve ID"), (&ids[0], "deny ID late")] {
            void(&stage, &answer.replace("ID", id)).await;
        }
        assert_eq!(stage.facts(Event::ApprovalApproved).len(), 0, "{how:?}");
        // Nor does the next gateway bring it back.
        let (house, clock) = stage.end().await;
        let stage = Stage::named(house, "ops", Mood::Takes, clock).await;
        drop(stage.asks().await);
        drop(stage.pipe.message(0).await);
        assert_eq!((stage.pipe.about(&first), stage.pipe.about(&second)), (0, 0), "{how:?}");
        let told = stage.says("ben", &format!("approve {}", ids[0])).await;
        assert!(told.contains("there is no such id"), "{how:?}: {told}");
        stage.end().await;
    }
}

/// The content of each record of an event.
fn contents(house: &House, event: Event) -> Vec<Value> {
    let record = house.record();
    record.iter().filter(|one| one.event == Some(event)).map(|one| house.content(one.seq)).collect()
}

/// The files beside those of the agent, the documents and the rehearsal in which a word stands.
fn with(house: &House, word: &str) -> Vec<PathBuf> {
    let own = ["agents", "docs", "rehearsal"].map(|name| house.at(name));
    let has = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(word);
    let files = tree(house.folder.path()).into_iter();
    let files = files.filter(|(path, bytes)| !own.iter().any(|own| path.starts_with(own)) && has(bytes));
    files.map(|(path, _)| path).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_chat_was_told_and_answered_is_erased_with_its_conversation() {
    let stage = Stage::of(house(READS), Mood::Takes).await;
    let view = stage.asks().await;
    assert!(stage.pipe.message(0).await.contains("status.md"));
    let no = format!("deny {} the wombat is wrong", stage.pipe.once(0).await);
    assert_eq!(stage.says("ben", &no).await, format!("Denied: {}.", view.id));
    stage.told(Event::TurnEnded, 1).await;
    let digest = view.digest.to_string();
    let posted = contents(&stage.house, Event::ApprovalPosted);
    assert!(posted.len() == 1 && posted[0].to_string().contains(&digest), "{posted:?}");
    for word in ["wombat", &digest] {
        assert!(!with(&stage.house, word).is_empty(), "{word}");
    }
    let of = Scope::Session(view.session.clone());
    let asked = stage.gateway.ask_erasure(&person("root", true), of, "a slip").await.unwrap();
    drop(stage.gateway.consent_erasure(&person("ruth", true), &asked.id).await.unwrap());
    gone(&stage, &view).await;
    stage.told(Event::ErasureDone, 1).await;
    // That it was told and answered there stays, and not a word of what.
    assert_eq!(contents(&stage.house, Event::ApprovalPosted), [Value::Null]);
    assert_eq!(contents(&stage.house, Event::ApprovalDenied), [Value::Null]);
    assert_eq!(stage.facts(Event::ApprovalDenied)[0]["channel"], "ops");
    assert_eq!(stage.facts(Event::ApprovalPosted)[0]["approval"], view.id.as_str());
    let (house, _) = stage.end().await;
    for word in ["wombat", &digest] {
        assert_eq!(with(&house, word), Vec::<PathBuf>::new(), "{word}");
    }
}
