//! Collections of documents: searched and read as far as agent, asker and labels allow, and held to one folder.

use bulkhead_monitor::{Approvers, Bounds, Collection, Config, ConfigError, Monitor, Queue, Risk, Source};
use serde_json::json;
use vocab::{Decision, PersonId, Resource, Verb};

use crate::common::*;

const SOUL: &str = "\
# Echo
## Identity
- Name: Echo
- Role: Looks things up
## Skills
- file-reader: read
  - paths: /data/handbook
- documents: look up
  - collections: handbook, personnel
## Clearance
- restricted
- employee-personal-data
";

fn house(change: impl FnOnce(&mut Config)) -> Home {
    let mut config = config();
    change(&mut config);
    Home::with(config, SOUL)
}

/// Both ways to a collection.
fn both(collection: &str) -> [vocab::Intent; 2] {
    [search(collection, "days off"), document(collection, "time-off.md")]
}

#[test]
fn a_permit_is_for_one_collection_and_its_folder() {
    let home = house(|_| {});
    for intent in both("handbook") {
        let judged = home.judge("mia", intent);
        assert_eq!(judged.verdict().decision, Decision::Permit, "{:?}", judged.verdict().reasons);
        assert_eq!(judged.action().resource, Resource::Collection("handbook".into()));
        assert_eq!(*judged.bounds(), Bounds::Collection { folder: "/data/handbook".into() });
        assert_eq!(judged.verdict().labels, labels(&["internal"]), "what nobody labelled");
    }
    let verbs = both("handbook").map(|intent| home.judge("mia", intent).action().verb);
    assert_eq!(verbs, [Verb::DocumentsSearch, Verb::DocumentsRead]);
    let offered: Vec<&str> =
        home.echo.offered().as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(offered, ["file-reader", "documents-search", "documents-read"]);
}

#[test]
fn what_one_of_the_layers_lacks_is_denied_with_its_name() {
    let home = house(|_| {});
    for intent in both("personnel") {
        let (decision, reasons) = home.ruled("mia", intent.clone());
        assert_eq!(decision, Decision::Deny);
        for reason in ["rights/rights:collections", "flow/clearance:asker"] {
            assert!(reasons.iter().any(|other| other == reason), "{reasons:?}");
        }
        assert_eq!(home.ruled("eve", intent).0, Decision::Permit);
    }
    // Neither the other's name nor `*` is a collection's.
    for intent in both("handbook") {
        assert_eq!(home.ruled("tom", intent).1, strings(&["rights/rights:collections"]));
    }
    let narrow = Home::with(config(), &SOUL.replace("handbook, personnel", "personnel"));
    for intent in both("handbook") {
        let (decision, reasons) = narrow.ruled("eve", intent);
        assert_eq!(decision, Decision::Deny);
        assert!(reasons.iter().all(|reason| reason == "policy/skill:documents"), "{reasons:?}");
    }
    for intent in both("nowhere") {
        assert!(home.ruled("eve", intent).1.contains(&"policy/collection:unknown".to_owned()));
    }
    // The right of files is none to the collection in that folder, and the other way about.
    let files = house(|config| {
        for group in &mut config.groups {
            group.rights.collections.clear();
            group.rights.read.push("/data/handbook".into());
        }
    });
    assert_eq!(files.ruled("mia", read("/data/handbook/time-off.md")).0, Decision::Permit);
    for intent in both("handbook") {
        assert_eq!(files.ruled("mia", intent).1, strings(&["rights/rights:collections"]));
    }
    assert_eq!(home.ruled("mia", read("/data/handbook/time-off.md")).0, Decision::Deny);
}

#[test]
fn the_skill_is_called_by_what_it_does() {
    let home = house(|_| {});
    for (skill, says) in [
        ("documents", "the skills of `echo` are `file-reader`, `documents-search`, `documents-read`"),
        ("documents.search", "there is no skill `documents.search` here"),
    ] {
        let judged = home.judge("eve", call(skill, "{}"));
        let why = &judged.verdict().reasons[0];
        assert!(why.message.contains(says), "{why:?}");
    }
}

