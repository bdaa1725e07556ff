//! Queries: judged by every table that they name, and held to those.

use bulkhead_monitor::{Approvers, Bounds, Config, ConfigError, Database, Monitor, Queue, Risk, TableLabels};
use serde_json::json;
use vocab::{Decision, PersonId, Resource};

use crate::common::*;

const SOUL: &str = "\
# Echo
## Identity
- Name: Echo
- Role: Counts
## Skills
- file-reader: read
  - paths: /data/crm
- sql: query
  - database: crm
  - tables: orders(id, total), customers, salaries
  - max-rows: 7
## Clearance
- restricted
- employee-personal-data
";

fn house(change: impl FnOnce(&mut Config)) -> Home {
    let mut config = config();
    let all = strings(&["crm"]);
    config.groups.iter_mut().find(|group| group.name == "personnel").unwrap().rights.tables = all;
    change(&mut config);
    Home::with(config, SOUL)
}

fn ruled(home: &Home, asker: &str, tables: &[&str]) -> (Decision, Vec<String>) {
    home.ruled(asker, query(tables, "SELECT 1"))
}

#[test]
fn a_permit_is_for_the_named_tables_their_granted_columns_and_rows() {
    let home = house(|_| {});
    let judged = home.judge("eve", query(&["Customers", "crm/ORDERS", "orders"], "SELECT 1"));
    assert_eq!(judged.verdict().decision, Decision::Permit, "{:?}", judged.verdict().reasons);
    assert_eq!(judged.action().resource, Resource::Table("crm".into()));
    assert_eq!(judged.action().args["tables"], json!(["crm/customers", "crm/orders"]));
    let Bounds::Tables(bounds) = judged.bounds() else { panic!("{:?}", judged.bounds()) };
    assert_eq!((bounds.file.to_str(), bounds.max_rows), (Some("/data/crm/crm.db"), 7));
    let names: Vec<&str> = bounds.tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["customers", "orders"]);
    assert_eq!(bounds.tables[1].columns, Some(strings(&["id", "total"])));
    let one = home.judge("mia", query(&["orders"], "SELECT 1"));
    assert_eq!(one.action().resource, Resource::Table("crm/orders".into()));
    assert_eq!(one.verdict().labels, labels(&["internal"]));
}

#[test]
fn a_table_that_one_of_the_layers_lacks_denies_the_whole_query() {
    let home = house(|_| {});
    assert_eq!(ruled(&home, "mia", &["orders"]).0, Decision::Permit);
    let (decision, reasons) = ruled(&home, "mia", &["orders", "customers"]);
    assert_eq!((decision, reasons), (Decision::Deny, strings(&["rights/rights:tables"])));
    let (decision, reasons) = ruled(&home, "eve", &["orders", "invoices"]);
    assert_eq!(decision, Decision::Deny);
    assert!(reasons.iter().all(|reason| reason == "policy/skill:sql"), "{reasons:?}");
    let other =
        house(|config| config.databases.push(Database { name: "hr".into(), path: "/data/hr.db".into() }));
    let elsewhere = |home: &Home, database: &str| {
        home.ruled(
            "eve",
            call(
                "sql",
                &json!({"database": database, "tables": ["orders"], "query": "SELECT 1"}).to_string(),
            ),
        )
    };
    assert!(
        elsewhere(&other, "hr").1.contains(&"policy/skill:sql".to_owned()),
        "another database's table of that name"
    );
    assert!(elsewhere(&other, "none").1.contains(&"policy/database:unknown".to_owned()));
}

#[test]
fn a_guardrail_for_one_table_holds_whatever_else_is_read() {
    for (scope, asks) in
        [("resource == Table::\"crm/salaries\"", false), ("resource in Table::\"crm\"", true)]
    {
        let decision = if asks { "@decision(\"ask\")\n" } else { "" };
        let unless = if asks { " unless { context.approved }" } else { "" };
        let text = format!(
            "@id(\"pay\")\n@message(\"look\")\n{decision}forbid (principal, action == Action::\"table.read\", {scope}){unless};"
        );
        let home = house(|config| config.guardrails.push(guardrail("pay.cedar", &text)));
        let (decision, reasons) = ruled(&home, "eve", &["orders", "salaries"]);
        assert_eq!(decision, if asks { Decision::Ask } else { Decision::Deny }, "{reasons:?}");
        assert_eq!(
            reasons.iter().filter(|reason| *reason == "guardrail/guardrail:pay:pay").count(),
            1,
            "said once"
        );
        assert_eq!(ruled(&home, "eve", &["orders"]).0 == Decision::Permit, !asks);
    }
}

