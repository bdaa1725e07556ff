//! `bulkhead audit export` with a real gateway's record.

#[cfg(test)]
#[expect(dead_code, reason = "each test binary uses its part of it")]
mod common;

use common::Home;
use serde_json::Value;

const SCENE: &str = "turns: [{say: the words of the model, repeat: true}]";

fn spoken() -> Home {
    let home = Home::playing(SCENE);
    home.run(&["chat", "helper", "the words of the person"]).done();
    home
}

#[test]
fn every_form_has_every_record_and_no_words() {
    let home = spoken();
    let all = home.run(&["audit", "query", "--json"]).done().lines().len();
    for (format, rows) in [("jsonl", all), ("csv", all + 1), ("ocsf", all), ("cef", all), ("syslog", all)] {
        let said = home.run(&["audit", "export", "--format", format, "--until", "0s"]).done();
        // Each export is itself a record, so that there are more than before, and never fewer.
        assert!(said.out.lines().count() >= rows, "{format}: {}", said.out);
        said.lacks("the words of");
    }
    for format in ["otlp-logs", "otlp-traces"] {
        let said = home.run(&["audit", "export", "--format", format]).done();
        said.has("gen_ai.agent.name").lacks("the words of");
        assert!(said.lines().iter().all(Value::is_object));
    }
}

#[test]
fn an_export_is_in_the_record_before_the_first_of_it_leaves() {
    let home = spoken();
    let file = home.path().join("denied.ocsf");
    let args = ["audit", "export", "--format", "ocsf", "--decision", "permit", "--out"];
    home.run(&[&args[..], &[file.to_str().unwrap()]].concat()).done();
    let made = home.run(&["audit", "query", "--event", "export.made", "--json"]).done().lines();
    assert_eq!(made.len(), 1);
    assert_eq!(made[0]["facts"]["format"], "ocsf");
    assert_eq!(made[0]["facts"]["conditions"], serde_json::json!(["decision=permit"]));
    assert!(made[0]["person"].is_string());
    let text = std::fs::read_to_string(&file).unwrap();
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!events.is_empty() && events.iter().all(|event| event["action"] == "Allowed"));
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    // Without a gateway nobody can record it, and that is said.
    home.run(&["gateway", "stop"]).done();
    let said = home.run(&["audit", "export", "--format", "jsonl"]).done();
    assert!(said.err.contains("not in the record"), "{}", said.err);
    let made = home.run(&["audit", "query", "--event", "export.made", "--json"]).done().lines();
    assert_eq!(made.len(), 1);
}

#[test]
fn a_file_is_there_whole_or_not_at_all() {
    let home = spoken();
    let missing = home.path().join("nowhere/out.csv");
    home.run(&["audit", "export", "--format", "csv", "--out", missing.to_str().unwrap()]).fails(4, "nowhere");
    let folder = home.path().join("data");
    home.run(&["audit", "export", "--format", "csv", "--out", folder.to_str().unwrap()]).fails(4, "data");
    home.run(&["audit", "export", "--format", "nonsense"]).fails(2, "nonsense");
    home.run(&["audit", "export"]).fails(2, "--format");
    let old = home.path().join("old.csv");
    std::fs::write(&old, "what was there before").unwrap();
    home.run(&["audit", "export", "--format", "csv", "--out", old.to_str().unwrap()]).done();
    let text = std::fs::read_to_string(&old).unwrap();
    assert!(text.starts_with("seq,time,kind,") && text.ends_with('\n'), "{text}");
    let left = std::fs::read_dir(home.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with(".tmp"));
    assert_eq!(left.count(), 0, "a draft was left");
}
