//! A chat that takes what is posted and never answers.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bulkhead_tests::eventually;
use bulkhead_tests::server::{Deed, Server};
use serde_json::json;

use super::{INTERNAL, READS, Stage};

const HOOK: &str = "/services/T0001/B1/sesame";
const REFUSED: &str =
    "HTTP/1.1 302 x\r\nlocation: /elsewhere\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// Bob asks, and something waits; the chat may not know yet.
fn waiting(stage: &Stage) -> String {
    let open = || stage.home.json(&["approvals", "list"]).as_array().unwrap().clone();
    let had = open();
    stage.bob.say("echo", "look it up");
    eventually("it waits", || open().len() > had.len());
    let fresh = open().into_iter().find(|one| !had.iter().any(|old| old["id"] == one["id"]));
    fresh.unwrap()["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_chat_that_never_answers_holds_up_nothing_is_an_alert_and_is_left_by_a_stop() {
    let hangs = Arc::new(AtomicBool::new(true));
    let now = Arc::clone(&hangs);
    let server =
        Server::new(move |_| if now.load(Ordering::SeqCst) { Deed::Hang } else { Deed::Say(REFUSED.into()) });
    let stage = Stage::where_more(READS, INTERNAL, "", |home| {
        fs::write(home.at("secrets/slack-webhook"), format!("http://{}{HOOK}", server.address)).unwrap();
    });
    let posted = || stage.approvals("approval.posted").len();
    let alerts = || stage.approvals("chat.failed");
    let heard = || server.requests(HOOK).len();

    // Its message hangs. Behind it somebody asks, somebody decides in the console, and it is done.
    let first = stage.asks();
    eventually("it is being sent", || heard() == 1);
    let second = waiting(&stage);
    let [cid] = stage.home.signed_in(["cid"]);
    let digest = cid.get(&format!("approvals/{second}")).is(200).json()["digest"].clone();
    cid.post(&format!("approvals/{second}/approve"), &json!({ "digest": digest })).is(200);
    eventually("it is read", || stage.reads() == 1);
    eventually("its turn is over", || stage.home.records(&["--event", "turn.ended"]).len() == 1);
    assert_eq!((posted(), alerts().len()), (1, 0), "the chat was still being waited for");
    assert_eq!(stage.state(&first), "waiting");

    // A kill ends what waits, and does not wait for the chat either.
    stage.home.run(&["agents", "kill", "--all"]).done();
    assert_eq!(stage.state(&first), "cancelled");
    stage.home.run(&["agents", "resume", "echo"]).done();

    // That it is not told is on the record, with the reason, and what waits waits on.
    hangs.store(false, Ordering::SeqCst);
    drop(stage.asks());
    eventually("that is an alert", || alerts().len() == 1);
    hangs.store(true, Ordering::SeqCst);
    let had = heard();
    let third = stage.asks();
    eventually("so is that it does not answer", || alerts().len() == 2);
    let alert = alerts().remove(1);
    assert_eq!(alert["facts"]["approval"], json!(third));
    let why = alert["facts"]["error"].as_str().unwrap();
    assert!(why.contains("30 s") && !alert.to_string().contains("sesame"), "{alert}");
    assert_eq!((heard(), stage.state(&third).as_str()), (had + 1, "waiting"));

    // A stop of the gateway leaves it.
    drop(stage.asks());
    eventually("the next one hangs", || heard() == had + 2);
    stage.home.run(&["gateway", "stop"]).done();
    assert_eq!(alerts().len(), 2);
    stage.home.verifies();
}
