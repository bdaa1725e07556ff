//! Commands: by exactly the name that was granted, for whoever has the right, with all that is in their reach.

use std::path::PathBuf;
use std::time::Duration;

use bulkhead_monitor::{Bounds, Config, Judgement, Run};
use proptest::prelude::*;
use serde_json::json;
use vocab::{Decision, Resource, Verb};

use crate::common::*;

const SOUL: &str = "\
# Echo
## Identity
- Name: Echo
- Role: Builder
## Rules
- Be concise
## Skills
- file-reader: read
  - paths: /srv/docs/team, .
- file-writer: write
- exec: build
  - commands: git, awk, sleep, gone, /home/agents/echo/workspace/tool
  - cpu: 5
  - memory: 64 MiB
  - time: 20 s
## Limits
- memory: 128 MiB
";

const WORKSPACE: &str = "/home/agents/echo/workspace";

/// Without the destination in the workspace that takes only public data.
fn open() -> Config {
    Config { sinks: Vec::new(), ..config() }
}

fn home() -> Home {
    Home::with(open(), SOUL)
}

fn expect(home: &Home, asker: &str, intent: vocab::Intent, decision: Decision, reason: &str) {
    let (decided, reasons) = home.ruled(asker, intent);
    assert_eq!(decided, decision, "{reasons:?}");
    assert!(reasons.iter().any(|given| given == reason), "{reason} is not in {reasons:?}");
}

fn bounds(judged: Judgement) -> Run {
    let debug = format!("{:?}", judged.verdict());
    match crate::record::permitted(judged).bounds {
        Bounds::Command(run) => *run,
        other => panic!("{other:?} of {debug}"),
    }
}

#[test]
fn a_granted_command_is_permitted_with_exactly_its_reach() {
    let home = home();
    expect(&home, "mia", run("git", &["log"]), Decision::Permit, "policy/skill:exec:commands:git");
    let judged = home.judge("mia", run("git", &["log", "--", "a b; $(c)"]));
    let action = judged.action();
    assert_eq!((action.verb, &action.resource), (Verb::CommandRun, &Resource::Command("git".into())));
    assert_eq!(
        serde_json::Value::from(action.args.clone()),
        json!({
            "command": "git", "program": "/usr/bin/git", "args": ["log", "--", "a b; $(c)"], "folder": WORKSPACE,
            "reads": ["/srv/docs/team", WORKSPACE], "writes": [WORKSPACE],
        })
    );
    let run = bounds(judged);
    assert_eq!(run.reach.read, [PathBuf::from("/srv/docs/team"), WORKSPACE.into()]);
    assert_eq!(run.reach.write, [PathBuf::from(WORKSPACE)]);
    assert_eq!(run.programs, [PathBuf::from("/usr/bin/git"), "/usr/bin/awk".into()], "not what mia may not");
    assert_eq!((run.cpu, run.time), (Duration::from_secs(5), Duration::from_secs(20)));
    assert_eq!(run.memory_bytes, 64 * 1024 * 1024);
    let awk = bounds(home.judge("mia", crate::common::run("awk", &[])));
    assert_eq!((awk.program, awk.file), ("/usr/bin/awk".into(), "/usr/bin/mawk".into()));
}

#[test]
fn another_name_for_a_granted_command_is_another_command() {
    let home = home();
    for other in [
        "GIT",
        "git ",
        " git",
        "Git",
        "gіt",
        "git\u{200b}",
        "/usr/bin/git",
        "//usr/bin/git",
        "/tmp/git",
        "/usr/bin/../bin/git",
    ] {
        expect(&home, "mia", run(other, &[]), Decision::Deny, "policy/skill:exec");
    }
    for none in ["./git", "bin/git", "../git", "", ".", "..", "/", "git\0", "git\n", &"g".repeat(300)] {
        expect(&home, "mia", run(none, &[]), Decision::Deny, "policy/skill:arguments");
    }
    let asked = home.judge("mia", run("/usr/bin//./git", &[]));
    assert_eq!(asked.action().resource, Resource::Command("/usr/bin/git".into()), "judged in its one form");
}

