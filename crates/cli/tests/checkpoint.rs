//! `audit checkpoint`, `prove`, `check-proof`, `verify --checkpoint`, `key` and `cosign`, with a gateway and without.

#[cfg(test)]
#[expect(dead_code, reason = "each test binary uses its part of it")]
mod common;

use std::fs;

use common::Home;
use serde_json::Value;

const SCENE: &str = "turns: [{say: hello, repeat: true}]";

/// Writes what a command says into a file of the home, and gives its path.
#[cfg(test)]
fn kept(home: &Home, name: &str, args: &[&str]) -> String {
    let path = home.path().join(name);
    fs::write(&path, home.run(args).done().out).unwrap();
    path.to_str().unwrap().to_owned()
}

fn json(home: &Home, args: &[&str]) -> Value {
    home.run(&[args, &["--json"]].concat()).done().lines().remove(0)
}

#[test]
fn a_checkpoint_that_was_kept_holds_and_finds_what_the_record_alone_does_not_show() {
    let home = Home::playing(SCENE);
    home.run(&["chat", "helper", "one"]).done();
    let early = kept(&home, "early", &["audit", "checkpoint"]);
    home.run(&["chat", "helper", "two"]).done();
    let made = json(&home, &["audit", "checkpoint"]);
    let late = kept(&home, "late", &["audit", "checkpoint", "--last"]);
    assert_eq!(made["note"].as_str().unwrap(), fs::read_to_string(&late).unwrap());
    let key = made["key"].as_str().unwrap().to_owned();
    assert_eq!(json(&home, &["audit", "key", "show"])["key"], key);

    // One record, and that the record goes on, on any machine: without a home.
    let proof = kept(&home, "proof", &["audit", "prove", "2", "--to", &late]);
    let nowhere = Home::none();
    let checked = json(&nowhere, &["audit", "check-proof", &proof, "--key", &key]);
    assert_eq!(
        (&checked["ok"], &checked["seq"], &checked["record"]["seq"]),
        (&Value::Bool(true), &2.into(), &2.into())
    );
    nowhere.run(&["audit", "check-proof", &proof]).fails(4, "give one with `--key`");
    let goes_on = kept(&home, "goes-on", &["audit", "prove", "--from", &early]);
    nowhere
        .run(&["audit", "check-proof", &goes_on, "--from", &early, "--key", &key])
        .done()
        .has("the proof holds");
    let changed = home.path().join("changed");
    fs::write(&changed, fs::read_to_string(&proof).unwrap().replace("index 1", "index 0")).unwrap();
    let changed = changed.to_str().unwrap();
    nowhere.run(&["audit", "check-proof", changed, "--key", &key]).fails(1, "the proof does not hold");
    home.run(&["audit", "prove", "9999"]).fails(2, "nothing to say of record 9999");

    home.run(&["gateway", "stop"]).done();
    let history = home.path().join("history");
    let both = format!("{}\n{}", fs::read_to_string(&early).unwrap(), fs::read_to_string(&late).unwrap());
    fs::write(&history, both).unwrap();
    let history = history.to_str().unwrap();
    let args = ["audit", "verify", "--checkpoint", history, "--key", &key];
    home.run(&args).done().has("under the 2 checkpoints that were given");
    let report = json(&home, &args);
    assert_eq!((&report["ok"], &report["first_bad"]), (&Value::Bool(true), &Value::Null));

    // The end is cut off, and the record's own checkpoints with it.
    let database = home.path().join("data/journal.sqlite");
    let cut = format!(
        "DELETE FROM record WHERE seq > {0}; DELETE FROM payload WHERE seq > {0}; DELETE FROM checkpoint WHERE size > {0}; DELETE FROM erased",
        4
    );
    rusqlite::Connection::open(&database).unwrap().execute_batch(&cut).unwrap();
    home.run(&["audit", "verify"]).done();
    home.run(&["audit", "verify", "--checkpoint", &late]).with(1).has("record 5: the log ends before it");
    // And the gateway does not go on with it.
    home.run(&["gateway", "start"]).fails(1, "does not continue the checkpoint that was signed last");
}

/// Larger than any other file that is read whole, and more checkpoints than are held at once.
const LONG_AGO: usize = 240_000;

