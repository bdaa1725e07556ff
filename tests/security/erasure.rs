//! Content that people erase, hold, or have kept for long enough: gone from every file of the home, with what stays
//! still whole.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bulkhead_tests::{Home, PATIENCE, Said, eventually, tree};
use journal::{Draft, Entry, Journal, Kind, OpenError};
use serde_json::{Value, json};
use vocab::{AgentName, Ambient, Digest, Labels, PersonId, SessionId, SignedDuration, Timestamp};

use crate::people::{BOB, EVE, Team};
use crate::unfounded::{hold_on_record, on_record};

/// What one person says and an agent answers, reads, posts and is refused.
const SCENE: &str = "
turns:
  - calls:
      - skill: message
        arguments: {channel: \"board:content-team\", text: \"quokka posts\"}
  - calls:
      - skill: file-reader
        arguments: {path: /nowhere/at/all}
  - say: \"the quokka answers\"
    repeat: true
";

/// Nothing has these words any more. Whoever reads an older state of the record when they are erased keeps traces of them until then,
/// which each erasure says.
pub(crate) fn gone(home: &Home, words: &[&str]) {
    eventually("no traces are left", || {
        let all = home.json(&["audit", "erase", "list", "--all"]);
        all.as_array().unwrap().iter().all(|erasure| erasure["traces"] == false)
    });
    for word in words {
        assert_eq!(with(home, word), Vec::<String>::new());
    }
}

/// The files of the home, and the tables of its record on a server, in which a word stands.
#[track_caller]
pub(crate) fn with(home: &Home, word: &str) -> Vec<String> {
    let files = tree(&home.path());
    // What an agent was told to write, and what the home's owner wrote, is theirs.
    let own = |path: &Path| {
        path.components().any(|part| ["workspace", "rehearsal"].iter().any(|name| part.as_os_str() == *name))
    };
    let has = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(word);
    files
        .iter()
        .filter(|(path, bytes)| !own(path) && has(bytes))
        .map(|(path, _)| path.display().to_string())
        .chain(home.on_server(word))
        .collect()
}

/// How far the record is, as `audit verify` wants it.
fn checkpoint(home: &Home) -> String {
    let head = home.json(&["audit", "verify"])["checkpoint"].clone();
    format!("{}:{}", head["records"], head["hash"].as_str().unwrap())
}

/// The kinds of erasure records there are, with their grounds, and of looks at them that were refused.
pub(crate) fn told(home: &Home) -> Vec<String> {
    let told = |record: &Value| {
        let event = record["event"].as_str()?;
        let ground = record["facts"]["ground"].as_str().or(record["facts"]["what"].as_str());
        let ground = ground.unwrap_or_default();
        (["erasure.", "hold.", "right."].iter().any(|kind| event.starts_with(kind)))
            .then(|| format!("{event} {ground}").trim().to_owned())
    };
    home.records(&[]).iter().filter_map(told).collect()
}

#[test]
fn what_was_posted_goes_with_its_conversation_or_its_record_and_other_posts_stay() {
    let scene = "turns:\n  - calls: [{skill: message, arguments: {channel: \"board:content-team\", text: a quokka}}]\n  \
         - say: done\n    repeat: true\n";
    for home in Home::both_playing(
        "security::erasure::what_was_posted_goes_with_its_conversation_or_its_record_and_other_posts_stay",
        scene,
    ) {
        for _ in 0..2 {
            let chat = home.begin(&["chat", "echo", "post it"]);
            home.run(&["approvals", "approve", &home.waiting()]).done();
            Said::of(chat).done().has("done");
        }
        let proposed = home.records(&["--kind", "proposal", "--action", "message.post"]);
        // One that waited for approval may have more than one record.
        let (first, last) = (proposed.first().unwrap(), proposed.last().unwrap());
        let [one, two] = [first, last].map(|record| record["proposal"].as_str().unwrap());
        let board = || fs::read_to_string(home.at("data/board/content-team.md")).unwrap();
        assert!(board().contains(one) && board().contains(two), "{}", board());
        let session = first["session"].as_str().unwrap();
        let asked = ["audit", "erase", "request", "--session", session, "--reason", "the wrong agent"];
        assert_eq!(home.json(&asked)["state"], "done");
        assert!(!board().contains(one) && board().contains(two), "{}", board());
        assert_eq!(board().matches("a quokka").count(), 1);
        let second = last["seq"].to_string();
        let asked = ["audit", "erase", "request", "--records", &second, "--reason", "a password was pasted"];
        assert_eq!(home.json(&asked)["state"], "done");
        assert_eq!(board(), "# Board content-team\n\n");
        home.verifies();
    }
}

#[test]
fn a_yes_to_the_same_again_ends_with_what_it_came_with() {
    let scene = "turns:\n  - calls: [{skill: message, arguments: {channel: \"board:content-team\", text: a quokka}}]\n  \
         - say: done\n    repeat: true\n";
    let test = "security::erasure::a_yes_to_the_same_again_ends_with_what_it_came_with";
    for home in Home::both_playing(test, scene) {
        let mut sessions = Vec::new();
        for said in ["post it", "post it too"] {
            let chat = home.begin(&["chat", "echo", said]);
            home.run(&["approvals", "approve", &home.waiting(), "--pattern"]).done();
            Said::of(chat).done().has("done");
            let message = home.records(&["--kind", "message", "--event", "message.received"]).pop().unwrap();
            sessions.push(message["session"].as_str().unwrap().to_owned());
            if sessions.len() == 1 {
                home.run(&["approvals", "revoke", home.left("pattern")[0]["id"].as_str().unwrap()]).done();
            }
        }
        // What it is bound to would tell whoever guesses the words that they guessed right.
        let pattern = || home.left("pattern");
        assert_eq!(pattern().len(), 1, "{:?}", pattern());
        let erase = |session: &str| {
            let asked = ["audit", "erase", "request", "--session", session, "--reason", "the wrong agent"];
            assert_eq!(home.json(&asked)["state"], "done");
        };
        erase(&sessions[0]);
        assert_eq!(pattern().len(), 1, "that of another conversation stays");
        erase(&sessions[1]);
        assert_eq!(pattern(), [] as [Value; 0]);
        assert_eq!(home.json(&["approvals", "patterns"]), json!([]));
        let ended = home.records(&["--event", "pattern.ended"]);
        let why: Vec<&str> = ended.iter().filter_map(|record| record["facts"]["why"].as_str()).collect();
        assert_eq!(why, ["revoked", "erased"]);
        // Nobody says of it later that somebody changed it.
        home.run(&["gateway", "restart"]).done();
        assert_eq!(home.records(&["--event", "row.unfounded"]), [] as [Value; 0]);
        home.verifies();
    }
}

#[test]
fn what_a_person_said_is_in_no_file_of_the_home_any_more_and_the_record_is_whole() {
    for home in Home::both_playing(
        "security::erasure::what_a_person_said_is_in_no_file_of_the_home_any_more_and_the_record_is_whole",
        SCENE,
    ) {
        let chat = home.begin(&["chat", "echo", "tell me of the quokka"]);
        let id = home.waiting();
        home.run(&["approvals", "approve", &id]).done();
        Said::of(chat).done().has("the quokka answers");
        home.run(&["chat", "helper", "and of the quokka again"]).done();
        home.run(&["gateway", "restart"]).done();
        fs::write(home.at("agents/echo/workspace/kept.md"), "a quokka of the owner's").unwrap();
        let log = fs::read_to_string(home.at("data/gateway.log")).unwrap();
        fs::write(home.at("data/gateway.log.1"), format!("{log}2026-01-01T00:00:00Z  INFO a quokka\n"))
            .unwrap();
        assert!(with(&home, "quokka").len() >= 4, "{:?}", with(&home, "quokka"));
        let before = checkpoint(&home);
        let session = home.records(&["--kind", "message"])[0]["session"].as_str().unwrap().to_owned();
        let me = home.records(&["--kind", "message"])[0]["person"].as_str().unwrap().to_owned();

        let said =
            home.json(&["audit", "erase", "request", "--person", &me, "--reason", "they asked for it"]);
        assert_eq!((said["state"].as_str(), said["traces"].as_bool()), (Some("done"), Some(false)), "{said}");
        assert_eq!(with(&home, "quokka"), Vec::<String>::new());
        assert!(fs::read_to_string(home.at("agents/echo/workspace/kept.md")).unwrap().contains("quokka"));
        home.verifies();
        assert_eq!(home.json(&["audit", "verify", "--head", &before])["ok"], true);

        let erasure = said["records"][0].as_u64().unwrap();
        let record = home.json(&["audit", "show", &erasure.to_string()]);
        assert_eq!((&record["event"], &record["person"]), (&"erasure.done".into(), &me.as_str().into()));
        assert_eq!(
            (&record["facts"]["consent"], &record["facts"]["self_consented"]),
            (&me.as_str().into(), &true.into())
        );
        assert_eq!(record["facts"]["of"], format!("person:{me}"));
        let erased: Vec<Value> = home.records(&["--session", &session]);
        assert!(erased.len() > 8 && erased.iter().all(|record| record["session"] == session.as_str()));
        let gone = erased.iter().filter(|record| record["erased"] == true).count();
        assert!(
            gone > 6
                && erased
                    .iter()
                    .filter(|record| record["erased"] == true)
                    .all(|record| record["erased_by"] == erasure)
        );
        home.run(&["audit", "show", &erased[0]["seq"].to_string()])
            .done()
            .has("erased")
            .has(&erasure.to_string());
        home.run(&["chat", "echo", "--session", &session, "go on"]).fails(2, "no conversation");
        assert_eq!(home.json(&["approvals", "list", "--all"]), json!([]));
        assert_eq!(told(&home), ["erasure.asked", "erasure.consented", "erasure.done"]);

        // Life goes on, also after a start.
        home.run(&["chat", "helper", "and now?"]).done().has("the quokka answers");
        home.run(&["gateway", "restart"]).done();
        home.run(&["audit", "erase", "request", "--session", &session, "--reason", "again"])
            .fails(2, "no content of session:");
        home.verifies();
    }
}

/// What the record says of one erasure that was refused in every way before it was done.
const TOLD: [&str; 17] = [
    "erasure.refused right",
    "right.refused see what is to be erased",
    "right.refused hold content or let it go",
    "right.refused hold content or let it go",
    "erasure.asked",
    "erasure.refused own",
    "erasure.refused right",
    "erasure.refused right",
    "hold.added",
    "erasure.refused hold",
    "erasure.refused hold",
    "hold.removed",
    "erasure.asked",
    "erasure.refused person",
    "erasure.asked",
    "erasure.consented",
    "erasure.done",
];

#[test]
fn nobody_erases_alone_and_every_refusal_is_on_the_record() {
    let scene = "turns: [{say: fine, repeat: true}]";
    for team in Team::both_playing("security::erasure::nobody_erases_alone", scene) {
        nobody_erases_alone(&team);
    }
}

fn nobody_erases_alone(team: &Team) {
    let home = &team.home;
    home.add("[[group]]\nname = \"privacy\"\nerase = true\n");
    home.edit(
        "groups = [\"owners\"]\n[[person]]\nid = \"eve\"",
        "groups = [\"owners\", \"privacy\"]\n[[person]]\nid = \"eve\"",
    );
    team.run(EVE, &["chat", "helper", "what of the wombat?"]).done().has("fine");
    team.run(BOB, &["chat", "helper", "and the numbat?"]).done();

    let ask = ["audit", "erase", "request", "--person", "eve", "--reason", "she left"];
    team.run(EVE, &ask).fails(3, "`eve` may not erase");
    team.run(EVE, &["audit", "erase", "list"]).fails(3, "`eve` may not erase");
    team.run(EVE, &["audit", "hold", "list"]).fails(3, "`eve` may not hold content");
    team.run(EVE, &["audit", "hold", "add", "--person", "eve", "--reason", "mine"])
        .fails(3, "`eve` may not hold content");
    let id = home.json(&ask)["id"].as_str().unwrap().to_owned();
    home.run(&["audit", "erase", "consent", &id])
        .fails(3, "nobody agrees to the erasure that they asked for");
    team.run(EVE, &["audit", "erase", "consent", &id]).fails(3, "`eve` may not erase");
    team.run(EVE, &["audit", "erase", "refuse", &id, "--reason", "no"]).fails(3, "`eve` may not erase");
    assert!(!with(home, "wombat").is_empty());

    let hold = team
        .run(BOB, &["audit", "hold", "add", "--person", "eve", "--reason", "lawsuit", "--json"])
        .done()
        .json();
    team.run(BOB, &["audit", "erase", "consent", &id]).fails(3, "the legal hold `h-");
    home.run(&["audit", "erase", "consent", &id]).fails(3, "it is refused");
    home.run(&ask).fails(3, "the legal hold `h-");
    assert!(!with(home, "wombat").is_empty());
    home.run(&["audit", "hold", "list"]).done().has("person eve").has("lawsuit").has("bob");
    home.run(&["audit", "hold", "remove", hold["id"].as_str().unwrap(), "--reason", "settled"]).done();
    home.run(&["audit", "hold", "remove", hold["id"].as_str().unwrap(), "--reason", "settled"])
        .fails(2, "there is no hold");

    let second = home.json(&ask)["id"].as_str().unwrap().to_owned();
    team.run(BOB, &["audit", "erase", "refuse", &second, "--reason", "not yet"]).done().has("is refused");
    let third = home.json(&ask)["id"].as_str().unwrap().to_owned();
    home.run(&["audit", "erase", "list"]).done().has(&third).has("waiting").lacks(&second);
    // What waits is durable.
    home.run(&["gateway", "restart"]).done();
    team.run(BOB, &["audit", "erase", "consent", &third]).done().has("erased: the content of");
    gone(home, &["wombat"]);
    assert!(!with(home, "numbat").is_empty(), "what another person said stays");
    home.run(&["audit", "erase", "list", "--all"]).done().has(&second).has("refused").has("done");
    assert_eq!(told(home), TOLD);
    let done = home.records(&["--kind", "admin", "--person", "ada"]);
    let done = done.iter().find(|record| record["event"] == "erasure.done").unwrap();
    assert_eq!((&done["facts"]["consent"], &done["facts"]["self_consented"]), (&"bob".into(), &false.into()));
    home.verifies();
}

#[test]
fn a_conversation_that_runs_or_waits_is_ended_before_it_is_erased() {
    let scene = "turns: [{calls: [{skill: message, arguments: {channel: \"board:content-team\", text: \"bandicoot\"}}]}, \
         {say: bandicoot, delay_ms: 600000, repeat: true}]";
    for home in Home::both_playing(
        "security::erasure::a_conversation_that_runs_or_waits_is_ended_before_it_is_erased",
        scene,
    ) {
        let waits = home.begin(&["chat", "echo", "post the bandicoot"]);
        let id = home.waiting();
        let runs = home.begin(&["chat", "helper", "the other bandicoot"]);
        eventually("the other one runs", || home.json(&["agents", "show", "helper"])["state"] == "running");
        let me = home.records(&["--kind", "message"])[0]["person"].as_str().unwrap().to_owned();
        let said = home.json(&["audit", "erase", "request", "--person", &me, "--reason", "now"]);
        assert_eq!(said["state"], "done", "{said}");
        for chat in [waits, runs] {
            assert_ne!(Said::of(chat).code, 0);
        }
        gone(&home, &["bandicoot"]);
        home.run(&["approvals", "approve", &id]).fails(2, "there is no approval");
        home.run(&["agents", "show", "helper"]).done().has("idle");
        home.verifies();
    }
}

#[test]
fn what_was_agreed_to_is_carried_out_by_the_gateway_that_starts_next() {
    for home in Home::both_playing(
        "security::erasure::what_was_agreed_to_is_carried_out_by_the_gateway_that_starts_next",
        "turns: [{say: \"a bilby\", repeat: true}]",
    ) {
        home.run(&["chat", "helper", "a bilby?"]).done();
        let me = home.records(&["--kind", "message"])[0]["person"].as_str().unwrap().to_owned();
        home.run(&["gateway", "stop"]).done();
        // As a gateway leaves it that is killed between the consent and the erasure.
        let row = json!({
            "id": "e-aaaaaaaa", "of": { "person": me }, "reason": "asked", "asked_by": me, "asked": "2026-11-21T10:00:00Z",
            "expires": "2026-11-28T10:00:00Z", "state": "running", "decided_by": me, "why": null, "contents": 0, "records": [],
        });
        on_record(&home, "e-aaaaaaaa", &format!("person:{me}"), &me, Some(&me));
        home.leave("erasure", "e-aaaaaaaa", &row);
        // And one that nobody agreed to in time.
        let mut late = row.clone();
        (late["id"], late["state"], late["expires"]) =
            ("e-bbbbbbbb".into(), "waiting".into(), "2026-01-08T10:00:00Z".into());
        (late["asked"], late["decided_by"]) = ("2026-01-01T10:00:00Z".into(), Value::Null);
        home.leave("erasure", "e-bbbbbbbb", &late);
        home.start();
        let states = || home.json(&["audit", "erase", "list", "--all"]);
        eventually("it is done", || states()[1]["state"] == "done" && states()[0]["state"] == "expired");
        home.run(&["audit", "erase", "consent", "e-bbbbbbbb"]).fails(3, "it is expired");
        assert!(told(&home).contains(&"erasure.refused expired".to_owned()));
        gone(&home, &["bilby"]);
        home.verifies();
    }
}

#[test]
fn hostile_words_for_what_is_erased_are_refused_with_one_sentence() {
    let home = Home::playing("turns: [{say: hello, repeat: true}]");
    let long = "x".repeat(1_001);
    for (args, code, words) in [
        (vec!["erase", "request", "--reason", "x"], 2, "--person"),
        (vec!["erase", "request", "--person", "a", "--session", "b", "--reason", "x"], 2, "cannot be used"),
        (vec!["erase", "request", "--person", "../x", "--reason", "x"], 2, "not a valid person"),
        (
            vec!["erase", "request", "--person", "nobody-there", "--reason", "x"],
            2,
            "no content of person:nobody-there",
        ),
        (vec!["erase", "request", "--person", "a"], 2, "--reason"),
        (vec!["erase", "request", "--person", "a", "--reason", " \t"], 2, "1 to 1000 characters"),
        (vec!["erase", "request", "--person", "a", "--reason", &long], 2, "1 to 1000 characters"),
        (vec!["erase", "request", "--records", "0", "--reason", "x"], 2, "from 1 on"),
        (vec!["erase", "request", "--records", "9-3", "--reason", "x"], 2, "from 1 on"),
        (
            vec![
                "erase",
                "request",
                "--records",
                "18446744073709551614-18446744073709551615",
                "--reason",
                "x",
            ],
            2,
            "no content",
        ),
        (vec!["erase", "consent", "e-none"], 2, "there is no erasure"),
        (vec!["erase", "consent", "E"], 2, "not a valid erasure"),
        (vec!["erase", "refuse", "e-none", "--reason", "x"], 2, "there is no erasure"),
        (vec!["hold", "add", "--reason", "x"], 2, "names what it holds"),
        (vec!["hold", "add", "--label", "NOT A LABEL", "--reason", "x"], 2, "not a label"),
        (
            vec!["hold", "add", "--since", "2026-01-02", "--until", "2026-01-01", "--reason", "x"],
            2,
            "ends after it begins",
        ),
        (vec!["hold", "add", "--person", "a", "--reason", ""], 2, "1 to 1000 characters"),
        (vec!["hold", "remove", "h-none", "--reason", "x"], 2, "there is no hold"),
    ] {
        home.run(&[&["audit"], args.as_slice()].concat()).fails(code, words);
    }
    // Nothing that is none of the journal's own is erased by its number, and no record of an erasure at all.
    home.run(&["chat", "helper", "hi"]).done();
    let all = home.json(&[
        "audit",
        "erase",
        "request",
        "--records",
        "1-18446744073709551615",
        "--reason",
        "all of it",
    ]);
    assert_eq!(all["state"], "done");
    home.run(&["audit", "erase", "request", "--records", "1-18446744073709551615", "--reason", "again"])
        .fails(2, "no content");
    home.run(&["gateway", "stop"]).done();
    home.run(&["audit", "erase", "list"]).fails(4, "no gateway is running");
    home.run(&["audit", "hold", "list"]).fails(4, "no gateway is running");
    home.verifies();
}

/// A clock that stands, and random bytes that count.
struct Clock(Timestamp, AtomicU64);

impl Ambient for Clock {
    fn now(&self) -> Timestamp {
        self.0
    }

    fn random(&self) -> [u8; 16] {
        u128::from(self.1.fetch_add(1, Ordering::Relaxed)).to_le_bytes()
    }
}

/// Opens a record. A test that starts a process holds every lock of all tests twice until that process has become another
/// program, so one that was just released may still be held.
fn open(place: &journal::Place, then: Timestamp, number: u64) -> Journal {
    let until = Instant::now() + PATIENCE;
    loop {
        let clock = Arc::new(Clock(then, AtomicU64::new(number)));
        match Journal::open(journal::Config { place: place.clone() }, clock) {
            Err(OpenError::Locked { .. }) if Instant::now() < until => std::thread::yield_now(),
            opened => return opened.unwrap(),
        }
    }
}

/// Writes messages into the home's record as they were so many days ago, each with a label.
pub(crate) fn write(home: &Home, ago: i64, number: u64, messages: &[(&str, &str)]) {
    let draft = |(nth, (label, words)): (usize, &(&str, &str))| {
        let mut draft = Draft::new(Kind::Message);
        draft.person = PersonId::new("old").ok();
        draft.agent = AgentName::new("helper").ok();
        draft.session = SessionId::new(&format!("s-{ago}-{nth}")).ok();
        draft.labels = Labels::from_names([*label]).ok();
        draft.payload = json!({ "words": words });
        draft
    };
    write_drafts(home, ago, number, messages.iter().enumerate().map(draft).collect());
}

/// Writes into the home's record what was recorded so many days ago.
pub(crate) fn write_drafts(home: &Home, ago: i64, number: u64, drafts: Vec<Draft>) {
    #[expect(clippy::disallowed_methods, reason = "the gateway that reads this goes by the machine's clock")]
    let now = Timestamp::now();
    let then = now.checked_sub(SignedDuration::from_hours(24 * ago)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let journal = open(&home.place(), then, number);
        for draft in drafts {
            let entry = Entry { subject: Digest::of(b"x"), records: vec![draft], state: vec![] };
            drop(journal.append(entry).await.unwrap());
        }
        journal.close().await.unwrap();
    });
}