#[test]
fn an_approval_of_a_query_is_for_its_words_its_tables_and_its_database() {
    let text = "@id(\"look\")\n@message(\"look\")\n@decision(\"ask\")\nforbid (principal, action == Action::\"table.read\", resource) unless { context.approved };";
    let home = house(|config| config.guardrails.push(guardrail("look.cedar", text)));
    let held = home.judge("eve", query(&["orders"], "SELECT id FROM orders"));
    assert_eq!(held.verdict().decision, Decision::Ask);
    let approved = held.binding();
    let again = |intent| home.judge_approved("eve", intent, Some(&approved)).verdict().decision;
    assert_eq!(again(query(&["orders"], "SELECT id FROM orders")), Decision::Permit);
    assert_eq!(
        again(query(&["ORDERS"], "SELECT id FROM orders")),
        Decision::Permit,
        "the same in its one form"
    );
    assert_eq!(again(query(&["orders"], "SELECT id  FROM orders")), Decision::Deny);
    assert_eq!(again(query(&["orders", "salaries"], "SELECT id FROM orders")), Decision::Deny);
    let moved = house(|config| {
        config.guardrails.push(guardrail("look.cedar", text));
        config.databases[0].path = "/data/other.db".into();
    });
    let elsewhere = moved.judge_approved("eve", query(&["orders"], "SELECT id FROM orders"), Some(&approved));
    assert_eq!(elsewhere.verdict().decision, Decision::Deny);
}

#[test]
fn a_queue_for_a_table_has_every_query_that_reads_it() {
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
    let home = house(|config| config.queues = vec![queue("pay", "crm/salaries"), queue("crm", "crm")]);
    let of = |tables: &[&str]| {
        let judged = home.judge("eve", query(tables, "SELECT 1"));
        let queue = home.monitor.queue(&judged.proposal().agent, judged.action(), &labels(&["internal"]));
        queue.map(|queue| queue.name.clone())
    };
    assert_eq!(of(&["salaries"]).as_deref(), Some("pay"));
    assert_eq!(of(&["orders"]).as_deref(), Some("crm"));
    let holders = home.monitor.holders(vocab::Verb::TableRead, &Resource::Table("crm/customers".into()));
    assert_eq!(holders.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(), ["personnel"]);
}

#[test]
fn who_decides_is_not_chosen_by_naming_one_more_table() {
    let queue = |name: &str, resource: &str, who: &str| Queue {
        name: name.into(),
        agents: vec![],
        actions: vec![],
        resources: strings(&[resource]),
        risk: Risk::Low,
        approvers: Approvers { people: vec![PersonId::new(who).unwrap()], groups: vec![] },
        needed: 1,
        lifetime: None,
        escalation: None,
    };
    let asks = "@id(\"look\") @message(\"a person looks\") @decision(\"ask\") \
        forbid (principal, action == Action::\"table.read\", resource) unless { context.approved };";
    let home = house(|config| {
        config.queues = vec![queue("news", "crm/orders", "mia"), queue("pay", "crm/salaries", "eve")];
        config.guardrails.push(guardrail("ours.cedar", asks));
    });
    let decided = |tables: &[&str]| home.judge("eve", query(tables, "SELECT 1")).verdict().decision;
    assert_eq!((decided(&["orders"]), decided(&["salaries"])), (Decision::Ask, Decision::Ask));
    let judged = home.judge("eve", query(&["orders", "salaries"], "SELECT 1"));
    assert_eq!(judged.verdict().decision, Decision::Deny);
    assert!(judged.verdict().reasons.iter().any(|reason| reason.policy == "approval:queues"));
    // None of the queues is another place than one.
    let judged = home.judge("eve", query(&["orders", "customers"], "SELECT 1"));
    assert_eq!(judged.verdict().decision, Decision::Deny);
}

#[test]
fn one_file_is_not_two_databases() {
    let database = |name: &str| Database { name: name.into(), path: "/data/crm/crm.db".into() };
    let mut config = config();
    config.databases = vec![database("crm"), database("report")];
    let refused = Monitor::new(config).unwrap_err().to_string();
    assert!(refused.contains("/data/crm/crm.db"), "{refused}");
}

