//! Signing in on the gateway's address, and what ends it.

use std::fs;

use bulkhead_tests::web::PASSWORD;
use bulkhead_tests::{ANSWERS, Browser, Home};
use serde_json::json;

const BOB: &str = "
[[person]]
id = \"bob\"
groups = [\"owners\"]
";

fn team() -> Home {
    Home::team(BOB, ANSWERS)
}

#[test]
fn a_code_of_the_command_lets_somebody_in_once_and_their_password_from_then_on() {
    let home = team();
    let nobody = Browser::at(&home);
    home.run(&["people", "invite", "zoe"]).fails(2, "there is no person `zoe`");
    let said = home.run(&["people", "invite", "bob"]).done();
    let code = said.out.lines().find_map(|line| line.strip_prefix("code")).unwrap().trim().to_owned();
    said.has(&format!("open http://{}/", nobody.address));
    let claim = json!({ "code": code, "password": PASSWORD });
    let answer = nobody.post("sign-in/code", &claim).is(200);
    let cookie = answer.header("set-cookie").to_owned();
    assert!(cookie.ends_with("; HttpOnly; SameSite=Strict; Path=/"), "{cookie}");
    let bob = nobody.with_cookie(&answer.cookie().unwrap());
    let me = bob.get("me").is(200).json();
    assert_eq!(
        (&me["person"], &me["administrator"], &me["through"]),
        (&"bob".into(), &false.into(), &"sign-in".into())
    );
    drop(nobody.post("sign-in/code", &claim).is(401));
    // A page learns whether its browser carries a sign-in, and nothing of whose or whether it holds.
    let carried = |browser: &Browser| browser.get("sign-in/ways").is(200).json()["carried"].clone();
    let planted = nobody.with_cookie("no cookie of ours");
    assert_eq!(
        [carried(&nobody), carried(&bob), carried(&planted)],
        [false, true, true].map(|one| json!(one))
    );
    let again = nobody.post("sign-in", &json!({ "person": "bob", "password": PASSWORD })).is(200);
    assert_ne!(again.cookie(), answer.cookie(), "each sign-in is a new one");
    assert_eq!(bob.get("sign-ins").json()["items"].as_array().unwrap().len(), 2);
    let out = bob.post("sign-out", &json!({})).is(200);
    assert!(out.header("set-cookie").starts_with("bulkhead=; Max-Age=0"));
    drop(bob.get("me").is(401));
    drop(nobody.with_cookie(&again.cookie().unwrap()).get("me").is(200));
    let text = fs::read_to_string(home.at("data/gateway.log")).unwrap_or_default();
    assert!(!text.contains(&code) && !text.contains(PASSWORD));
    home.verifies();
}

#[test]
fn the_first_administrator_is_whom_init_was_told_and_nobody_who_comes_first() {
    let home = team();
    let nobody = Browser::at(&home);
    // Nobody has a password yet, and whoever opens the page first gets none by that.
    drop(nobody.post("sign-in", &json!({ "person": "ada", "password": PASSWORD })).is(401));
    drop(nobody.post("sign-in/code", &json!({ "code": "AAAAAA", "password": PASSWORD })).is(401));
    drop(nobody.post("people/ada/invite", &json!({})).is(401));
    let [bob, ada] = home.signed_in(["bob", "ada"]);
    let administers = |who: &Browser| who.get("me").is(200).json()["administrator"].clone();
    assert_eq!((administers(&bob), administers(&ada)), (json!(false), json!(true)));
    drop(bob.post("people/bob/invite", &json!({})).is(403));
    let people = ada.get("people").is(200).json()["items"].clone();
    let mut all = people.as_array().unwrap().iter();
    assert!(all.all(|one| one["administrator"] == (one["id"] == "ada")), "{people}");
    home.verifies();
}

#[test]
fn a_leaver_is_out_with_the_next_request_and_their_streams_end() {
    let home = team();
    let bob = Browser::signed_in(&home, "bob");
    let token = bob.post("tokens", &json!({ "name": "x", "scopes": ["read", "chat"], "days": 1 })).is(200);
    let program = bob.with_token(token.json()["token"].as_str().unwrap());
    home.edit("id = \"bob\"", "id = \"bob\"\nadministrator = true");
    let (by_cookie, by_token) = (bob.follow("events"), program.follow("events"));
    assert_eq!((by_cookie.status, by_token.status), (200, 200));
    home.edit("id = \"bob\"\nadministrator = true", "id = \"rob\"");
    drop(bob.get("me").is(401));
    drop(program.get("me").is(401));
    for stream in [by_cookie, by_token] {
        assert!(stream.rest().contains("\"type\":\"ended\""));
    }
    let claim = json!({ "person": "bob", "password": PASSWORD });
    drop(Browser::at(&home).post("sign-in", &claim).is(401));
    // A file that was saved in part for a moment takes nothing away; who stays away for longer is forgotten.
    home.edit("id = \"rob\"", "id = \"bob\"");
    drop(bob.get("me").is(200));
    drop(program.get("me").is(200));
    assert_eq!(home.records(&["--event", "credentials.forgotten"]), Vec::<serde_json::Value>::new());
}

#[test]
fn a_stream_ends_when_its_sign_in_ends_or_its_reader_is_no_administrator_any_more() {
    let home = team();
    home.edit("id = \"bob\"", "id = \"bob\"\nadministrator = true");
    let bob = Browser::signed_in(&home, "bob");
    let ended = bob.follow("events");
    assert_eq!(ended.status, 200);
    let id = bob.get("sign-ins").json()["items"][0]["id"].as_str().unwrap().to_owned();
    home.run(&["people", "end", &id]).done().has("has ended");
    assert!(ended.rest().contains("\"type\":\"ended\""));
    let claim = json!({ "person": "bob", "password": PASSWORD });
    let bob = bob.with_cookie(&Browser::at(&home).post("sign-in", &claim).is(200).cookie().unwrap());
    let demoted = bob.follow("events");
    assert_eq!(demoted.status, 200);
    home.edit("id = \"bob\"\nadministrator = true", "id = \"bob\"");
    assert!(demoted.rest().contains("\"type\":\"ended\""));
    drop(bob.get("me").is(200));
    drop(bob.get("events").is(403));
}

#[test]
fn guesses_are_told_on_the_record_and_after_some_the_right_password_is_refused_too() {
    let home = team();
    let bob = Browser::signed_in(&home, "bob");
    let nobody = Browser::at(&home);
    let claim = |password: &str| nobody.post("sign-in", &json!({ "person": "bob", "password": password }));
    for _ in 0..people::MAX_GUESSES_OF_PERSON {
        drop(claim("wrong horse battery").is(401));
    }
    let busy = claim(PASSWORD).is(429);
    assert!(busy.json()["detail"].as_str().unwrap().contains("bulkhead people invite"));
    drop(bob.get("me").is(200));
    drop(Browser::signed_in(&home, "bob"));
    drop(claim(PASSWORD).is(200));
    let told = home.records(&["--event", "sign-in.refused"]);
    assert!(told.iter().all(|record| record["person"] == "bob" && record["decision"] == "deny"), "{told:?}");
    assert!((4..10).contains(&told.len()), "{told:?}");
}

#[test]
fn a_token_does_what_its_scopes_say_and_no_more_than_its_person_may() {
    let home = team();
    let made = home.run(&["people", "token", "new", "ci", "--scope", "read", "--days", "7"]).done();
    let token = made.out.lines().next().unwrap().to_owned();
    let program = Browser::at(&home).with_token(&token);
    assert_eq!(program.get("me").is(200).json()["person"], "ada");
    let refused = program.post("agents/helper/messages", &json!({ "text": "hi" })).is(403);
    assert!(refused.json()["detail"].as_str().unwrap().contains("no scope `chat`"));
    drop(program.get("tokens").is(403));
    drop(program.post("sign-out", &json!({})).is(403));
    // Bob's token for everything is still bob's.
    let bob = Browser::signed_in(&home, "bob");
    let wanted =
        json!({ "name": "all", "scopes": ["read", "chat", "approve", "record", "admin"], "days": 1 });
    let all = bob.post("tokens", &wanted).is(200).json()["token"].as_str().unwrap().to_owned();
    drop(bob.with_token(&all).post("kill", &json!({})).is(403));
    let listed = home.json(&["people", "token", "list"]);
    assert!(listed[0]["used"].is_string() && !listed.to_string().contains(&token));
    let id = listed[0]["id"].as_str().unwrap();
    home.run(&["people", "token", "end", id]).done();
    drop(program.get("me").is(401));
    home.run(&["people", "token", "new", "x", "--scope", "root"]).fails(2, "use one of read, chat");
}

#[test]
fn settings_say_how_long_a_sign_in_lasts_and_which_passwords_are_no_good() {
    let home = Home::new();
    let list = home.at("breached.txt");
    // SHA-1 of `password1234`.
    fs::write(&list, "E6B6AFBD6D76BB5D2041542D7D2E3FAC5BB05593:7\n").unwrap();
    home.add("[sign-in]\nbreached-passwords = \"HOME/breached.txt\"\nlifetime = \"30s\"");
    home.run(&["gateway", "start"]).fails(2, "is not a time from 1m to 744h");
    home.edit("lifetime = \"30s\"", "lifetime = \"2h\"\nidle = \"10m\"");
    home.start();
    let person = home.json(&["people", "list"])[0]["id"].as_str().unwrap().to_owned();
    let code = home.json(&["people", "invite", &person])["code"].as_str().unwrap().to_owned();
    let nobody = Browser::at(&home);
    let claim = |password: &str| nobody.post("sign-in/code", &json!({ "code": code, "password": password }));
    assert!(claim("password1234").is(400).json()["detail"].as_str().unwrap().contains("stolen"));
    assert!(claim("short").is(400).json()["detail"].as_str().unwrap().contains("12 characters"));
    fs::remove_file(&list).unwrap();
    assert!(claim(PASSWORD).is(503).json()["detail"].as_str().unwrap().contains("breached.txt"));
    fs::write(&list, "").unwrap();
    drop(claim(PASSWORD).is(200));
    let view = home.json(&["people", "sign-ins"])[0].clone();
    let at = |name: &str| view[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert_eq!(at("expires").duration_since(at("created")).as_secs(), 7_200);
}
