//! Everything that happened is on the record: a test for each line of the table in docs/record.md.

use std::fs;

use bulkhead_tests::{Home, eventually};
use serde_json::Value;

const HELLO: &str = "
turns:
  - say: Hello to you.
    prompt_tokens: 7
    completion_tokens: 3
";

/// The records of an event.
fn events(home: &Home, event: &str) -> Vec<Value> {
    home.records(&["--event", event])
}

/// The one record of an event that fits, once it is there: what nobody waits for follows a little later.
#[track_caller]
fn one(home: &Home, event: &str, fits: impl Fn(&Value) -> bool) -> Value {
    eventually(&format!("`{event}` is on the record"), || events(home, event).iter().any(&fits));
    let mut found = events(home, event);
    found.retain(fits);
    assert_eq!(found.len(), 1, "{event}: {found:?} among {:?}", home.records(&["--kind", "admin"]));
    found.remove(0)
}

/// Text that a fact's list has.
fn has(fact: &Value, word: &str) -> bool {
    fact.as_array().is_some_and(|list| list.iter().any(|entry| entry == word))
}

#[test]
fn a_new_home_begins_its_record_with_who_and_what_it_was_made_of() {
    let home = Home::playing(HELLO);
    let config = fs::read_to_string(home.at("bulkhead.toml")).unwrap();
    assert_eq!(events(&home, "gateway.started").len(), 1);
    let settings = one(&home, "settings.changed", |_| true);
    assert!(settings["facts"]["old"].is_null() && settings["facts"]["new"].is_string());
    let admin = one(&home, "person.added", |_| true);
    assert_eq!(admin["facts"]["administrator"], true);
    assert!(config.contains(admin["person"].as_str().unwrap()));
    assert!(!events(&home, "group.added").is_empty() && !events(&home, "guardrail.added").is_empty());
    assert_eq!(events(&home, "agent.added").len(), 2);
    home.verifies();
}

#[test]
fn a_changed_soul_is_recorded_before_anything_is_judged_by_it() {
    let home = Home::playing(HELLO);
    home.run(&["chat", "helper", "hello"]).done();
    let soul = fs::read_to_string(home.at("agents/helper/SOUL.md")).unwrap();
    fs::write(home.at("agents/helper/SOUL.md"), soul.replacen("# ", "# My ", 1)).unwrap();
    home.run(&["chat", "helper", "hello again"]).done();
    let changed = one(&home, "soul.changed", |_| true);
    assert_eq!(changed["agent"], "helper");
    assert_eq!(changed["action"]["resource"]["name"], home.at("agents/helper/SOUL.md").to_str().unwrap());
    assert!(has(&changed["facts"]["changed"], "identity"), "{changed}");
    assert_ne!(changed["facts"]["old"], changed["facts"]["new"]);
    let verdicts = home.records(&["--kind", "verdict", "--agent", "helper"]);
    let other = verdicts.iter().find(|verdict| verdict["policy_version"] != verdicts[0]["policy_version"]);
    assert!(changed["seq"].as_u64() < other.unwrap()["seq"].as_u64(), "{changed} {other:?}");
}

#[test]
fn what_is_changed_while_no_gateway_runs_is_recorded_at_the_next_start() {
    let home = Home::playing(HELLO);
    home.run(&["gateway", "stop"]).done();
    let soul = home.at("agents/helper/SOUL.md");
    fs::write(&soul, fs::read_to_string(&soul).unwrap().replacen("# ", "# My ", 1)).unwrap();
    fs::remove_dir_all(home.at("agents/echo")).unwrap();
    fs::write(home.at("guardrails/more.cedar"), "").unwrap();
    home.edit("default = \"rehearsal/scene\"", "default = \"rehearsal/other\"");
    home.start();
    for (event, agent) in [("soul.changed", "helper"), ("agent.removed", "echo")] {
        let found = one(&home, event, |_| true);
        assert_eq!(
            (&found["agent"], &found["facts"]["while_stopped"]),
            (&agent.into(), &true.into()),
            "{found}"
        );
    }
    let guardrail = one(&home, "guardrail.added", |record| record["facts"]["while_stopped"] == true);
    assert_eq!(guardrail["action"]["resource"]["name"], home.at("guardrails/more.cedar").to_str().unwrap());
    let settings = one(&home, "settings.changed", |record| record["facts"]["while_stopped"] == true);
    assert!(has(&settings["facts"]["changed"], "models"), "{settings}");
    home.run(&["gateway", "stop"]).done();
    home.start();
    assert_eq!(events(&home, "soul.changed").len(), 1, "a change is told once");
    home.verifies();
}

