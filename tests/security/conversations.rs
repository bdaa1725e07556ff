//! A person's own conversations over the API: they alone see them and stop what goes on in them.

use bulkhead_tests::{ANSWERS, Browser, Home, POSTS, eventually, members, procs, tree};
use serde_json::{Value, json};

/// Thinks for longer than any test takes.
const THINKS: &str = "
turns:
  - say: one moment
    delay_ms: 600000
    calls: [{skill: file-reader, arguments: {path: HOME/handbook/time-off.md}}]
    repeat: true
";

fn team(scene: &str) -> Home {
    Home::team(&members(&["bob", "eve"], "*"), scene)
}

/// The names that a list has, as titles.
fn titles(list: &Value) -> Vec<&str> {
    list["sessions"].as_array().unwrap().iter().map(|view| view["title"].as_str().unwrap_or("-")).collect()
}

fn rested(person: &Browser, count: usize) -> Value {
    let list = || person.get("sessions").is(200).json();
    eventually("every conversation rests", || {
        let list = list();
        let sessions = list["sessions"].as_array().unwrap();
        sessions.len() == count && sessions.iter().all(|view| view["turn"] == Value::Null)
    });
    list()
}

#[test]
fn each_sees_their_own_conversations_newest_first_and_page_by_page() {
    let home = team(ANSWERS);
    let [bob, eve] = home.signed_in(["bob", "eve"]);
    for (agent, text) in [("echo", "first thing"), ("helper", "second\n\tthing"), ("echo", "third thing")] {
        bob.say(agent, text);
    }
    let all = rested(&bob, 3);
    assert_eq!(titles(&all), ["third thing", "second thing", "first thing"]);
    assert_eq!(all["before"], Value::Null);
    let first = &all["sessions"][2];
    assert_eq!(
        (&first["agent"], &first["turns"], &first["waiting"]),
        (&json!("echo"), &json!(1), &Value::Null)
    );
    assert_eq!(first["started"], first["last"]);
    assert!(first["labels"].is_object() || first["labels"].is_array(), "{first}");

    // A message takes its conversation to the top, and once only.
    let again = json!({ "text": "and more", "session": first["session"] });
    drop(bob.post("agents/echo/messages", &again).is(200));
    let all = rested(&bob, 3);
    assert_eq!(titles(&all), ["first thing", "third thing", "second thing"]);
    assert_eq!(all["sessions"][0]["turns"], 2);
    assert_ne!(all["sessions"][0]["started"], all["sessions"][0]["last"]);

    let mut seen = Vec::new();
    let mut path = "sessions?limit=1".to_owned();
    loop {
        let page = bob.get(&path).is(200).json();
        seen.extend(titles(&page).into_iter().map(str::to_owned));
        let Some(before) = page["before"].as_str() else { break };
        path = format!("sessions?limit=1&before={before}");
        assert!(seen.len() <= 3, "{seen:?}");
    }
    assert_eq!(seen, ["first thing", "third thing", "second thing"]);
    let helper = bob.get("sessions?agent=helper").is(200).json();
    assert_eq!(titles(&helper), ["second thing"]);
    assert_eq!(titles(&bob.get("sessions?agent=nobody").is(200).json()), [""; 0]);

    // Eve has none, and bob's places are of no use to her.
    assert_eq!(eve.get("sessions").is(200).json(), json!({ "sessions": [], "before": null }));
    let page = bob.get("sessions?limit=1").json();
    let place = page["before"].as_str().unwrap();
    assert_eq!(titles(&eve.get(&format!("sessions?before={place}")).is(200).json()), [""; 0]);
    // The first words are content, so that each list is a look.
    let looks = home.records(&["--event", "content.read", "--person", "bob"]);
    let own = looks.iter().filter(|look| look["facts"]["own"] == true && look["session"] == Value::Null);
    assert!(own.clone().count() >= 4 && own.clone().any(|look| look["facts"]["count"] == 3), "{looks:?}");
    assert_eq!(home.records(&["--event", "content.read", "--person", "eve"]), [Value::Null; 0]);
    home.verifies();
}

#[test]
fn a_list_that_is_asked_for_in_no_sense_is_refused_with_a_sentence() {
    let home = team(ANSWERS);
    let bob = Browser::signed_in(&home, "bob");
    bob.say("echo", "hello");
    for bad in [
        "limit=-1",
        "limit=4294967296",
        "limit=1.5",
        "limit=many",
        "before=",
        "before=s-abc",
        "before=00000000000000000001-",
        "before=00000000000000000001-../../x",
        "before=%00",
        "before=00000000000000000001-s-a%2f%25",
        "agent=..%2f..",
        "agent=",
        "person=eve",
        "limit=1&limit=2",
        &format!("agent={}", "a".repeat(65)),
        &format!("before={}", "9".repeat(9_000)),
    ] {
        let answer = bob.get(&format!("sessions?{bad}")).is(400).json();
        assert_eq!(answer["kind"], "invalid", "{bad}");
        assert!(!answer["detail"].as_str().unwrap().is_empty());
    }
    assert_eq!(titles(&bob.get("sessions?limit=4294967295").is(200).json()), ["hello"]);
    assert_eq!(titles(&bob.get("sessions?limit=0").is(200).json()), ["hello"]);
}

