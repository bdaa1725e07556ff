//! What was done on the way to an answer is told again from the record, and the passages that it was drawn from are opened, to
//! whoever may see them and to nobody else.

use bulkhead_tests::team::events;
use bulkhead_tests::{Home, members};
use serde_json::{Value, json};

/// Reads a page, and another that nobody granted, before it answers.
const READS: &str = "
turns:
  - calls:
      - {skill: file-reader, arguments: {path: HOME/handbook/time-off.md}}
      - {skill: file-reader, arguments: {path: /etc/passwd}}
  - say: The handbook says so.
    repeat: true
";

/// Bob asks and may read the handbook, mel asks, rae may read content of the helper.
pub(crate) fn home() -> Home {
    let others = "[[person]]\nid = \"rae\"\ngroups = [\"review\"]\n\
                  [[group]]\nname = \"review\"\ncontent = [\"helper\"]\n\
                  [[group]]\nname = \"readers\"\nread = [\"HOME/handbook\"]\n";
    let people = members(&["bob", "mel"], "*").replacen("[\"members\"]", "[\"members\", \"readers\"]", 1);
    Home::team(&format!("{people}{others}"), READS)
}

/// What events and steps tell alike, without the numbers of a run and how long judging took.
fn alike(told: &Value) -> Option<Value> {
    let mut told = told.as_object().unwrap().clone();
    // The words of a reply are what was said, and a notice is not on the record.
    let kind = told["type"].as_str().unwrap().to_owned();
    if kind == "reply" || kind == "notice" {
        return None;
    }
    for name in ["seq", "time", "session", "agent", "micros"] {
        told.remove(name);
    }
    // What model calls and replies are made of is counted in an event, and left out of a step.
    let verb = told.get("action").and_then(|action| action["verb"].as_str());
    if matches!(verb, Some("model.call" | "reply")) {
        told["action"].as_object_mut().unwrap().remove("args");
    }
    Some(Value::Object(told))
}

#[test]
fn what_was_done_is_told_again_as_it_was_told_live_also_after_a_restart() {
    let home = home();
    let [bob] = home.signed_in(["bob"]);
    let sse = [("accept", "text/event-stream")];
    let live = bob.post_stream("agents/helper/messages", &sse, &json!({ "text": "Time off?" })).rest();
    let live: Vec<Value> = events(&live).iter().filter_map(|(_, event)| alike(event)).collect();
    assert!(live.iter().any(|event| event["decision"] == "deny"), "{live:?}");
    let session = bob.get("sessions").json()["sessions"][0]["session"].as_str().unwrap().to_owned();
    let told = |bob: &bulkhead_tests::Browser| -> Vec<Value> {
        let page = bob.get(&format!("sessions/{session}/steps")).is(200).json();
        assert_eq!(page["before"], Value::Null);
        page["steps"].as_array().unwrap().iter().filter_map(alike).collect()
    };
    assert_eq!(told(&bob), live);

    // Page by page it is the same, each record once.
    let (mut pages, mut path) = (Vec::new(), format!("sessions/{session}/steps?limit=3"));
    loop {
        let page = bob.get(&path).is(200).json();
        let steps: Vec<Value> = page["steps"].as_array().unwrap().iter().filter_map(alike).collect();
        pages.splice(0..0, steps);
        let Some(before) = page["before"].as_u64() else { break };
        path = format!("sessions/{session}/steps?limit=3&before={before}");
    }
    assert_eq!(pages, live);
    home.run(&["gateway", "restart"]).done();
    let bob = bulkhead_tests::Browser { address: bulkhead_tests::Browser::at(&home).address, ..bob };
    assert_eq!(told(&bob), live);
    let looks = home.records(&["--event", "content.read", "--person", "bob", "--session", &session]);
    assert!(looks.len() >= 3 && looks.iter().all(|look| look["facts"]["own"] == true), "{looks:?}");
    home.verifies();
}

