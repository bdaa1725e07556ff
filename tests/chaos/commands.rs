//! A model that keeps proposing commands that never end, in the foreground, in the background and as daemons: whatever
//! stops it, no process of it is left and no new one starts.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use bulkhead_tests::{Home, PATIENCE, Said, eventually, procs};

use crate::RESTLESS;

/// How many conversations propose at once.
const SESSIONS: usize = 3;

/// How many sleepers one command has: in the foreground, in the background, in a session of its own, and twice as a
/// daemon that was forked twice.
const SLEEPERS: usize = 5;

/// How long nothing new may start after the stop.
const WATCHED: Duration = Duration::from_secs(2);

/// A number of seconds that no other process sleeps.
fn marker(test: u32) -> String {
    format!("333{:07}{test}", std::process::id())
}

/// The processes that sleep `marker` seconds.
fn sleepers(marker: &str) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap();
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let sleeps = |pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        words.first().is_some_and(|program| program.ends_with(b"sleep"))
            && words.get(1) == Some(&marker.as_bytes())
    };
    numbers.filter(sleeps).filter(|pid| procs::lives(*pid)).collect()
}

/// A home where it goes on in several conversations.
fn busy(marker: &str) -> (Home, Vec<Child>) {
    let home = Home::new();
    home.soul("restless", RESTLESS);
    home.edit("models = [\"*\"]", "models = [\"*\"]\ncommands = [\"*\"]");
    home.scene(
        &"turns:
  - calls:
      - {skill: exec, arguments: {command: sh, args: ['-c', 'sleep N & echo left behind']}}
      - {skill: exec, arguments: {command: sh, args: ['-c', 'setsid sh -c \"setsid sleep N &\" & echo left behind']}}
      - {skill: exec, arguments: {command: sh, args: ['-c', 'sleep N & setsid sleep N & (setsid sh -c \"setsid sleep N & sleep N\" &) ; sleep N']}}
      - {skill: exec, arguments: {command: sleep, args: ['N']}}
  - say: And again.
    repeat: true
    calls:
      - {skill: exec, arguments: {command: sleep, args: ['N']}}
"
        .replace('N', marker),
    );
    home.start();
    let chats = (0..SESSIONS).map(|_| home.begin(&["chat", "restless", "go on", "--json"])).collect();
    let until = Instant::now() + PATIENCE;
    // What the first two calls left behind ended with them.
    while sleepers(marker).len() != SESSIONS * SLEEPERS {
        let (there, all) = (sleepers(marker).len(), SESSIONS * SLEEPERS);
        let outcomes = || home.whole(&["--kind", "outcome"]);
        assert!(Instant::now() < until, "{there} of {all} sleepers are there: {:#?}", outcomes());
        std::thread::sleep(Duration::from_millis(10));
    }
    (home, chats)
}

/// Nothing is left, and nothing comes.
#[track_caller]
fn stays_quiet(marker: &str) {
    let begun = Instant::now();
    while begun.elapsed() < WATCHED {
        assert_eq!(sleepers(marker), Vec::<u32>::new());
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn end(chats: Vec<Child>) {
    for chat in chats {
        Said::of(chat).lacks("\"reply\"");
    }
}

#[test]
fn a_kill_of_the_agent_leaves_no_command() {
    let marker = marker(1);
    let (home, chats) = busy(&marker);
    home.run(&["agents", "kill", "restless"]).done();
    stays_quiet(&marker);
    end(chats);
    home.run(&["chat", "restless", "go on"]).fails(3, "bulkhead agents resume restless");
    stays_quiet(&marker);
    home.verifies();
}

#[test]
fn a_stop_of_the_gateway_leaves_no_command() {
    let marker = marker(2);
    let (home, chats) = busy(&marker);
    home.run(&["gateway", "stop"]).done();
    stays_quiet(&marker);
    end(chats);
}

#[test]
fn a_termination_of_the_gateway_leaves_no_command() {
    let marker = marker(3);
    let (home, chats) = busy(&marker);
    let gateway = home.gateway();
    assert!(Command::new("kill").args(["-TERM", &gateway.to_string()]).status().unwrap().success());
    eventually("the gateway is gone", || !procs::lives(gateway));
    stays_quiet(&marker);
    end(chats);
}

#[test]
fn a_crash_of_the_gateway_leaves_no_command_and_none_is_tried_again() {
    let marker = marker(4);
    let (home, chats) = busy(&marker);
    home.crash();
    eventually("no sleeper is left", || sleepers(&marker).is_empty());
    stays_quiet(&marker);
    end(chats);
    home.start();
    stays_quiet(&marker);
    let outcomes = home.records(&["--kind", "outcome", "--agent", "restless"]);
    let unknown = outcomes.iter().filter(|outcome| outcome["status"] == "unknown").count();
    assert_eq!(unknown, SESSIONS, "{outcomes:?}");
    home.verifies();
}
