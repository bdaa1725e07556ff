//! Events as server-sent events: who was away for a moment goes on behind the last that they heard, and is told what they
//! missed.

use bulkhead_tests::{Browser, Home, eventually};
use serde_json::{Value, json};

const PEOPLE: &str = "
[[person]]
id = \"bob\"
groups = [\"members\"]
[[person]]
id = \"eve\"
groups = [\"members\"]
[[group]]
name = \"members\"
agents = [\"*\"]
channels = [\"*\"]
models = [\"*\"]
";

const POSTS: &str = "
turns:
  - calls:
      - skill: message
        arguments: {channel: \"board:content-team\", text: \"the draft is ready\"}
  - say: That is what became of it.
    repeat: true
";

fn team() -> (Home, Browser, Browser) {
    let home = Home::made(&["--team", "--person", "ada"]);
    home.add(PEOPLE);
    home.scene(POSTS);
    home.start();
    let [bob, eve] = ["bob", "eve"].map(|person| Browser::signed_in(&home, person));
    (home, bob, eve)
}

/// The events that a text of server-sent events has, each with its id.
fn events(text: &str) -> Vec<(String, Value)> {
    let mut id = String::new();
    let mut found = Vec::new();
    for line in text.lines() {
        if let Some(said) = line.strip_prefix("id: ") {
            id = said.to_owned();
        }
        if let Some(data) = line.strip_prefix("data: ") {
            found.push((id.clone(), serde_json::from_str(data).unwrap()));
        }
    }
    found
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
    drop(bob.post("agents/echo/messages", &json!({ "text": "announce it" })).is(200));
    let _approval = home.waiting();
    let turn = bob.get("sessions").json()["sessions"][0]["turn"].as_str().unwrap().to_owned();
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
    drop(bob.post("agents/echo/messages", &json!({ "text": "announce it" })).is(200));
    let _approval = home.waiting();
    let turn = bob.get("sessions").json()["sessions"][0]["turn"].as_str().unwrap().to_owned();
    let stream = bob.follow_sse(&format!("turns/{turn}/events"), None);
    assert_eq!(stream.status, 200);
    drop(bob.post("sign-out", &json!({})).is(200));
    let heard = events(&stream.rest());
    assert_eq!(heard.last().unwrap().1["type"], "ended", "{heard:?}");
}
