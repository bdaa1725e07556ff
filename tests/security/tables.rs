//! Tables on a running gateway: who asks reads what agent, asker and labels allow, whatever the query says.

use bulkhead_tests::{Home, Said};
use rusqlite::Connection;
use serde_json::{Value, json};

/// Counts for whoever asks: the orders but for what is secret in them, and what people earn.
const SOUL: &str = "# Counter

## Identity

- Name: counter
- Role: Counts

## Skills

- sql: Answer questions about the business
  - database: crm
  - tables: orders(id, total), salaries, paid
  - max-rows: 2

## Clearance

- restricted
";

const RIGHTS: &str = "models = [\"*\"]\ntables = [\"crm/orders\", \"crm/paid\"]";

const DATABASE: &str = "
    CREATE TABLE orders (id INTEGER PRIMARY KEY, total REAL, secret TEXT);
    INSERT INTO orders VALUES (1, 9.5, 'sec-one'), (2, 20.0, 'sec-two'), (3, 7.0, 'sec-three');
    CREATE TABLE salaries (who TEXT, amount INTEGER);
    INSERT INTO salaries VALUES ('xaver', 54321);
    CREATE VIEW paid AS SELECT who, amount FROM salaries;
";

fn scene(queries: &[(&str, &str)]) -> String {
    let call = |(tables, query): &(&str, &str)| {
        let arguments =
            json!({ "database": "crm", "tables": tables.split(", ").collect::<Vec<_>>(), "query": query });
        format!("      - {{skill: sql, arguments: {arguments}}}\n")
    };
    let calls: String = queries.iter().map(call).collect();
    format!("turns:\n  - calls:\n{calls}  - say: That is what there is.\n    repeat: true\n")
}

fn home(queries: &[(&str, &str)]) -> Home {
    let home = Home::new();
    std::fs::create_dir(home.at("crm")).unwrap();
    Connection::open(home.at("crm/crm.db")).unwrap().execute_batch(DATABASE).unwrap();
    home.soul("counter", SOUL);
    home.edit("models = [\"*\"]", RIGHTS);
    home.add("[databases.crm]\npath = \"HOME/crm/crm.db\"\n[[label]]\ntable = \"crm/salaries\"\nlabels = [\"restricted\"]\n");
    home.add("[[destination]]\nmodel = \"rehearsal/scene\"\nclearance = [\"restricted\"]\n");
    home.scene(&scene(queries));
    home
}

fn of(home: &Home, kind: &str) -> Vec<Value> {
    let mut found = home.whole(&["--kind", kind, "--agent", "counter"]);
    found.retain(|record| record["action"]["verb"] == "table.read");
    found
}

