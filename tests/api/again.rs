//! The same request with the same `Idempotency-Key` is done once.

use bulkhead_http::routes;
use bulkhead_tests::described::Described;
use bulkhead_tests::team::events;
use bulkhead_tests::web::Answer;
use bulkhead_tests::{ANSWERS, Browser, Home, POSTS, eventually, members};
use serde_json::{Value, json};

fn post(who: &Browser, path: &str, key: &str, body: &Value) -> Answer {
    who.post_with(path, &[("idempotency-key", key)], body)
}

#[test]
fn what_is_asked_for_twice_is_answered_alike() {
    let home = Home::team(&members(&["bob"], "*"), ANSWERS);
    let [ada] = home.signed_in(["ada"]);
    let first = post(&ada, "agents/echo/pause", "\"one\"", &json!({})).is(200);
    let again = post(&ada, "agents/echo/pause", "\"one\"", &json!({})).is(200);
    assert_eq!((&again.body, again.header("content-type")), (&first.body, first.header("content-type")));
    assert_eq!((first.header("idempotent-replayed"), again.header("idempotent-replayed")), ("", "true"));
}

/// What the answer to a second request with the key of a secret says: that it was made, and not the secret.
#[track_caller]
fn shown_once(first: &Answer, again: &Answer, secret: &str) -> String {
    let secret = first.json()[secret].as_str().unwrap().to_owned();
    assert!(secret.len() > 8);
    assert_eq!((again.status, again.json()["kind"].clone()), (409, json!("shown")), "{again:?}");
    // Of a token what comes behind its id, of a code what it is without hyphens.
    let bare = secret.splitn(3, '_').last().unwrap().to_owned();
    for part in [&secret, &bare, &secret.replace('-', "")] {
        assert!(!format!("{again:?}").contains(part), "{again:?}");
    }
    again.json()["detail"].as_str().unwrap().to_owned()
}

#[test]
fn a_code_that_is_asked_for_twice_is_made_once_and_shown_once() {
    let home = Home::team(&members(&["bob"], "*"), ANSWERS);
    let [ada] = home.signed_in(["ada"]);
    let made = || home.records(&["--event", "invite.made"]).len();
    let before = made();
    let first = post(&ada, "people/bob/invite", "one", &json!({})).is(200);
    let said = shown_once(&first, &post(&ada, "people/bob/invite", "one", &json!({})), "code");
    assert!(said.contains("`bob`") && said.contains("another key"), "{said}");
    assert_eq!(made(), before + 1);
    // The way out that it names: the new code counts, and the one that was lost does not.
    let next = post(&ada, "people/bob/invite", "two", &json!({})).is(200);
    let sign_in = |answer: &Answer| {
        let code = answer.json()["code"].clone();
        let body = json!({ "code": code, "password": "correct horse battery" });
        Browser::at(&home).post("sign-in/code", &body).status
    };
    assert_eq!((sign_in(&first), sign_in(&next)), (401, 200));
    home.verifies();
}

#[test]
fn a_token_that_is_asked_for_twice_is_made_once_and_shown_once() {
    let home = Home::team(&members(&["bob", "eve"], "*"), ANSWERS);
    let [bob, eve] = home.signed_in(["bob", "eve"]);
    let wanted = json!({ "name": "ci", "scopes": ["read"], "days": 1 });
    let first = post(&bob, "tokens", "\"one\"", &wanted).is(200);
    let said = shown_once(&first, &post(&bob, "tokens", "\"one\"", &wanted), "token");
    let id = first.json()["made"]["id"].as_str().unwrap().to_owned();
    assert!(said.contains(&format!("bulkhead people token end {id}")), "{said}");
    assert_eq!(bob.get("tokens").json()["items"].as_array().unwrap().len(), 1);

    // Another body, another address: somebody mixed their keys up.
    let other = json!({ "name": "cd", "scopes": ["read"], "days": 1 });
    let refused = post(&bob, "tokens", "\"one\"", &other).is(422);
    assert_eq!(
        (&refused.json()["kind"], refused.header("content-type")),
        (&json!("reused"), "application/problem+json")
    );
    post(&bob, &format!("tokens/{id}/end"), "\"one\"", &wanted).is(422);
    // A key is its person's: eve's is another, and she is told nothing of bob's.
    let hers = post(&eve, "tokens", "\"one\"", &wanted).is(200);
    assert!(hers.header("idempotent-replayed").is_empty() && hers.body != first.body);
    // The token of bob's own program is bob.
    let program = bob.with_token(first.json()["token"].as_str().unwrap());
    post(&program, "tokens", "\"one\"", &wanted).is(403);

    // What was refused was not done, and the key is free.
    let none = json!({ "name": "ci", "scopes": [], "days": 1 });
    post(&bob, "tokens", "two", &none).is(400);
    post(&bob, "tokens", "two", &wanted).is(200);
    for bad in ["", &"k".repeat(256)] {
        post(&bob, "tokens", bad, &wanted).is(400);
    }
    let twice = [("idempotency-key", "a"), ("idempotency-key", "b")];
    bob.post_with("tokens", &twice, &wanted).is(400);
    assert_eq!(bob.get("tokens").json()["items"].as_array().unwrap().len(), 2);
    // Signed out, nothing is replayed.
    bob.post("sign-out", &json!({})).is(200);
    post(&bob, "tokens", "\"one\"", &wanted).is(401);
    home.verifies();
}

