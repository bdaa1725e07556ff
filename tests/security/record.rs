//! Everything that happened is on the record: a test for each line of the table in docs/record.md.

use std::fs;

use bulkhead_tests::{Home, eventually};
use serde_json::Value;
use vocab::Digest;

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
    let own = home.at("guardrails/own.cedar");
    let of_own = |record: &Value| record.to_string().contains("own.cedar");
    fs::write(&own, "// Nothing yet.\n").unwrap();
    home.run(&["chat", "helper", "hello"]).done();
    fs::remove_file(&own).unwrap();
    home.edit(
        "[[person]]\nid = \"bob\"\ngroups = [\"guests\"]\nclearance = [\"confidential\"]\nos-user = \"nobody\"\n\
         [[group]]\nname = \"guests\"\nagents = [\"helper\", \"echo\"]\n",
        "",
    );
    home.run(&["chat", "helper", "hello"]).done();
    one(&home, "person.removed", |record| record["person"] == "bob");
    one(&home, "group.removed", |record| record["facts"]["group"] == "guests");
    let (made, gone) = (one(&home, "guardrail.added", of_own), one(&home, "guardrail.removed", of_own));
    assert_eq!(made["facts"]["new"], gone["facts"]["old"]);
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
    home.edit("[[person]]\nid = \"x\"\ngroups = [\"none\"]\n", "");
    let alert = one(&home, "settings.invalid", |_| true);
    assert_eq!(alert["kind"], "alert");
}

#[test]
fn what_breaks_again_in_the_same_way_is_another_alert() {
    let home = Home::playing(HELLO);
    home.run(&["chat", "helper", "hello"]).done();
    let soul = home.at("agents/helper/SOUL.md");
    let whole = fs::read_to_string(&soul).unwrap();
    let broken = "[[person]]\nid = \"x\"\ngroups = [\"none\"]\n";
    for told in 1..=3 {
        fs::write(&soul, "# Nothing\n").unwrap();
        home.run(&["chat", "helper", "hello"]).fails(2, "does not compile");
        fs::write(&soul, &whole).unwrap();
        home.run(&["chat", "helper", "hello"]).done();
        eventually("both changes of it are told", || events(&home, "soul.changed").len() == 2 * told);
        eventually("its alert is told", || events(&home, "soul.invalid").len() == told);

        home.add(broken);
        home.run(&["chat", "helper", "hello"]).fails(2, "there is no `[[group]]`");
        home.edit(broken, "");
        home.run(&["chat", "helper", "hello"]).done();
        eventually("the settings' alert is told", || events(&home, "settings.invalid").len() == told);
    }
    home.verifies();
}

#[test]
fn a_sign_in_is_recorded_once_for_many_commands() {
    let home = Home::playing(HELLO);
    for _ in 0..20 {
        drop(home.json(&["agents", "list"]));
    }
    home.run(&["gateway", "stop"]).done();
    let (stops, signed): (Vec<Value>, Vec<Value>) =
        events(&home, "signed.in").into_iter().partition(|record| record["facts"]["socket"] == "stop");
    assert_eq!(stops.len(), 1, "who stopped the gateway came by the socket for that: {stops:?}");
    assert_eq!(signed.len(), 2, "the first, and the sum of the others: {signed:?}");
    assert!(signed.iter().all(|record| record["kind"] == "auth" && record["decision"] == "permit"));
    assert_eq!((&signed[0]["facts"]["socket"], &signed[0]["facts"]["count"]), (&"api".into(), &1.into()));
    assert!(signed[1]["facts"]["count"].as_u64().unwrap() >= 20, "{signed:?}");
    assert!(signed[0]["person"].is_string() && signed[0]["facts"]["os_user"].is_string(), "{signed:?}");
}

#[test]
fn a_model_call_is_recorded_with_model_parameters_tokens_and_digests_and_without_words() {
    let home = Home::playing(HELLO);
    home.run(&["chat", "helper", "what about the budget"]).done();
    let outcomes = home.records(&["--kind", "outcome", "--action", "model.call"]);
    let call = &outcomes[0]["call"];
    assert_eq!(call["model"], "rehearsal/scene");
    assert_eq!((&call["prompt_tokens"], &call["completion_tokens"]), (&7.into(), &3.into()));
    assert_eq!(call["finish"], "stop");
    assert!(call["prompt"].is_string() && call["answer"].is_string(), "{call}");
    assert!(!format!("{:?}", home.records(&[])).contains("budget"), "words are content");

    // Whoever has the content can check both digests.
    let database = home.at("data/journal.sqlite");
    let proposal = home.records(&["--kind", "proposal", "--action", "model.call"])[0]["seq"].clone();
    let asked = bulkhead_tests::content::bytes(&database, proposal.as_u64().unwrap());
    let came = bulkhead_tests::content(&database, outcomes[0]["seq"].as_u64().unwrap());
    let salt = came["salt"].as_str().unwrap().parse::<Digest>().unwrap();
    let salted = |digest: Digest| Digest::of(&[&salt.as_bytes()[..], digest.as_bytes()].concat()).to_string();
    assert_eq!(call["prompt"], salted(Digest::of(&asked)));
    let answer: vocab::Answer = serde_json::from_value(came["body"]["answer"].clone()).unwrap();
    assert_eq!(call["answer"], salted(Digest::of_canonical(&answer).unwrap()));
}