#[test]
fn a_history_of_years_is_held_against_the_record_and_finds_what_was_built_anew() {
    let home = Home::playing(SCENE);
    home.run(&["chat", "helper", "one"]).done();
    let early = kept(&home, "early", &["audit", "checkpoint"]);
    home.run(&["chat", "helper", "two"]).done();
    let late = kept(&home, "late", &["audit", "checkpoint"]);
    home.run(&["gateway", "stop"]).done();
    let notes = [early, late].map(|path| fs::read_to_string(path).unwrap());
    let history = home.path().join("history");
    let all = [&notes[0], "\n", &notes[1], "\n"].concat().repeat(LONG_AGO / 2);
    assert!(all.len() > 32 * 1024 * 1024);
    fs::write(&history, all).unwrap();
    let args = ["audit", "verify", "--checkpoint", history.to_str().unwrap()];
    let said = home.run(&args).done();
    assert!(said.err.contains("of the 240000 checkpoints that were given 60001 are held"), "{}", said.err);
    let database = home.path().join("data/journal.sqlite");
    let cut = "DELETE FROM record WHERE seq > 6; DELETE FROM payload WHERE seq > 6; DELETE FROM checkpoint WHERE size > 6";
    rusqlite::Connection::open(&database).unwrap().execute_batch(cut).unwrap();
    home.run(&["audit", "verify"]).done();
    home.run(&args).with(1).has("record 7: the log ends before it");
}

#[test]
fn without_a_gateway_the_command_signs_by_itself() {
    let home = Home::playing(SCENE);
    home.run(&["gateway", "stop"]).done();
    let last = json(&home, &["audit", "checkpoint", "--last"]);
    let made = json(&home, &["audit", "checkpoint"]);
    assert_eq!(made["size"].as_u64(), last["size"].as_u64().map(|size| size + 1));
    let rotated = json(&home, &["audit", "key", "rotate"]);
    assert_eq!(rotated["old"], made["key"]);
    let old = kept(&home, "old", &["audit", "checkpoint", "--last"]);
    home.run(&["audit", "verify", "--checkpoint", &old, "--key", made["key"].as_str().unwrap()]).done();
    home.run(&["audit", "key", "rotate", "--lost"]).fails(2, "is in its place");
    fs::remove_file(home.path().join("keys/record.key")).unwrap();
    home.run(&["gateway", "start"]).fails(4, "does not hold it: put it back");
    let anew = json(&home, &["audit", "key", "rotate", "--lost"]);
    assert_ne!(anew["key"], rotated["new"]);
    home.run(&["audit", "verify"]).done();
    let answer = home.path().join("answer");
    fs::write(&answer, "\u{2014} nobody AAAAAAA=\n").unwrap();
    home.run(&["audit", "cosign", answer.to_str().unwrap()]).fails(1, "of no witness that the settings name");
    home.run(&["gateway", "start"]).done();
    home.run(&["audit", "cosign", answer.to_str().unwrap()]).fails(3, "of no witness that the settings name");
}

#[test]
fn files_that_are_none_are_one_sentence() {
    let home = Home::playing(SCENE);
    let file = home.path().join("file");
    let path = file.to_str().unwrap();
    home.run(&["audit", "verify", "--checkpoint", path]).fails(4, "cannot be read");
    for text in ["", "a letter", "bulkhead/x\n1\n\n\u{2014} x AAAAAAA=\n"] {
        fs::write(&file, text).unwrap();
        let said = home.run(&["audit", "verify", "--checkpoint", path]).with(1);
        assert!(format!("{}{}", said.out, said.err).contains("cannot be"), "{text:?}");
        home.run(&["audit", "prove", "1", "--to", path]).fails(1, "cannot be");
        home.run(&["audit", "check-proof", path]).fails(1, "cannot be read");
    }
    fs::write(&file, "{}").unwrap();
    home.run(&["audit", "verify", "--resume", path]).fails(4, "remove it to begin anew");
    let said = home.run(&["audit", "verify", "--key", "PRIVATE+KEY+x+00000000+c2VzYW1l"]);
    let said = said.fails(2, "`--key` needs a public key");
    assert!(!said.err.contains("c2VzYW1l"), "{}", said.err);
}

