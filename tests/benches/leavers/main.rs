//! How long somebody who leaves still has anything: from the request, or the change of the settings' file, until their
//! sign-in and their token are refused, what they asked for does not wait any more, and their running turn has ended.
//!
//! `cargo bench -p bulkhead-tests --bench leavers [-- COUNT]`; COUNT people leave each way, one after another, and then as
//! many at once. It needs the binary beside itself: `cargo build --release -p bulkhead`. It prints medians and the worst
//! beside a second, and asserts nothing about them, because a machine's day is no test.

use std::collections::BTreeMap;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bulkhead_tests::web::Stream;
use bulkhead_tests::{Browser, Home, PATIENCE, eventually};
use serde_json::{Value, json};

/// People who leave each way, when nobody says how many.
const COUNT: usize = 20;

/// How often it is asked whether something is over.
const ASK_EVERY: Duration = Duration::from_millis(2);

/// What a leaver loses within.
const TARGET: Duration = Duration::from_secs(1);

/// A post, which waits for a person; and thoughts that take longer than anybody waits here.
const SCENE: &str = "
turns:
  - when: announce
    calls:
      - skill: message
        arguments: {channel: \"board:content-team\", text: \"the draft is ready\"}
  - say: one moment
    delay_ms: 10000
    calls: [{skill: file-reader, arguments: {path: HOME/handbook/time-off.md}}]
    repeat: true
";

const SETTINGS: &str = "
[scim]
enabled = true
[[directory]]
group = \"staff\"
groups = [\"members\"]
[[group]]
name = \"members\"
agents = [\"*\"]
channels = [\"*\"]
models = [\"*\"]
";

/// What somebody loses.
const LOSSES: [&str; 4] = ["sign-in refused", "token refused", "approval cancelled", "turn ended"];

/// How long each took, by what it was.
type Times = BTreeMap<&'static str, Vec<Duration>>;

struct Stage {
    home: Home,
    ada: Browser,
    directory: Browser,
}

/// Somebody who has a sign-in, a token, a turn that runs and something that waits.
struct Leaver {
    by_cookie: Browser,
    by_token: Browser,
    approval: String,
    turn: String,
    events: Stream,
}

fn main() {
    let asked = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let count: usize = asked.unwrap_or(COUNT);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap();
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    println!("{build} build, {} cores, load {}", std::thread::available_parallelism().unwrap(), load.trim());

    let named = |nth: usize| format!("[[person]]\nid = \"p{nth}\"\ngroups = [\"members\"]\n");
    let settings: String = (0..2 * count).map(named).collect();
    let home = Home::team(&format!("{SETTINGS}{settings}"), SCENE);
    let [ada] = home.signed_in(["ada"]);
    let wanted = json!({ "name": "directory", "scopes": ["scim"], "days": 1 });
    let made = ada.post("tokens", &wanted).is(200).json();
    let directory = ada.with_token(made["token"].as_str().unwrap());
    let stage = Stage { home, ada, directory };

    let mut by_scim = Times::new();
    for account in stage.accounts(count) {
        let leaver = stage.leaver(&account.1);
        let no = json!({ "Operations": [{ "op": "replace", "path": "active", "value": false }] });
        let leaves = || drop(stage.scim("PATCH", &format!("Users/{}", account.0), &no));
        stage.time(vec![leaver], leaves, &mut by_scim);
    }
    print("by SCIM, one after another", &by_scim);
    let mut by_file = Times::new();
    for nth in 0..count {
        let leaver = stage.leaver(&format!("p{nth}"));
        stage.time(vec![leaver], || stage.home.edit(&named(nth), ""), &mut by_file);
    }
    print("by the settings' file, one after another", &by_file);
    let mut at_once = Times::new();
    let all = (count..2 * count).map(|nth| stage.leaver(&format!("p{nth}"))).collect();
    let last: String = (count..2 * count).map(named).collect();
    stage.time(all, || stage.home.edit(&last, ""), &mut at_once);
    print("by the settings' file, all at once", &at_once);
}

impl Stage {
    fn scim(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut headers = self.directory.headers();
        headers.push(("content-type".into(), "application/scim+json".into()));
        let path = format!("/scim/v2/{path}");
        let answer = self.directory.send(method, &path, &headers, body.to_string().as_bytes());
        assert!(matches!(answer.status, 200 | 201), "{answer:?}");
        answer.json()
    }

    /// Accounts of the directory, each with its id and whose it is.
    fn accounts(&self, count: usize) -> Vec<(String, String)> {
        let join = |name: String| {
            let made = self.scim("POST", "Users", &json!({ "userName": name }));
            (made["id"].as_str().unwrap().to_owned(), name)
        };
        let all: Vec<_> = (0..count).map(|nth| join(format!("q{nth}"))).collect();
        let members: Vec<Value> = all.iter().map(|(id, _)| json!({ "value": id })).collect();
        drop(self.scim("POST", "Groups", &json!({ "displayName": "staff", "members": members })));
        all
    }

    fn leaver(&self, name: &str) -> Leaver {
        let [by_cookie] = self.home.signed_in([name]);
        let wanted = json!({ "name": "x", "scopes": ["chat"], "days": 1 });
        let made = by_cookie.post("tokens", &wanted).is(200).json();
        let by_token = by_cookie.with_token(made["token"].as_str().unwrap());
        let events = self.ada.follow("events");
        drop(by_cookie.say("helper", "think about it"));
        drop(by_cookie.say("echo", "announce it"));
        let found = |agent: &str, field: &str| {
            let list = by_cookie.get("sessions").is(200).json();
            let all = list["sessions"].as_array().unwrap();
            let own = all.iter().find(|view| view["agent"] == agent).unwrap();
            own[field].as_str().map(str::to_owned)
        };
        eventually("the post waits", || found("echo", "waiting").is_some());
        let (approval, turn) = (found("echo", "waiting").unwrap(), found("helper", "turn").unwrap());
        Leaver { by_cookie, by_token, approval, turn, events }
    }

    /// Has `leaves` happen, and takes the times from then on.
    fn time(&self, leavers: Vec<Leaver>, leaves: impl FnOnce(), times: &mut Times) {
        let mut watched: Vec<(&'static str, JoinHandle<Instant>)> = Vec::new();
        for Leaver { by_cookie, by_token, approval, turn, mut events } in leavers {
            let ada = self.ada.clone();
            let [sign_in, token, waits, ended] = LOSSES;
            watched.push((sign_in, once(move || by_cookie.get("me").status == 401)));
            watched.push((token, once(move || by_token.get("sessions").status == 401)));
            let state = move || ada.get(&format!("approvals/{approval}")).json()["state"] == "cancelled";
            watched.push((waits, once(state)));
            watched.push((
                ended,
                std::thread::spawn(move || {
                    let is_end = |line: &str| line.contains(&turn) && line.contains("\"type\":\"end\"");
                    while !events.until("\n").lines().any(is_end) {}
                    Instant::now()
                }),
            ));
        }
        let begun = Instant::now();
        leaves();
        for (what, when) in watched {
            times.entry(what).or_default().push(when.join().unwrap().saturating_duration_since(begun));
        }
    }
}

/// The moment from which on it holds.
fn once(holds: impl Fn() -> bool + Send + 'static) -> JoinHandle<Instant> {
    std::thread::spawn(move || {
        let until = Instant::now() + PATIENCE;
        while !holds() {
            assert!(Instant::now() < until, "it never came to that");
            std::thread::sleep(ASK_EVERY);
        }
        Instant::now()
    })
}

fn print(how: &str, times: &Times) {
    println!("{how}, beside {} ms:", TARGET.as_millis());
    for what in LOSSES {
        let mut all = times.get(what).cloned().unwrap_or_default();
        all.sort_unstable();
        let millis = |time: Option<&Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1e3);
        let (median, worst) = (millis(all.get(all.len() / 2)), millis(all.last()));
        println!("  {what:<20} {:>3} times   median {median:>6.1} ms   worst {worst:>6.1} ms", all.len());
    }
}