#[test]
fn a_message_comes_in_and_a_reply_goes_out_on_the_record() {
    let home = Home::playing(HELLO);
    home.run(&["chat", "helper", "hello"]).done();
    let database = home.at("data/journal.sqlite");
    let came = one(&home, "message.received", |_| true);
    assert!(came["person"].is_string() && came["agent"] == "helper" && came["session"].is_string());
    assert_eq!(bulkhead_tests::content(&database, came["seq"].as_u64().unwrap())["entry"]["text"], "hello");
    let replies = home.records(&["--kind", "outcome", "--action", "reply"]);
    assert_eq!(replies[0]["status"], "done");
    let words = bulkhead_tests::content(&database, replies[0]["seq"].as_u64().unwrap());
    assert!(words["body"]["text"].as_str().unwrap().contains("Hello to you."), "{words}");
    assert_eq!(events(&home, "turn.ended").len(), 1);
    for kind in ["proposal", "verdict"] {
        let found = home.records(&["--kind", kind]);
        assert!(
            found.len() >= 2 && found.iter().all(|record| record["policy_version"].is_string()),
            "{found:?}"
        );
    }
    let verdicts = home.records(&["--kind", "verdict"]);
    assert!(
        verdicts.iter().all(|verdict| !verdict["reasons"].as_array().unwrap().is_empty()),
        "{verdicts:?}"
    );
}

#[test]
fn a_kill_a_pause_and_a_stop_are_recorded_with_who_did_it() {
    let home = Home::playing(HELLO);
    home.run(&["agents", "pause", "echo"]).done();
    home.run(&["agents", "resume", "echo"]).done();
    home.run(&["agents", "kill", "echo"]).done();
    home.run(&["gateway", "stop"]).done();
    for event in ["agent.paused", "agent.resumed", "agent.killed", "gateway.stopped"] {
        let record = one(&home, event, |_| true);
        assert!(record["person"].is_string() && record["kind"] == "admin", "{record}");
    }
    assert_eq!(one(&home, "agent.killed", |_| true)["facts"]["left"], 0);
}

#[test]
fn each_look_at_content_is_recorded_and_needs_the_gateway() {
    let home = Home::playing(HELLO);
    home.run(&["chat", "helper", "what about the budget"]).done();
    let proposal = home.records(&["--kind", "proposal", "--action", "model.call"])[0]["seq"].to_string();
    home.run(&["audit", "show", &proposal]).done().lacks("budget");
    let shown = home.json(&["audit", "show", &proposal, "--content"]);
    assert!(shown["action"]["args"].to_string().contains("budget"), "{shown}");
    let look = one(&home, "content.read", |_| true);
    assert_eq!((&look["facts"]["records"], &look["agent"]), (&proposal.as_str().into(), &"helper".into()));
    assert!(look["person"].is_string() && look["session"].is_string(), "{look}");

    let all = home.run(&["audit", "query", "--content", "--json"]).done().lines();
    assert!(all.iter().any(|record| record["content"]["entry"]["text"] == "what about the budget"));
    assert_eq!(events(&home, "content.read").len(), 2);

    let found = home.run(&["audit", "query", "--content", "--text", "THE BUDGET", "--json"]).done().lines();
    assert!(found.len() >= 2 && found.iter().all(|record| record.to_string().contains("the budget")));
    let search = one(&home, "content.searched", |_| true);
    assert!(!search.to_string().to_lowercase().contains("budget"), "the words are content: {search}");
    let words = bulkhead_tests::content(&home.at("data/journal.sqlite"), search["seq"].as_u64().unwrap());
    assert_eq!(words["text"], "THE BUDGET");
    home.run(&["audit", "query", "--content", "--text", "nobody said this", "--json"]).done().lacks("seq");

    home.run(&["gateway", "stop"]).done();
    home.run(&["audit", "show", &proposal, "--content"]).fails(4, "no gateway is running");
    home.run(&["audit", "query", "--content", "--text", "x"]).fails(4, "no gateway is running");
    home.run(&["audit", "show", &proposal]).done();
    home.verifies();
}

#[test]
fn an_agent_that_runs_away_is_stopped_with_an_alert() {
    let read = "{skill: file-reader, arguments: {path: HOME/handbook/expenses.md}}";
    let home = Home::playing(&format!("turns: [{{calls: [{}]}}]", [read; 8].join(", ")));
    let soul = home.at("agents/helper/SOUL.md");
    let limited = format!("{}\n## Limits\n- actions-per-turn: 3\n", fs::read_to_string(&soul).unwrap());
    fs::write(&soul, limited).unwrap();
    drop(home.run(&["chat", "helper", "go on"]).with(3));
    let killed = one(&home, "agent.killed", |_| true);
    assert!(killed["person"].is_null(), "nobody ordered it: {killed}");
    let alert = one(&home, "agent.stopped", |_| true);
    assert_eq!((&alert["kind"], &alert["agent"]), (&"alert".into(), &"helper".into()));
    assert!(home.records(&["--decision", "kill"])[0]["reasons"].to_string().contains("limit:runaway"));
    home.verifies();
}