#[test]
fn a_command_needs_grant_and_right() {
    let home = home();
    expect(&home, "mia", run("chmod", &["777", "x"]), Decision::Deny, "policy/skill:exec");
    expect(&home, "mia", run("sleep", &["1"]), Decision::Deny, "rights/rights:commands");
    expect(&home, "tom", run("git", &[]), Decision::Deny, "rights/rights:commands");
    let soul = SOUL.replace("  - commands: git, awk, sleep, gone, /home/agents/echo/workspace/tool\n", "");
    expect(&Home::with(open(), &soul), "mia", run("git", &[]), Decision::Deny, "policy/skill:exec");
    let soul = SOUL.replace("- Be concise", "- Never execute code or system commands");
    expect(&Home::with(open(), &soul), "mia", run("git", &[]), Decision::Deny, "policy/rule:6");
}

#[test]
fn what_is_not_there_or_could_be_changed_by_the_agent_is_denied() {
    let home = home();
    expect(&home, "mia", run("gone", &[]), Decision::Deny, "policy/command:missing");
    let tool = "/home/agents/echo/workspace/tool";
    expect(&home, "mia", run(tool, &[]), Decision::Deny, "policy/command:writable");
    let programs = bounds(home.judge("mia", run("git", &[]))).programs;
    assert!(!programs.contains(&PathBuf::from(tool)), "nor may another command start it: {programs:?}");
}

#[test]
fn arguments_that_could_not_arrive_are_refused() {
    let home = home();
    let many: Vec<&str> = vec!["a"; 513];
    let long = "a".repeat(33 * 1024);
    let large = vec!["b".repeat(30 * 1024); 5];
    let large: Vec<&str> = large.iter().map(String::as_str).collect();
    for args in [&many[..], &["a\0b"], &[&long], &large] {
        expect(&home, "mia", run("git", args), Decision::Deny, "policy/skill:arguments");
    }
    for args in [json!([1]), json!(["a", null]), json!([["a"]])] {
        let call = call("exec", &json!({"command": "git", "args": args}).to_string());
        expect(&home, "mia", call, Decision::Deny, "policy/skill:arguments");
    }
    // The model cannot say what the monitor says.
    for name in ["program", "reads", "writes"] {
        let call = call("exec", &json!({"command": "git", name: "/bin/sh"}).to_string());
        expect(&home, "mia", call, Decision::Deny, "policy/skill:arguments");
    }
}

#[test]
fn a_command_starts_within_its_reach() {
    let home = home();
    let at = |folder: &str| call("exec", &json!({"command": "git", "folder": folder}).to_string());
    for (asked, folder) in [
        (".", WORKSPACE),
        ("a/../b", "/home/agents/echo/workspace/b"),
        ("/srv/docs/team/x", "/srv/docs/team/x"),
        ("/tmp", "/tmp"),
    ] {
        assert_eq!(bounds(home.judge("mia", at(asked))).folder, PathBuf::from(folder), "{asked}");
    }
    for outside in
        ["/", "/etc", "..", "/srv/docs", "/srv/docs/teams", "/tmp/x", "/home/agents/other/workspace"]
    {
        expect(&home, "mia", at(outside), Decision::Deny, "policy/command:folder");
    }
    let without =
        SOUL.replace("- file-reader: read\n  - paths: /srv/docs/team, .\n- file-writer: write\n", "");
    let alone = bounds(Home::with(open(), &without).judge("mia", run("git", &[])));
    assert_eq!((alone.folder, alone.reach.read.len(), alone.reach.write.len()), ("/tmp".into(), 0, 0));
}

