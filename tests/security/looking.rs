//! Looking into the record over the API: metadata, by a right of its own, in pages that are bounded.

use std::fs;

use bulkhead_tests::{ANSWERS, Browser, Home, eventually, members};
use serde_json::{Value, json};

/// Aud sees all records; bob and eve see their own.
const AUDITORS: &str = "
[[person]]
id = \"aud\"
groups = [\"auditors\"]
[[group]]
name = \"auditors\"
record = true
";

struct Team {
    home: Home,
    bob: Browser,
    eve: Browser,
    aud: Browser,
}

/// Bob and eve have each had a conversation.
fn team() -> Team {
    let home = Home::team(&(members(&["bob", "eve"], "*") + AUDITORS), ANSWERS);
    let [bob, eve, aud] = home.signed_in(["bob", "eve", "aud"]);
    for person in [&bob, &eve] {
        person.say("echo", "sesame and more");
    }
    eventually("both conversations rest", || home.records(&["--event", "turn.ended"]).len() == 2);
    Team { home, bob, eve, aud }
}

fn seqs(page: &Value) -> Vec<u64> {
    page["records"].as_array().unwrap().iter().map(|record| record["seq"].as_u64().unwrap()).collect()
}

#[test]
fn the_record_is_gone_through_from_the_end_and_from_the_beginning_page_by_page() {
    let Team { home, aud, .. } = team();
    // What is asked for here is not on the record, so that it stays as it is.
    let all: Vec<u64> = home.records(&[]).iter().map(|record| record["seq"].as_u64().unwrap()).collect();
    let mut forth = Vec::new();
    let mut after = json!(0);
    loop {
        let page = aud.get(&format!("records?limit=7&after={after}")).is(200).json();
        assert_eq!(page["before"], Value::Null);
        let seqs = seqs(&page);
        assert!(seqs.len() <= 7);
        if seqs.is_empty() {
            break;
        }
        forth.extend(seqs);
        after = page["after"].clone();
    }
    assert!(forth.len() >= all.len() && forth[..all.len()] == all, "{forth:?}");
    let mut back = Vec::new();
    let mut path = format!("records?limit=7&before={}", all.len() + 1);
    loop {
        let page = aud.get(&path).is(200).json();
        back.extend(seqs(&page));
        let Some(before) = page["before"].as_u64() else { break };
        path = format!("records?limit=7&before={before}");
    }
    back.reverse();
    assert_eq!(back, all);

    // Each condition gives what the command gives.
    for (query, command) in [
        ("kind=verdict&decision=permit", vec!["--kind", "verdict", "--decision", "permit"]),
        ("person=eve&agent=echo", vec!["--person", "eve", "--agent", "echo"]),
        ("event=turn.ended", vec!["--event", "turn.ended"]),
        ("action=model.call", vec!["--action", "model.call"]),
        ("label=internal", vec!["--label", "internal"]),
        ("since=2020-01-01T00:00:00Z&until=2021-01-01T00:00:00Z", vec!["--until", "2021-01-01"]),
    ] {
        let mut found = seqs(&aud.get(&format!("records?limit=500&{query}")).is(200).json());
        found.reverse();
        let there: Vec<u64> =
            home.records(&command).iter().map(|record| record["seq"].as_u64().unwrap()).collect();
        assert_eq!(found, there, "{query}");
    }
    let one = aud.get(&format!("records/{}", all[0])).is(200).json();
    assert_eq!(one, home.json(&["audit", "show", &all[0].to_string()]));
    // No words of anybody.
    let page = aud.get("records?limit=500").is(200);
    assert!(!page.body.contains("sesame"), "{page:?}");
    home.verifies();
}

#[test]
fn a_member_sees_their_own_records_and_a_refusal_is_on_the_record() {
    let Team { home, bob, eve, aud } = team();
    let page = bob.get("records?limit=500").is(200).json();
    let whose = |record: &Value| record["person"].as_str().unwrap_or("-").to_owned();
    let own: Vec<String> = page["records"].as_array().unwrap().iter().map(whose).collect();
    assert!(own.len() >= 4 && own.iter().all(|person| person == "bob"), "{own:?}");
    let session =
        |of: &Browser| of.get("sessions").json()["sessions"][0]["session"].as_str().unwrap().to_owned();
    let (bobs, eves) = (session(&bob), session(&eve));
    assert!(!seqs(&bob.get(&format!("records?session={bobs}")).is(200).json()).is_empty());
    bob.get(&format!("records?session={eves}")).is(403);
    bob.get(&format!("records?session={eves}&person=bob")).is(403);
    bob.get("records?person=eve").is(403);
    bob.get("records?session=s-none").is(403);
    let strange = home.records(&["--session", &eves])[0]["seq"].as_u64().unwrap();
    bob.get(&format!("records/{strange}")).is(404);
    bob.get(&format!("records/{strange}/proof")).is(404);
    bob.post("record/verify", &json!({})).is(403);
    aud.get(&format!("records/{strange}")).is(200);
    assert!(!seqs(&aud.get("records?person=eve").is(200).json()).is_empty());

    let refused =
        home.records_once(&["--event", "right.refused", "--person", "bob"], |refused| refused.len() > 6);
    let what: Vec<&str> = refused.iter().map(|record| record["facts"]["what"].as_str().unwrap()).collect();
    let others = "see records of others";
    assert_eq!(what, [others, others, others, others, others, others, "verify the record"]);
    // The right goes with the group, at once.
    home.edit("record = true", "record = false");
    aud.get("records?person=eve").is(403);
    let changed = || home.records(&["--event", "group.changed"]);
    eventually("the change is on the record", || !changed().is_empty());
    let changed = changed();
    assert_eq!(changed[0]["facts"]["changed"], json!(["record"]), "{changed:?}");
    home.verifies();
}

#[test]
fn what_makes_no_sense_is_refused_and_what_is_absurd_is_bounded() {
    let Team { home: _home, aud, .. } = team();
    for bad in [
        "after=1&before=9",
        "after=-1",
        "after=18446744073709551616",
        "before=x",
        "limit=99999999999",
        "kind=nonsense",
        "event=nonsense",
        "decision=maybe",
        "action=rm",
        "label=%27%20OR%201=1",
        "label=",
        "since=yesterday",
        "until=2026-13-01T00:00:00Z",
        "agent=..%2f",
        "person=%00",
        "session=",
        "text=sesame",
        "kind=verdict&kind=message",
        &format!("label={}", "a".repeat(9_000)),
    ] {
        assert_eq!(aud.get(&format!("records?{bad}")).is(400).json()["kind"], "invalid", "{bad}");
    }
    for (query, most) in [
        ("limit=4294967295", 500),
        ("limit=0", 100),
        ("after=18446744073709551615", 0),
        ("after=9223372036854775807", 0),
        ("before=0", 0),
        ("before=1", 0),
        ("before=18446744073709551615&limit=3", 3),
        ("agent=nobody", 0),
    ] {
        let page = aud.get(&format!("records?{query}")).is(200).json();
        assert!(seqs(&page).len() <= most, "{query}: {page}");
    }
    for seq in ["0", "18446744073709551615", "9223372036854775808", "999999999"] {
        aud.get(&format!("records/{seq}")).is(404);
        aud.get(&format!("records/{seq}/proof")).is(404);
    }
    for seq in ["-1", "1.5", "x", "18446744073709551616", "%00", "1e3"] {
        aud.get(&format!("records/{seq}")).is(400);
        aud.get(&format!("records/{seq}/proof")).is(400);
    }
    aud.post("record/verify", &json!({ "checkpoints": "no note" })).is(400);
    aud.post("record/verify", &json!({ "checkpoints": 7 })).is(400);
    aud.post("record/verify", &json!({ "place": "/etc/passwd" })).is(400);
    aud.post("record/verify", &json!([])).is(400);
}

#[test]
fn a_verification_tells_how_far_it_has_come_and_finds_what_is_broken() {
    let Team { home, aud, bob, .. } = team();
    let verified = |body: &Value| {
        let stream = aud.post_stream("record/verify", &[], body);
        assert_eq!(stream.status, 200);
        let said = stream.rest();
        let report = said.lines().find(|line| line.contains(r#""type":"report""#));
        serde_json::from_str::<Value>(report.unwrap_or_else(|| panic!("{said}"))).unwrap()
    };
    let report = verified(&json!({}));
    assert_eq!((&report["ok"], &report["first_bad"]), (&json!(true), &Value::Null));
    assert!(report["records"].as_u64().unwrap() > 10, "{report}");
    let accept = [("accept", "text/event-stream")];
    let events = aud.post_stream("record/verify", &accept, &json!({})).rest();
    assert!(events.contains("data: {\"type\":\"report\",\"ok\":true"), "{events}");
    let checkpoint = home.run(&["audit", "checkpoint"]).done().out;
    assert_eq!(verified(&json!({ "checkpoints": checkpoint }))["ok"], true);

    // The proof of a record is a file that the command checks anywhere, and a member has that of their own.
    let own =
        bob.get("records?limit=500").json()["records"].as_array().unwrap().last().unwrap()["seq"].clone();
    let proof = bob.get(&format!("records/{own}/proof")).is(200);
    assert_eq!(proof.header("content-disposition"), format!("attachment; filename=\"{own}.tlog-proof\""));
    assert!(proof.header("content-type").starts_with("text/plain"), "{proof:?}");
    let file = home.outside().join("a.tlog-proof");
    fs::write(&file, &proof.body).unwrap();
    let checked = home.json(&["audit", "check-proof", file.to_str().unwrap()]);
    assert_eq!((&checked["ok"], &checked["seq"]), (&json!(true), &own));

    // A checkpoint of another record does not go with this one.
    let other = Home::new();
    other.start();
    let foreign = other.run(&["audit", "checkpoint"]).done().out;
    let report = verified(&json!({ "checkpoints": foreign }));
    assert_eq!(report["ok"], false, "{report}");
}
