//! What ends a program: a kill, a stop, the end of its command, the end of the gateway, and the loss of what it was
//! started with.

use std::fs;

#[cfg(test)]
#[expect(dead_code, reason = "each test binary uses its part of it")]
mod common;

use common::programs::{none_left, sleepers, start, start_as};
use common::{Home, ended, eventually};
use rustix::process::{Pid, Signal, kill_process};

const IDLE: &str = "turns: [{say: hello, repeat: true}]";

#[test]
fn a_kill_ends_it_with_all_that_it_started_and_the_command_says_so() {
    let home = Home::running(IDLE).with_coder();
    let child = start(&home, 700_001);
    let report = home.json(&["agents", "kill", "coder"]);
    assert!(report["killed"][0]["processes"].as_u64().unwrap() >= 1, "{report}");
    assert_eq!(sleepers(700_001), 0, "when the kill has answered, nothing is left");
    ended(child).fails(3, "the agent `coder` was stopped, and this program with it");
    home.run(&["run", "coder", "--", "true"]).fails(3, "bulkhead agents resume coder");
    home.run(&["agents", "resume", "coder"]).done();
    let child = start(&home, 700_002);
    home.run(&["agents", "kill", "--all"]).done();
    assert_eq!(sleepers(700_002), 0);
    ended(child).fails(3, "was stopped");
}

#[test]
fn stopping_the_gateway_ends_it_and_the_command_says_so() {
    let home = Home::running(IDLE).with_coder();
    let child = start(&home, 700_003);
    home.run(&["gateway", "stop"]).done();
    assert_eq!(sleepers(700_003), 0);
    ended(child).fails(3, "the gateway was stopped, and this program with it");
    assert!(!home.path().join("run.sock").exists());
    home.run(&["audit", "verify"]).done();
}

#[test]
fn a_gateway_that_is_killed_takes_it_along_and_the_command_says_so() {
    let home = Home::running(IDLE).with_coder();
    let child = start(&home, 700_004);
    let pid = home.json(&["gateway", "status"])["pid"].as_i64().unwrap();
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), Signal::KILL).unwrap();
    ended(child).fails(4, "the gateway went away, and the program with it");
    none_left(700_004);
    home.run(&["gateway", "start"]).done();
    home.run(&["run", "-q", "coder", "--", "true"]).done();
    home.run(&["gateway", "stop"]).done();
    home.run(&["audit", "verify"]).done();
}

#[test]
fn a_command_that_is_killed_takes_its_program_along() {
    let home = Home::running(IDLE).with_coder();
    let mut child = start(&home, 700_005);
    kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
    child.wait().unwrap();
    none_left(700_005);
    ends_recorded(&home, "coder", "its command went away");
}

#[test]
fn what_a_program_leaves_in_the_background_ends_with_it() {
    let home = Home::running(IDLE).with_coder();
    let script = "sleep 700006 & (setsid sleep 700006 >/dev/null 2>&1 &); exit 8";
    home.run(&["run", "-q", "coder", "--", "sh", "-c", script]).with(8);
    assert_eq!(sleepers(700_006), 0);
}

const WRITES: &str = "- file-writer: Writes its workspace\n";

/// An agent is idle a moment before its last turn's end is on the record.
fn ends_recorded(home: &Home, agent: &str, words: &str) {
    home.until(agent, "idle");
    eventually(&format!("`{words}` is on the record"), || home.contents().contains(words));
}

