//! The API's description of itself: of every route, and as the routes are.

use std::collections::BTreeSet;

use bulkhead_http::{Access, routes};
use bulkhead_tests::described::Described;
use bulkhead_tests::team::events;
use bulkhead_tests::web::Answer;
use bulkhead_tests::{Browser, Home, POSTS, eventually, members};
use serde_json::{Value, json};

#[test]
fn every_route_is_described_and_nothing_else_is() {
    let home = Home::team(&members(&["bob"], "*"), POSTS);
    Browser::at(&home).get("openapi.json").is(401);
    let [bob] = home.signed_in(["bob"]);
    let described = Described::to(&bob);
    let document = &described.document;
    let mut found = BTreeSet::new();
    let mut names = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            found.insert((method.to_uppercase(), path.clone()));
            assert!(operation["summary"].as_str().unwrap().ends_with('.'), "{operation}");
            assert!(names.insert(operation["operationId"].as_str().unwrap().to_owned()), "{operation}");
        }
    }
    let listed: BTreeSet<_> =
        routes().map(|route| (route.method.to_owned(), route.path.to_owned())).collect();
    assert_eq!(found, listed, "each route is described in crates/http/src/openapi");
    for route in routes() {
        let security = &document["paths"][route.path][route.method.to_lowercase()]["security"];
        let expected = match route.access {
            Access::Anyone => json!([]),
            Access::Person(scope) => json!([{ "cookie": [] }, { "token": [scope.as_str()] }]),
            Access::Oneself | Access::SignedIn => json!([{ "cookie": [] }]),
            Access::Chat => json!([{ "chat": [] }]),
        };
        assert_eq!(*security, expected, "{route:?}");
    }
}

#[test]
fn an_answer_that_is_not_as_described_is_found() {
    let home = Home::team("", POSTS);
    let [ada] = home.signed_in(["ada"]);
    let described = Described::to(&ada);
    let answer = ada.get("me").is(200);
    assert!(described.wrong("GET", "me", &answer).is_empty());
    for (from, to) in [
        ("\"person\"", "\"persons\""),
        ("\"sign-in\"", "\"by magic\""),
        ("\"administrator\":true", "\"administrator\":1"),
        ("{\"", "{\"more\":1,\""),
    ] {
        let changed = Answer { body: answer.body.replacen(from, to, 1), ..answer.clone() };
        assert_ne!(changed.body, answer.body);
        assert!(!described.wrong("GET", "me", &changed).is_empty(), "{changed:?}");
    }
    let strange = Answer { status: 418, ..answer };
    assert!(!described.wrong("GET", "me", &strange).is_empty());
}

#[test]
fn what_a_turn_tells_is_as_described() {
    let home = Home::team(&members(&["bob"], "*"), POSTS);
    let [bob, ada] = home.signed_in(["bob", "ada"]);
    let described = Described::to(&bob);
    let mut all = ada.follow_sse("events", None);
    let asked = json!({ "text": "announce it" });
    let own = bob.post_stream("agents/echo/messages", &[("accept", "text/event-stream")], &asked);
    let approval = home.waiting();
    home.run(&["approvals", "deny", &approval, "--reason", "not now"]).done();
    let told = events(&own.rest());
    let kinds: BTreeSet<&str> = told.iter().map(|(_, event)| event["type"].as_str().unwrap()).collect();
    for kind in ["proposal", "verdict", "outcome", "approval", "reply", "end"] {
        assert!(kinds.contains(kind), "{kind}: {told:?}");
    }
    let missed = events(&bob.follow_sse("turns/t-none/events", None).rest());
    assert_eq!(missed, []);
    for (_, event) in told.into_iter().chain(events(&all.until("\"end\""))) {
        let wrong = described.wrong_line("POST", "agents/{name}/messages", &event);
        assert!(wrong.is_empty(), "{event}: {wrong:?}");
    }
    eventually("the turn is on the record", || home.records(&["--event", "turn.ended"]).len() == 1);
    let mut verified = ada.post_stream("record/verify", &[], &json!({}));
    let text = verified.until("\"report\"");
    let lines = text.lines().filter(|line| line.starts_with('{'));
    let mut count = 0;
    for line in lines {
        let line: Value = serde_json::from_str(line).unwrap();
        let wrong = described.wrong_line("POST", "record/verify", &line);
        assert!(wrong.is_empty(), "{line}: {wrong:?}");
        count += 1;
    }
    assert!(count >= 1, "{text}");
}
