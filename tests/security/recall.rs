//! Searching one's own conversations: all that was said in them, and nothing else.

use bulkhead_tests::{ANSWERS, Browser, Home, POSTS, eventually, members};
use serde_json::{Value, json};

fn search(person: &Browser, text: &str) -> Value {
    person.post("sessions/search", &json!({ "text": text })).is(200).json()
}

fn items(found: &Value) -> &Vec<Value> {
    found["items"].as_array().unwrap()
}

/// Says something more in a conversation.
fn go_on(person: &Browser, agent: &str, session: &Value, text: &str) {
    let said = json!({ "text": text, "session": session });
    drop(person.post(&format!("agents/{agent}/messages"), &said).is(200));
}

fn rested(person: &Browser) -> Value {
    let list = || person.get("sessions").is(200).json();
    eventually("every conversation rests", || {
        list()["sessions"].as_array().unwrap().iter().all(|view| view["turn"] == Value::Null)
    });
    list()
}

#[test]
fn what_was_said_is_found_wherever_it_stands_and_by_whose_it_is_alone() {
    let home = Home::team(&members(&["bob", "eve"], "*"), ANSWERS);
    let [bob, eve, ada] = home.signed_in(["bob", "eve", "ada"]);
    bob.say("echo", "good morning");
    let first = rested(&bob)["sessions"][0]["session"].clone();
    bob.say("helper", "another matter");
    rested(&bob);
    go_on(&bob, "echo", &first, "where does the ZEBRA\nlive, and why?");
    rested(&bob);
    eve.say("echo", "my zebra is mine");
    rested(&eve);

    // The words stand in no conversation's first message.
    let found = search(&bob, "zebra");
    let [hit] = items(&found).as_slice() else { panic!("{found}") };
    assert_eq!(
        (&hit["session"], &hit["agent"], &hit["title"], &hit["by"]),
        (&first, &json!("echo"), &json!("good morning"), &json!("person"))
    );
    assert_eq!(
        (&hit["before"], &hit["word"], &hit["after"]),
        (&json!("where does the "), &json!("ZEBRA"), &json!(" live, and why?"))
    );
    assert_eq!((&found["after"], &found["until"]), (&Value::Null, &Value::Null));
    // It opens there.
    let path = format!("sessions/{}", first.as_str().unwrap());
    let whole = bob.get(&path).is(200).json();
    let there = whole["said"].as_array().unwrap().iter().find(|said| said["seq"] == hit["seq"]).unwrap();
    assert_eq!(there["text"], "where does the ZEBRA\nlive, and why?");
    // Every word, in any order; what was answered, too; one agent alone.
    assert_eq!(items(&search(&bob, "WHY zebra")).len(), 1);
    assert_eq!(items(&search(&bob, "zebra giraffe")).len(), 0);
    assert_eq!(items(&search(&bob, "that is all")).len(), 3);
    let of_helper = json!({ "text": "that is all", "agent": "helper" });
    let of_helper = bob.post("sessions/search", &of_helper).is(200).json();
    assert_eq!(items(&of_helper).iter().map(|hit| &hit["agent"]).collect::<Vec<_>>(), ["helper"]);
    assert_eq!(items(&of_helper)[0]["by"], "agent");
    // A pattern is none here.
    for nothing in ["z%a", "%", "_ebra", "zebra'", "\\", "entry", "text"] {
        assert_eq!(items(&search(&bob, nothing)).len(), 0, "{nothing}");
    }

    // Page by page, each once, the newest first.
    let (mut seen, mut after) = (Vec::new(), Value::Null);
    loop {
        let wanted = json!({ "text": "that is all", "limit": 1, "after": after });
        let page = bob.post("sessions/search", &wanted).is(200).json();
        seen.extend(items(&page).iter().map(|hit| hit["seq"].as_u64().unwrap()));
        after = page["after"].clone();
        assert_eq!(after == Value::Null, page["until"] == Value::Null, "{page}");
        if after == Value::Null {
            break;
        }
    }
    assert!(seen.len() == 3 && seen.windows(2).all(|two| two[0] > two[1]), "{seen:?}");

    // Nobody else finds it, whatever they are; each finds what is theirs.
    assert_eq!(items(&search(&ada, "zebra")).len(), 0);
    let hers = search(&eve, "zebra");
    assert_eq!(items(&hers).iter().map(|hit| &hit["title"]).collect::<Vec<_>>(), ["my zebra is mine"]);
    // Each search is on the record, with its words as content.
    let looks = home.records(&["--event", "content.searched", "--person", "bob"]);
    assert!(looks.len() >= 10 && looks.iter().all(|look| look["facts"]["own"] == true), "{looks:?}");
    assert_eq!(
        (&looks[0]["facts"]["count"], &looks[0]["facts"]["records"]),
        (&json!(1), &hit["seq"].to_string().into())
    );
    assert!(!looks.iter().any(|look| look.to_string().contains("zebra")), "{looks:?}");
    home.verifies();
}

