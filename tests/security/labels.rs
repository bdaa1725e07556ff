//! What data carries follows it: from a file into the conversation, to every destination, and into what is
//! written from there.

use bulkhead_tests::{Home, eventually};
use serde_json::Value;

pub(crate) fn soul(clearance: &str) -> String {
    format!(
        "# Keeper

## Identity

- Name: keeper
- Role: Keeps the plans

## Skills

- file-reader: Read the plans
  - paths: HOME/plans, HOME/agents/keeper/workspace
- file-writer: Write notes
- browser: Look things up
  - hosts: docs.example.org
- message: Tell others

## Channels

- board: content-team

## Clearance

- {clearance}
"
    )
}

/// Reads a plan, then tries to pass it on in every way.
const PASSES_ON: &str = "
turns:
  - calls:
      - {skill: file-reader, arguments: {path: HOME/plans/merger.md}}
      - {skill: message, arguments: {channel: \"board:content-team\", text: we merge}}
      - {skill: browser, arguments: {url: \"https://docs.example.org/we-merge\"}}
      - {skill: file-writer, arguments: {path: notes.md, content: we merge in May}}
      - {skill: file-writer, arguments: {path: we-merge/in-May.md, content: well}}
      - {skill: file-writer, arguments: {path: /we-merge/in-May.md, content: well}}
  - say: I have noted it.
  - say: So it is.
";

/// A later conversation that has seen nothing but the note.
const READS_THE_NOTE: &str = "
turns:
  - calls:
      - {skill: file-reader, arguments: {path: HOME/agents/keeper/workspace/notes.md}}
      - {skill: message, arguments: {channel: \"board:content-team\", text: we merge}}
  - say: So it says.
";

/// Reads a plan, and no more.
const READS: &str = "
turns:
  - calls:
      - {skill: file-reader, arguments: {path: HOME/plans/merger.md}}
  - say: That is all.
";

fn home(clearance: &str, scene: &str) -> Home {
    let home = Home::new();
    std::fs::create_dir(home.at("plans")).unwrap();
    std::fs::write(home.at("plans/merger.md"), "we merge in May").unwrap();
    home.soul("keeper", &soul(clearance));
    home.add(
        "[[label]]\npath = \"HOME/plans\"\nlabels = [\"confidential\"]\n\
         [[destination]]\nmodel = \"rehearsal/scene\"\nclearance = [\"confidential\"]\n",
    );
    home.scene(scene);
    home.start();
    home
}

/// The last verdict on a verb.
fn verdict(home: &Home, verb: &str) -> Value {
    let verdicts = home.records(&["--agent", "keeper", "--kind", "verdict"]);
    let last = verdicts.into_iter().rfind(|verdict| verdict["action"]["verb"] == verb);
    last.unwrap_or_else(|| panic!("no {verb} was judged"))
}

#[track_caller]
fn denied_by(verdict: &Value, layer: &str) {
    assert_eq!(verdict["decision"], "deny", "{verdict}");
    let by = verdict["reasons"].as_array().unwrap().iter().any(|reason| reason["layer"] == layer);
    assert!(by, "no reason of `{layer}`: {verdict}");
}

#[test]
fn an_agent_that_is_not_cleared_does_not_read() {
    let home = home("internal", READS);
    let said = home.run(&["chat", "keeper", "what is planned?"]);
    said.has("denied     file.read").lacks("in May");
    denied_by(&verdict(&home, "file.read"), "flow");
}

#[test]
fn an_asker_who_is_not_cleared_does_not_read() {
    let home = home("confidential", READS);
    home.edit("clearance = [\"restricted\"]", "clearance = [\"internal\"]");
    home.run(&["chat", "keeper", "what is planned?"]).has("denied     file.read");
    let verdict = verdict(&home, "file.read");
    denied_by(&verdict, "flow");
    assert!(verdict.to_string().contains("clearance:asker"), "{verdict}");
}

#[test]
fn what_was_read_is_not_passed_on_and_its_label_outlives_the_conversation() {
    let home = home("confidential", PASSES_ON);
    home.run(&["chat", "keeper", "what is planned?"]).done().has("I have noted it.");
    not_in_the_heartbeat(&home);
    assert_eq!(verdict(&home, "file.read")["decision"], "permit");
    denied_by(&verdict(&home, "message.post"), "flow");
    denied_by(&verdict(&home, "web.get"), "flow");
    let writes = home.records(&["--agent", "keeper", "--kind", "verdict", "--decision", "permit"]);
    let write = writes.iter().find(|verdict| verdict["action"]["verb"] == "file.write").unwrap();
    assert_eq!(
        (&write["decision"], &write["labels"]),
        (&"permit".into(), &serde_json::json!(["confidential"]))
    );

    // The label is on the note, for another conversation, and after a restart.
    home.run(&["gateway", "restart"]).done();
    home.scene(READS_THE_NOTE);
    home.run(&["chat", "keeper", "what do the notes say?"]).done().has("So it says.");
    let read = verdict(&home, "file.read");
    assert!(read["action"]["resource"]["name"].as_str().unwrap().ends_with("notes.md"), "{read}");
    assert_eq!(read["labels"], serde_json::json!(["confidential"]));
    denied_by(&verdict(&home, "message.post"), "flow");
    assert_eq!(home.posts("we merge"), 0);
    assert_eq!(
        home.json(&["approvals", "list"]),
        serde_json::json!([]),
        "nobody is asked for what may not be"
    );

    home.verifies();
}

/// What the agent proposed once it had seen the plan, and what it was asked then, may be the plan in other words: the view that
/// scripts read names neither.
fn not_in_the_heartbeat(home: &Home) {
    let session = verdict(home, "reply")["session"].as_str().unwrap().to_owned();
    home.run(&["chat", "keeper", "--session", &session, "do we merge in May?"]).done();
    let heart = || std::fs::read_to_string(home.at("agents/keeper/HEARTBEAT.md")).unwrap_or_default();
    eventually("the second task is in the heartbeat", || heart().matches("Completed task").count() == 2);
    let heart = heart();
    for told in ["Received task: \"what is planned?\"", "Used skill: file-reader", "DENIED", "above internal"]
    {
        assert!(heart.contains(told), "{told} is not in {heart}");
    }
    assert!(heart.contains("Used skill: file-writer (file.write, above internal)"), "{heart}");
    for words in ["May", "merge"] {
        assert!(!heart.contains(words), "{heart}");
    }
}

#[test]
fn what_is_written_to_a_public_folder_is_not_public_by_that() {
    let calls = |call: &str| format!("turns: [{{calls: [{call}]}}, {{say: well, repeat: true}}]");
    let note = "HOME/agents/keeper/workspace/notes.md";
    let read = format!("{{skill: file-reader, arguments: {{path: {note}}}}}");
    let plan = "{skill: file-reader, arguments: {path: HOME/plans/merger.md}}";
    let write = format!("{{skill: file-writer, arguments: {{path: {note}, content: we merge}}}}");
    let home = home("confidential", &calls(&format!("{plan}, {write}")));
    home.edit("labels = [\"confidential\"]", "labels = [\"internal\"]");
    home.add("[[label]]\npath = \"HOME/agents/keeper/workspace\"\nlabels = [\"public\"]\n");
    home.run(&["chat", "keeper", "what is planned?"]).done();
    assert_eq!(verdict(&home, "file.write")["decision"], "permit");
    home.run(&["gateway", "restart"]).done();
    home.scene(&calls(&read));
    home.run(&["chat", "keeper", "what do the notes say?"]).done();
    assert_eq!(verdict(&home, "file.read")["labels"], serde_json::json!(["internal"]));
}

#[test]
fn a_model_that_is_not_cleared_does_not_hear_it() {
    let home = home("confidential", READS);
    home.edit(
        "model = \"rehearsal/scene\"\nclearance = [\"confidential\"]",
        "model = \"rehearsal/other\"\nclearance = [\"confidential\"]",
    );
    home.run(&["chat", "keeper", "what is planned?"]).with(3).lacks("I have noted it.");
    denied_by(&verdict(&home, "model.call"), "flow");
}