#[test]
fn changed_people_groups_settings_and_guardrails_are_recorded_with_what_changed() {
    let home = Home::made(&["--person", "ann"]);
    home.scene(HELLO);
    home.start();
    home.edit("solo = \"ann\"\n", "");
    home.add("[[person]]\nid = \"bob\"\nos-user = \"nobody\"\n[[group]]\nname = \"guests\"\nagents = [\"helper\"]\n");
    home.run(&["gateway", "stop"]).done();
    home.start();
    home.edit("id = \"bob\"\n", "id = \"bob\"\ngroups = [\"guests\"]\nclearance = [\"confidential\"]\n");
    home.edit("agents = [\"helper\"]\n", "agents = [\"helper\", \"echo\"]\n");
    let guardrail = home.at("guardrails/base.cedar");
    fs::write(&guardrail, format!("{}\n// more\n", fs::read_to_string(&guardrail).unwrap())).unwrap();
    home.run(&["chat", "helper", "hello"]).done();
    let bob = one(&home, "person.changed", |record| record["person"] == "bob");
    assert!(has(&bob["facts"]["changed"], "groups") && has(&bob["facts"]["changed"], "clearance"), "{bob}");
    assert!(
        has(&bob["facts"]["groups"], "guests") && has(&bob["facts"]["clearance"], "confidential"),
        "{bob}"
    );
    let guests = one(&home, "group.changed", |record| record["facts"]["group"] == "guests");
    assert!(has(&guests["facts"]["changed"], "agents"), "{guests}");
    let changed = one(&home, "guardrail.changed", |_| true);
    assert_ne!(changed["facts"]["old"], changed["facts"]["new"]);
    let settings = events(&home, "settings.changed");
    assert!(has(&settings.last().unwrap()["facts"]["changed"], "person"), "{settings:?}");
    assert_eq!(
        one(&home, "person.added", |record| record["person"] == "bob")["facts"]["while_stopped"],
        true
    );
}

#[test]
fn settings_and_souls_that_do_not_hold_are_alerts() {
    let home = Home::playing(HELLO);
    home.run(&["chat", "helper", "hello"]).done();
    let soul = home.at("agents/helper/SOUL.md");
    fs::write(&soul, "# Nothing\n").unwrap();
    home.run(&["chat", "helper", "hello"]).fails(2, "does not compile");
    home.run(&["chat", "helper", "hello"]).fails(2, "does not compile");
    let alert = one(&home, "soul.invalid", |_| true);
    assert_eq!((&alert["kind"], &alert["agent"]), (&"alert".into(), &"helper".into()));
    home.add("[[person]]\nid = \"x\"\ngroups = [\"none\"]\n");
    home.run(&["chat", "echo", "hello"]).fails(2, "there is no `[[group]]`");
    let alert = one(&home, "settings.invalid", |_| true);
    assert_eq!(alert["kind"], "alert");
}

#[test]
fn a_sign_in_is_recorded_once_for_many_commands() {
    let home = Home::playing(HELLO);
    for _ in 0..20 {
        drop(home.json(&["agents", "list"]));
    }
    home.run(&["gateway", "stop"]).done();
    let signed = events(&home, "signed.in");
    assert_eq!(signed.len(), 2, "the first, and the sum of the others: {signed:?}");
    assert!(signed.iter().all(|record| record["kind"] == "auth" && record["decision"] == "permit"));
    assert_eq!((&signed[0]["facts"]["socket"], &signed[0]["facts"]["count"]), (&"api".into(), &1.into()));
    assert!(signed[1]["facts"]["count"].as_u64().unwrap() >= 20, "{signed:?}");
    assert!(signed[0]["person"].is_string() && signed[0]["facts"]["os_user"].is_string(), "{signed:?}");
}