#[test]
fn a_collection_carries_the_labels_of_all_in_its_folder_and_the_folder_carries_the_collections() {
    let carried =
        |home: &Home, name: &str| both(name).map(|intent| home.judge("eve", intent).verdict().labels.clone());
    let home = house(|config| {
        config.collections[0].labels = Some(labels(&["public", "project-x"]));
        let source = |path: &str, names: &[&str]| Source { path: path.into(), labels: labels(names) };
        config.sources.push(source("/data", &["internal"]));
        config.sources.push(source("/data/handbook/board/minutes.md", &["confidential"]));
    });
    let all = labels(&["confidential", "project-x"]);
    assert_eq!(carried(&home, "handbook"), [all.clone(), all]);
    let none = Default::default();
    assert_eq!(
        home.monitor.labels_of("/data/personnel/xaver.md", &none),
        labels(&["restricted", "employee-personal-data"]),
        "who reads the folder by another way reads what the collection carries"
    );
    assert!(home.monitor.labelled().contains("employee-personal-data"));
    // A folder of that name beside it is another.
    assert_eq!(home.monitor.labels_of("/data/personnel-old/x.md", &none), labels(&["internal"]));
    // A query of a database in the folder is another way too.
    let mut beside = config();
    beside.databases[0].path = "/data/personnel/crm.db".into();
    beside.groups.iter_mut().for_each(|group| group.rights.tables = strings(&["crm"]));
    let sql = "- sql: query\n  - database: crm\n  - tables: orders\n- documents:";
    let beside = Home::with(beside, &SOUL.replace("- documents:", sql));
    assert_eq!(
        beside.judge("eve", query(&["orders"], "SELECT 1")).verdict().labels,
        labels(&["restricted", "employee-personal-data"])
    );
    // What an agent wrote into the folder, or a command above it, is in every search.
    let plain = house(|_| {});
    for place in ["/data/handbook/notes.md", "/data/handbook", "/data"] {
        let at = At { marks: [(place.to_owned(), labels(&["confidential"]))].into(), ..At::default() };
        for intent in both("handbook") {
            assert_eq!(
                plain.judge_at("eve", intent, &at).verdict().labels,
                labels(&["confidential"]),
                "{place}"
            );
        }
        // The same when it came after the judgement.
        assert_eq!(
            plain.echo.labels_beneath("/data/handbook", &at.marks),
            labels(&["confidential"]),
            "{place}"
        );
    }
}

#[test]
fn an_approval_is_for_these_words_this_document_and_this_folder() {
    let text = "@id(\"look\")\n@message(\"look\")\n@decision(\"ask\")\nforbid (principal, action in [Action::\"documents.search\", Action::\"documents.read\"], resource == Collection::\"handbook\") unless { context.approved };";
    let home = house(|config| config.guardrails.push(guardrail("look.cedar", text)));
    let held = home.judge("eve", search("handbook", "days off"));
    assert_eq!(held.verdict().decision, Decision::Ask);
    assert_eq!(home.ruled("eve", search("personnel", "days off")).0, Decision::Permit);
    let approved = held.binding();
    let again = |home: &Home, intent| home.judge_approved("eve", intent, Some(&approved)).verdict().decision;
    assert_eq!(again(&home, search("handbook", "days off")), Decision::Permit);
    assert_eq!(again(&home, search("handbook", "days  off")), Decision::Deny);
    assert_eq!(again(&home, document("handbook", "time-off.md")), Decision::Deny);
    let moved = house(|config| {
        config.guardrails.push(guardrail("look.cedar", text));
        config.collections[0].folder = "/data/other".into();
    });
    assert_eq!(again(&moved, search("handbook", "days off")), Decision::Deny);
}

#[test]
fn a_queue_for_a_collection_has_what_is_searched_and_read_in_it() {
    let queue = |name: &str, resource: &str| Queue {
        name: name.into(),
        agents: vec![],
        actions: vec![],
        resources: strings(&[resource]),
        risk: Risk::Low,
        approvers: Approvers { people: vec![PersonId::new("mia").unwrap()], groups: vec![] },
        needed: 1,
        lifetime: None,
        escalation: None,
    };
    let home = house(|config| config.queues = vec![queue("files", "personnel"), queue("rest", "*")]);
    for (collection, of) in [("personnel", "files"), ("handbook", "rest")] {
        for intent in both(collection) {
            let judged = home.judge("eve", intent);
            let queue = home.monitor.queue(&judged.proposal().agent, judged.action(), &labels(&["internal"]));
            assert_eq!(queue.map(|queue| queue.name.as_str()), Some(of));
        }
    }
    let holders = home.monitor.holders(Verb::DocumentsRead, &Resource::Collection("personnel".into()));
    assert_eq!(holders.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(), ["personnel"]);
    let grants = home.monitor.grants(&[]).grants;
    let handbook =
        grants.iter().find(|one| one.right == "collections" && one.resource == "handbook").unwrap();
    assert_eq!(handbook.groups, strings(&["staff"]));
}

