//! Events as server-sent events: who was away for a moment goes on behind the last that they heard, and is told what they
//! missed.

use bulkhead_tests::team::events;
use bulkhead_tests::{Browser, Home, POSTS, eventually, members};
use serde_json::{Value, json};

fn team() -> (Home, Browser, Browser) {
    let home = Home::team(&members(&["bob", "eve"], "*"), POSTS);
    let [bob, eve] = home.signed_in(["bob", "eve"]);
    (home, bob, eve)
}

#[test]
fn who_was_away_goes_on_where_they_were_even_when_the_turn_is_over() {
    let (home, bob, eve) = team();
    let asked = json!({ "text": "announce it" });
    let mut stream = bob.post_stream("agents/echo/messages", &[("accept", "text/event-stream")], &asked);
    assert_eq!(stream.status, 200);
    assert!(stream.headers.contains(&("content-type".into(), "text/event-stream".into())), "{stream:?}");
    let mut heard = stream.until("\"approval\"");
    heard.push_str(&stream.until("\n"));
    drop(stream);
    let heard = events(&heard);
    let (turn, approval) = (heard[0].1["turn"].as_str().unwrap(), home.waiting());
    let seqs: Vec<u64> = heard.iter().map(|(_, event)| event["seq"].as_u64().unwrap()).collect();
    assert!(heard.len() >= 4 && seqs.is_sorted(), "{heard:?}");
    assert!(heard.iter().all(|(id, event)| id.ends_with(&format!("-{}", event["seq"]))), "{heard:?}");

    // Away while it is decided; the turn ends meanwhile.
    home.run(&["approvals", "deny", &approval, "--reason", "not now"]).done();
    eventually("the turn is over", || home.records(&["--event", "turn.ended"]).len() == 1);
    let path = format!("turns/{turn}/events");
    let last = &heard.last().unwrap().0;
    let rest = events(&bob.follow_sse(&path, Some(last)).rest());
    assert_eq!(rest.last().unwrap().1["type"], "end", "{rest:?}");
    assert!(rest.iter().any(|(_, event)| event["type"] == "reply"), "{rest:?}");
    assert!(rest.iter().all(|(_, event)| event["type"] != "missed" && event["turn"] == turn), "{rest:?}");
    let again = events(&bob.follow_sse(&path, Some(&heard[0].0)).rest());
    assert_eq!(again, [&heard[1..], &rest].concat());

    // It is bob's, and over for who does not say where they were.
    assert_eq!(eve.follow_sse(&path, Some(last)).status, 404);
    assert_eq!(bob.follow_sse(&path, None).status, 404);
    assert_eq!(bob.follow_sse("turns/t-none/events", Some(last)).status, 404);
    // Whoever asks in no such form has JSON Lines as before.
    assert_eq!(bob.follow(&path).status, 404);
    home.verifies();
}

#[test]
fn an_id_of_another_life_or_in_no_sense_is_told_as_missed() {
    let (home, bob, _) = team();
    bob.say("echo", "announce it");
    let _approval = home.waiting();
    let turn = bob.turn();
    let path = format!("turns/{turn}/events");
    for strange in ["0-0", "x", "-1", "18446744073709551616-0", "1-18446744073709551616", &"9".repeat(4_000)]
    {
        let mut stream = bob.follow_sse(&path, Some(strange));
        assert_eq!(stream.status, 200, "{strange}");
        let told = stream.until("missed");
        let (id, missed) = events(&told).remove(0);
        assert_eq!(
            (&*id, &missed["type"], &missed["count"]),
            ("", &json!("missed"), &Value::Null),
            "{strange}"
        );
    }
    let ada = Browser::signed_in(&home, "ada");
    let mut all = ada.follow_sse("events", Some("0-0"));
    assert!(all.until("missed").contains("data: "));
    home.run(&["agents", "kill", "echo"]).done();
    let heard = events(&all.until("\"end\""));
    assert!(heard.iter().all(|(id, event)| id.contains('-') && event["agent"] == "echo"), "{heard:?}");
}

#[test]
fn a_stream_of_server_sent_events_ends_with_the_sign_in() {
    let (home, bob, _) = team();
    bob.say("echo", "announce it");
    let _approval = home.waiting();
    let turn = bob.turn();
    let stream = bob.follow_sse(&format!("turns/{turn}/events"), None);
    assert_eq!(stream.status, 200);
    drop(bob.post("sign-out", &json!({})).is(200));
    let heard = events(&stream.rest());
    assert_eq!(heard.last().unwrap().1["type"], "ended", "{heard:?}");
}
