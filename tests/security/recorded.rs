//! What is recorded, as one table: each line of it is made to happen with the real gateway and found again with its fields, in
//! either database. `docs/record.md` has every event with the test that goes into it further.

use std::fs;

use bulkhead_tests::{Browser, Home, POSTS, eventually, members};
use serde_json::{Value, json};

/// What everybody with this role may.
const ROLE: &str = "@id(\"all\")\npermit (principal, action, resource);\n";

/// Who there is: bob may ask `echo`, and so may cy, who holds a role of the organisation's own.
const ROLES: &str = "[[role]]\nname = \"all\"\npeople = [\"cy\"]\n";

/// What was done, the texts that stand at these places in its record, and the places where something stands.
struct Line {
    what: &'static str,
    is: &'static [(&'static str, &'static str)],
    has: &'static [&'static str],
}

const fn line(
    what: &'static str,
    is: &'static [(&'static str, &'static str)],
    has: &'static [&'static str],
) -> Line {
    Line { what, is, has }
}

const WHO: &str = "/person";
const AGENT: &str = "/agent";
const SESSION: &str = "/session";
const TURN: &str = "/turn";
const VERB: &str = "/action/verb";
const NAME: &str = "/action/resource/name";
const VERSION: &str = "/policy_version";
const FIRST_REASON: [&str; 2] = ["/reasons/0/layer", "/reasons/0/policy"];

const RECORDED: &[Line] = &[
    line("a message in", &[("/event", "message.received"), (AGENT, "echo"), (WHO, "bob")], &[SESSION, TURN]),
    line(
        "a message out, posted",
        &[("/kind", "outcome"), (VERB, "message.post"), ("/status", "done"), (NAME, "board:content-team")],
        &[SESSION, TURN, "/proposal", "/labels"],
    ),
    line(
        "a message out, as a reply",
        &[("/kind", "outcome"), (VERB, "reply"), ("/status", "done"), (AGENT, "echo")],
        &[SESSION, TURN, "/proposal"],
    ),
    line(
        "a model call",
        &[
            ("/kind", "outcome"),
            (VERB, "model.call"),
            ("/call/model", "rehearsal/scene"),
            ("/call/finish", "tool_calls"),
        ],
        &["/call/prompt", "/call/answer", "/call/prompt_tokens", "/call/completion_tokens", NAME],
    ),
    line(
        "a proposal",
        &[("/kind", "proposal"), (VERB, "message.post"), (AGENT, "echo"), (WHO, "bob")],
        &[SESSION, TURN, "/proposal", VERSION, NAME],
    ),
    line(
        "a verdict that permits",
        &[("/kind", "verdict"), ("/decision", "permit"), (VERB, "model.call")],
        &[SESSION, TURN, "/proposal", VERSION, FIRST_REASON[0], FIRST_REASON[1]],
    ),
    line(
        "a verdict that asks",
        &[("/kind", "verdict"), ("/decision", "ask"), (VERB, "message.post")],
        &[SESSION, TURN, "/proposal", VERSION, FIRST_REASON[0], FIRST_REASON[1]],
    ),
    line(
        "an approval",
        &[("/kind", "approval"), ("/event", "approval.approved"), (WHO, "ada"), (AGENT, "echo")],
        &["/facts/approval", "/facts/self_approved", "/facts/risk", SESSION, TURN],
    ),
    line(
        "a sign-in on a socket",
        &[("/kind", "auth"), ("/event", "signed.in"), (WHO, "ada"), ("/facts/socket", "api")],
        &["/facts/uid", "/facts/os_user", "/facts/count", "/decision"],
    ),
    line(
        "a sign-in on the address",
        &[("/kind", "auth"), ("/event", "signed.in"), (WHO, "bob"), ("/facts/how", "code")],
        &["/facts/sign_in", "/facts/peer"],
    ),
    line("a person more", &[("/event", "person.added"), (WHO, "dan")], &["/facts/new"]),
    line(
        "a person changed",
        &[("/event", "person.changed"), (WHO, "bob")],
        &["/facts/old", "/facts/new", "/facts/changed/0"],
    ),
    line("a person less", &[("/event", "person.removed"), (WHO, "dan")], &["/facts/old"]),
    line(
        "a role that is a group",
        &[("/event", "group.changed"), ("/facts/group", "members")],
        &["/facts/old", "/facts/new", "/facts/changed/0"],
    ),
    line(
        "a role's policies",
        &[("/event", "guardrail.changed"), (NAME, "HOME/roles/all.cedar")],
        &["/facts/old", "/facts/new"],
    ),
    line(
        "a guardrail more",
        &[("/event", "guardrail.added"), (NAME, "HOME/guardrails/more.cedar")],
        &["/facts/new"],
    ),
    line(
        "a guardrail changed",
        &[("/event", "guardrail.changed"), (NAME, "HOME/guardrails/base.cedar")],
        &["/facts/old", "/facts/new"],
    ),
    line(
        "a SOUL.md changed",
        &[("/event", "soul.changed"), (AGENT, "echo"), (NAME, "HOME/agents/echo/SOUL.md")],
        &["/facts/old", "/facts/new", "/facts/changed/0"],
    ),
    line("a setting", &[("/event", "settings.changed")], &["/facts/old", "/facts/new", "/facts/changed/0"]),
    line(
        "a kill",
        &[("/kind", "admin"), ("/event", "agent.killed"), (AGENT, "helper"), (WHO, "ada")],
        &["/facts/left", "/facts/micros"],
    ),
    line("an alert", &[("/kind", "alert"), ("/event", "soul.invalid"), (AGENT, "helper")], &[]),
    line(
        "an export",
        &[("/event", "export.made"), (WHO, "ada"), ("/facts/format", "ocsf")],
        &["/facts/conditions/0"],
    ),
    line(
        "a look at content",
        &[("/event", "content.read"), (WHO, "ada")],
        &["/facts/records", "/facts/count"],
    ),
    line("a search in content", &[("/event", "content.searched"), (WHO, "ada")], &["/facts/searched"]),
    line(
        "a look that is refused",
        &[("/event", "content.refused"), (WHO, "ada"), ("/decision", "deny")],
        &["/facts/records", FIRST_REASON[0], FIRST_REASON[1]],
    ),
];