#[test]
fn an_erased_conversation_is_in_no_list_any_more() {
    let home = Home::playing(ANSWERS);
    let person = home.json(&["gateway", "status"])["person"].as_str().unwrap().to_owned();
    let me = Browser::signed_in(&home, &person);
    me.say("echo", "sesame and nothing else");
    me.say("echo", "what stays");
    let list = rested(&me, 2);
    assert_eq!(titles(&list), ["what stays", "sesame and nothing else"]);
    let gone = list["sessions"][1]["session"].as_str().unwrap();
    home.run(&["audit", "erase", "request", "--session", gone, "--reason", "a test"]).done();
    assert_eq!(titles(&me.get("sessions").is(200).json()), ["what stays"]);
    home.run(&["gateway", "stop"]).done();
    let left = tree(&home.at("data"))
        .into_iter()
        .filter(|(_, bytes)| bytes.windows(6).any(|some| some == b"sesame"));
    assert_eq!(left.count(), 0);
}

#[test]
fn whoever_asked_stops_their_turn_and_its_processes_end_and_it_is_on_the_record() {
    let home = team(THINKS);
    let [bob, eve, ada] = home.signed_in(["bob", "eve", "ada"]);
    bob.say("helper", "look it up");
    eve.say("helper", "look it up");
    let (bobs, eves) = (bob.turn(), eve.turn());
    eventually("both turns have a process", || procs::jailed(home.gateway()).len() >= 2);
    let stop = |who: &Browser, turn: &str| who.post(&format!("turns/{turn}/stop"), &json!({}));

    stop(&bob, &eves).is(404);
    for strange in ["t-none", "..", "%2e%2e", "t-%00", &"t".repeat(65), "T"] {
        let status = stop(&bob, strange).status;
        assert!(status == 404 || status == 400, "{strange}: {status}");
    }
    let followed = bob.follow(&format!("turns/{bobs}/events"));
    let stopped = stop(&bob, &bobs).is(200).json();
    assert_eq!(
        (&stopped["turn"], &stopped["agent"], &stopped["over"]),
        (&json!(bobs), &json!("helper"), &json!(true))
    );
    let heard = followed.rest();
    assert!(heard.contains("this turn was stopped by `bob`") && heard.contains("\"end\""), "{heard}");
    stop(&bob, &bobs).is(404);
    // Eve's goes on with the same agent, which takes messages as before.
    assert_eq!(eve.turn(), eves);
    assert_eq!(home.json(&["agents", "show", "helper"])["state"], "running");
    let chat = json!({ "name": "x", "scopes": ["chat"], "days": 1 });
    let made = ada.post("tokens", &chat).is(200).json();
    stop(&ada.with_token(made["token"].as_str().unwrap()), &eves).is(404);
    assert_eq!(stop(&ada, &eves).is(200).json()["over"], true);
    eventually("no process is left", || procs::jailed(home.gateway()).is_empty());
    let list = bob.get("sessions").json();
    assert_eq!((&list["sessions"][0]["turn"], &list["sessions"][0]["waiting"]), (&Value::Null, &Value::Null));

    let records = home.records(&["--event", "turn.stopped"]);
    let told: Vec<_> = records
        .iter()
        .map(|record| {
            (
                record["person"].as_str().unwrap(),
                record["turn"].as_str().unwrap(),
                record["facts"]["own"].clone(),
            )
        })
        .collect();
    assert_eq!(told, [("bob", &*bobs, json!(true)), ("ada", &*eves, json!(false))]);
    let refused = home.records(&["--event", "right.refused", "--person", "bob"]);
    assert_eq!((&refused[0]["facts"]["turn"], refused.len()), (&json!(eves), 1), "{refused:?}");
    let ends = home.records(&["--event", "turn.ended"]);
    assert_eq!(ends.len(), 2, "{ends:?}");
    home.verifies();
}

#[test]
fn what_a_stopped_turn_left_waiting_is_cancelled_and_nobody_can_approve_it() {
    let home = team(POSTS);
    let [bob, ada] = home.signed_in(["bob", "ada"]);
    bob.say("echo", "announce it");
    let approval = home.waiting();
    let list = bob.get("sessions").json();
    let view = &list["sessions"][0];
    assert_eq!(view["waiting"], json!(approval));
    // It waits across a restart, without a process, and is stopped all the same.
    home.run(&["gateway", "restart"]).done();
    let bob = Browser { address: Browser::at(&home).address, ..bob };
    let ada = Browser { address: bob.address.clone(), ..ada };
    let turn = view["turn"].as_str().unwrap();
    assert_eq!(bob.post(&format!("turns/{turn}/stop"), &json!({})).is(200).json()["over"], true);
    let over = bob.get(&format!("approvals/{approval}")).is(200).json();
    assert_eq!(over["state"], "cancelled");
    drop(ada.post(&format!("approvals/{approval}/deny"), &json!({})).is(409));
    home.run(&["approvals", "approve", &approval]).with(3);
    assert_eq!(home.posts("the draft is ready"), 0);
    let session = view["session"].as_str().unwrap();
    let events: Vec<_> = home
        .records(&["--session", session])
        .iter()
        .filter_map(|record| Some(record["event"].as_str()?.to_owned()))
        .filter(|event| ["approval.cancelled", "turn.stopped", "turn.ended"].contains(&&**event))
        .collect();
    assert_eq!(events, ["approval.cancelled", "turn.stopped", "turn.ended"]);
    // The conversation is fit for the next message.
    home.scene(ANSWERS);
    drop(bob.post("agents/echo/messages", &json!({ "text": "well then", "session": session })).is(200));
    assert_eq!(rested(&bob, 1)["sessions"][0]["turns"], 2);
    home.verifies();
}