fn decisions(home: &Home) -> Vec<String> {
    of(home, "verdict").iter().map(|verdict| verdict["decision"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_query_reads_what_agent_and_asker_both_may_and_nothing_by_another_name() {
    let home = home(&[
        ("orders", "SELECT * FROM orders ORDER BY id"),
        ("salaries", "SELECT amount FROM salaries"),
        ("orders, salaries", "SELECT 1 FROM orders, salaries"),
        ("orders", "SELECT id FROM orders WHERE id < (SELECT amount FROM salaries)"),
        ("orders", "SELECT count(*) FROM salaries NATURAL JOIN (SELECT 54321 AS amount)"),
        ("paid", "SELECT * FROM paid"),
        ("orders", "SELECT secret FROM orders"),
        ("customers", "SELECT 1"),
        ("sqlite_schema", "SELECT sql FROM sqlite_schema"),
        ("orders", "DELETE FROM orders"),
    ]);
    home.run(&["check", "counter"]).done().has("orders(id, total)").lacks("not available");
    home.start();
    home.run(&["chat", "counter", "how is business?"]).done();
    // Without a permit: the salaries, by themselves and beside others; what no grant names; what no table is called.
    let all = of(&home, "verdict");
    let policies = |nth: usize| all[nth].to_string();
    assert_eq!(all[0]["action"]["resource"], json!({ "kind": "table", "name": "crm/orders" }));
    assert_eq!(
        decisions(&home),
        ["permit", "deny", "deny", "permit", "permit", "permit", "permit", "deny", "permit"]
    );
    assert!(policies(1).contains("has no right to read the table `crm/salaries`"), "{}", all[1]);
    assert!(policies(2).contains("rights:tables"), "{}", all[2]);
    assert!(policies(7).contains("skill:sql"), "{}", all[7]);
    let outcomes = of(&home, "outcome");
    let said = |nth: usize| outcomes[nth].to_string();
    let statuses: Vec<&str> = outcomes.iter().map(|outcome| outcome["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["done", "failed", "failed", "failed", "failed", "failed"]);
    assert!(
        said(0).contains("[tables crm/orders; 2 rows and more") && said(0).contains("[1,9.5]"),
        "{}",
        said(0)
    );
    assert!(said(1).contains("`salaries`, which is not among its `tables`"), "{}", said(1));
    assert!(said(2).contains("`salaries`, which is not among its `tables`"), "{}", said(2));
    assert!(said(3).contains("`salaries`, which is not among its `tables`"), "{}", said(3));
    assert!(said(4).contains("no such column"), "{}", said(4));
    assert!(said(5).contains("only a single SELECT"), "{}", said(5));
    let heard = Value::from(outcomes.clone()).to_string();
    for closed in ["xaver", "54321,", "sec-one"] {
        assert!(!heard.contains(closed), "{closed}: {heard}");
    }
    let heart = std::fs::read_to_string(home.at("agents/counter/HEARTBEAT.md")).unwrap();
    assert!(
        heart.contains("Used skill: sql") && heart.contains("crm/orders") && !heart.contains("9.5"),
        "{heart}"
    );
    home.verifies();
}

#[test]
fn what_a_table_carries_goes_with_what_was_read() {
    let home = home(&[("salaries", "SELECT sum(amount) AS paid FROM salaries")]);
    home.edit("tables = [\"crm/orders\", \"crm/paid\"]", "tables = [\"crm\"]");
    home.start();
    home.run(&["chat", "counter", "what do we pay?"]).done();
    let outcomes = of(&home, "outcome");
    assert_eq!((&outcomes[0]["status"], &outcomes[0]["labels"]), (&"done".into(), &json!(["restricted"])));
    assert!(outcomes[0].to_string().contains("54321"), "{}", outcomes[0]);
    let heart = std::fs::read_to_string(home.at("agents/counter/HEARTBEAT.md")).unwrap();
    assert!(!heart.contains("salaries"), "what is above `internal` is not named: {heart}");
    // Whoever is cleared for less is denied by the label, whatever their right.
    home.edit("clearance = [\"restricted\"]\nadmin", "clearance = [\"internal\"]\nadmin");
    home.run(&["chat", "counter", "and now?"]).done();
    let verdict = &of(&home, "verdict")[1];
    assert_eq!(verdict["decision"], "deny");
    assert!(verdict.to_string().contains("clearance:asker"), "{verdict}");
    home.verifies();
}

#[test]
fn a_person_sees_the_whole_query_before_it_is_done_and_a_pattern_is_for_exactly_that() {
    let query = "SELECT id, total\nFROM orders -- \u{202e}all";
    let home = home(&[("orders", query)]);
    let look = "@id(\"look\") @message(\"a person looks at every query\") @decision(\"ask\")\n\
                forbid (principal, action == Action::\"table.read\", resource in Table::\"crm\") unless { context.approved };\n";
    std::fs::write(home.at("guardrails/ours.cedar"), look).unwrap();
    home.start();
    let chat = home.begin(&["chat", "counter", "how is business?"]);
    let id = home.waiting();
    let seen = home.json(&["approvals", "show", &id]);
    assert_eq!(
        seen["action"]["args"],
        json!({ "database": "crm", "tables": ["crm/orders"], "query": query })
    );
    let shown = home.run(&["approvals", "show", &id]);
    shown.has("FROM orders").has("crm/orders").has("SELECT id, total").lacks("\u{202e}");
    home.run(&["approvals", "approve", &id, "--pattern"]).done();
    Said::of(chat).done().has("That is what there is.");
    assert!(of(&home, "outcome")[0].to_string().contains("[1,9.5]"));
    // The same again is done without another look; another query is not.
    home.run(&["chat", "counter", "and now?"]).done();
    assert_eq!(of(&home, "outcome").len(), 2);
    home.scene(&scene(&[("orders", "SELECT total FROM orders")]));
    let chat = home.begin(&["chat", "counter", "and now?"]);
    home.run(&["approvals", "deny", &home.waiting()]).done();
    Said::of(chat).done();
    assert_eq!(of(&home, "outcome").iter().filter(|outcome| outcome["status"] == "done").count(), 2);
    home.verifies();
}

#[test]
fn a_database_that_is_being_written_or_is_none_is_one_sentence() {
    let home = home(&[("orders", "SELECT id FROM orders")]);
    home.start();
    let asked = |says: &str| {
        home.run(&["chat", "counter", "how is business?"]).done();
        let outcome = of(&home, "outcome").pop().unwrap();
        assert_eq!(outcome["status"], "failed", "{outcome}");
        assert!(outcome.to_string().contains(says), "{outcome}");
    };
    // A writer died, or is at work: what is in the file may be half of it.
    std::fs::write(home.at("crm/crm.db-journal"), "half").unwrap();
    asked("is being written all the time");
    std::fs::remove_file(home.at("crm/crm.db-journal")).unwrap();
    std::fs::rename(home.at("crm/crm.db"), home.at("crm/away.db")).unwrap();
    asked("is not there");
    std::os::unix::fs::symlink(home.at("crm/away.db"), home.at("crm/crm.db")).unwrap();
    asked("symbolic link");
    std::fs::remove_file(home.at("crm/crm.db")).unwrap();
    std::fs::write(home.at("crm/crm.db"), "x".repeat(4096)).unwrap();
    asked("no SQLite database");
    std::fs::remove_file(home.at("crm/crm.db")).unwrap();
    Connection::open(home.at("crm/crm.db"))
        .unwrap()
        .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE orders (id)")
        .unwrap();
    asked("WAL mode");
    home.verifies();
}

#[test]
fn settings_of_databases_that_cannot_be_used_are_one_sentence() {
    for (from, to, says) in [
        (
            "path = \"HOME/crm/crm.db\"",
            "path = \"crm.db\"",
            "the `path` of `[databases.crm]` must be absolute",
        ),
        (
            "path = \"HOME/crm/crm.db\"",
            "path = \"HOME/data/journal.sqlite\"",
            "one of the gateway's own files",
        ),
        ("[databases.crm]", "[databases.\"C R M\"]", "is no name of a database"),
        ("[databases.crm]", "[databases.other]", "there is no `[databases.crm]`"),
        ("tables = [\"crm/orders\", ", "tables = [\"crm/Orders\", ", "in lower case"),
        (
            "[[label]]\ntable = \"crm/salaries\"",
            "[[label]]\ntable = \"crm/salaries\"\npath = \"/x\"",
            "names one of `path` and `table`",
        ),
        ("path = \"HOME/crm/crm.db\"", "path = \"HOME/crm/crm.db\"\nwrite = true", "unknown field `write`"),
    ] {
        let home = home(&[("orders", "SELECT 1")]);
        let here = |text: &str| text.replace("HOME", home.path().to_str().unwrap());
        home.edit(&here(from), &here(to));
        let said = home.run(&["gateway", "start"]);
        assert_ne!(said.code, 0, "{to}");
        assert!(said.err.contains(says), "{to}: {}", said.err);
    }
}