/// Whether a record is of this line.
fn fits(home: &Home, line: &Line, record: &Value) -> bool {
    let folder = home.path().display().to_string();
    let is = |(place, text): &(&str, &str)| {
        record.pointer(place).and_then(Value::as_str) == Some(text.replace("HOME", &folder).as_str())
    };
    line.is.iter().all(is)
}

/// Somebody asks, and somebody else says yes.
fn ask_and_approve(home: &Home, bob: &Browser) {
    bob.say("echo", "what about the budget");
    let id = home.waiting();
    home.run(&["approvals", "approve", &id]).done();
    eventually("the turn is over", || !home.records(&["--event", "turn.ended"]).is_empty());
}

/// Everything that is judged by is changed, and read again by the next question.
fn change(home: &Home, bob: &Browser) {
    let more = |file: &str, text: &str| {
        let file = home.at(file);
        let before = fs::read_to_string(&file).unwrap_or_default();
        fs::write(&file, format!("{before}{text}")).unwrap();
    };
    home.edit("id = \"bob\"\n", "id = \"bob\"\nclearance = [\"confidential\"]\n");
    home.edit("name = \"members\"\n", "name = \"members\"\ncontent = [\"helper\"]\n");
    home.add("[[person]]\nid = \"dan\"\n");
    more("roles/all.cedar", "// and more\n");
    more("guardrails/base.cedar", "// and more\n");
    more("guardrails/more.cedar", "// Nothing yet.\n");
    let soul = home.at("agents/echo/SOUL.md");
    fs::write(&soul, fs::read_to_string(&soul).unwrap().replacen("# ", "# My ", 1)).unwrap();
    bob.say("echo", "and now");
    home.edit("[[person]]\nid = \"dan\"\n", "");
    bob.say("echo", "and now");
}

/// Somebody looks at content without the right to, and with it.
fn look(home: &Home) {
    let seq = home.records(&["--event", "message.received"])[0]["seq"].to_string();
    home.run(&["audit", "show", &seq, "--content"]).fails(3, "may not read content");
    home.edit("approve = [\"*\"]", "approve = [\"*\"]\ncontent = [\"*\"]");
    home.run(&["audit", "show", &seq, "--content"]).done().has("the budget");
    home.run(&["audit", "query", "--content", "--text", "the budget", "--json"]).done().has("the budget");
}

#[test]
fn each_thing_that_is_recorded_is_found_with_its_fields() {
    for home in Home::both_made("security::recorded::each_thing", &["--team", "--person", "ada"]) {
        home.add(&(members(&["bob", "cy"], "echo") + ROLES));
        fs::write(home.at("roles/all.cedar"), ROLE).unwrap();
        home.scene(POSTS);
        home.start();
        let bob = Browser::signed_in(&home, "bob");
        ask_and_approve(&home, &bob);
        change(&home, &bob);
        look(&home);
        home.run(&["audit", "export", "--format", "ocsf", "--decision", "permit"]).done().lacks("the budget");
        let helper = home.at("agents/helper/SOUL.md");
        let whole = fs::read_to_string(&helper).unwrap();
        fs::write(&helper, "# Nothing\n").unwrap();
        home.run(&["chat", "helper", "hello"]).fails(2, "does not compile");
        fs::write(&helper, whole).unwrap();
        home.run(&["agents", "kill", "helper"]).done();

        for line in RECORDED {
            let found = || home.records(&[]).into_iter().filter(|record| fits(&home, line, record)).collect();
            let found = until_some(line.what, found);
            let lacks = |record: &Value| {
                line.has.iter().find(|place| record.pointer(place).is_none_or(Value::is_null)).copied()
            };
            let missing: Vec<_> = found.iter().map(lacks).collect();
            assert!(missing.contains(&None), "{}: {missing:?} is missing in {found:?}", line.what);
        }
        assert!(!json!(home.records(&[])).to_string().contains("budget"), "words are content");
        home.verifies();
    }
}

/// What is found, once it is anything: what nobody waits for follows a little later.
fn until_some(what: &str, found: impl Fn() -> Vec<Value>) -> Vec<Value> {
    eventually(&format!("{what} is on the record"), || !found().is_empty());
    found()
}