#[test]
fn a_command_carries_and_leaves_the_labels_of_all_in_its_reach() {
    let mut home = Home::with(open(), &SOUL.replace("## Limits", "## Clearance\n- restricted\n## Limits"));
    let judged = home.judge("mia", run("git", &[]));
    assert_eq!(judged.verdict().labels, labels(&["internal"]));
    assert_eq!(judged.marks(), [(WORKSPACE.to_owned(), labels(&["internal"]))]);

    // A session that has seen more passes it on to the command, and so to all that the command may write.
    home.at.session = labels(&["confidential", "project-x"]);
    let judged = home.judge("eve", run("git", &[]));
    assert_eq!(judged.marks(), [(WORKSPACE.to_owned(), labels(&["confidential", "project-x"]))]);
    assert_eq!(judged.verdict().decision, Decision::Deny, "eve is not cleared for project-x");

    // What the command may have copied into the workspace carries its labels from then on, at any depth.
    home.at.session = labels(&["public"]);
    home.at.marks.insert(WORKSPACE.to_owned(), labels(&["confidential"]));
    expect(&home, "mia", read("copy/of/it"), Decision::Deny, "flow/clearance:asker");
    assert_eq!(home.judge("eve", read("copy/of/it")).verdict().labels, labels(&["confidential"]));
    let run_of_eve = home.judge("eve", run("git", &[]));
    assert_eq!(run_of_eve.verdict().labels, labels(&["confidential"]));
    expect(&home, "mia", run("git", &[]), Decision::Permit, "policy/skill:exec:commands:git");
    let run_of_mia = bounds(home.judge("mia", run("git", &[])));
    assert_eq!(run_of_mia.reach.read, [PathBuf::from("/srv/docs/team")], "not what mia is not cleared for");
    assert_eq!(run_of_mia.folder, PathBuf::from("/tmp"));
    assert!(run_of_mia.reach.write.is_empty());
}

#[test]
fn a_destination_within_the_reach_must_be_cleared() {
    let mut config = config();
    let sink = config.sinks.remove(1);
    assert_eq!(sink.resource, Resource::Path("/home/agents/echo/workspace/out".into()));
    let plain = Home::with(config.clone(), SOUL);
    expect(&plain, "mia", run("git", &[]), Decision::Permit, "policy/skill:exec:commands:git");
    config.sinks.push(sink);
    let home = Home::with(config, SOUL);
    expect(&home, "mia", run("git", &[]), Decision::Deny, "flow/clearance:sink");
}

#[test]
fn an_approval_is_for_the_arguments_the_file_and_the_reach() {
    let mut config = config();
    config.sinks.clear();
    let text = "@id(\"look\") @message(\"a person looks\") @decision(\"ask\") \
        forbid (principal, action == Action::\"command.run\", resource) unless { context.approved };";
    config.guardrails.push(guardrail("ours.cedar", text));
    let home = Home::with(config, SOUL);
    let held = home.judge("mia", run("git", &["log"]));
    assert_eq!(held.verdict().decision, Decision::Ask);
    let binding = held.binding();
    let approved = |intent| home.judge_approved("mia", intent, Some(&binding)).verdict().decision;
    assert_eq!(approved(run("git", &["log"])), Decision::Permit);
    for other in
        [run("git", &["push"]), run("git", &["log", ""]), run("git", &["lo", "g"]), run("awk", &["log"])]
    {
        assert_eq!(approved(other), Decision::Deny);
    }
    let run = bounds(home.judge_approved("mia", run("git", &["log"]), Some(&binding)));
    assert_eq!(
        run.programs,
        [PathBuf::from("/usr/bin/git")],
        "what must be asked for is not started by another"
    );
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(strings(&["git", "awk", "/usr/bin/git", "./git", "git ", "GIT", "sh", "env", "/", "..", ""])),
        1 => "[a-zA-Z./ ]{0,12}",
        1 => ".{0,12}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever a model writes: only a granted name, letter by letter, is permitted, and its arguments stay as they were.
    #[test]
    fn only_a_granted_name_is_ever_permitted(
        command in word(),
        args in prop::collection::vec(word(), 0..4),
        folder in prop::option::of(word()),
    ) {
        let mut call_args = json!({ "command": command, "args": args });
        if let Some(folder) = folder {
            call_args["folder"] = folder.into();
        }
        let judged = home().judge("mia", call("exec", &call_args.to_string()));
        if judged.verdict().decision == Decision::Permit {
            prop_assert!(["git", "awk"].contains(&command.as_str()), "{}", command);
            prop_assert_eq!(&judged.action().args["args"], &json!(args));
        }
    }
}