#[test]
fn a_grant_that_is_taken_from_soul_md_ends_it_and_an_unrelated_edit_does_not() {
    let home = Home::running(IDLE).with_coder();
    fs::create_dir_all(home.path().join("agents/other/workspace")).unwrap();
    fs::copy(home.soul("coder"), home.soul("other")).unwrap();
    home.edit_soul("other", "- Name: coder", "- Name: other");
    let child = start(&home, 700_007);
    home.edit_soul("coder", "Runs what it is given", "Runs whatever it is given");
    home.edit_soul("coder", "- message: Posts what is done\n", "");
    home.edit("# People.", "# The people.");

    // Started after the edits and looked at as often, so the first was looked at when this one has ended.
    let second = start_as("other", &home, 700_008);
    home.edit_soul("other", WRITES, "");
    ended(second).fails(3, "agents/other/workspace` was taken from `other` for");
    assert_eq!((sleepers(700_007), sleepers(700_008)), (3, 0));
    ends_recorded(&home, "other", "was taken from `other` for");

    home.edit_soul("coder", WRITES, "");
    ended(child).fails(3, "agents/coder/workspace` was taken from `coder` for");
    assert_eq!(sleepers(700_007), 0);
    home.run(&["gateway", "stop"]).done();
    home.run(&["audit", "verify"]).done();
}

#[test]
fn a_right_or_a_clearance_that_is_taken_from_its_person_ends_it() {
    let home = Home::running(IDLE).with_coder();
    let handbook = home.path().join("handbook");
    let reads = format!("- file-reader: Reads\n  - paths: ., {}\n", handbook.display());
    home.edit_soul("coder", "- file-reader: Reads its workspace\n", &reads);
    let child = start(&home, 700_009);
    home.edit("read = [\"*\"]", "read = []");
    ended(child).fails(3, "handbook` was taken from `coder` for");
    assert_eq!(sleepers(700_009), 0);
    home.edit("read = []", "read = [\"*\"]");

    let child = start(&home, 700_010);
    home.edit("agents = [\"*\"]", "agents = [\"helper\"]");
    ended(child).fails(3, "no longer has the right to ask `coder`");
    assert_eq!(sleepers(700_010), 0);
    home.edit("agents = [\"helper\"]", "agents = [\"*\"]");

    let child = start(&home, 700_011);
    let label = format!("[[label]]\npath = {handbook:?}\nlabels = [\"restricted\"]\n");
    home.edit("# What a destination may receive", &format!("{label}\n# What a destination may receive"));
    ended(child).fails(3, "handbook` was taken from `coder` for");
    assert_eq!(sleepers(700_011), 0);
    ends_recorded(&home, "coder", "no longer has the right to ask");
}

#[test]
fn a_clearance_below_what_it_has_read_ends_it() {
    let home = Home::running(IDLE).with_coder();
    let handbook = home.path().join("handbook");
    let reads = format!("- file-reader: Reads\n  - paths: ., {}\n", handbook.display());
    home.edit_soul("coder", "- file-reader: Reads its workspace\n", &reads);
    home.edit_soul("coder", WRITES, "");
    let label = format!("[[label]]\npath = {handbook:?}\nlabels = [\"finance\"]\n");
    home.edit("# What a destination may receive", &format!("{label}\n# What a destination may receive"));
    home.edit("clearance = [\"restricted\"]", "clearance = [\"restricted\", \"finance\"]");
    fs::write(
        home.soul("coder"),
        format!(
            "{}\n## Clearance\n- restricted\n- finance\n",
            fs::read_to_string(home.soul("coder")).unwrap()
        ),
    )
    .unwrap();
    let child = start(&home, 700_013);
    // The folder is free for everybody from now on; what the program has read there is not.
    home.edit(&label, "");
    home.edit("clearance = [\"restricted\", \"finance\"]", "clearance = [\"restricted\"]");
    ended(child).fails(3, "finance`, and `");
    assert_eq!(sleepers(700_013), 0);
    ends_recorded(&home, "coder", "is cleared for");
}

#[test]
fn a_rule_against_programs_that_comes_later_ends_it() {
    let home = Home::running(IDLE).with_coder();
    let child = start(&home, 700_012);
    home.edit_soul("coder", "## Skills", "## Rules\n\n- Never execute code or system commands\n\n## Skills");
    ended(child).fails(3, "no program runs as `coder` any more");
    assert_eq!(sleepers(700_012), 0);
    ends_recorded(&home, "coder", "no program runs as `coder` any more");
    home.run(&["run", "coder", "--", "true"]).fails(3, "no program runs as `coder`");
    home.run(&["audit", "query", "--agent", "coder", "--kind", "auth", "--json"]).done().has("run.refused");
}
