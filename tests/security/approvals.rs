//! An approval binds to exactly what was shown, once, for a while.

use std::fs;

use bulkhead_tests::web::PASSWORD;
use bulkhead_tests::{Browser, Home, POSTS, Said, eventually, members};
use serde_json::json;

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
fn the_only_person_of_a_home_says_yes_to_their_own_only_where_they_may_decide_at_all() {
    let home = Home::playing(POSTS);
    let chat = home.begin(&["chat", "echo", "announce it"]);
    let id = home.waiting();
    home.edit("approve = [\"*\"]", "approve = [\"helper\"]");
    home.run(&["approvals", "approve", &id]).fails(3, "may not decide for the agent `echo`");
    assert_eq!((home.posts(WORDS), home.waiting()), (0, id.clone()));
    let refused = home.records_once(&["--event", "right.refused"], |refused| !refused.is_empty());
    assert_eq!(refused.last().unwrap()["facts"]["what"], "decide for the agent", "{refused:?}");
    // To a request of one's own anybody says no.
    home.run(&["approvals", "deny", &id]).done();
    drop(Said::of(chat));
    assert_eq!(home.posts(WORDS), 0);
    home.verifies();
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
    // It may have expired before anybody looks.
    let first = || home.json(&["approvals", "list", "--all"])[0]["id"].as_str().map(str::to_owned);
    eventually("something waits, or did", || first().is_some());
    let id = first().unwrap();
    eventually("it expires", || home.json(&["approvals", "show", &id])["state"] == "expired");
    home.run(&["approvals", "approve", &id]).fails(3, "does not wait any more");
    Said::of(chat).has("expired").lacks("approved");
    assert_eq!(home.posts(WORDS), 0);
    assert!(home.records(&["--kind", "approval"]).iter().any(|record| record["event"] == "approval.expired"));
}

