//! Content is a right of its own: who may read it, who may not, and what stays of both on the record.

use bulkhead_tests::{Said, content, eventually};
use serde_json::Value;

use crate::people::{BOB, EVE, Team, ask, get};

const SECRETIVE: &str = "turns: [{say: \"the word is xyzzy\", repeat: true}]";

const POSTS: &str = "
turns:
  - calls:
      - skill: message
        arguments: {channel: \"board:content-team\", text: \"the draft is xyzzy\"}
  - say: That is what became of it.
    repeat: true
";

/// Bob talks to the helper; the record number of the model's answer.
fn talk(team: &Team) -> String {
    drop(team.run(BOB, &["chat", "helper", "tell me the word"]).done());
    let outcomes = team.home.records(&["--kind", "outcome", "--action", "model.call"]);
    outcomes[0]["seq"].to_string()
}

/// Waits for the records of an event that fit.
#[track_caller]
fn told(team: &Team, event: &str, fits: impl Fn(&Value) -> bool) -> Vec<Value> {
    let found = || {
        let mut found = team.home.records(&["--event", event]);
        found.retain(&fits);
        found
    };
    eventually(&format!("`{event}` is on the record"), || !found().is_empty());
    found()
}

#[test]
fn an_administrator_reads_no_content_until_a_group_grants_it_and_clearance_counts() {
    let Some(team) = Team::playing("security::content::an_administrator_reads_no_content", SECRETIVE) else {
        return;
    };
    let home = &team.home;
    let seq = talk(&team);
    let look = ["audit", "show", &seq, "--content"];
    home.run(&look).fails(3, "`ada` may not read content of `helper`");
    let refused = told(&team, "content.refused", |_| true);
    assert_eq!(
        (&refused[0]["person"], &refused[0]["facts"]["records"]),
        (&"ada".into(), &seq.as_str().into())
    );
    assert_eq!(
        (&refused[0]["decision"], &refused[0]["reasons"][0]["policy"]),
        (&"deny".into(), &"rights:content".into())
    );
    home.run(&["audit", "query", "--content", "--json"]).done().lacks("xyzzy");
    home.run(&["audit", "query", "--content", "--text", "xyzzy", "--json"]).done().lacks("xyzzy");

    // A right for another agent is none for this one.
    home.edit("approve = [\"*\"]", "approve = [\"*\"]\ncontent = [\"echo\"]");
    home.run(&look).fails(3, "may not read content");
    home.edit("content = [\"echo\"]", "content = [\"helper\"]");
    home.run(&look).done().has("xyzzy");
    let read = told(&team, "content.read", |record| {
        record["person"] == "ada" && record["facts"]["records"] == seq.as_str()
    });
    assert_eq!(read.len(), 1, "{read:?}");
    // What belongs to no agent takes the right to all.
    let start = home.records(&["--event", "content.refused"])[0]["seq"].to_string();
    home.run(&["audit", "show", &start, "--content"]).done();

    // The right is worth nothing beyond the person's clearance.
    home.edit("clearance = [\"restricted\"]", "clearance = [\"public\"]");
    home.run(&look).fails(3, "is cleared for `public`");
    let refused = told(&team, "content.refused", |record| record["reasons"][0]["policy"] == "flow:content");
    assert_eq!(refused.len(), 1, "{refused:?}");
    home.verifies();
}

#[test]
fn what_a_person_said_and_heard_is_theirs_and_the_look_is_recorded() {
    let Some(team) = Team::playing("security::content::what_a_person_said_and_heard", SECRETIVE) else {
        return;
    };
    let answer = talk(&team);
    let heard = team.home.records(&["--kind", "outcome", "--action", "reply"])[0]["seq"].to_string();
    team.run(BOB, &["audit", "show", &heard, "--content"]).done().has("xyzzy");
    // What the model said is not yet what was delivered.
    team.run(BOB, &["audit", "show", &answer, "--content"]).fails(3, "may not read content");
    team.run(EVE, &["audit", "show", &heard, "--content"]).fails(3, "may not read content");
    let read = told(&team, "content.read", |_| true);
    assert_eq!(read.len(), 1, "{read:?}");
    assert_eq!((&read[0]["person"], &read[0]["facts"]["own"]), (&"bob".into(), &true.into()));

    let session = read[0]["session"].as_str().unwrap().to_owned();
    let path = format!("sessions/{session}");
    assert!(get(&team, BOB, &path).contains("xyzzy"));
    assert!(get(&team, EVE, &path).contains("404 Not Found"));
    assert!(get(&team, 0, &path).contains("404 Not Found"), "an administrator is told no more");
    let read = told(&team, "content.read", |record| record["session"] == session.as_str());
    assert_eq!(read.len(), 2, "{read:?}");
    let refused = told(&team, "content.refused", |record| record["session"] == session.as_str());
    assert!(
        ["eve", "ada"].iter().all(|who| refused.iter().any(|record| record["person"] == *who)),
        "{refused:?}"
    );
    team.home.edit("approve = [\"*\"]", "approve = [\"*\"]\ncontent = [\"*\"]");
    assert!(get(&team, 0, &path).contains("xyzzy"));
}

#[test]
fn an_approver_is_shown_the_action_whole_and_that_look_is_part_of_the_approval() {
    let Some(team) = Team::playing("security::content::an_approver_is_shown", POSTS) else { return };
    let home = &team.home;
    let chat = home.begin(&["chat", "echo", "announce it"]);
    let id = home.waiting();
    team.run(BOB, &["approvals", "show", &id]).done().has("the draft is xyzzy");
    team.run(BOB, &["approvals", "show", &id]).done();
    team.run(BOB, &["approvals", "approve", &id]).done();
    drop(Said::of(chat).done());
    let shown = told(&team, "approval.shown", |record| record["person"] == "bob");
    assert_eq!(shown.len(), 1, "a look is told once: {shown:?}");
    assert_eq!(
        (&shown[0]["kind"], &shown[0]["facts"]["approval"]),
        (&"approval".into(), &id.as_str().into())
    );
    let approved = told(&team, "approval.approved", |record| record["person"] == "bob");
    assert!(shown[0]["seq"].as_u64() < approved[0]["seq"].as_u64());
    let digest = |record: &Value| {
        let digest =
            content(&home.at("data/journal.sqlite"), record["seq"].as_u64().unwrap())["digest"].clone();
        digest.as_str().unwrap().to_owned()
    };
    assert_eq!(digest(&shown[0]), digest(&approved[0]));
    // Approving is not reading the record.
    let proposal = home.records(&["--kind", "proposal", "--action", "message.post"])[0]["seq"].to_string();
    team.run(BOB, &["audit", "show", &proposal, "--content"]).fails(3, "may not read content");
}

/// Every reply waits for a person.
const LOOKED_AT: &str = "@id(\"look\")\n@message(\"somebody looks at each reply\")\n@decision(\"ask\")\n\
    forbid (principal, action == Action::\"reply\", resource);\n";

#[test]
fn whoever_denies_their_own_held_reply_is_not_told_it_and_an_approver_who_is_told_is_on_the_record() {
    let Some(team) = Team::playing("security::content::whoever_denies_their_own_held_reply", SECRETIVE)
    else {
        return;
    };
    let home = &team.home;
    std::fs::write(home.at("guardrails/look.cedar"), LOOKED_AT).unwrap();
    let chat = team.begin(EVE, &["chat", "helper", "tell me the word"]);
    let id = home.waiting();
    let said = ask(&team, EVE, "POST", &format!("approvals/{id}/deny"), "{\"reason\":\"no\"}");
    assert!(said.contains("200 OK") && said.contains("\"denied\""), "{said}");
    assert!(said.contains("\"characters\"") && !said.contains("xyzzy"), "{said}");
    drop(Said::of(chat));

    let chat = team.begin(EVE, &["chat", "helper", "tell me the word again"]);
    let id = home.waiting();
    let said = ask(&team, BOB, "POST", &format!("approvals/{id}/deny"), "{}");
    assert!(said.contains("200 OK") && said.contains("xyzzy"), "{said}");
    drop(Said::of(chat));
    let of = |record: &Value| record["person"] == "bob" && record["facts"]["approval"] == id.as_str();
    let (shown, denied) = (told(&team, "approval.shown", of), told(&team, "approval.denied", of));
    assert_eq!((shown.len(), denied.len()), (1, 1), "{shown:?}");
    assert!(shown[0]["seq"].as_u64() < denied[0]["seq"].as_u64(), "{shown:?} {denied:?}");
    home.verifies();
}

#[test]
fn an_administrator_who_follows_everyone_hears_no_words() {
    let Some(team) = Team::playing("security::content::an_administrator_who_follows", SECRETIVE) else {
        return;
    };
    let socket = team.home.at("gateway.sock");
    let script = "import socket,sys\ns=socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n\
        s.sendall(b'GET /api/v1/events HTTP/1.1\\r\\nhost: x\\r\\n\\r\\n')\ns.settimeout(30)\nout=b''\n\
        while b'\"end\"' not in out.partition(b'\"proposal\"')[2]:\n  d=s.recv(65536)\n  if not d: break\n  out+=d\n  print(d.decode(), end='', flush=True)\n";
    let follower = std::process::Command::new("python3")
        .args(["-c", script, socket.to_str().unwrap()])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // Followers hear what happens from when they came; another message comes if they came in the middle of one.
    let heard = std::thread::spawn(move || Said::of(follower));
    while !heard.is_finished() {
        drop(team.run(BOB, &["chat", "helper", "tell me the word"]).done());
    }
    let heard = heard.join().unwrap().done();
    heard.has("\"proposal\"").has("\"reply\"").lacks("xyzzy").lacks("tell me");
}

#[test]
fn strangers_and_people_without_a_right_are_recorded_and_no_flood_fills_the_record() {
    let Some(team) = Team::playing("security::content::strangers", SECRETIVE) else { return };
    let home = &team.home;
    let mallory = 65_531;
    for _ in 0..40 {
        drop(team.run(mallory, &["agents", "list"]).fails(3, "is nobody here"));
        drop(team.run(EVE, &["agents", "pause", "helper"]).fails(3, "an administrator may"));
    }
    home.run(&["gateway", "stop"]).done();
    let count = |event: &str| {
        let found = told(&team, event, |_| true);
        (found.len(), found.iter().map(|record| record["facts"]["count"].as_u64().unwrap_or(1)).sum::<u64>())
    };
    // One at once and one for the rest of each minute; of people, the first 32.
    let (records, strangers) = count("caller.refused");
    assert!(strangers == 40 && records < 10, "{records} records of {strangers}");
    let (records, refused) = count("right.refused");
    assert!(refused == 40 && (33..40).contains(&records), "{records} records of {refused}");
    let stranger = &told(&team, "caller.refused", |_| true)[0];
    assert_eq!((&stranger["facts"]["uid"], &stranger["decision"]), (&mallory.into(), &"deny".into()));
    assert_eq!(told(&team, "right.refused", |_| true)[0]["person"], "eve");
}