/// Every reply waits for a person.
const LOOKED_AT: &str = "@id(\"look\")\n@message(\"somebody looks at each reply\")\n@decision(\"ask\")\n\
    forbid (principal, action == Action::\"reply\", resource) unless { context.approved };\n";

#[test]
fn what_was_not_said_to_its_person_is_not_found() {
    let home = Home::team(&members(&["bob"], "*"), POSTS);
    let [bob] = home.signed_in(["bob"]);
    // The arguments of a call that waits, and of one that was denied.
    bob.say("echo", "announce it");
    let approval = home.waiting();
    assert_eq!(items(&search(&bob, "draft")).len(), 0);
    home.run(&["approvals", "deny", &approval, "--reason", "not now"]).done();
    rested(&bob);
    assert_eq!(items(&search(&bob, "draft")).len(), 0);
    assert_eq!(items(&search(&bob, "became of it")).len(), 1);
    // A reply that is held, and one that was held back for good.
    std::fs::write(home.at("guardrails/look.cedar"), LOOKED_AT).unwrap();
    home.scene("turns: [{say: \"the word is xyzzy\", repeat: true}]");
    bob.say("helper", "tell me");
    let approval = home.waiting();
    assert_eq!(items(&search(&bob, "xyzzy")).len(), 0);
    home.run(&["approvals", "deny", &approval, "--reason", "no"]).done();
    rested(&bob);
    assert_eq!(items(&search(&bob, "xyzzy")).len(), 0);
    // The same once it is let out.
    bob.say("helper", "tell me again");
    let approval = home.waiting();
    home.run(&["approvals", "approve", &approval]).done();
    rested(&bob);
    assert_eq!(items(&search(&bob, "xyzzy")).len(), 1);
    // A search finds no search.
    assert_eq!(items(&search(&bob, "giraffe")).len(), 0);
    assert_eq!(items(&search(&bob, "giraffe")).len(), 0);
}

#[test]
fn what_was_erased_is_not_found() {
    let home = Home::playing(ANSWERS);
    let person = home.json(&["gateway", "status"])["person"].as_str().unwrap().to_owned();
    let me = Browser::signed_in(&home, &person);
    me.say("echo", "open sesame");
    rested(&me);
    let gone = rested(&me)["sessions"][0]["session"].as_str().unwrap().to_owned();
    me.say("echo", "sesame seeds stay");
    rested(&me);
    assert_eq!(items(&search(&me, "sesame")).len(), 2);
    home.run(&["audit", "erase", "request", "--session", &gone, "--reason", "a test"]).done();
    let found = search(&me, "sesame");
    assert_eq!(items(&found).iter().map(|hit| &hit["title"]).collect::<Vec<_>>(), ["sesame seeds stay"]);
    assert!(!found.to_string().contains(&gone));
}

#[test]
fn a_search_for_nothing_in_particular_is_refused_with_a_sentence() {
    let home = Home::team(&members(&["bob"], "*"), ANSWERS);
    let [bob] = home.signed_in(["bob"]);
    bob.say("echo", "hello");
    let many = "a ".repeat(17);
    let long = "a".repeat(1_025);
    for bad in [
        json!({}),
        json!({ "text": "" }),
        json!({ "text": " \n\t\u{2003}" }),
        json!({ "text": many }),
        json!({ "text": long }),
        json!({ "text": null }),
        json!({ "text": ["hello"] }),
        json!({ "text": "hello", "person": "eve" }),
        json!({ "text": "hello", "agent": "../x" }),
        json!({ "text": "hello", "after": -1 }),
        json!({ "text": "hello", "after": "00000000000000000001-a" }),
        json!({ "text": "hello", "limit": 4_294_967_296_u64 }),
        json!(["hello"]),
    ] {
        let answer = bob.post("sessions/search", &bad).is(400).json();
        assert_eq!(answer["kind"], "invalid", "{bad}");
        assert!(!answer["detail"].as_str().unwrap().is_empty());
    }
    for (after, count) in [(json!(0), 0), (json!(1), 0), (json!(u64::MAX), 1), (Value::Null, 1)] {
        let wanted = json!({ "text": "HELLO", "after": after, "limit": u32::MAX });
        assert_eq!(items(&bob.post("sessions/search", &wanted).is(200).json()).len(), count, "{after}");
    }
    assert_eq!(home.records(&["--event", "content.searched"]).len(), 4);
}
