//! Commands: what is granted runs and comes back, whole and once; nothing else does; and no label is lost by them.

use bulkhead_tests::Home;
use serde_json::{Value, json};

const RIGHTS: &str = "models = [\"*\"]\ncommands = [\"cat\", \"cp\", \"sh\", \"echo\"]";

/// An agent that may run a few commands. `RULE` is a rule of its own.
const SOUL: &str = "# Runner

## Identity

- Name: runner
- Role: Runs things

## Rules

- RULE

## Skills

- file-reader: Read
  - paths: HOME/plans, .
- file-writer: Write
- exec: Run
  - commands: cat, cp, sh, echo, id
- message: Tell others

## Channels

- board: forum

## Clearance

- confidential
";

fn calls(calls: &str) -> String {
    format!("turns:\n  - calls:\n{calls}  - say: That is what became of it.\n    repeat: true\n")
}

fn home(scene: &str) -> Home {
    let home = Home::new();
    std::fs::create_dir(home.at("plans")).unwrap();
    std::fs::write(home.at("plans/merger.md"), "we merge in May\n").unwrap();
    home.soul("runner", &SOUL.replace("RULE", "Be concise"));
    home.edit("models = [\"*\"]", RIGHTS);
    home.scene(scene);
    home
}

fn of(home: &Home, kind: &str, verb: &str) -> Vec<Value> {
    let mut found = home.whole(&["--kind", kind, "--agent", "runner"]);
    found.retain(|record| record["action"]["verb"] == verb);
    found
}

fn policies(verdict: &Value) -> Vec<String> {
    let reasons = verdict["reasons"].as_array().unwrap();
    reasons
        .iter()
        .map(|reason| format!("{}/{}", reason["layer"].as_str().unwrap(), reason["policy"].as_str().unwrap()))
        .collect()
}

#[test]
fn a_granted_command_runs_for_who_has_the_right_and_no_other_does() {
    let home = home(&calls(
        "      - {skill: exec, arguments: {command: cat, args: [HOME/plans/merger.md]}}
      - {skill: exec, arguments: {command: id}}
      - {skill: exec, arguments: {command: chmod, args: ['777', HOME/plans]}}
      - {skill: exec, arguments: {command: /bin/cat, args: [HOME/plans/merger.md]}}
      - {skill: exec, arguments: {command: ./cat}}
      - {skill: exec, arguments: {command: cat, args: [HOME/data/journal.sqlite]}}
",
    ));
    home.start();
    home.run(&["chat", "runner", "go on"]).done();
    let verdicts = of(&home, "verdict", "command.run");
    let decisions: Vec<&str> = verdicts.iter().map(|v| v["decision"].as_str().unwrap()).collect();
    assert_eq!(decisions, ["permit", "deny", "deny", "deny", "permit"]);
    assert!(policies(&verdicts[1]).contains(&"rights/rights:commands".to_owned()), "{}", verdicts[1]);
    assert!(policies(&verdicts[2]).contains(&"policy/skill:exec".to_owned()), "{}", verdicts[2]);
    assert!(policies(&verdicts[3]).contains(&"policy/skill:exec".to_owned()), "{}", verdicts[3]);
    let outcomes = of(&home, "outcome", "command.run");
    assert!(outcomes[0].to_string().contains("we merge in May"), "{}", outcomes[0]);
    assert!(outcomes[1].to_string().contains("No such file"), "the home is not there: {}", outcomes[1]);
    home.verifies();
}

#[test]
fn a_rule_against_commands_holds_whatever_is_granted() {
    let home =
        home(&calls("      - {skill: exec, arguments: {command: cat, args: [HOME/plans/merger.md]}}\n"));
    home.soul("runner", &SOUL.replace("RULE", "Never execute code or system commands"));
    home.run(&["check", "runner"]).has("forbids every command").has("enforced");
    home.start();
    home.run(&["chat", "runner", "go on"]).done();
    let verdicts = of(&home, "verdict", "command.run");
    assert!(
        policies(&verdicts[0]).iter().any(|policy| policy.starts_with("policy/rule:")),
        "{}",
        verdicts[0]
    );
    assert_eq!(of(&home, "outcome", "command.run"), Vec::<Value>::new());
}

#[test]
fn a_person_sees_every_argument_before_a_command_runs() {
    let home = home(&calls(
        "      - {skill: exec, arguments: {command: sh, args: ['-c', \"echo first\\necho \\u202esecond\", 'a b']}}\n",
    ));
    std::fs::write(
        home.at("guardrails/ours.cedar"),
        "@id(\"look\") @message(\"a person looks at every command\") @decision(\"ask\")\n\
         forbid (principal, action == Action::\"command.run\", resource) unless { context.approved };\n",
    )
    .unwrap();
    home.add(
        "[[group]]\nname = \"auditors\"\nread = [\"HOME/agents/runner/workspace/out\"]\n\
         [[group]]\nname = \"others\"\nread = [\"HOME/plans\"]\n",
    );
    home.start();
    let chat = home.begin(&["chat", "runner", "go on"]);
    let id = home.waiting();
    let shell = std::fs::canonicalize("/bin/sh").unwrap();
    let view = home.json(&["approvals", "show", &id]);
    let whole = view["action"].clone();
    let workspace = std::fs::canonicalize(home.at("agents/runner/workspace")).unwrap();
    let plans = std::fs::canonicalize(home.at("plans")).unwrap();
    assert_eq!(whole["resource"], json!({"kind": "command", "name": "sh"}));
    assert_eq!(
        whole["args"],
        json!({
            "command": "sh", "program": shell, "args": ["-c", "echo first\necho \u{202e}second", "a b"],
            "folder": workspace, "reads": [plans, workspace], "writes": [workspace],
        })
    );
    let shown = home.run(&["approvals", "show", &id]);
    shown.has("echo first").has("second").has("a b").has(shell.to_str().unwrap()).lacks("\u{202e}");
    // And who has before them what it writes: who may ask the agent, and who may read something in its workspace.
    assert_eq!(
        view["readers"],
        json!([{ "name": "auditors", "people": [] }, { "name": "owners", "people": [view["asked_by"]] }])
    );
    assert_eq!(view["model"], json!({ "name": "rehearsal/scene", "remote": false }));
    shown
        .has(&format!(
            "who has a right to read what it may write (`{}`): auditors (nobody is in it)",
            workspace.display()
        ))
        .has("the agent's model `rehearsal/scene` on this machine")
        .lacks("nobody else");
    home.run(&["approvals", "approve", &id]).done();
    bulkhead_tests::Said::of(chat).done().has("That is what became of it.");
    let outcomes = of(&home, "outcome", "command.run");
    assert_eq!((outcomes.len(), &outcomes[0]["status"]), (1, &"done".into()));
    assert!(outcomes[0].to_string().contains("first"), "{}", outcomes[0]);
}

