//! An approval binds to exactly what was shown, once, for a while.

use std::fs;

use bulkhead_tests::{Home, POSTS, Said, eventually};

const WORDS: &str = "the draft is ready";

/// Approves what waits after `change`, and gives what the chat said.
fn approved_after(home: &Home, change: impl FnOnce(&Home)) -> Said {
    let chat = home.begin(&["chat", "echo", "announce it", "--json"]);
    let id = home.waiting();
    change(home);
    home.run(&["approvals", "approve", &id]).done();
    let said = Said::of(chat);
    assert_ne!(home.json(&["approvals", "show", &id])["state"], "waiting");
    said
}

/// The post was judged anew and denied, because something had changed.
fn denied_on_use(home: &Home, said: &Said) {
    assert_eq!(home.posts(WORDS), 0);
    let denied = home.records(&["--kind", "verdict", "--decision", "deny"]);
    let reasons = denied.last().expect("a denial").to_string();
    assert!(reasons.contains("approval:changed"), "{reasons}");
    said.has("have changed since it was approved")
        .lacks("\"status\":\"done\",\"labels\":[\"internal\"],\"summary\":\"posted");
    let list = home.json(&["approvals", "list", "--all"]);
    assert_eq!(list[0]["state"], "void");
    home.verifies();
}

#[test]
fn what_nothing_changed_happens() {
    let home = Home::playing(POSTS);
    let said = approved_after(&home, |_| {});
    said.done().has("That is what became of it.");
    assert_eq!(home.posts(WORDS), 1);
}

#[test]
fn a_soul_that_changed_meanwhile_denies_even_when_only_a_comment_did() {
    let home = Home::playing(POSTS);
    let said = approved_after(&home, |home| {
        let soul = home.at("agents/echo/SOUL.md");
        let text = fs::read_to_string(&soul).unwrap();
        fs::write(&soul, format!("<!-- a comment -->\n{text}")).unwrap();
    });
    denied_on_use(&home, &said);
}

#[test]
fn settings_that_changed_meanwhile_deny() {
    let home = Home::playing(POSTS);
    let said = approved_after(&home, |home| {
        home.add("[[label]]\npath = \"/srv/elsewhere\"\nlabels = [\"confidential\"]\n");
    });
    denied_on_use(&home, &said);
}

#[test]
fn a_guardrail_that_came_meanwhile_denies() {
    let home = Home::playing(POSTS);
    let said = approved_after(&home, |home| {
        let rule = "@id(\"quiet\")\n@message(\"nobody posts today\")\nforbid (principal, action == Action::\"message.post\", resource);\n";
        fs::write(home.at("guardrails/quiet.cedar"), rule).unwrap();
    });
    denied_on_use(&home, &said);
}

#[test]
fn a_soul_that_no_longer_compiles_ends_the_turn() {
    let home = Home::playing(POSTS);
    let chat = home.begin(&["chat", "echo", "announce it"]);
    let id = home.waiting();
    fs::write(home.at("agents/echo/SOUL.md"), "# nothing").unwrap();
    home.run(&["approvals", "approve", &id]).fails(2, "the turn cannot be carried on");
    assert_ne!(Said::of(chat).code, 0);
    assert_eq!(
        (home.posts(WORDS), home.json(&["approvals", "show", &id])["state"].as_str()),
        (0, Some("void"))
    );
    home.verifies();
}

#[test]
fn a_yes_counts_once() {
    let home = Home::playing(POSTS);
    let chat = home.begin(&["chat", "echo", "announce it"]);
    let id = home.waiting();
    let all: Vec<_> = (0..6).map(|_| home.begin(&["approvals", "approve", &id])).collect();
    let codes: Vec<i32> = all.into_iter().map(|child| Said::of(child).code).collect();
    assert_eq!(codes.iter().filter(|code| **code == 0).count(), 1, "{codes:?}");
    assert_eq!(codes.iter().filter(|code| **code == 3).count(), 5, "{codes:?}");
    drop(Said::of(chat));
    home.run(&["approvals", "deny", &id]).fails(3, "does not wait any more");
    assert_eq!(home.posts(WORDS), 1);
}

#[test]
fn silence_is_a_no() {
    let home = Home::new();
    home.edit("lifetime = \"24h\"", "lifetime = \"1s\"");
    home.scene(POSTS);
    home.start();
    let chat = home.begin(&["chat", "echo", "announce it"]);
    let id = home.waiting();
    eventually("it expires", || home.json(&["approvals", "show", &id])["state"] == "expired");
    home.run(&["approvals", "approve", &id]).fails(3, "does not wait any more");
    Said::of(chat).has("expired").lacks("approved");
    assert_eq!(home.posts(WORDS), 0);
    assert!(home.records(&["--kind", "approval"]).iter().any(|record| record["event"] == "approval.expired"));
}

#[test]
fn what_expired_while_no_gateway_ran_is_a_no() {
    let home = Home::new();
    home.edit("lifetime = \"24h\"", "lifetime = \"1s\"");
    home.scene(POSTS);
    home.start();
    let chat = home.begin(&["chat", "echo", "announce it"]);
    let id = home.waiting();
    home.crash();
    drop(Said::of(chat));
    std::thread::sleep(std::time::Duration::from_millis(1100));
    home.start();
    eventually("it expires", || home.json(&["approvals", "show", &id])["state"] == "expired");
    home.until("echo", "idle");
    assert_eq!(home.posts(WORDS), 0);
    home.verifies();
}

/// More rows than are ever read at once.
const MANY: usize = 100_001;

#[test]
fn however_many_were_decided_what_waits_is_listed_decided_and_expires() {
    let home = Home::playing(POSTS);
    approved_after(&home, |_| {}).done();
    home.run(&["gateway", "stop"]).done();
    let database = rusqlite::Connection::open(home.at("data/journal.sqlite")).unwrap();
    for (kind, before) in [("decided", ""), ("decided-order", "00000000000000000000/")] {
        let fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2) \
                    INSERT INTO state (kind, key, value) SELECT kind, ?3 || i, value \
                    FROM state, n WHERE kind = ?1";
        assert_eq!(database.execute(fill, (kind, MANY, before)).unwrap(), MANY);
    }
    database.close().unwrap();
    home.start();
    let listed = home.json(&["approvals", "list", "--all"]);
    assert_eq!(listed.as_array().unwrap().len(), 1_000);
    let posted = home.posts(WORDS);
    approved_after(&home, |_| {}).done();
    assert_eq!(home.posts(WORDS), posted + 1);
    home.verifies();
}
