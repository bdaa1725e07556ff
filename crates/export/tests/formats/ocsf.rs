//! Events against the schema as its makers export it (`tests/ocsf/run build`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bulkhead_export::Format;
use bulkhead_export::format::line;
use journal::read::Record;
use journal::{Event, Facts, Ground, Kind, ModelCall};
use jsonschema::Validator;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;
use vocab::{Decision, Digest, Labels, Layer, Resource, Status, Verb};

use crate::made::{any_record, of_proposal, of_turn, origin, record};

/// The classes that records become.
const CLASSES: [u64; 6] = [2004, 3001, 3002, 6002, 6003, 6005];

fn schema() -> Option<BTreeMap<u64, Validator>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let dir = std::env::var_os("BULKHEAD_OCSF").map_or_else(|| root.join(".tools/ocsf"), PathBuf::from);
    if !dir.join("ready").is_file() {
        eprintln!("SKIPPED ocsf: no schema in {} (run tests/ocsf/run build)", dir.display());
        return None;
    }
    let validator = |class: u64| {
        let text = std::fs::read_to_string(dir.join(format!("{class}.json"))).unwrap();
        (class, jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap())
    };
    Some(CLASSES.map(validator).into())
}

fn event(record: &Record) -> Value {
    let mut text = Vec::new();
    line(Format::Ocsf, record, &origin(), &mut text).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// The class of a record's event, which holds to the schema.
fn valid(schema: &BTreeMap<u64, Validator>, record: &Record) -> u64 {
    let event = event(record);
    let class = event["class_uid"].as_u64().unwrap();
    let wrong: Vec<String> = schema[&class]
        .iter_errors(&event)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}\n{event:#}");
    assert_eq!(event["type_uid"], class * 100 + event["activity_id"].as_u64().unwrap());
    assert_eq!(event["category_uid"], class / 1000);
    class
}

#[test]
fn every_event_of_the_record_holds_to_the_schema() {
    let Some(schema) = schema() else { return };
    let mut seen: BTreeMap<u64, usize> = BTreeMap::new();
    for event in Event::ALL {
        for kind in Kind::ALL {
            let mut record = of_turn(1, kind, "t-1");
            record.event = Some(*event);
            record.facts = Facts::new().with("person", "bob").with("count", 3_u64);
            *seen.entry(valid(&schema, &record)).or_default() += 1;
        }
    }
    for kind in Kind::ALL {
        valid(&schema, &record(1, kind));
    }
    assert_eq!(seen.keys().copied().collect::<Vec<_>>(), CLASSES, "a class is not tried");
}

#[test]
fn whatever_a_record_holds_its_event_holds_to_the_schema() {
    let Some(schema) = schema() else { return };
    let mut runner =
        TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    for _ in 0..500 {
        valid(&schema, &any_record().new_tree(&mut runner).unwrap().current());
    }
}

#[test]
fn the_schema_finds_what_is_wrong() {
    let Some(schema) = schema() else { return };
    let good = event(&of_proposal(1, Kind::Verdict, "p-1", Verb::FileRead, Resource::Path("/a".into())));
    assert!(schema[&6003].is_valid(&good));
    for (name, value) in [
        ("actor", Value::Null),
        ("activity_id", 77.into()),
        ("an_unknown_field", 1.into()),
        ("time", "yesterday".into()),
        ("src_endpoint", serde_json::json!({})),
    ] {
        let mut bad = good.clone();
        bad[name] = value;
        assert!(!schema[&6003].is_valid(&bad), "{name}");
    }
}

#[test]
fn what_is_decided_and_by_what_is_said_in_the_schemas_own_terms() {
    let mut denied = of_proposal(7, Kind::Verdict, "p-1", Verb::FileRead, Resource::Path("/srv/pay".into()));
    denied.decision = Some(Decision::Deny);
    denied.labels = Labels::from_names(["restricted"]).ok();
    denied.reasons = vec![Ground { layer: Layer::Rights, policy: "rights:staff".into() }];
    let said = event(&denied);
    assert_eq!((&said["class_uid"], &said["activity_id"]), (&6003.into(), &2.into()));
    assert_eq!((&said["action_id"], &said["disposition_id"]), (&2.into(), &2.into()));
    assert_eq!(said["authorizations"][0]["policy"]["uid"], "rights:staff");
    assert_eq!(said["actor"]["user"]["uid"], "ann");
    assert_eq!(said["actor"]["app_name"], "echo");
    assert_eq!(said["resources"][0]["name"], "/srv/pay");
    assert_eq!(said["metadata"]["version"], "1.8.0");
    assert_eq!(said["metadata"]["sequence"], 7);
    assert_eq!(said["severity_id"], 3);

    let mut called =
        of_proposal(8, Kind::Outcome, "p-2", Verb::ModelCall, Resource::Model("box/small".into()));
    called.status = Some(Status::Done);
    called.call =
        Some(ModelCall { prompt_tokens: 5, completion_tokens: 2, ..ModelCall::new(Digest::of(b"")) });
    let said = event(&called);
    assert_eq!(said["ai_model"], serde_json::json!({ "name": "box/small", "ai_provider": "box" }));
    assert_eq!(said["message_context"]["total_tokens"], 7);
    assert_eq!(said["metadata"]["profiles"], serde_json::json!(["ai_operation", "security_control"]));
    assert_eq!(said["status_id"], 1);
}

#[test]
fn what_happened_has_the_class_that_a_reader_of_the_schema_looks_in() {
    let class = |kind, what| {
        let mut record = record(1, kind);
        record.event = Some(what);
        let said = event(&record);
        (said["class_uid"].as_u64().unwrap(), said["activity_id"].as_u64().unwrap())
    };
    assert_eq!(class(Kind::Auth, Event::SignedIn), (3002, 1));
    assert_eq!(class(Kind::Auth, Event::CallerRefused), (3002, 1));
    assert_eq!(class(Kind::Auth, Event::SignInRefused), (3002, 1));
    assert_eq!(class(Kind::Auth, Event::SignedOut), (3002, 2));
    assert_eq!(class(Kind::Admin, Event::PasswordSet), (3001, 3));
    assert_eq!(class(Kind::Admin, Event::PersonAdded), (3001, 1));
    assert_eq!(class(Kind::Admin, Event::GatewayStarted), (6002, 3));
    assert_eq!(class(Kind::Admin, Event::AgentKilled), (6002, 4));
    assert_eq!(class(Kind::Admin, Event::ExportMade), (6005, 1));
    assert_eq!(class(Kind::Admin, Event::ErasureDone), (6005, 7));
    assert_eq!(class(Kind::Alert, Event::ExportFailed), (2004, 1));
}

#[test]
fn who_changed_an_account_is_its_actor_and_whose_it_is_its_user() {
    let said = |what, facts: Facts, person: Option<&str>| {
        let mut record = record(1, Kind::Admin);
        record.event = Some(what);
        record.person = person.map(|person| vocab::PersonId::new(person).unwrap());
        record.facts = facts;
        let said = event(&record);
        assert_eq!(said["class_uid"], 3001);
        let text = |value: &Value| value.as_str().map(str::to_owned);
        (text(&said["user"]["uid"]), text(&said["actor"]["user"]["uid"]))
    };
    let pair = |user: &str, actor: Option<&str>| (Some(user.to_owned()), actor.map(str::to_owned));
    let by = || Facts::new().with("by", "bob");
    assert_eq!(said(Event::InviteMade, by(), Some("alice")), pair("alice", Some("bob")));
    assert_eq!(said(Event::TokenEnded, by(), Some("alice")), pair("alice", Some("bob")));
    assert_eq!(
        said(Event::AccountGroupChanged, by().with("group", "staff"), None),
        pair("staff", Some("bob"))
    );
    // A file was edited, and nobody knows by whom: not by whom it is about.
    assert_eq!(said(Event::PersonChanged, Facts::new(), Some("eve")), pair("eve", None));
    assert_eq!(said(Event::GroupChanged, Facts::new().with("group", "staff"), None), pair("staff", None));
    // Their own, which nobody else does.
    assert_eq!(said(Event::PasswordSet, Facts::new(), Some("alice")), pair("alice", Some("alice")));
}