#[test]
fn what_expired_while_no_gateway_ran_is_a_no() {
    let home = Home::playing(POSTS);
    let chat = home.begin(&["chat", "echo", "announce it"]);
    let id = home.waiting();
    home.crash();
    drop(Said::of(chat));
    // Its time is up before there is a gateway again.
    let database = rusqlite::Connection::open(home.at("data/journal.sqlite")).unwrap();
    let over = "UPDATE state SET value = json_set(value, '$.view.expires', json_extract(value, '$.view.since')) \
                WHERE kind = 'approval'";
    assert_eq!(database.execute(over, []).unwrap(), 1);
    database.close().unwrap();
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
                    INSERT INTO state (kind, key, value) SELECT kind, ?3 || i, \
                    CASE kind WHEN 'decided' THEN json_set(value, '$.view.id', CAST(i AS TEXT)) ELSE value END \
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

const RUNNER: &str = "# Runner
## Identity
- Name: runner
- Role: Runs things
## Rules
- Be concise
## Skills
- exec: Run
  - commands: echo
";

const RUNS: &str = "
turns:
  - calls:
      - {skill: exec, arguments: {command: echo, args: [hello]}}
  - say: That is what became of it.
    repeat: true
";

/// A team in which a person looks at every command; bob may decide, too.
fn runs() -> Home {
    let home = Home::made(&["--team", "--person", "ada"]);
    home.add("[[person]]\nid = \"bob\"\ngroups = [\"owners\"]\n");
    home.edit("models = [\"*\"]", "models = [\"*\"]\ncommands = [\"echo\"]");
    home.soul("runner", RUNNER);
    let look = "@id(\"look\") @message(\"a person looks at every command\") @decision(\"ask\")\n\
                forbid (principal, action == Action::\"command.run\", resource) unless { context.approved };\n";
    fs::write(home.at("guardrails/ours.cedar"), look).unwrap();
    home.scene(RUNS);
    home.start();
    home
}

#[test]
fn a_token_that_may_approve_is_not_asked_again_for_high_risk() {
    let home = runs();
    let bob = Browser::signed_in(&home, "bob");
    let wanted = json!({ "name": "x", "scopes": ["approve"], "days": 1 });
    let made = bob.post("tokens", &wanted).is(200).json();
    let chat = home.begin(&["chat", "runner", "go on"]);
    let id = home.waiting();
    // That the sign-in was confirmed is forgotten with the gateway.
    home.run(&["gateway", "restart"]).done();
    drop(Said::of(chat));
    let bob = Browser { cookie: bob.cookie.clone(), ..Browser::at(&home) };
    let program = bob.with_token(made["token"].as_str().unwrap());
    let seen = program.get(&format!("approvals/{id}")).is(200).json();
    assert_eq!(seen["risk"], "high");
    let (yes, body) = (format!("approvals/{id}/approve"), json!({ "digest": seen["digest"] }));
    assert_eq!(bob.post(&yes, &body).is(403).json()["kind"], "unconfirmed");
    assert_eq!(program.post(&yes, &body).is(200).json()["state"], "approved");
    eventually("it is used", || home.json(&["approvals", "show", &id])["state"] == "used");
    home.verifies();
}

#[test]
fn a_page_decides_for_who_it_took_the_person_for_on_what_it_showed_and_high_risk_needs_the_password() {
    let home = runs();
    let bob = Browser::signed_in(&home, "bob");
    let chat = home.begin(&["chat", "runner", "go on"]);
    let id = home.waiting();
    let seen = bob.get(&format!("approvals/{id}")).is(200).json();
    assert_eq!(
        (&seen["risk"], &seen["decidable"], &seen["needed"]),
        (&"high".into(), &true.into(), &1.into())
    );
    let yes = format!("approvals/{id}/approve");
    let no = format!("approvals/{id}/deny");
    let digest = &seen["digest"];
    // A page that was ada's, and one that showed something else.
    for (path, body) in [
        (&yes, json!({ "digest": digest, "person": "ada" })),
        (&no, json!({ "digest": digest, "person": "ada" })),
        (&no, json!({ "digest": "0".repeat(64), "person": "bob" })),
        (&yes, json!({ "digest": "0".repeat(64), "person": "bob" })),
    ] {
        assert_eq!(bob.post(path, &body).is(409).json()["kind"], "conflict", "{body}");
    }
    drop(bob.post(&yes, &json!({ "person": "bob" })).is(400));
    // That the sign-in was confirmed is forgotten with the gateway.
    home.run(&["gateway", "restart"]).done();
    drop(Said::of(chat));
    let bob = Browser { cookie: bob.cookie.clone(), ..Browser::at(&home) };
    let body = json!({ "digest": digest, "person": "bob" });
    assert_eq!(bob.post(&yes, &body).is(403).json()["kind"], "unconfirmed");
    assert_eq!(home.json(&["approvals", "show", &id])["state"], "waiting");
    drop(bob.post("confirm", &json!({ "password": PASSWORD })).is(200));
    assert_eq!(bob.post(&yes, &body).is(200).json()["state"], "approved");
    eventually("it is used", || home.json(&["approvals", "show", &id])["state"] == "used");
    home.verifies();
}

#[test]
fn an_approver_sees_their_own_budget_and_an_administrator_everybodys() {
    let settings = "
[[person]]
id = \"cid\"
groups = [\"members\", \"approvers\"]
[[group]]
name = \"approvers\"
approve = [\"echo\"]
[approvals.budget]
an-hour = 1
approved-percent = 100
decisions = 2
";
    let home = Home::team(&(members(&["bob"], "echo") + settings), POSTS);
    home.run(&["approvals", "budget"]).done().has("nobody has decided anything");
    let [bob, cid, ada] = home.signed_in(["bob", "cid", "ada"]);
    let asks = || {
        bob.say("echo", "announce it");
        let id = home.waiting();
        let view = cid.get(&format!("approvals/{id}")).is(200).json();
        (id, json!({ "digest": view["digest"] }))
    };
    for _ in 0..2 {
        let (id, seen) = asks();
        cid.post(&format!("approvals/{id}/approve"), &seen).is(200);
    }
    let (id, seen) = asks();
    ada.post(&format!("approvals/{id}/deny"), &seen).is(200);

    let seen_by = |person: &Browser| {
        let budgets = person.get("approvers").is(200).json();
        let people = budgets["items"].as_array().unwrap().iter();
        people.map(|one| one["person"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(seen_by(&bob), [""; 0], "bob has decided nothing");
    assert_eq!(seen_by(&cid), ["cid"]);
    assert_eq!(seen_by(&ada), ["ada", "cid"]);

    let told = home.json(&["approvals", "budget"]);
    assert_eq!(told, ada.get("approvers").is(200).json());
    let hour = &told["items"][1]["hour"];
    assert_eq!((&hour["decisions"], &hour["approved"], &hour["unseen"]), (&2.into(), &2.into(), &0.into()));
    assert_eq!(hour["risks"], json!(["too-many", "nearly-always-yes"]));
    let said = home.run(&["approvals", "budget"]).done();
    said.has("risk: cid, in the last hour: 2 decisions within an hour, more than 1")
        .has("2 of 2 approved")
        .lacks("risk: ada");
    home.verifies();
}

#[test]
fn how_much_waits_is_told_without_a_look_and_without_a_use_of_the_sign_in() {
    let home = Home::team(&members(&["bob"], "*"), POSTS);
    let [ada, bob] = home.signed_in(["ada", "bob"]);
    let waits = |who: &Browser| who.get("waiting").is(200).json();
    let (none, one) =
        (json!({ "waiting": 0, "agents": {} }), json!({ "waiting": 1, "agents": { "echo": 1 } }));
    assert_eq!((waits(&ada), waits(&bob)), (none.clone(), none.clone()));
    drop(bob.say("echo", "announce it"));
    let id = home.waiting();
    let seen = || {
        let all = home.json(&["people", "sign-ins", "ada"]);
        all[0]["seen"].as_str().unwrap().to_owned()
    };
    let (before, shown) = (seen(), home.records(&["--event", "approval.shown", "--person", "ada"]).len());
    assert_eq!((waits(&ada), waits(&bob)), (one.clone(), one));
    assert_eq!(seen(), before, "it was no use of the sign-in");
    assert_eq!(home.records(&["--event", "approval.shown", "--person", "ada"]).len(), shown, "and no look");
    drop(ada.get(&format!("approvals/{id}")).is(200));
    assert_ne!(seen(), before);
    let view = home.json(&["approvals", "show", &id]);
    drop(ada.post(&format!("approvals/{id}/deny"), &json!({ "digest": view["digest"] })).is(200));
    assert_eq!((waits(&ada), waits(&bob)), (none.clone(), none));
    home.verifies();
}