#[test]
fn of_many_at_once_with_one_key_one_is_done() {
    let home = Home::team(&members(&["bob"], "*"), ANSWERS);
    let [bob] = home.signed_in(["bob"]);
    let wanted = json!({ "name": "ci", "scopes": ["read"], "days": 1 });
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..16).map(|_| scope.spawn(|| post(&bob, "tokens", "one", &wanted))).collect();
        asking.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 409)), "{answers:?}");
    let done = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(done, 1, "{answers:?}");
    assert_eq!(bob.get("tokens").json()["items"].as_array().unwrap().len(), 1);
}

#[test]
fn a_message_that_is_sent_twice_is_said_once_and_heard_whole_both_times() {
    let home = Home::team(&members(&["bob"], "*"), POSTS);
    let [bob, ada] = home.signed_in(["bob", "ada"]);
    let asked = json!({ "text": "announce it" });
    let headers = [("accept", "text/event-stream"), ("idempotency-key", "one")];
    let say = || bob.post_stream("agents/echo/messages", &headers, &asked);
    let first = say();
    let approval = home.waiting();
    // While it waits: the same turn, from its beginning.
    let second = say();
    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!(bob.get("sessions").json()["sessions"].as_array().unwrap().len(), 1);
    let digest = home.json(&["approvals", "show", &approval])["digest"].clone();
    let yes = json!({ "digest": digest });
    let path = format!("approvals/{approval}/approve");
    let approved = post(&ada, &path, "yes", &yes).is(200);
    assert_eq!(post(&ada, &path, "yes", &yes).is(200).body, approved.body);
    ada.post(&path, &yes).is(409);
    let (first, second) = (events(&first.rest()), events(&second.rest()));
    assert!(first.len() > 4 && first.last().unwrap().1["type"] == "end", "{first:?}");
    assert_eq!(first, second);
    // And when it is over.
    assert_eq!(events(&say().rest()), first);
    eventually("the turn is on the record", || home.records(&["--event", "turn.ended"]).len() == 1);
    assert_eq!(home.records(&["--event", "message.received"]).len(), 1);
    assert_eq!(home.posts("the draft is ready"), 1);
    home.verifies();
}

#[test]
fn every_route_that_does_something_takes_a_key_and_says_so() {
    let home = Home::team("", ANSWERS);
    let [ada] = home.signed_in(["ada"]);
    let described = Described::to(&ada);
    for route in routes() {
        let path = route.path.trim_start_matches("/api/v1/");
        let parameters = described.operation(route.method, path)["parameters"].clone();
        let takes = parameters.as_array().is_some_and(|parameters| {
            parameters.iter().any(|parameter| parameter["name"] == "idempotency-key")
        });
        assert_eq!(takes, route.once, "{route:?}");
    }
    let of = |path: &str| routes().any(|route| route.once && route.path == format!("/api/v1/{path}"));
    for path in ["agents/{name}/messages", "approvals/{id}/approve", "people/{id}/invite", "holds", "kill"] {
        assert!(of(path), "{path}");
    }
    // Content and what somebody signs in with are not kept to be given again.
    for path in ["content", "content/search", "me/password", "sign-in", "sign-in/code", "confirm"] {
        assert!(!of(path), "{path}");
    }
    for path in ["content", "content/search", "record/verify", "agents/{name}/soul/check"] {
        assert!(routes().any(|route| route.path == format!("/api/v1/{path}")), "{path}");
    }
}
