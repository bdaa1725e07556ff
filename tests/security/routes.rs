//! Every route of the API for every kind of person who may come to it. The routes are the gateway's own table: one without
//! a row here fails the test.

use std::collections::BTreeSet;

use bulkhead_http::{Access, routes};
use bulkhead_tests::described::Described;
use bulkhead_tests::{Browser, Home, POSTS, eventually, members};
use people::Scope;
use serde_json::{Value, json};

use crate::authenticator::Authenticator;

/// Bob and eve may ask; cid may approve besides; dee may read content, see all records and erase; apo is an approver, aud an auditor
/// and opi an operator by the roles that ship, and nothing else; max has a custom role; ada is the administrator, and as one of the
/// owners may approve.
const OTHERS: &str = "
[[person]]
id = \"cid\"
groups = [\"members\", \"approvers\"]
[[person]]
id = \"dee\"
groups = [\"auditors\"]
clearance = [\"restricted\"]
[[person]]
id = \"apo\"
[[person]]
id = \"aud\"
[[person]]
id = \"opi\"
[[person]]
id = \"max\"
[[role]]
name = \"approver\"
people = [\"apo\"]
[[role]]
name = \"auditor\"
people = [\"aud\"]
[[role]]
name = \"operator\"
people = [\"opi\"]
[[role]]
name = \"watch\"
people = [\"max\"]
[[group]]
name = \"approvers\"
approve = [\"echo\"]
[[group]]
name = \"auditors\"
content = [\"*\"]
erase = true
record = true
";

/// What a custom role gives max: to see, pause and change echo, and to see all records. Whatever is of helper is forbidden.
const WATCH: &str = "
@id(\"look-after\")
permit (principal, action in [Action::\"agent.pause\", Action::\"agent.see\", Action::\"soul.change\"], resource == Agent::\"echo\");
@id(\"look\")
permit (principal, action == Action::\"record.see\", resource);
@id(\"helper\")
@message(\"helper is not theirs\")
forbid (principal, action, resource == Agent::\"helper\");
";

/// What each is answered: nobody, ada's token without the scope, eve (somebody else), bob (whose things they are), cid (approves by a
/// group), dee (reads by a group), apo, aud and opi (the roles approver, auditor and operator), max (a custom role), ada (administrator).
type Expected = [u16; 11];

struct Row {
    method: &'static str,
    path: &'static str,
    body: Value,
    expected: Expected,
}

fn row(method: &'static str, path: &'static str, body: Value, expected: Expected) -> Row {
    Row { method, path, body, expected }
}

/// The table. What somebody does who may is done, so what ends things comes last; each row is walked from those who may least.
fn table() -> Vec<Row> {
    let mut rows = agents();
    rows.extend(harmless());
    rows.extend(passing());
    rows.extend(signing_in());
    rows.extend(ending());
    rows
}

/// Agents, and what they are and were told to be.
fn agents() -> Vec<Row> {
    let none = || json!({});
    vec![
        row("GET", "agents", none(), [401, 403, 200, 200, 200, 200, 200, 200, 200, 200, 200]),
        row("GET", "agents/{name}", none(), [401, 403, 200, 200, 200, 404, 404, 200, 200, 200, 200]),
        row("GET", "agents/{name}/soul", none(), [401, 403, 200, 200, 200, 404, 404, 200, 200, 200, 200]),
        row(
            "POST",
            "agents/{name}/soul/check",
            json!({ "text": "" }),
            [401, 403, 200, 200, 200, 404, 404, 200, 200, 200, 200],
        ),
        row(
            "PUT",
            "agents/{name}/soul",
            json!({ "text": "", "version": "0".repeat(64) }),
            [401, 403, 403, 403, 403, 403, 403, 403, 403, 409, 409],
        ),
        row(
            "GET",
            "agents/{name}/soul/versions",
            none(),
            [401, 403, 403, 403, 403, 403, 403, 403, 403, 200, 200],
        ),
        row(
            "GET",
            "agents/{name}/soul/versions/{number}",
            none(),
            [401, 403, 403, 403, 403, 403, 403, 403, 403, 200, 200],
        ),
        // There is one version alone.
        row(
            "GET",
            "agents/{name}/soul/diff",
            none(),
            [401, 403, 403, 403, 403, 403, 403, 403, 403, 404, 404],
        ),
        row(
            "POST",
            "agents/{name}/soul/rollback",
            json!({ "number": 1, "version": "0".repeat(64) }),
            [401, 403, 403, 403, 403, 403, 403, 403, 403, 409, 409],
        ),
    ]
}

/// What leaves everything as it was, or nearly.
fn harmless() -> Vec<Row> {
    let none = || json!({});
    vec![
        row("GET", "records", none(), [401, 403, 200, 200, 200, 200, 200, 200, 200, 200, 200]),
        row("GET", "records/{seq}", none(), [401, 403, 404, 200, 404, 200, 404, 200, 404, 200, 200]),
        row("POST", "record/verify", none(), [401, 403, 403, 403, 403, 200, 403, 200, 403, 200, 200]),
        row("GET", "status", none(), [401, 403, 200, 200, 200, 200, 200, 200, 200, 200, 200]),
        row("GET", "me", none(), [401, 403, 200, 200, 200, 200, 200, 200, 200, 200, 200]),
        row("GET", "health", none(), [401, 403, 403, 403, 403, 403, 403, 403, 200, 403, 200]),
        row("GET", "openapi.json", none(), [401, 403, 200, 200, 200, 200, 200, 200, 200, 200, 200]),
        row("GET", "events", none(), [401, 403, 403, 403, 403, 403, 403, 403, 200, 403, 200]),
        row("GET", "people", none(), [401, 403, 403, 403, 403, 403, 403, 200, 403, 403, 200]),
        row("GET", "grants", none(), [401, 403, 403, 403, 403, 403, 403, 200, 403, 403, 200]),
        row("GET", "sessions", none(), [401, 403, 200, 200, 200, 200, 200, 200, 200, 200, 200]),
        row(
            "POST",
            "sessions/search",
            json!({ "text": "hello" }),
            [401, 403, 200, 200, 200, 200, 200, 200, 200, 200, 200],
        ),
        row("GET", "sessions/{id}", none(), [401, 403, 404, 200, 404, 200, 404, 404, 404, 404, 404]),
        // The turn is of no conversation of anybody's.
        row(
            "POST",
            "sessions/{id}/branches",
            json!({ "turn": "t-none" }),
            [401, 403, 404, 404, 404, 404, 404, 404, 404, 404, 404],
        ),
        row("GET", "sessions/{id}/steps", none(), [401, 403, 404, 200, 404, 200, 404, 404, 404, 404, 404]),
        // None of bob's actions has read anything.
        row(
            "GET",
            "sessions/{id}/passages/{proposal}",
            none(),
            [401, 403, 404, 404, 404, 404, 404, 404, 404, 404, 404],
        ),
        row("GET", "turns/{id}/events", none(), [401, 403, 404, 200, 404, 404, 404, 404, 404, 404, 404]),
        row("POST", "turns/{id}/stop", none(), [401, 403, 404, 200, 404, 404, 404, 404, 404, 404, 404]),
        row("GET", "approvals", none(), [401, 403, 200, 200, 200, 200, 200, 200, 200, 200, 200]),
        row("GET", "waiting", none(), [401, 403, 200, 200, 200, 200, 200, 200, 200, 200, 200]),
        row("GET", "approvals/{id}", none(), [401, 403, 404, 200, 200, 404, 200, 404, 404, 404, 200]),
        // Administrators see everybody there, and all others themselves.
        row("GET", "approvers", none(), [401, 403, 200, 200, 200, 200, 200, 200, 200, 200, 200]),
        // Without a chat in the settings; `chat.rs` asks with one.
        row("POST", "chat/answer", none(), [404; 11]),
        row("GET", "patterns", none(), [401, 403, 200, 200, 200, 200, 200, 200, 200, 200, 200]),
        row("GET", "sign-ins", none(), [401, 403, 200, 200, 200, 200, 200, 200, 200, 200, 200]),
        row("GET", "tokens", none(), [401, 403, 200, 200, 200, 200, 200, 200, 200, 200, 200]),
        row("GET", "erasures", none(), [401, 403, 403, 403, 403, 200, 403, 403, 403, 403, 200]),
        row("GET", "holds", none(), [401, 403, 403, 403, 403, 200, 403, 403, 403, 403, 200]),
        row(
            "POST",
            "exports",
            json!({ "format": "csv", "conditions": [] }),
            [401, 403, 403, 403, 403, 403, 403, 200, 403, 403, 200],
        ),
    ]
}

/// What acts upon agents, the record and oneself, and leaves nearly everything as it was.
fn passing() -> Vec<Row> {
    let none = || json!({});
    let token = json!({ "name": "t", "scopes": ["read"], "days": 1 });
    vec![
        row(
            "POST",
            "content",
            json!({ "records": [1] }),
            [401, 403, 403, 403, 403, 200, 403, 403, 403, 403, 403],
        ),
        // Whoever has no right to content finds what is their own.
        row("POST", "content/search", none(), [401, 403, 200, 200, 200, 200, 200, 200, 200, 200, 200]),
        row("POST", "checkpoint", none(), [401, 403, 403, 403, 403, 403, 403, 403, 403, 403, 200]),
        row("GET", "records/{seq}/proof", none(), [401, 403, 404, 200, 404, 200, 404, 200, 404, 200, 200]),
        row(
            "POST",
            "checkpoint/cosign",
            json!({ "note": "none" }),
            [401, 403, 403, 403, 403, 403, 403, 403, 403, 403, 409],
        ),
        row("POST", "key/rotate", none(), [401, 403, 403, 403, 403, 403, 403, 403, 403, 403, 200]),
        row(
            "POST",
            "agents/{name}/messages",
            json!({ "text": "" }),
            [401, 403, 400, 400, 400, 403, 403, 403, 403, 403, 400],
        ),
        row("POST", "agents/{name}/pause", none(), [401, 403, 403, 403, 403, 403, 403, 403, 200, 200, 200]),
        row("POST", "agents/{name}/resume", none(), [401, 403, 403, 403, 403, 403, 403, 403, 200, 403, 200]),
        row("POST", "tokens", token, [401, 403, 200, 200, 200, 200, 200, 200, 200, 200, 200]),
        row(
            "POST",
            "confirm",
            json!({ "password": "wrong horse battery" }),
            // Bob has a passkey, and confirms with that.
            [401, 403, 400, 409, 400, 400, 400, 400, 400, 400, 400],
        ),
        row(
            "POST",
            "me/password",
            json!({ "old": "wrong horse battery", "new": "wrong donkey charger" }),
            [401, 403, 400, 400, 400, 400, 400, 400, 400, 400, 400],
        ),
    ]
}

/// With what somebody signs in and confirms, beside passwords.
fn signing_in() -> Vec<Row> {
    let none = || json!({});
    vec![
        row("POST", "confirm/passkey/begin", none(), [401, 403, 409, 200, 409, 409, 409, 409, 409, 409, 409]),
        row(
            "POST",
            "confirm/passkey/finish",
            none(),
            [401, 403, 400, 400, 400, 400, 400, 400, 400, 400, 400],
        ),
        row("GET", "passkeys", none(), [401, 403, 200, 200, 200, 200, 200, 200, 200, 200, 200]),
        row("POST", "passkeys/begin", none(), [401, 403, 200, 200, 200, 200, 200, 200, 200, 200, 200]),
        row("POST", "passkeys/finish", none(), [401, 403, 400, 400, 400, 400, 400, 400, 400, 400, 400]),
        row("POST", "sign-in/code/passkey/begin", json!({ "code": "wrong" }), [401; 11]),
        row("POST", "sign-in/code/passkey/finish", none(), [400; 11]),
        row("GET", "sign-in/ways", none(), [200; 11]),
        row("POST", "sign-in/passkey/begin", none(), [200; 11]),
        // Without a provider in the settings.
        row("POST", "sign-in/provider/begin", none(), [409; 11]),
        row("POST", "sign-in/provider/finish", json!({ "state": "x" }), [409; 11]),
        row(
            "POST",
            "confirm/provider/begin",
            none(),
            [401, 403, 409, 409, 409, 409, 409, 409, 409, 409, 409],
        ),
        row(
            "POST",
            "confirm/provider/finish",
            json!({ "state": "x" }),
            [401, 403, 409, 409, 409, 409, 409, 409, 409, 409, 409],
        ),
        row("GET", "accounts", none(), [401, 403, 403, 403, 403, 403, 403, 403, 403, 403, 200]),
        row("POST", "accounts/{id}/remove", none(), [401, 403, 403, 403, 403, 403, 403, 403, 403, 403, 404]),
        row("POST", "sign-in/passkey/finish", none(), [400; 11]),
    ]
}

/// What ends something that a row before it needs.
fn ending() -> Vec<Row> {
    let none = || json!({});
    let why = || json!({ "reason": "a test" });
    let person = |who: &str| json!({ "of": { "person": who }, "reason": "a test" });
    // Of nobody: so many wrong guesses of a name that is there end its passwords for a while. The last of these is one too many.
    let claim = json!({ "person": "zed", "password": "wrong horse battery" });
    let code = json!({ "code": "AAAAAA", "password": "correct horse battery" });
    vec![
        row("POST", "people/{id}/invite", none(), [401, 403, 403, 403, 403, 403, 403, 403, 403, 403, 200]),
        row("POST", "sign-in", claim, [401, 401, 401, 401, 401, 401, 401, 401, 401, 401, 429]),
        row("POST", "sign-in/code", code, [401, 401, 401, 401, 401, 401, 401, 401, 401, 401, 401]),
        row("POST", "holds", person("zed"), [401, 403, 403, 403, 403, 200, 403, 403, 403, 403, 200]),
        row("POST", "holds/{id}/remove", why(), [401, 403, 403, 403, 403, 200, 403, 403, 403, 403, 404]),
        row(
            "POST",
            "approvals/{id}/approve",
            json!({ "digest": "0".repeat(64) }),
            [401, 403, 404, 403, 409, 404, 409, 404, 404, 404, 409],
        ),
        row("POST", "patterns/{id}/revoke", none(), [401, 403, 404, 404, 404, 404, 404, 404, 404, 404, 404]),
        row("POST", "approvals/{id}/deny", none(), [401, 403, 404, 200, 409, 404, 409, 404, 404, 404, 409]),
        row("POST", "erasures", person("bob"), [401, 403, 403, 403, 403, 200, 403, 403, 403, 403, 200]),
        row("POST", "erasures/{id}/consent", none(), [401, 403, 403, 403, 403, 403, 403, 403, 403, 403, 200]),
        row("POST", "erasures/{id}/refuse", why(), [401, 403, 403, 403, 403, 409, 403, 403, 403, 403, 409]),
        row("POST", "passkeys/{id}/remove", none(), [401, 403, 404, 200, 404, 404, 404, 404, 404, 404, 404]),
        row("POST", "tokens/{id}/end", none(), [401, 403, 404, 200, 404, 404, 404, 404, 404, 404, 404]),
        row("POST", "agents/{name}/kill", none(), [401, 403, 403, 403, 403, 403, 403, 403, 200, 403, 200]),
        row("POST", "kill", none(), [401, 403, 403, 403, 403, 403, 403, 403, 200, 403, 200]),
        row("POST", "sign-ins/{id}/end", none(), [401, 403, 404, 200, 404, 404, 404, 404, 404, 404, 404]),
        row("POST", "sign-out", none(), [401, 403, 200, 200, 200, 200, 200, 200, 200, 200, 200]),
        // Bob's sign-in has ended above.
        row(
            "POST",
            "shutdown",
            json!({ "pending": "keep" }),
            [401, 403, 403, 401, 403, 403, 403, 403, 403, 403, 200],
        ),
    ]
}

/// What bob has: a conversation, a turn that waits, the approval, a sign-in, a token; and an erasure and a hold of dee's.
struct Things {
    session: String,
    turn: String,
    other_turn: String,
    approval: String,
    record: String,
    sign_in: String,
    token: String,
    passkey: String,
    erasure: String,
    hold: String,
}

impl Things {
    fn of(home: &Home, bob: &Browser, dee: &Browser) -> Self {
        bob.say("echo", "announce it");
        let approval = home.waiting();
        let view = home.json(&["approvals", "show", &approval]);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        bob.say("echo", "announce it, too");
        let other_turn = bob.turn();
        assert_ne!(other_turn, text(&view["turn"]));
        let made = bob.post("tokens", &json!({ "name": "x", "scopes": ["read"], "days": 1 })).is(200).json();
        let held = json!({ "of": { "person": "zed" }, "reason": "a test" });
        Self {
            session: text(&view["session"]),
            turn: text(&view["turn"]),
            other_turn,
            approval,
            record: home.records(&["--session", &text(&view["session"])])[0]["seq"].to_string(),
            sign_in: text(&bob.get("sign-ins").json()["items"][0]["id"]),
            token: text(&made["made"]["id"]),
            passkey: passkey(bob),
            erasure: text(
                &dee.post("erasures", &json!({ "of": { "session": view["session"] }, "reason": "a test" }))
                    .is(200)
                    .json()["id"],
            ),
            hold: text(&dee.post("holds", &held).is(200).json()["id"]),
        }
    }

    fn path(&self, path: &str) -> String {
        let kind = path.split('/').next().unwrap();
        let id = match kind {
            "sessions" => &self.session,
            "turns" if path.ends_with("/stop") => &self.other_turn,
            "turns" => &self.turn,
            "approvals" => &self.approval,
            "sign-ins" => &self.sign_in,
            "tokens" => &self.token,
            "passkeys" => &self.passkey,
            "erasures" => &self.erasure,
            "holds" => &self.hold,
            _ => "bob",
        };
        path.replace("{id}", id)
            .replace("{name}", "echo")
            .replace("{seq}", &self.record)
            .replace("{number}", "1")
            .replace("{proposal}", "p-none")
    }
}

/// Adds a passkey; its id.
fn passkey(person: &Browser) -> String {
    let challenge = person.post("passkeys/begin", &json!({})).is(200).json();
    let challenge: people::Challenge = serde_json::from_value(challenge).unwrap();
    let mut device = Authenticator::new();
    device.origin = person.address.replace("127.0.0.1", "http://localhost");
    let made = json!({ "ticket": challenge.ticket, "name": "phone", "credential": device.made(&challenge) });
    person.post("passkeys/finish", &made).is(200).json()["id"].as_str().unwrap().to_owned()
}

const PERSONS: [&str; 9] = ["eve", "bob", "cid", "dee", "apo", "aud", "opi", "max", "ada"];

/// Another sign-in of somebody.
fn again(nobody: &Browser, person: &str) -> Browser {
    let claim = json!({ "person": person, "password": bulkhead_tests::web::PASSWORD });
    nobody.with_cookie(&nobody.post("sign-in", &claim).is(200).cookie().unwrap())
}

fn home() -> Home {
    let home = Home::made(&["--team", "--person", "ada"]);
    std::fs::write(home.at("roles/watch.cedar"), WATCH).unwrap();
    home.add(&(members(&["bob", "eve"], "echo") + OTHERS));
    home.scene(POSTS);
    home.start();
    home
}

#[test]
fn every_route_answers_each_kind_of_person_as_the_table_says() {
    let (listed, table): (BTreeSet<_>, _) =
        (routes().map(|route| (route.method, route.path)).collect(), table());
    let rows: BTreeSet<_> = table.iter().map(|row| (row.method, format!("/api/v1/{}", row.path))).collect();
    let rows: BTreeSet<_> = rows.iter().map(|(method, path)| (*method, path.as_str())).collect();
    assert_eq!(listed, rows, "each route has a row, and each row a route");

    let home = home();
    let nobody = Browser::at(&home);
    let people = home.signed_in(PERSONS);
    let [_, bob, _, dee, .., ada] = &people;
    let things = Things::of(&home, bob, dee);
    let described = Described::to(bob);
    let token = |scope: &str| {
        let wanted = json!({ "name": scope, "scopes": [scope], "days": 1 });
        ada.post("tokens", &wanted).is(200).json()["token"].as_str().unwrap().to_owned()
    };
    let (read, chat) = (ada.with_token(&token("read")), ada.with_token(&token("chat")));
    let mut wrong = Vec::new();
    for row in &table {
        let route = routes()
            .find(|route| route.method == row.method && route.path.ends_with(&format!("/v1/{}", row.path)));
        let reads = route.unwrap().access == Access::Person(Scope::Read);
        let path = things.path(row.path);
        let mut callers = vec![nobody.clone(), if reads { chat.clone() } else { read.clone() }];
        callers.extend(people.iter().cloned());
        if row.path == "sign-out" {
            callers.truncate(2);
            callers.extend(PERSONS.map(|person| again(&nobody, person)));
        }
        let ask = |caller: &Browser| match row.method {
            "GET" => caller.get(&path),
            method => caller.send_json(method, &path, &row.body),
        };
        let answers: Vec<_> = callers.iter().map(ask).collect();
        for (nth, (answer, expected)) in answers.iter().zip(row.expected).enumerate() {
            if answer.status != expected {
                let (status, body) = (answer.status, &answer.body);
                wrong.push(format!(
                    "{} {} [{nth}]: expected {expected}, found {status}: {body}",
                    row.method, row.path
                ));
            }
            let misfits = described.wrong(row.method, row.path, answer);
            if !misfits.is_empty() {
                wrong.push(format!("{} {} [{nth}]: {misfits:?}: {answer:?}", row.method, row.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    eventually("the gateway has stopped", || !home.at("gateway.sock").exists());
    home.verifies();
    home.start();
}

#[test]
fn what_is_dangerous_needs_the_password_again_in_a_browser() {
    let home = home();
    let ada = Browser::signed_in(&home, "ada");
    // A confirmation does not outlive the gateway; the sign-in does.
    home.run(&["gateway", "restart"]).done();
    let ada = Browser { address: Browser::at(&home).address, ..ada };
    let dangerous: Vec<_> = routes().filter(|route| route.confirmed).collect();
    assert!(dangerous.len() >= 9, "{dangerous:?}");
    let ask = |route: &bulkhead_http::Route| {
        let path =
            route.path.trim_start_matches("/api/v1/").replace("{id}", "none").replace("{name}", "echo");
        ada.send_json(route.method, &path, &json!("does not fit"))
    };
    for route in &dangerous {
        assert_eq!(ask(route).is(403).json()["kind"], "unconfirmed", "{route:?}");
    }
    let admin = json!({ "name": "x", "scopes": ["admin"], "days": 1 });
    // A token is never asked again, so that whoever makes one that reaches any of it is.
    for scope in Scope::ALL {
        let harmless = matches!(scope, Scope::Read | Scope::Chat);
        for scopes in [json!([scope]), json!(["read", scope])] {
            let wanted = json!({ "name": "x", "scopes": scopes, "days": 1 });
            let answer = ada.post("tokens", &wanted).is(if harmless { 200 } else { 403 });
            assert!(harmless || answer.json()["kind"] == "unconfirmed", "{answer:?}");
        }
        assert!(
            !harmless || dangerous.iter().all(|route| route.access != Access::Person(scope)),
            "{scope:?}"
        );
    }
    assert_eq!(ada.get("me").json()["confirmed_until"], Value::Null);
    ada.post("confirm", &json!({ "password": "wrong horse battery" })).is(400);
    assert_eq!(ask(&dangerous[0]).is(403).json()["kind"], "unconfirmed");
    drop(ada.post("confirm", &json!({ "password": bulkhead_tests::web::PASSWORD })).is(200));
    for route in &dangerous {
        assert_ne!(ask(route).json()["kind"], "unconfirmed", "{route:?}");
    }
    drop(ada.post("tokens", &admin).is(200));
    eventually("it is on the record", || home.records(&["--event", "sign-in.confirmed"]).len() == 1);
}