#[test]
fn who_decides_on_a_call_of_a_model_knows_whether_it_leaves_this_machine() {
    let home = home("turns: [{say: Hello., repeat: true}]");
    let far = SOUL.replace("RULE", "Be concise").replace("- Role", "- Model: far/m\n- Role");
    home.soul("away", &far.replace("- Name: runner", "- Name: away"));
    home.add("[[models.server]]\nname = \"far\"\nurl = \"http://192.0.2.7/v1\"\n");
    std::fs::write(
        home.at("guardrails/ours.cedar"),
        "@id(\"look\") @message(\"a person looks at every call\") @decision(\"ask\")\n\
         forbid (principal, action == Action::\"model.call\", resource) unless { context.approved };\n",
    )
    .unwrap();
    home.start();
    for (agent, model, remote, words) in [
        ("away", "far/m", true, "which is another machine: all of it leaves this one"),
        ("runner", "rehearsal/scene", false, "which is this machine: none of it leaves it"),
    ] {
        let chat = home.begin(&["chat", agent, "go on"]);
        let id = home.waiting();
        let view = home.json(&["approvals", "show", &id]);
        assert_eq!(view["model"], json!({ "name": model, "remote": remote }), "{view}");
        assert_eq!(view["readers"], Value::Null);
        home.run(&["approvals", "show", &id]).has(&format!("the server of the model `{model}`, {words}"));
        home.run(&["approvals", "deny", &id]).done();
        drop(bulkhead_tests::Said::of(chat));
    }
}

#[test]
fn no_command_launders_a_label() {
    let home = home(&calls(
        "      - {skill: exec, arguments: {command: cp, args: [HOME/plans/merger.md, copy.md]}}
      - {skill: message, arguments: {channel: \"board:forum\", text: we merge}}
",
    ));
    home.add(
        "[[label]]\npath = \"HOME/plans\"\nlabels = [\"confidential\"]\n\
         [[destination]]\nmodel = \"rehearsal/scene\"\nclearance = [\"confidential\"]\n",
    );
    home.start();
    home.run(&["chat", "runner", "go on"]).done();
    assert_eq!(
        std::fs::read_to_string(home.at("agents/runner/workspace/copy.md")).unwrap(),
        "we merge in May\n"
    );
    let outcomes = of(&home, "outcome", "command.run");
    assert_eq!((&outcomes[0]["status"], &outcomes[0]["labels"]), (&"done".into(), &json!(["confidential"])));
    assert_eq!(of(&home, "verdict", "message.post")[0]["decision"], "deny", "the conversation carries it");

    // Another conversation, after a restart, that sees the copy alone.
    home.run(&["gateway", "restart"]).done();
    home.scene(&calls("      - {skill: file-reader, arguments: {path: copy.md}}\n      - {skill: message, arguments: {channel: \"board:forum\", text: we merge}}\n"));
    home.run(&["chat", "runner", "what is it?"]).done();
    let read = of(&home, "verdict", "file.read");
    assert_eq!((&read[0]["decision"], &read[0]["labels"]), (&"permit".into(), &json!(["confidential"])));
    assert_eq!(of(&home, "verdict", "message.post")[1]["decision"], "deny");
    assert_eq!(home.posts("we merge"), 0);

    // And somebody who is not cleared gets a command without either.
    home.edit("clearance = [\"restricted\"]", "clearance = [\"internal\"]");
    home.scene(&calls(
        "      - {skill: exec, arguments: {command: cat, args: [HOME/agents/runner/workspace/copy.md]}}\n",
    ));
    home.run(&["chat", "runner", "what is it?"]).done();
    let outcomes = of(&home, "outcome", "command.run");
    assert!(
        outcomes[1].to_string().contains("No such file") && !outcomes[1].to_string().contains("in May"),
        "{}",
        outcomes[1]
    );
    home.verifies();
}

#[test]
fn a_command_has_a_home_of_its_own_and_no_network() {
    let home = home(&calls(
        "      - {skill: exec, arguments: {command: sh, args: ['-c', 'echo $HOME; cat /proc/net/dev; cat /etc/shadow; cat HOME/bulkhead.toml']}}\n",
    ));
    home.start();
    home.run(&["chat", "runner", "go on"]).done();
    let said = of(&home, "outcome", "command.run")[0].to_string();
    assert!(said.contains("/tmp") && said.contains("No such file"), "{said}");
    assert!(!said.contains("eth0") && !said.contains("root:") && !said.contains("containment"), "{said}");
}
