//! What a SOUL.md was: each version that held is kept, shown to administrators with the look on the record, and brought back
//! by the road of any other change.

use std::fs;

use bulkhead_tests::{ANSWERS, Browser, Home, eventually, members};
use serde_json::{Value, json};
use vocab::Digest;

fn soul(home: &Home) -> String {
    fs::read_to_string(home.at("agents/echo/SOUL.md")).unwrap()
}

fn write(home: &Home, text: &str) {
    fs::write(home.at("agents/echo/SOUL.md"), text).unwrap();
}

fn versions(home: &Home) -> Vec<Value> {
    home.json(&["agents", "versions", "echo"]).as_array().unwrap().clone()
}

/// Number, digest of the text, who, and from which.
fn row(version: &Value) -> (u64, String, Value, Value) {
    let digest = version["version"].as_str().unwrap().to_owned();
    (version["number"].as_u64().unwrap(), digest, version["by"].clone(), version["from"].clone())
}

fn digest(text: &str) -> String {
    Digest::of(text.as_bytes()).to_string()
}

#[test]
fn what_was_written_by_hand_is_a_version_and_is_brought_back_after_a_restart() {
    let test = "security::past::what_was_written_by_hand_is_a_version_and_is_brought_back_after_a_restart";
    for home in Home::both_playing(test, ANSWERS) {
        let first = soul(&home);
        let second = first.replace("Blog Content Writer", "Writer of Letters");
        let me = home.json(&["agents", "list"]);
        assert!(me.is_array());
        assert_eq!(versions(&home).len(), 1);
        write(&home, &second);
        home.run(&["agents", "show", "echo"]).done();
        // What does not hold is no version; what is mended as it was is none either.
        write(&home, "# nothing");
        home.run(&["agents", "show", "echo"]).done();
        write(&home, &second);
        home.run(&["agents", "show", "echo"]).done();
        let hand = || (Value::Null, Value::Null);
        let expected = |number: u64, text: &str| (number, digest(text), hand().0, hand().1);
        eventually("what was written by hand is a version", || versions(&home).len() > 1);
        let found: Vec<_> = versions(&home).iter().map(row).collect();
        assert_eq!(found, [expected(2, &second), expected(1, &first)]);

        let same = home.run(&["agents", "diff", "echo", "2"]);
        same.done().has("version 2 of the SOUL.md of echo is what lies there");
        let diff = home.run(&["agents", "diff", "echo"]);
        diff.done()
            .has("from version 1 to what lies there: 1 added, 1 removed")
            .has("  - - Role: Blog Content Writer")
            .has("  + - Role: Writer of Letters");
        assert_eq!(home.json(&["agents", "diff", "echo", "2", "1"])["version"], digest(&first).as_str());
        home.run(&["agents", "diff", "echo", "1", "9"]).fails(2, "there is no version 9");

        home.run(&["gateway", "restart"]).done();
        home.run(&["agents", "rollback", "echo", "1"]).fails(2, "--yes");
        assert_eq!(soul(&home), second);
        home.run(&["agents", "rollback", "echo", "1", "--yes"]).done().has(&digest(&first));
        assert_eq!(soul(&home), first);
        let newest = row(&versions(&home)[0]);
        assert_eq!((newest.0, newest.1, newest.3), (3, digest(&first), json!(1)));
        assert!(newest.2.is_string(), "whoever brought it back is known: {}", newest.2);
        // The record has it like any other change, with where it is from; and each look.
        let changed = home.records(&["--event", "soul.changed"]);
        let last = changed.last().unwrap();
        assert_eq!((&last["facts"]["from"], &last["facts"]["new"]), (&json!(1), &json!(digest(&first))));
        assert_eq!(last["person"], newest.2);
        assert!(changed[..changed.len() - 1].iter().all(|record| record["facts"]["from"].is_null()));
        let looks = home.records(&["--event", "content.read"]);
        let looks: Vec<&str> =
            looks.iter().filter_map(|record| record["facts"]["versions"].as_str()).collect();
        assert_eq!(looks, ["2", "1", "1-2"]);
        home.run(&["agents", "rollback", "echo", "1", "--yes"]).done().has("is version 1 already");
        assert_eq!(versions(&home).len(), 3);
        home.verifies();
    }
}