#[test]
fn content_goes_when_its_time_is_over_unless_it_is_held_and_the_metadata_stays() {
    for home in Home::both(
        "security::erasure::content_goes_when_its_time_is_over_unless_it_is_held_and_the_metadata_stays",
    ) {
        home.scene("turns: [{say: hello, repeat: true}]");
        // A gateway has its name from its first start.
        home.start();
        home.run(&["gateway", "stop"]).done();
        home.add(
        "[[retention.rule]]\nlabel = \"employee\"\ndays = 30\n[[retention.rule]]\nlabel = \"finance\"\nat-least-days = 3650\n",
    );
        write(&home, 500, 1, &[("internal", "aardvark"), ("finance", "albatross"), ("employee", "alpaca")]);
        write(&home, 100, 2, &[("internal", "badger"), ("employee", "beaver"), ("employee", "bison")]);
        write(&home, 3, 3, &[("internal", "caribou"), ("employee", "cheetah")]);
        // One that is held goes later.
        let hold = json!({
            "id": "h-aaaaaaaa", "of": { "session": "s-100-2" }, "reason": "lawsuit", "by": "x", "since": "2026-11-21T10:00:00Z",
        });
        hold_on_record(&home, "h-aaaaaaaa", "s-100-2");
        home.leave("hold", "h-aaaaaaaa", &hold);
        home.start();
        let applied =
            || home.records(&["--kind", "admin"]).iter().any(|record| record["event"] == "retention.applied");
        eventually("retention is applied", applied);
        for (word, stays) in [
            ("aardvark", false),
            ("albatross", true),
            ("alpaca", false),
            ("badger", true),
            ("beaver", false),
            ("bison", true),
            ("caribou", true),
            ("cheetah", true),
        ] {
            assert_eq!(!with(&home, word).is_empty(), stays, "{word}: {:?}", with(&home, word));
        }
        let old = home.records(&["--person", "old"]);
        assert_eq!(old.len(), 8, "no record goes");
        assert_eq!(old.iter().filter(|record| record["erased"] == true).count(), 3);
        home.verifies();
        home.run(&["audit", "hold", "remove", "h-aaaaaaaa", "--reason", "settled"]).done();
        home.run(&["gateway", "restart"]).done();
        eventually("what was held goes", || with(&home, "bison").is_empty());
        home.verifies();
    }
}
