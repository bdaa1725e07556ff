//! What ends a program: a kill, a stop, the end of its command and the end of the gateway.

#[cfg(test)]
#[expect(dead_code, reason = "each test binary uses its part of it")]
mod common;

use common::programs::{none_left, sleepers, start};
use common::{Home, ended};
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
    home.until("coder", "idle");
    assert!(home.contents().contains("its command went away"));
}

#[test]
fn what_a_program_leaves_in_the_background_ends_with_it() {
    let home = Home::running(IDLE).with_coder();
    let script = "sleep 700006 & (setsid sleep 700006 >/dev/null 2>&1 &); exit 8";
    home.run(&["run", "-q", "coder", "--", "sh", "-c", script]).with(8);
    assert_eq!(sleepers(700_006), 0);
}