#[test]
fn a_passage_is_opened_by_whoever_may_read_it_now_and_by_nobody_else() {
    let home = home();
    let [bob, mel, rae] = home.signed_in(["bob", "mel", "rae"]);
    let sse = [("accept", "text/event-stream")];
    drop(bob.post_stream("agents/helper/messages", &sse, &json!({ "text": "Time off?" })).rest());
    let session = bob.get("sessions").json()["sessions"][0]["session"].as_str().unwrap().to_owned();
    let steps = bob.get(&format!("sessions/{session}/steps")).is(200).json()["steps"].clone();
    let of = |wanted: &Value| {
        let step = steps.as_array().unwrap().iter().find(|step| {
            step["type"] == "proposal"
                && step["action"]["resource"]["name"].as_str().unwrap().ends_with(wanted.as_str().unwrap())
        });
        format!("sessions/{session}/passages/{}", step.unwrap()["proposal"].as_str().unwrap())
    };
    let (page, denied) = (of(&json!("time-off.md")), of(&json!("passwd")));
    let written = std::fs::read_to_string(home.at("handbook/time-off.md")).unwrap();
    for reader in [&bob, &rae] {
        let passage = reader.get(&page).is(200).json();
        let text = passage["text"].as_str().unwrap();
        assert!(text.ends_with(&written) && passage["cut"] == false, "{passage}");
        assert_eq!(passage["verb"], "file.read");
    }
    // What did not happen has read nothing; nor is there another's, or one of another conversation.
    for path in [&denied, &format!("sessions/{session}/passages/p-none"), &page.replace(&session, "s-none")] {
        drop(bob.get(path).is(404));
    }
    for path in [&page, &format!("sessions/{session}/steps")] {
        drop(mel.get(path).is(404));
    }
    // Who lost the right has what was heard, and no more of it.
    home.edit("groups = [\"members\", \"readers\"]", "groups = [\"members\"]");
    let refused = bob.get(&page).is(403).json();
    assert!(refused["detail"].as_str().unwrap().contains("no right"), "{refused}");
    drop(bob.get(&format!("sessions/{session}/steps")).is(200));
    assert_eq!(home.records(&["--event", "content.refused", "--person", "bob"]).len(), 1);
    home.edit("groups = [\"members\"]", "groups = [\"members\", \"readers\"]");
    drop(bob.get(&page).is(200));
    home.verifies();
}

#[test]
fn a_passage_of_a_collection_is_opened_by_whoever_has_the_collection_now() {
    let collections = "[collections.pages]\nfolder = \"HOME/handbook\"\n\
                       [[group]]\nname = \"searchers\"\ncollections = [\"pages\"]\n";
    let people = members(&["bob"], "*").replacen("[\"members\"]", "[\"members\", \"searchers\"]", 1);
    let scene = "turns:\n  - calls:\n\
                 \x20     - {skill: documents-search, arguments: {collection: pages, query: days off}}\n\
                 \x20     - {skill: documents-read, arguments: {collection: pages, document: time-off.md}}\n\
                 \x20 - {say: The handbook says so., repeat: true}\n";
    let home = Home::team(&format!("{people}{collections}"), scene);
    let soul = std::fs::read_to_string(home.at("agents/helper/SOUL.md")).unwrap();
    let grant = "## Skills\n\n- documents: Look things up\n  - collections: pages\n";
    home.soul("helper", &soul.replace("## Skills\n", grant));
    let [bob] = home.signed_in(["bob"]);
    let sse = [("accept", "text/event-stream")];
    drop(bob.post_stream("agents/helper/messages", &sse, &json!({ "text": "Time off?" })).rest());
    let session = bob.get("sessions").json()["sessions"][0]["session"].as_str().unwrap().to_owned();
    let steps = bob.get(&format!("sessions/{session}/steps")).is(200).json()["steps"].clone();
    let written = std::fs::read_to_string(home.at("handbook/time-off.md")).unwrap();
    let mut passages = Vec::new();
    for (verb, says) in [("documents.search", "time-off.md:"), ("documents.read", written.as_str())] {
        let mut proposals = steps.as_array().unwrap().iter().filter(|step| step["type"] == "proposal");
        let step = proposals.find(|step| step["action"]["verb"] == verb).unwrap_or_else(|| panic!("{steps}"));
        let path = format!("sessions/{session}/passages/{}", step["proposal"].as_str().unwrap());
        let passage = bob.get(&path).is(200).json();
        assert!(passage["text"].as_str().unwrap().contains(says) && passage["verb"] == verb, "{passage}");
        assert_eq!(passage["resource"], json!({ "kind": "collection", "name": "pages" }));
        passages.push(path);
    }
    // Who lost the right to the collection has what was heard, and no more of it.
    home.edit("[\"members\", \"searchers\"]", "[\"members\"]");
    for path in &passages {
        let refused = bob.get(path).is(403).json();
        assert!(refused["detail"].as_str().unwrap().contains("no right"), "{refused}");
    }
    home.verifies();
}
