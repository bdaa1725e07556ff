//! What is asked only of whoever showed again a short while ago that it is they, and of whom that is not asked.

use bulkhead_http::{Access, Route, routes};
use bulkhead_tests::web::{PASSWORD, on_socket};
use bulkhead_tests::{Browser, Home};
use serde_json::{Value, json};

use crate::steps;

/// Bob has asked the helper, which has read a page: his conversation, and the three ways to look into it.
fn asked(bob: &Browser) -> (String, [String; 3]) {
    let sse = [("accept", "text/event-stream")];
    drop(bob.post_stream("agents/helper/messages", &sse, &json!({ "text": "Time off?" })).rest());
    let session = bob.get("sessions").is(200).json()["sessions"][0]["session"].as_str().unwrap().to_owned();
    let told = format!("sessions/{session}/steps");
    let steps = bob.get(&told).is(200).json()["steps"].clone();
    let read = steps.as_array().unwrap().iter().find(|step| step["action"]["verb"] == "file.read");
    let read = read.unwrap_or_else(|| panic!("{steps}"))["proposal"].as_str().unwrap();
    let passage = format!("sessions/{session}/passages/{read}");
    let places = [format!("sessions/{session}"), told, passage];
    (session, places)
}

/// The same browsers at a gateway that was started anew: a confirmation does not outlive it, a sign-in and a token do.
fn anew<const N: usize>(home: &Home, browsers: [Browser; N]) -> [Browser; N] {
    home.run(&["gateway", "restart"]).done();
    let address = Browser::at(home).address;
    browsers.map(|browser| Browser { address: address.clone(), ..browser })
}

fn token(person: &Browser, scopes: &[&str]) -> Browser {
    let wanted = json!({ "name": scopes.join(" "), "scopes": scopes, "days": 1 });
    let made = person.post("tokens", &wanted).is(200).json();
    person.with_token(made["token"].as_str().unwrap())
}

/// Why somebody is told no.
fn kind(no: bulkhead_tests::web::Answer) -> Value {
    no.is(403).json()["kind"].clone()
}

#[test]
fn to_look_into_a_conversation_of_somebody_else_takes_a_confirmed_sign_in() {
    let home = steps::home();
    let [bob, mel, rae] = home.signed_in(["bob", "mel", "rae"]);
    let (session, places) = asked(&bob);
    let looks = || home.records(&["--event", "content.read", "--person", "rae"]).len();
    let [bob, mel, rae] = anew(&home, [bob, mel, rae]);
    let none = |path: &str| path.replace(&session, "s-none");
    let shut = || {
        for path in &places {
            assert_eq!(kind(rae.get(path)), "unconfirmed", "{path}");
            // What is asked of her does not say which conversations there are.
            assert_eq!(kind(rae.get(&none(path))), "unconfirmed", "{path}");
        }
    };
    shut();
    drop(rae.post("confirm", &json!({ "password": "wrong horse battery" })).is(400));
    shut();
    for path in &places {
        // To one's own nothing is asked, and whoever may read none of others is told of none.
        drop(bob.get(path).is(200));
        drop(mel.get(path).is(404));
    }
    assert_eq!(looks(), 0);
    drop(rae.post("confirm", &json!({ "password": PASSWORD })).is(200));
    for path in &places {
        drop(rae.get(path).is(200));
        drop(rae.get(&none(path)).is(404));
    }
    assert_eq!(looks(), places.len());
    home.verifies();
}

#[test]
fn what_was_said_to_an_agent_that_is_gone_takes_a_confirmed_sign_in_too() {
    let home = steps::home();
    let [bob, rae] = home.signed_in(["bob", "rae"]);
    let (_, places) = asked(&bob);
    let chat = token(&rae, &["chat"]);
    // It is the one agent whose content she may read.
    home.run(&["agents", "remove", "helper", "--yes"]).done();
    let [rae, chat] = anew(&home, [rae, chat]);
    for path in &places {
        assert_eq!(kind(rae.get(path)), "unconfirmed", "{path}");
        assert_eq!(kind(chat.get(path)), "forbidden", "{path}");
    }
    drop(rae.post("confirm", &json!({ "password": PASSWORD })).is(200));
    for path in &places {
        drop(rae.get(path).is(200));
    }
    home.verifies();
}

#[test]
fn a_token_looks_into_a_conversation_of_somebody_else_by_the_scope_of_the_record_alone() {
    let home = steps::home();
    let [bob, rae] = home.signed_in(["bob", "rae"]);
    let (_, places) = asked(&bob);
    let tokens = [token(&rae, &["read", "chat", "approve"]), token(&rae, &["chat", "record"])];
    let [chat, record] = anew(&home, tokens);
    for path in &places {
        let no = chat.get(path).is(403).json();
        assert!(no["detail"].as_str().unwrap().contains("no scope `record`"), "{path}: {no}");
        // It was made for what it may: nobody is there to ask for the password.
        drop(record.get(path).is(200));
    }
    home.verifies();
}

/// Asks for what is dangerous, with what fits nowhere.
fn ask(caller: &Browser, route: &Route) -> Value {
    caller.send_json(route.method, &place(route), &json!("does not fit")).json()["kind"].clone()
}

fn place(route: &Route) -> String {
    route.path.trim_start_matches("/api/v1/").replace("{id}", "none").replace("{name}", "echo")
}

#[test]
fn a_token_and_the_local_socket_count_as_confirmed() {
    let home = steps::home();
    // Ada is whoever runs this, on the socket.
    home.edit("approve = [\"*\"]", "approve = [\"*\"]\ncontent = [\"helper\"]");
    let [ada, bob] = home.signed_in(["ada", "bob"]);
    let (_, places) = asked(&bob);
    let program = token(&ada, &["chat", "record", "admin"]);
    let [ada, program] = anew(&home, [ada, program]);
    for path in &places {
        assert_eq!(kind(ada.get(path)), "unconfirmed", "{path}");
        drop(program.get(path).is(200));
        drop(on_socket(&home, "GET", path, &Value::Null).is(200));
    }
    let mut tried = [0, 0];
    for route in routes().filter(|route| route.confirmed) {
        assert_eq!(ask(&ada, &route), "unconfirmed", "{route:?}");
        let by_token = matches!(route.access, Access::Person(_));
        if by_token {
            tried[0] += 1;
            assert_ne!(ask(&program, &route), "unconfirmed", "{route:?}");
        }
        if by_token || route.access == Access::Oneself {
            tried[1] += 1;
            let said = on_socket(&home, route.method, &place(&route), &json!("does not fit"));
            assert_ne!(said.json()["kind"], "unconfirmed", "{route:?}");
        }
    }
    assert!(tried[0] >= 8 && tried[1] > tried[0], "{tried:?}");
    home.verifies();
}
