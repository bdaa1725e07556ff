//! The chat channel: what is of low risk is answered there by a one-time id, and by nothing else.

mod far;
mod hangs;
mod ids;
mod reduced;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bulkhead_tests::slack::{SIGNING, Slack, TEAM, command, now, signed};
use bulkhead_tests::{Browser, Home, eventually, skipped, tree};
use serde_json::{Value, json};

/// Bob asks; cid, dora and eve may decide for echo, cid and dora are known in the chat, and so is mia, who may nothing.
const PEOPLE: &str = "
[[person]]
id = \"bob\"
chat = \"UBOB\"
groups = [\"members\", \"approvers\"]
[[person]]
id = \"cid\"
chat = \"UCID\"
groups = [\"approvers\"]
[[person]]
id = \"dora\"
chat = \"UDORA\"
groups = [\"approvers\"]
[[person]]
id = \"eve\"
groups = [\"approvers\"]
[[person]]
id = \"mia\"
chat = \"UMIA\"
[[group]]
name = \"members\"
agents = [\"echo\"]
models = [\"*\"]
channels = [\"*\"]
read = [\"DOCS\"]
[[group]]
name = \"approvers\"
approve = [\"echo\"]
";

const SOUL: &str = "\
# Echo
## Identity
- Name: Echo
- Role: Writer
## Rules
- Be concise
## Skills
- file-reader: read
  - paths: DOCS
- message: tell people
## Channels
- board: forum
";

/// Every reading waits for somebody.
const LOOK: &str = "
@id(\"look\")
@message(\"what is read is looked at first\")
@decision(\"ask\")
forbid (principal, action == Action::\"file.read\", resource) unless { context.approved };
";

const READS: &str = "
turns:
  - calls:
      - skill: file-reader
        arguments: {path: \"DOCS/status.md\"}
  - say: That is what became of it.
    repeat: true
";

const POSTS: &str = "
turns:
  - calls:
      - skill: message
        arguments: {channel: \"board:forum\", text: \"the draft is ready\"}
  - say: That is what became of it.
    repeat: true
";

const INTERNAL: &str = "clearance = [\"internal\"]";

/// A home with a chat.
struct Stage {
    home: Home,
    slack: Slack,
    chat: Browser,
    bob: Browser,
}

impl Stage {
    fn of(scene: &str, clearance: &str, more: &str) -> Self {
        Self::where_more(scene, clearance, more, |_| ())
    }

    /// The same, where more is done to the home before it begins.
    fn where_more(scene: &str, clearance: &str, more: &str, prepare: impl FnOnce(&Home)) -> Self {
        let (home, slack) = (Home::made(&["--team", "--person", "ada"]), Slack::new());
        let docs = home.outside().join("docs");
        fs::create_dir(&docs).unwrap();
        fs::write(docs.join("status.md"), "all systems are up\n").unwrap();
        let at = |text: &str| text.replace("DOCS", docs.to_str().unwrap());
        fs::write(home.at("guardrails/look.cedar"), LOOK).unwrap();
        home.add(&at(PEOPLE));
        home.add(more);
        slack.join(&home, clearance);
        home.soul("echo", &at(SOUL));
        home.scene(&at(scene));
        prepare(&home);
        home.start();
        let [bob] = home.signed_in(["bob"]);
        Self { chat: Browser::at(&home), bob, home, slack }
    }

    /// Where a reading waits that the chat may be shown.
    fn new() -> Self {
        Self::of(READS, INTERNAL, "")
    }

    /// Bob asks, and something waits.
    fn asks(&self) -> String {
        let all = self.home.json(&["approvals", "list"]);
        let waiting = all.as_array().unwrap().iter().map(|one| one["id"].clone());
        let posted =
            self.approvals("approval.posted").into_iter().map(|one| one["facts"]["approval"].clone());
        let had: Vec<Value> = waiting.chain(posted).collect();
        self.bob.say("echo", "look it up");
        // What was not posted before is, at any moment.
        let new = |posted: &&Value| !had.contains(&posted["facts"]["approval"]);
        let posted = self
            .home
            .records_once(&["--event", "approval.posted"], |posted| posted.iter().any(|one| new(&one)));
        posted.iter().find(new).unwrap()["facts"]["approval"].as_str().unwrap().to_owned()
    }

    fn approvals(&self, event: &str) -> Vec<Value> {
        self.home.records(&["--event", event])
    }

    fn state(&self, id: &str) -> String {
        self.home
            .json(&["approvals", "list", "--all"])
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["id"] == id)
            .map_or_else(|| "unseen".into(), |one| one["state"].as_str().unwrap().to_owned())
    }

    /// It still waits, and nobody decided anything.
    #[track_caller]
    fn waits(&self, id: &str) {
        assert_eq!(self.state(id), "waiting");
        for event in ["approval.approved", "approval.denied", "approval.supported"] {
            assert_eq!(self.approvals(event).len(), 0, "{event}");
        }
    }

    fn reads(&self) -> usize {
        let done = self.home.records(&["--kind", "outcome"]);
        done.iter()
            .filter(|record| record["action"]["verb"] == "file.read" && record["status"] == "done")
            .count()
    }
}

#[test]
fn what_is_of_low_risk_is_posted_whole_and_answered_once_by_its_id() {
    let stage = Stage::new();
    let approval = stage.asks();
    let (text, once) = (stage.slack.message(0), stage.slack.once(0));
    let docs = stage.home.outside().join("docs/status.md").display().to_string();
    for part in [
        "agent: echo",
        "asked by: bob",
        "file.read",
        &docs,
        "labels: internal",
        "  path:\n  | ",
        "looked at first",
        &approval,
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(once.len(), 19, "80 bits in four groups: {once}");
    let body = command(TEAM, "UCID", &format!("approve {once}"));
    let signature = signed(now(), &body);
    let told = stage.chat.slash(&signature, &body).is(200).json()["text"].as_str().unwrap().to_owned();
    assert_eq!(told, format!("Approved: {approval}."));
    eventually("it is read", || stage.reads() == 1);
    // The same request, and the same id.
    stage.chat.slash(&signature, &body).is(409);
    assert!(stage.chat.slack("UCID", &format!("approve {once}")).contains("there is no such id"));
    assert!(stage.chat.slack("UDORA", &format!("deny {once} x")).contains("there is no such id"));
    let (approved, posted) = (stage.approvals("approval.approved"), stage.approvals("approval.posted"));
    assert_eq!((approved.len(), stage.approvals("approval.denied").len(), posted.len()), (1, 0, 1));
    assert_eq!((&approved[0]["person"], &approved[0]["facts"]["channel"]), (&json!("cid"), &json!("ops")));
    assert_eq!(
        (&posted[0]["facts"]["channel"], &posted[0]["facts"]["answerable"]),
        (&json!("ops"), &json!(true))
    );
    stage.home.verifies();
    // A no, with its reason; and the id of one is not good for another.
    let next = stage.asks();
    let other = stage.slack.once(1);
    assert_ne!(other, once);
    let told =
        stage.chat.slack("UDORA", &format!("deny {} not this one", other.to_lowercase().replace('-', "")));
    assert_eq!(told, format!("Denied: {next}."));
    let denied = stage.approvals("approval.denied").remove(0);
    assert_eq!((&denied["person"], &denied["facts"]["channel"]), (&json!("dora"), &json!("ops")));
    let whole = stage.home.whole(&["--event", "approval.denied"]).remove(0).to_string();
    assert!(whole.contains("dora said no: not this one"), "{whole}");
    assert_eq!(stage.reads(), 1);
    // What decides is written nowhere in the home, and neither is where messages go.
    drop(stage.home.run(&["gateway", "stop"]).done());
    for (path, bytes) in tree(&stage.home.path()) {
        let text = String::from_utf8_lossy(&bytes);
        for secret in [&once, &other, &once.replace('-', "")] {
            assert!(!text.contains(secret), "{}", path.display());
        }
        assert!(!text.contains("sesame") || path.ends_with("secrets/slack-webhook"), "{}", path.display());
    }
}

#[test]
fn of_what_is_of_more_risk_the_chat_is_told_nothing_and_decides_nothing() {
    let stage = Stage::of(POSTS, INTERNAL, "");
    let approval = stage.asks();
    let text = stage.slack.message(0);
    assert!(text.contains("echo") && text.contains(&approval) && text.contains("console"), "{text}");
    for word in ["draft", "forum", "message.post", "approve ", "bob"] {
        assert!(!text.replace("approvals show", "").contains(word), "{word}: {text}");
    }
    let posted = stage.approvals("approval.posted").remove(0);
    assert_eq!((&posted["facts"]["answerable"], &posted["facts"]["why"]), (&json!(false), &json!("risk")));
    let view = stage.home.json(&["approvals", "show", &approval]);
    let digest = view["digest"].as_str().unwrap();
    for name in [&approval, digest, posted["seq"].to_string().as_str(), "AAAA-AAAA-AAAA-AAAA", ""] {
        let told = stage.chat.slack("UCID", &format!("approve {name}"));
        assert!(told.starts_with("Not done: "), "{told}");
        assert!(stage.chat.slack("UCID", &format!("deny {name} x")).starts_with("Not done: "));
    }
    stage.waits(&approval);
    let [cid] = stage.home.signed_in(["cid"]);
    cid.post(&format!("approvals/{approval}/approve"), &json!({ "digest": digest })).is(200);
    let approved = stage.approvals("approval.approved").remove(0);
    assert_eq!(approved["facts"]["channel"], Value::Null);
}

#[test]
fn what_the_chat_is_not_cleared_for_is_not_shown_there() {
    for clearance in ["", "clearance = [\"public\", \"x\"]"] {
        let stage = Stage::of(READS, clearance, "");
        drop(stage.asks());
        let text = stage.slack.message(0);
        assert!(!text.contains("status.md") && !text.contains("/bulkhead"), "{text}");
        assert_eq!(stage.approvals("approval.posted")[0]["facts"]["why"], "labels");
    }
}

#[test]
fn what_the_conversation_carries_is_not_told_by_the_arguments_of_a_read() {
    let reads = "
turns:
  - calls:
      - {skill: file-reader, arguments: {path: \"DOCS/plans/merger.md\"}}
  - calls:
      - {skill: file-reader, arguments: {path: \"DOCS/Acme-takeover-at-40-EUR.md\"}}
  - say: That is what became of it.
    repeat: true
";
    let stage = Stage::where_more(reads, INTERNAL, "", |home| {
        let docs = home.outside().join("docs");
        fs::create_dir(docs.join("plans")).unwrap();
        fs::write(docs.join("plans/merger.md"), "Acme takeover at 40 EUR").unwrap();
        fs::write(docs.join("Acme-takeover-at-40-EUR.md"), "nothing").unwrap();
        home.add(&format!(
            "[[label]]\npath = \"{}\"\nlabels = [\"confidential\"]\n\
             [[destination]]\nmodel = \"rehearsal/scene\"\nclearance = [\"confidential\"]\n",
            docs.join("plans").display()
        ));
        for id in ["bob", "cid"] {
            let chat = format!("chat = \"U{}\"\n", id.to_uppercase());
            home.edit(&chat, &format!("{chat}clearance = [\"confidential\"]\n"));
        }
        let soul = SOUL.replace("DOCS", docs.to_str().unwrap());
        home.soul("echo", &format!("{soul}## Clearance\n- confidential\n"));
    });
    let [cid] = stage.home.signed_in(["cid"]);
    let yes = |approval: &str| {
        let view = cid.get(&format!("approvals/{approval}")).is(200).json();
        let digest = view["digest"].clone();
        cid.post(&format!("approvals/{approval}/approve"), &json!({ "digest": digest })).is(200);
        view
    };
    let plan = stage.asks();
    drop(yes(&plan));
    // What it reads next is of low risk by itself; the words that the model chose for it are not.
    eventually("the next one is posted", || stage.approvals("approval.posted").len() == 2);
    let posted = stage.approvals("approval.posted").remove(1);
    assert_eq!((&posted["facts"]["answerable"], &posted["facts"]["why"]), (&json!(false), &json!("risk")));
    let text = stage.slack.message(1);
    assert!(text.contains("console") && !text.contains("Acme") && !text.contains("/bulkhead"), "{text}");
    let next = posted["facts"]["approval"].as_str().unwrap();
    let view = yes(next);
    assert_eq!((&view["risk"], &view["labels"]), (&json!("low"), &json!(["internal"])));
    eventually("both are read", || stage.reads() == 2);
}

#[test]
fn who_may_not_decide_in_the_console_does_not_in_the_chat() {
    let stage = Stage::new();
    let approval = stage.asks();
    let once = stage.slack.once(0);
    let yes = format!("approve {once}");
    for (user, words) in [
        ("UNOBODY", "nobody here"),
        ("UMIA", "there is no approval"),
        ("UBOB", "nobody approves their own request"),
    ] {
        let told = stage.chat.slack(user, &yes);
        assert!(told.starts_with("Not done: ") && told.contains(words), "{user}: {told}");
        stage.waits(&approval);
    }
    let by_chat = |record: &Value| record["facts"]["how"] == "chat";
    drop(stage.home.records_once(&["--event", "sign-in.refused"], |refused| refused.iter().any(by_chat)));
    // Who has left, and whose right was taken away, by the settings of this moment.
    stage.home.edit("chat = \"UCID\"\n", "");
    stage
        .home
        .edit("id = \"dora\"\nchat = \"UDORA\"\ngroups = [\"approvers\"]", "id = \"dora\"\nchat = \"UDORA\"");
    assert!(stage.chat.slack("UCID", &yes).contains("nobody here"));
    assert!(stage.chat.slack("UDORA", &yes).contains("there is no approval"));
    stage.waits(&approval);
    let of_bob = |record: &Value| record["person"] == "bob";
    drop(stage.home.records_once(&["--event", "right.refused"], |refused| refused.iter().any(of_bob)));
}

#[test]
fn where_two_have_to_say_yes_the_second_has_an_id_of_their_own() {
    let queue =
        "[[queue]]\nname = \"reads\"\nactions = [\"file.read\"]\ngroups = [\"approvers\"]\nneeded = 2\n";
    let stage = Stage::of(READS, INTERNAL, queue);
    let approval = stage.asks();
    let first = stage.slack.once(0);
    assert!(stage.slack.message(0).contains("needs: 2 people; yes from nobody yet"));
    let told = stage.chat.slack("UCID", &format!("approve {first}"));
    assert!(told.contains("it takes another person"), "{told}");
    let second = stage.slack.once(1);
    assert!(second != first && stage.slack.message(1).contains("yes from cid"));
    for (user, id, words) in [
        ("UDORA", &first, "there is no such id"),
        ("UCID", &second, "have said yes"),
        ("UCID", &first, "there is no such id"),
    ] {
        let told = stage.chat.slack(user, &format!("approve {id}"));
        assert!(told.contains(words), "{user}: {told}");
    }
    assert_eq!((stage.approvals("approval.approved").len(), stage.reads()), (0, 0));
    assert_eq!(stage.chat.slack("UDORA", &format!("approve {second}")), format!("Approved: {approval}."));
    eventually("it is read", || stage.reads() == 1);
    let (one, two) =
        (stage.approvals("approval.supported").remove(0), stage.approvals("approval.approved").remove(0));
    assert_eq!((&one["person"], &one["facts"]["channel"]), (&json!("cid"), &json!("ops")));
    assert_eq!((&two["person"], &two["facts"]["channel"]), (&json!("dora"), &json!("ops")));
    assert_eq!(two["facts"]["with"], json!(["cid"]));
    // A first yes in the console makes the id in the chat void as well.
    let next = stage.asks();
    let before = stage.slack.once(2);
    let [eve] = stage.home.signed_in(["eve"]);
    let digest = eve.get(&format!("approvals/{next}")).is(200).json()["digest"].clone();
    eve.post(&format!("approvals/{next}/approve"), &json!({ "digest": digest })).is(200);
    let after = stage.slack.once(3);
    assert!(stage.chat.slack("UCID", &format!("approve {before}")).contains("there is no such id"));
    assert_eq!(stage.chat.slack("UCID", &format!("approve {after}")), format!("Approved: {next}."));
    stage.home.verifies();
}

#[test]
fn silence_is_a_no_in_the_chat_as_well() {
    let queue = "[[queue]]\nname = \"reads\"\nactions = [\"file.read\"]\ngroups = [\"approvers\"]\nlifetime = \"45s\"\n";
    let stage = Stage::of(READS, INTERNAL, queue);
    drop(stage.asks());
    let once = stage.slack.once(0);
    eventually("it expires", || !stage.approvals("approval.expired").is_empty());
    let told = stage.chat.slack("UCID", &format!("approve {once}"));
    assert!(told.contains("there is no such id"), "{told}");
    assert_eq!((stage.reads(), stage.approvals("approval.approved").len()), (0, 0));
}

#[test]
fn nothing_that_is_not_rightly_signed_decides_anything() {
    let stage = Stage::new();
    let approval = stage.asks();
    let once = stage.slack.once(0);
    let yes = format!("approve {once}");
    let body = command(TEAM, "UCID", &yes);
    let now = now();
    let good = signed(now, &body);
    let without = |name: &str| good.iter().filter(|(key, _)| key != name).cloned().collect::<Vec<_>>();
    let with = |more: (&str, &str)| [good.clone(), vec![(more.0.to_owned(), more.1.to_owned())]].concat();
    let of = |body: &str| (signed(now, body), body.to_owned());
    let large = command(TEAM, "UCID", &format!("{yes}{}", " ".repeat(6_000)));
    let text: String = yes.replace(' ', "+");
    let rows = [
        (401, "missing", (without("x-slack-signature"), body.clone())),
        (401, "missing", (without("x-slack-request-timestamp"), body.clone())),
        (401, "more than once", (with(("x-slack-signature", &good[1].1)), body.clone())),
        (401, "more than once", (with(("x-slack-request-timestamp", &good[0].1)), body.clone())),
        (401, "signature", (good.clone(), command(TEAM, "UDORA", &yes))),
        (
            401,
            "signature",
            (signed(now + 1, &body)[..1].iter().chain(&good[1..]).cloned().collect(), body.clone()),
        ),
        (401, "five minutes", (signed(now - 400, &body), body.clone())),
        (401, "five minutes", (signed(now + 400, &body), body.clone())),
        (401, "another team", of(&command("T0002", "UCID", &yes))),
        (413, "limit", of(&large)),
        (400, "no form", of(&format!("team_id={TEAM}&user_id=UCID&text={text}%4"))),
        (400, "no form", of(&format!("team_id={TEAM}&user_id=UCID&text={text}&user_id=UDORA"))),
        (400, "no `text`", of(&format!("team_id={TEAM}&user_id=UCID"))),
        (400, "content-type", (without("content-type"), format!("{body}&a=1"))),
    ];
    for (status, words, (headers, body)) in rows {
        let headers = if words == "content-type" {
            signed(now, &body).into_iter().filter(|(name, _)| name != "content-type").collect()
        } else {
            headers
        };
        let said = stage.chat.slash(&headers, &body).is(status).json();
        let detail = said["detail"].as_str().unwrap();
        assert!(detail.contains(words) && !detail.contains(&once), "{words}: {detail}");
    }
    // No sign-in and no token stands in for the signature.
    let [ada, cid] = stage.home.signed_in(["ada", "cid"]);
    let token = ada.post("tokens", &json!({ "name": "t", "scopes": ["approve"], "days": 1 })).is(200).json();
    for who in [&ada, &cid, &cid.with_token(token["token"].as_str().unwrap())] {
        who.post("chat/answer", &json!({ "team_id": TEAM, "user_id": "UCID", "text": yes })).is(401);
    }
    stage.waits(&approval);
    let refused = stage.home.records(&["--event", "sign-in.refused"]);
    assert!(refused.iter().any(|record| record["facts"]["how"] == "chat"), "{refused:?}");
    assert_eq!(stage.chat.slash(&good, &body).is(200).json()["text"], format!("Approved: {approval}."));
    // Who is not known yet is not told what is wrong with the secret, nor where it is.
    fs::remove_file(stage.home.at("secrets/slack-signing")).unwrap();
    let said = stage.chat.slash(&good, &body).is(503).json().to_string();
    assert!(said.contains("cannot be had now") && !said.contains("slack-signing"), "{said}");
}

#[test]
fn so_many_wrong_ids_and_no_more() {
    let stage = Stage::new();
    let approval = stage.asks();
    let once = stage.slack.once(0);
    for nth in 0..10 {
        let told = stage.chat.slack("UCID", &format!("approve AAAA-AAAA-AAAA-AA{}A", char::from(b'A' + nth)));
        assert!(told.contains("there is no such id"), "{told}");
    }
    let told = stage.chat.slack("UCID", &format!("approve {once}"));
    assert!(told.contains("too many wrong ids"), "{told}");
    stage.waits(&approval);
    assert_eq!(stage.chat.slack("UDORA", &format!("approve {once}")), format!("Approved: {approval}."));
}

#[test]
fn a_chat_that_takes_nothing_keeps_nothing_waiting_and_is_told_of() {
    let stage = Stage::new();
    // Sent elsewhere, which is not followed.
    stage.slack.answers(302);
    let approval = stage.asks();
    let [cid] = stage.home.signed_in(["cid"]);
    assert_eq!(cid.get(&format!("approvals/{approval}")).is(200).json()["decidable"], true);
    eventually("it is an alert", || !stage.approvals("chat.failed").is_empty());
    let alert = stage.approvals("chat.failed").remove(0);
    assert_eq!((&alert["facts"]["approval"], &alert["facts"]["channel"]), (&json!(approval), &json!("ops")));
    assert!(!alert.to_string().contains("sesame") && !alert.to_string().contains("status.md"), "{alert}");
    assert_eq!(
        (stage.slack.messages().len(), stage.slack.strays()),
        (4, 0),
        "so many tries, and to nowhere else"
    );
    let said = stage.home.run(&["doctor", "--json"]).with(1).json();
    let found = said["findings"].as_array().unwrap().iter();
    let found: Vec<_> = found.filter(|one| one["check"] == "chat" && one["state"] == "missing").collect();
    assert!(found.len() == 1 && found[0]["message"].as_str().unwrap().contains("302"), "{found:?}");
    stage.waits(&approval);
    // Nobody was given that id, and the next gateway posts another.
    let once = stage.slack.once(3);
    assert!(stage.chat.slack("UCID", &format!("approve {once}")).contains("there is no such id"));
    stage.slack.answers(200);
    stage.home.crash();
    stage.home.start();
    let once = stage.slack.once(4);
    assert_eq!(
        Browser::at(&stage.home).slack("UCID", &format!("approve {once}")),
        format!("Approved: {approval}.")
    );
}

#[test]
fn what_the_chat_did_not_take_before_a_crash_is_posted_anew() {
    let stage = Stage::new();
    stage.slack.answers(503);
    let approval = stage.asks();
    let before = stage.slack.once(0);
    stage.home.crash();
    let had = stage.slack.messages().len();
    stage.slack.answers(200);
    stage.home.start();
    let once = stage.slack.once(had);
    let chat = Browser::at(&stage.home);
    assert!(chat.slack("UCID", &format!("approve {before}")).contains("there is no such id"));
    assert_eq!(chat.slack("UCID", &format!("approve {once}")), format!("Approved: {approval}."));
    stage.home.verifies();
}

#[test]
fn a_chat_that_cannot_be_is_one_sentence() {
    let stage = Stage::new();
    stage.home.run(&["gateway", "stop"]).done();
    let hook = stage.home.at("secrets/slack-webhook");
    for bad in [
        "http://hooks.example.org/services/sesame",
        "sesame-sesame",
        "tcp://127.0.0.1:1",
        "https://a:sesame@example.org/",
    ] {
        fs::write(&hook, bad).unwrap();
        let said = stage
            .home
            .run(&["gateway", "start"])
            .fails(2, "the chat `ops` has a webhook whose address is none");
        assert!(!said.err.contains("sesame"), "{}", said.err);
    }
    fs::remove_file(stage.home.at("secrets/slack-signing")).unwrap();
    stage.home.run(&["gateway", "start"]).fails(4, "the secret `slack-signing` has no value");
    let said = stage.home.run(&["doctor", "--json"]).with(1).json().to_string();
    assert!(said.contains("the `signing-secret` of the chat `ops`"), "{said}");
}

#[test]
fn a_chat_that_signs_with_slacks_own_package_is_heard() {
    let test = "a_chat_that_signs_with_slacks_own_package_is_heard";
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let dir = std::env::var_os("BULKHEAD_SLACK").map_or_else(|| root.join(".tools/slack"), PathBuf::from);
    if !dir.join("ready").is_file() {
        return skipped(test, &format!("no slack_sdk in {} (run tests/clients/run slack)", dir.display()));
    }
    let stage = Stage::new();
    let approval = stage.asks();
    let once = stage.slack.once(0);
    let says = |team: &str, secret: &str| -> Value {
        let said = Command::new(dir.join("venv/bin/python"))
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/slack_answer.py"))
            .args([team, "UCID", &format!("approve {once}")])
            .env("SLACK_SIGNING_SECRET", secret)
            .env("BULKHEAD_CHAT_URL", format!("http://{}/api/v1/chat/answer", stage.chat.address))
            .output()
            .unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        serde_json::from_slice(&said.stdout).unwrap()
    };
    assert_eq!(says(TEAM, "another secret")["status"], 401);
    assert_eq!(says("T0002", SIGNING)["status"], 401);
    stage.waits(&approval);
    let said = says(TEAM, SIGNING);
    assert_eq!(
        (&said["status"], &said["body"]["text"]),
        (&json!(200), &json!(format!("Approved: {approval}.")))
    );
}