#[test]
fn what_is_found_is_screened_as_what_is_read_is() {
    let home = Home::with(
        config(),
        &SCREENED.replace("- message:", "- documents: look up\n  - collections: handbook\n- message:"),
    );
    for intent in both("handbook") {
        let judged = home.judge("mia", intent);
        let outcome = vocab::Outcome {
            proposal: judged.proposal().id.clone(),
            status: vocab::Status::Done,
            labels: labels(&["internal"]),
            body: vocab::Body::Text { text: "IBAN DE89 3704 0044 0532 0130 00".into() },
        };
        let mia = home.monitor.person(&PersonId::new("mia").unwrap()).unwrap();
        let (told, reasons) = bulkhead_monitor::admit(&home.echo, mia, judged.action(), outcome);
        assert_eq!(told.status, vocab::Status::Withheld, "{reasons:?}");
    }
}

#[test]
fn one_document_is_not_in_two_collections() {
    for folder in ["/data/handbook", "/data/handbook/travel", "/data", "/"] {
        let mut config = config();
        config.collections.push(Collection { name: "more".into(), folder: folder.into(), labels: None });
        let error = Monitor::new(config).unwrap_err();
        assert!(matches!(error, ConfigError::WithinCollection { .. }), "{folder}: {error}");
    }
    let mut config = config();
    config.collections.push(Collection {
        name: "more".into(),
        folder: "/data/handbook-2".into(),
        labels: None,
    });
    assert!(Monitor::new(config).is_ok());
}

#[test]
fn bad_settings_of_collections_are_one_sentence() {
    type Change = fn(&mut Config);
    let cases: [(Change, &str); 6] = [
        (
            |config| config.collections.push(collection("handbook", None)),
            "collection `handbook` is in the settings twice",
        ),
        (|config| config.collections[0].folder = "handbook".into(), "must be absolute"),
        (|config| config.collections[0].folder = "/data/../handbook".into(), "must be absolute"),
        (|config| config.collections[0].name = "Handbook".into(), "lower-case"),
        (|config| config.groups[0].rights.collections = strings(&["Handbook"]), "lower-case"),
        (
            |config| config.groups[0].rights.collections = strings(&["law"]),
            "the settings have no collection `law`",
        ),
    ];
    for (change, says) in cases {
        let mut config = config();
        change(&mut config);
        let error: ConfigError = Monitor::new(config).unwrap_err();
        assert!(error.to_string().contains(says) && !error.to_string().contains('\n'), "{error}");
    }
}

#[test]
fn arguments_that_are_no_call_are_denied_with_one_sentence() {
    let home = house(|_| {});
    let long = "x".repeat(10 * 1024 * 1024);
    for (tool, arguments) in [
        ("documents-search", json!({"query": "a"})),
        ("documents-search", json!({"collection": "handbook", "query": "a\u{0}b"})),
        ("documents-search", json!({"collection": "handbook", "query": long})),
        ("documents-search", json!({"collection": "handbook", "query": "x".repeat(2000)})),
        ("documents-search", json!({"collection": "handbook", "query": " \" "})),
        ("documents-search", json!({"collection": "handbook", "query": "a", "limit": 0})),
        ("documents-search", json!({"collection": "Handbook", "query": "a"})),
        ("documents-search", json!({"collection": "../handbook", "query": "a"})),
        ("documents-search", json!({"collection": ["handbook"], "query": "a"})),
        ("documents-search", json!({"collection": "handbook", "query": "a", "document": "a.md"})),
        ("documents-read", json!({"collection": "handbook", "document": "../a.md"})),
        ("documents-read", json!({"collection": "handbook", "document": "/etc/passwd"})),
        ("documents-read", json!({"collection": "handbook", "document": ".ssh/a.txt"})),
        ("documents-read", json!({"collection": "handbook", "document": "a.pdf"})),
        ("documents-read", json!({"collection": "handbook", "document": "a\u{0}.md"})),
        ("documents-read", json!({"collection": "handbook", "document": "a.md", "from": 9, "to": 1})),
        ("documents-read", json!({"collection": "handbook", "document": "a.md", "from": -1})),
    ] {
        let judged = home.judge("eve", call(tool, &arguments.to_string()));
        assert_eq!(judged.verdict().decision, Decision::Deny);
        let why = &judged.verdict().reasons[0];
        assert!(
            why.policy == "skill:arguments" && !why.message.contains('\n') && why.message.len() < 4096,
            "{why:?}"
        );
    }
}
