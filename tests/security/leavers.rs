//! Whoever leaves has nothing under way any more, however they left.

use std::collections::BTreeMap;
use std::thread::JoinHandle;
use std::time::Duration;

use bulkhead_tests::web::{Answer, PASSWORD};
use bulkhead_tests::{Browser, Home, eventually, procs};
use jiff::Timestamp;
use serde_json::{Value, json};

/// What a leaver loses within. A busy machine may make single ones of them late, and not the middle of them.
const WITHIN: Duration = Duration::from_secs(1);

/// A post, which waits for a person; and thoughts that take longer than any test.
const SCENE: &str = "
turns:
  - when: announce
    calls:
      - skill: message
        arguments: {channel: \"board:content-team\", text: \"the draft is ready\"}
  - say: one moment
    delay_ms: 600000
    calls: [{skill: file-reader, arguments: {path: HOME/handbook/time-off.md}}]
    repeat: true
";

const SETTINGS: &str = "
[scim]
enabled = true
domain = \"example.org\"
[[directory]]
group = \"platform-team\"
groups = [\"members\"]
[[directory]]
group = \"sales\"
groups = [\"members\"]
[[directory]]
group = \"support\"
groups = [\"members\"]
[[directory]]
group = \"legal\"
groups = [\"members\"]
[[directory]]
group = \"finance\"
groups = [\"members\"]
[[group]]
name = \"members\"
agents = [\"*\"]
channels = [\"*\"]
models = [\"*\"]
[[person]]
id = \"bob\"
groups = [\"members\"]
[[person]]
id = \"eve\"
groups = [\"members\"]
";

struct Stage {
    home: Home,
    program: Browser,
}

impl Stage {
    fn new() -> Self {
        let home = Home::team(SETTINGS, SCENE);
        let [ada] = home.signed_in(["ada"]);
        let program = token(&ada, "scim");
        Self { home, program }
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        let mut headers = self.program.headers();
        headers.push(("content-type".into(), "application/scim+json".into()));
        self.program.send(method, &format!("/scim/v2/{path}"), &headers, body.to_string().as_bytes())
    }

    /// An account of the directory, and a group with nobody else in it.
    fn joins(&self, name: &str, group: &str) -> (String, String) {
        let id = |answer: Answer| answer.is(201).json()["id"].as_str().unwrap().to_owned();
        let account = id(self.ask("POST", "Users", &json!({ "userName": format!("{name}@example.org") })));
        let group = json!({ "displayName": group, "members": [{ "value": account }] });
        let group = id(self.ask("POST", "Groups", &group));
        (account, group)
    }

    fn state(&self, approval: &str) -> Value {
        self.home.json(&["approvals", "show", approval])["state"].clone()
    }
}

fn token(person: &Browser, scope: &str) -> Browser {
    let wanted = json!({ "name": scope, "scopes": [scope], "days": 1 });
    let made = person.post("tokens", &wanted).is(200).json();
    person.with_token(made["token"].as_str().unwrap())
}

/// What somebody has under way.
struct Theirs {
    name: &'static str,
    by_cookie: Browser,
    by_token: Browser,
    /// When the stream of the turn that thinks came to its end.
    stream: JoinHandle<Timestamp>,
    /// The turn that thinks.
    runs: String,
    /// The turn that waits, and for what.
    waits: String,
    approval: String,
}

impl Theirs {
    fn of(home: &Home, name: &'static str) -> Self {
        let [by_cookie] = home.signed_in([name]);
        let by_token = token(&by_cookie, "read");
        drop(by_cookie.say("helper", "think about it"));
        drop(by_cookie.say("echo", "announce it"));
        let found = |agent: &str| {
            let list = by_cookie.get("sessions").is(200).json();
            let all = list["sessions"].as_array().unwrap().clone();
            all.into_iter().find(|view| view["agent"] == agent).unwrap()
        };
        eventually("the post waits", || found("echo")["waiting"].is_string());
        let text = |agent: &str, field: &str| found(agent)[field].as_str().unwrap().to_owned();
        let runs = text("helper", "turn");
        let stream = by_cookie.follow(&format!("turns/{runs}/events"));
        assert_eq!(stream.status, 200);
        let stream = std::thread::spawn(move || {
            drop(stream.rest());
            now()
        });
        let (waits, approval) = (text("echo", "turn"), text("echo", "waiting"));
        Self { name, by_cookie, by_token, stream, runs, waits, approval }
    }
}

/// By the clock of the records.
#[expect(clippy::disallowed_methods, reason = "what the test sees is timed by the gateway's own clock")]
fn now() -> Timestamp {
    Timestamp::now()
}

/// The middle of how long each took.
fn median(mut took: Vec<Duration>) -> Duration {
    took.sort();
    took[(took.len() - 1) / 2]
}

#[test]
fn however_somebody_leaves_their_sign_ins_tokens_streams_and_all_they_have_under_way_end() {
    let stage = Stage::new();
    let home = &stage.home;
    let (cid, _) = stage.joins("cid", "platform-team");
    let (_, dees) = stage.joins("dee", "sales");
    let (fay, _) = stage.joins("fay", "support");
    let (_, _) = stage.joins("gus", "legal");
    let (hal, _) = stage.joins("hal", "finance");
    let all = ["bob", "cid", "dee", "fay", "gus", "hal"].map(|name| Theirs::of(home, name));
    let eve = Theirs::of(home, "eve");

    let no = json!({ "Operations": [{ "op": "replace", "path": "active", "value": false }] });
    let mut left = BTreeMap::new();
    let mut leaves = |name: &'static str, how: &dyn Fn()| {
        left.insert(name, now());
        how();
    };
    leaves("cid", &|| drop(stage.ask("PATCH", &format!("Users/{cid}"), &no).is(200)));
    leaves("hal", &|| drop(stage.ask("DELETE", &format!("Users/{hal}"), &Value::Null).is(204)));
    leaves("fay", &|| drop(home.run(&["people", "account", "remove", &fay]).done()));
    // From here on nobody says who it is that leaves.
    leaves("dee", &|| drop(stage.ask("DELETE", &format!("Groups/{dees}"), &Value::Null).is(204)));
    leaves("gus", &|| home.edit("[[directory]]\ngroup = \"legal\"\ngroups = [\"members\"]\n", ""));
    leaves("bob", &|| home.edit("[[person]]\nid = \"bob\"\ngroups = [\"members\"]\n", ""));

    // By whether somebody says who it is that leaves: how long until the turns were over, and the stream.
    let mut took: BTreeMap<bool, [Vec<Duration>; 2]> = BTreeMap::new();
    for theirs in all {
        let name = theirs.name;
        drop(theirs.by_cookie.get("me").is(401));
        drop(theirs.by_token.get("agents").is(401));
        let claim = json!({ "person": name, "password": PASSWORD });
        drop(Browser::at(home).post("sign-in", &claim).is(401));
        let said = ["cid", "hal", "fay"].contains(&name);
        let since = |then: Timestamp| then.duration_since(left[name]).try_into().unwrap_or_default();
        let [turns, streams] = took.entry(said).or_default();
        streams.push(since(theirs.stream.join().unwrap()));
        eventually(&format!("what {name} asked for does not wait"), || {
            stage.state(&theirs.approval) == "cancelled"
        });
        for turn in [&theirs.runs, &theirs.waits] {
            let told = |event: &str| {
                let mut records = home.records(&["--event", event]);
                records.retain(|record| record["turn"] == **turn);
                records
            };
            eventually(&format!("{name}'s turn {turn} is over"), || told("turn.ended").len() == 1);
            turns.push(since(told("turn.ended")[0]["time"].as_str().unwrap().parse().unwrap()));
            let stopped = told("turn.stopped");
            assert_eq!(stopped.len(), 1, "{name}: {stopped:?}");
            assert_eq!(stopped[0]["facts"], json!({ "own": false, "left": true }));
        }
    }
    for (said, [turns, streams]) in took {
        assert_eq!((turns.len(), streams.len()), (6, 3));
        let (turns, streams) = (median(turns), median(streams));
        let all = format!("told who leaves: {said}; turns {turns:?}, streams {streams:?}");
        assert!(turns < WITHIN && streams < WITHIN, "half of what a leaver has is there for longer: {all}");
    }
    // Who stays keeps all of it.
    drop(eve.by_cookie.get("me").is(200));
    drop(eve.by_token.get("agents").is(200));
    assert_eq!((eve.by_cookie.turn(), stage.state(&eve.approval)), (eve.waits, json!("waiting")));
    eventually("only eve's turn has a process", || procs::jailed(home.gateway()).len() == 1);
    drop(eve.by_cookie.post(&format!("turns/{}/stop", eve.runs), &json!({})).is(200));
    home.verifies();
}