#[test]
fn a_version_that_somebody_changed_in_the_database_or_that_holds_no_more_is_not_brought_back() {
    let test = "security::past::a_version_that_somebody_changed_in_the_database_or_that_holds_no_more_is_not_brought_back";
    for home in Home::both_playing(test, ANSWERS) {
        let there = soul(&home);
        write(&home, &format!("{there}\n<!-- two -->\n"));
        home.run(&["agents", "show", "echo"]).done();
        home.run(&["gateway", "stop"]).done();
        let key = "echo/00000000000000000001";
        home.leave("soul-text", key, &json!(there.replace("Blog Content Writer", "Keeper of all Keys")));
        home.start();
        let before = soul(&home);
        home.run(&["agents", "rollback", "echo", "1", "--yes"]).fails(4, "is not the text that was accepted");
        home.run(&["agents", "diff", "echo", "1"])
            .fails(4, "is not the text that was accepted")
            .lacks("Keeper");

        // Whoever changes the digest as well still comes by the checker.
        home.run(&["gateway", "stop"]).done();
        let wrong = "# nothing";
        home.leave("soul-text", key, &json!(wrong));
        let row = json!({
            "number": 1, "version": digest(wrong), "time": "2026-01-01T00:00:00Z", "bytes": wrong.len(),
        });
        home.leave("soul-version", key, &row);
        home.start();
        home.run(&["agents", "rollback", "echo", "1", "--yes"]).fails(2, "does not compile");
        assert_eq!(soul(&home), before);
        home.verifies();
    }
}

#[test]
fn a_home_that_is_older_than_its_versions_begins_with_what_lies_there() {
    for home in Home::both_playing(
        "security::past::a_home_that_is_older_than_its_versions_begins_with_what_lies_there",
        ANSWERS,
    ) {
        assert_eq!(versions(&home).len(), 1);
        home.run(&["gateway", "stop"]).done();
        for kind in ["soul-version", "soul-text"] {
            home.take(kind, "echo/00000000000000000001");
        }
        let told = home.records(&["--kind", "admin", "--agent", "echo"]).len();
        home.start();
        eventually("it is taken up", || versions(&home).len() == 1);
        assert_eq!(row(&versions(&home)[0]).1, digest(&soul(&home)));
        assert_eq!(home.records(&["--kind", "admin", "--agent", "echo"]).len(), told, "nothing has changed");
    }
}

#[test]
fn a_folder_of_agents_that_is_empty_for_a_while_costs_no_version() {
    let home = Home::playing(ANSWERS);
    assert_eq!(versions(&home).len(), 1);
    home.run(&["gateway", "stop"]).done();
    // More that are gone than are kept of such.
    for nth in 0..40 {
        let row = json!({
            "number": 1, "version": digest("x"), "time": format!("2020-01-01T00:00:{nth:02}Z"), "bytes": 1,
        });
        home.leave("soul-version", &format!("gone-{nth}/00000000000000000001"), &row);
        home.leave("soul-text", &format!("gone-{nth}/00000000000000000001"), &json!("x"));
    }
    let kept = home.left("soul-version").len();
    let (agents, elsewhere) = (home.at("agents"), home.at("elsewhere"));
    fs::rename(&agents, &elsewhere).unwrap();
    fs::create_dir(&agents).unwrap();
    home.start();
    home.run(&["gateway", "stop"]).done();
    assert_eq!(home.left("soul-version").len(), kept);
    fs::remove_dir(&agents).unwrap();
    fs::rename(&elsewhere, &agents).unwrap();
    home.start();
    assert_eq!(versions(&home).len(), 1);
    home.run(&["gateway", "stop"]).done();
    // With an agent there, those of the others that changed first go.
    assert_eq!(home.left("soul-version").len(), kept - 8);
}