#[test]
fn a_record_that_is_gone_does_not_begin_anew_until_somebody_says_so() {
    let home = Home::playing(SCENE);
    home.run(&["record", "begin", "--reason", "x"]).fails(2, "a gateway runs");
    home.run(&["chat", "helper", "one"]).done();
    let old = json(&home, &["audit", "checkpoint"]);
    home.run(&["gateway", "stop"]).done();
    home.run(&["record", "begin", "--reason", "x"]).fails(2, "nothing to begin anew");
    let database = home.settled();
    let aside = home.path().join("aside.sqlite");
    fs::rename(&database, &aside).unwrap();
    for args in [
        &["gateway", "start"][..],
        &["audit", "verify"],
        &["audit", "checkpoint"],
        &["audit", "key", "rotate", "--lost"],
    ] {
        let said = home.run(args).fails(4, "says that there was one");
        assert!(said.err.contains("bulkhead record begin --reason"), "{}", said.err);
        assert!(!database.exists(), "{args:?} made another");
    }
    home.run(&["doctor"]).has("says that there was one");
    // It is found again, and all goes on.
    fs::rename(&aside, &database).unwrap();
    home.run(&["gateway", "start"]).done();
    home.run(&["gateway", "stop"]).done();
    fs::remove_file(&database).unwrap();

    home.run(&["record", "begin"]).fails(2, "--reason");
    home.run(&["record", "begin", "--reason", "the disk is lost"])
        .done()
        .has("record.checkpoint.of-bulkhead-");
    let begun = home.run(&["audit", "query", "--json"]).done().lines();
    let begun = begun.iter().find(|record| record["event"] == "record.begun").unwrap();
    assert_eq!((&begun["facts"]["key"], &begun["kind"]), (&old["key"], &"admin".into()));
    assert!(begun["person"].is_string(), "{begun}");
    home.run(&["gateway", "start"]).done();
    home.run(&["chat", "helper", "two"]).done().has("hello");
    home.run(&["gateway", "stop"]).done();
    home.run(&["audit", "verify"]).done();
}

#[test]
fn what_is_signed_without_a_gateway_is_recorded_with_whose_hand_it_was() {
    let home = Home::playing(SCENE);
    home.run(&["chat", "helper", "one"]).done();
    home.run(&["gateway", "stop"]).done();
    let me = home.run(&["audit", "query", "--json"]).done().lines();
    let me = me.iter().find(|record| record["event"] == "message.received").unwrap()["person"].clone();
    home.run(&["audit", "checkpoint"]).done();
    home.run(&["audit", "key", "rotate"]).done();
    fs::remove_file(home.path().join("keys/record.key")).unwrap();
    home.run(&["audit", "key", "rotate", "--lost"]).done();
    let said = home.run(&["audit", "query", "--json"]).done().lines();
    for (event, count) in [("checkpoint.made", 1), ("key.rotated", 2)] {
        let of: Vec<&Value> = said.iter().filter(|record| record["event"] == event).collect();
        assert_eq!(of.len(), count, "{event}");
        assert!(of.iter().all(|record| record["person"] == me), "{event}: {of:?}, {me}");
    }
}

#[test]
fn a_place_that_holds_what_is_not_this_records_is_said_by_status_and_doctor() {
    let home = Home::playing(SCENE);
    let place = home.path().join("auditor");
    fs::write(&place, "a diary\n").unwrap();
    let settings = fs::read_to_string(home.settings()).unwrap();
    let publish = format!("\n[[checkpoint.publish]]\nfile = \"{}\"\n", place.display());
    fs::write(home.settings(), settings + &publish).unwrap();
    home.run(&["gateway", "restart"]).done();
    home.run(&["audit", "checkpoint"]).done();
    home.run(&["gateway", "status"]).done().has("something that is no checkpoint");
    let status = home.json(&["gateway", "status"]);
    assert!(status["unpublished"][0].as_str().unwrap().contains("left as it is"), "{status}");
    let doctor = home.run(&["doctor", "--json"]).json();
    let found = doctor["findings"].as_array().unwrap().iter().find(|found| {
        found["check"] == "checkpoint" && found["message"].as_str().unwrap().contains("no checkpoint")
    });
    assert_eq!(found.unwrap()["state"], "missing");
    assert_eq!(fs::read_to_string(&place).unwrap(), "a diary\n");
    let alerts = home.run(&["audit", "query", "--event", "publishing.failed", "--json"]).done().lines();
    assert_eq!(alerts.len(), 1);
    // Moved away, it is published again, and nobody says otherwise.
    fs::remove_file(&place).unwrap();
    home.run(&["audit", "checkpoint"]).done();
    assert_eq!(home.json(&["gateway", "status"])["unpublished"], serde_json::json!([]));
    assert!(fs::read_to_string(&place).unwrap().starts_with("bulkhead/"));
}