#[test]
fn a_table_carries_its_labels_its_databases_and_its_files_and_the_file_carries_its_tables() {
    let home = house(|config| {
        let label = |table: &str, names: &[&str]| TableLabels { table: table.into(), labels: labels(names) };
        config.table_labels.push(label("crm/customers", &["public"]));
        config.table_labels.push(label("crm", &["internal", "project-x"]));
    });
    let carried = |home: &Home, tables: &[&str]| {
        let judged = home.judge("eve", query(tables, "SELECT 1"));
        judged.verdict().labels.clone()
    };
    assert_eq!(carried(&home, &["customers"]), labels(&["internal", "project-x"]));
    assert_eq!(
        carried(&home, &["orders", "salaries"]),
        labels(&["restricted", "employee-personal-data", "project-x"])
    );
    let none = Default::default();
    assert_eq!(
        home.monitor.labels_of("/data/crm/crm.db", &none),
        labels(&["restricted", "employee-personal-data", "project-x"]),
        "who reads the file by another way reads all of it"
    );
    let public = house(|config| {
        config.table_labels =
            vec![TableLabels { table: "crm/customers".into(), labels: labels(&["public"]) }];
    });
    assert_eq!(carried(&public, &["customers"]), labels(&["public"]));
    assert_eq!(carried(&public, &["orders"]), labels(&["internal"]), "what nobody labelled");
    assert_eq!(public.monitor.labels_of("/data/crm/crm.db", &none), labels(&["internal"]));
    // What an agent wrote into the file, or a command into its folder, is in every table.
    for place in ["/data/crm/crm.db", "/data/crm"] {
        let at = At { marks: [(place.to_owned(), labels(&["confidential"]))].into(), ..At::default() };
        let judged = public.judge_at("eve", query(&["customers"], "SELECT 1"), &at);
        assert_eq!(judged.verdict().labels, labels(&["confidential"]), "{place}");
    }
}

#[test]
fn rights_to_tables_are_among_the_grants_with_who_has_the_whole_database() {
    let home = house(|_| {});
    let grants = home.monitor.grants(&[]).grants;
    let orders =
        grants.iter().find(|grant| grant.right == "tables" && grant.resource == "crm/orders").unwrap();
    assert_eq!((&orders.groups, &orders.wider), (&strings(&["staff"]), &strings(&["personnel"])));
}

#[test]
fn bad_settings_of_databases_are_one_sentence() {
    type Change = fn(&mut Config);
    let cases: [(Change, &str); 6] = [
        (
            |config| config.databases.push(config.databases[0].clone()),
            "database `crm` is in the settings twice",
        ),
        (|config| config.databases[0].path = "crm.db".into(), "must be absolute"),
        (|config| config.databases[0].name = "CRM".into(), "lower case"),
        (|config| config.groups[0].rights.tables = strings(&["crm/Orders"]), "lower case"),
        (
            |config| config.groups[0].rights.tables = strings(&["hr/pay"]),
            "of a database that the settings do not have",
        ),
        (
            |config| config.table_labels[0].table = "hr/pay".into(),
            "of a database that the settings do not have",
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
fn arguments_that_are_no_query_are_denied_with_one_sentence() {
    let home = house(|_| {});
    for arguments in [
        json!({"database": "crm"}),
        json!({"database": "crm", "tables": ["orders"]}),
        json!({"database": "crm", "tables": [], "query": "SELECT 1"}),
        json!({"database": "crm", "tables": ["orders", 7], "query": "SELECT 1"}),
        json!({"database": "crm", "tables": [["orders"]], "query": "SELECT 1"}),
        json!({"database": "crm", "tables": ["hr/orders"], "query": "SELECT 1"}),
        json!({"database": "crm", "tables": ["sqlite_schema"], "query": "SELECT 1"}),
        json!({"database": "crm", "tables": ["*"], "query": "SELECT 1"}),
        json!({"database": "crm/orders", "tables": ["orders"], "query": "SELECT 1"}),
        json!({"database": "../crm", "tables": ["orders"], "query": "SELECT 1"}),
        json!({"database": "crm", "tables": ["orders"], "query": "SELECT\u{0} 1"}),
        json!({"database": "crm", "tables": ["orders"], "query": "x".repeat(10 * 1024 * 1024)}),
        json!({"database": "crm", "tables": vec!["orders"; 100_000], "query": "SELECT 1"}),
    ] {
        let judged = home.judge("eve", call("sql", &arguments.to_string()));
        assert_eq!(judged.verdict().decision, Decision::Deny);
        let why = &judged.verdict().reasons[0];
        assert!(
            why.policy == "skill:arguments" && !why.message.contains('\n') && why.message.len() < 4096,
            "{why:?}"
        );
    }
}

/// Whatever tables are named, the query happens when it would for each of them by itself.
#[test]
fn a_query_happens_when_it_would_for_each_of_its_tables() {
    let (home, tables) = (house(|_| {}), ["orders", "customers", "salaries", "invoices"]);
    let (mut happens, mut refused) = (0, 0);
    for asker in ["mia", "eve", "tom"] {
        for which in 1_u32..1 << tables.len() {
            let named: Vec<&str> =
                (0..tables.len()).filter(|nth| which & (1 << nth) != 0).map(|nth| tables[nth]).collect();
            let alone = named.iter().all(|table| ruled(&home, asker, &[table]).0 == Decision::Permit);
            assert_eq!(ruled(&home, asker, &named).0 == Decision::Permit, alone, "{asker}: {named:?}");
            if alone { happens += 1 } else { refused += 1 }
        }
    }
    assert_eq!((happens, refused), (8, 37));
}