fn team() -> (Home, Browser, Browser) {
    let home = Home::team(&members(&["bob"], "echo"), ANSWERS);
    let [ada, bob] = home.signed_in(["ada", "bob"]);
    (home, ada, bob)
}

#[test]
fn a_version_is_brought_back_over_what_was_seen_and_nothing_else() {
    let (home, ada, bob) = team();
    let first = soul(&home);
    let there = ada.get("agents/echo/soul").is(200).json()["version"].clone();
    let second = format!("{first}\n<!-- two -->\n");
    let change = json!({ "text": second, "version": there });
    let now = ada.send_json("PUT", "agents/echo/soul", &change).is(200).json()["version"].clone();
    let back = |who: &Browser, version: &Value| {
        who.post("agents/echo/soul/rollback", &json!({ "number": 1, "version": version }))
    };
    // Whoever may ask the agent sees what it is, and not what it was.
    bob.get("agents/echo/soul").is(200);
    for path in ["versions", "versions/1", "diff?from=1"] {
        bob.get(&format!("agents/echo/soul/{path}")).is(403);
    }
    back(&bob, &now).is(403);
    // Over another version than was seen, nothing is written.
    assert_eq!(back(&ada, &there).is(409).json()["kind"], "conflict");
    assert_eq!(soul(&home), second);
    let written = back(&ada, &now).is(200).json();
    assert_eq!((soul(&home), &written["version"]), (first.clone(), &there));
    let list = ada.get("agents/echo/soul/versions").is(200).json();
    let found: Vec<_> = list["versions"].as_array().unwrap().iter().map(row).collect();
    let (first, second) = (digest(&first), digest(&second));
    assert_eq!(
        found,
        [
            (3, first.clone(), json!("ada"), json!(1)),
            (2, second, json!("ada"), Value::Null),
            (1, first, Value::Null, Value::Null),
        ]
    );
    // A list goes on where the last one ended.
    let mut numbers = Vec::new();
    let mut path = "agents/echo/soul/versions?limit=1".to_owned();
    loop {
        let page = ada.get(&path).is(200).json();
        numbers.push(page["versions"][0]["number"].as_u64().unwrap());
        let Some(before) = page["before"].as_u64() else { break };
        path = format!("agents/echo/soul/versions?limit=1&before={before}");
    }
    assert_eq!(numbers, [3, 2, 1]);
    home.verifies();
}

#[test]
fn what_asks_for_no_version_is_refused() {
    let (home, ada, _) = team();
    let version = ada.get("agents/echo/soul").json()["version"].clone();
    for path in
        ["versions/0", "versions/2", "versions/18446744073709551615", "diff?from=2", "diff?from=1&to=7"]
    {
        ada.get(&format!("agents/echo/soul/{path}")).is(404);
    }
    for path in [
        "versions/-1",
        "versions/x",
        "versions/1%2f..",
        "versions/18446744073709551616",
        "diff?from=x",
        "diff?of=1",
        "versions?before=x",
        "versions?after=1",
    ] {
        ada.get(&format!("agents/echo/soul/{path}")).is(400);
    }
    for bad in [
        json!({}),
        json!({ "number": 1 }),
        json!({ "number": -1, "version": version }),
        json!({ "number": "1", "version": version }),
        json!({ "number": 1, "version": "short" }),
        json!({ "number": 1, "version": version, "text": "# other" }),
    ] {
        ada.post("agents/echo/soul/rollback", &bad).is(400);
    }
    ada.post("agents/echo/soul/rollback", &json!({ "number": 9, "version": version })).is(404);
    ada.get("agents/nobody/soul/versions").is(404);
    home.verifies();
}
