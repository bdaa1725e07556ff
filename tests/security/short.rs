//! A gateway's machine that runs short of processes or memory while a turn or a program is prepared, or whose helper is killed: one
//! sentence, nothing half-started left, and once there is enough it goes on.

use std::process::Command;

use bulkhead_tests::{Home, Said, eventually, is_root, procs, skipped};
use rustix::process::{Pid, Signal, kill_process};

/// Whose the home is: a user whose processes Linux counts.
const SOMEBODY: u32 = 47_112;

/// As many processes as the tests of that user need, and no more than a hard limit may be.
const MANY: u64 = 1024;

const CODER: &str = "# Coder\n## Identity\n- Name: coder\n- Role: Runs programs\n## Skills\n\
                     - file-reader: Read\n  - paths: .\n- file-writer: Write\n- exec: Run\n  - commands: sh\n";

/// How much address space the spawner and what it forks may have, in bytes, in turns: from too little for any program to enough.
const MOST_BYTES: [u64; 5] = [1 << 12, 1 << 16, 1 << 20, 1 << 23, 1 << 32];

const COMMANDS: [&[&str]; 2] = [&["chat", "coder", "hi"], &["run", "coder", "--", "sh", "-c", "echo ran"]];

fn ready(home: Home) -> Home {
    home.soul("coder", CODER);
    home.edit("models = [\"*\"]", "models = [\"*\"]\ncommands = [\"*\"]");
    home.scene("turns: [{say: hello, repeat: true}]");
    home.start();
    home
}

/// The process that all others are forked from.
fn spawner(home: &Home) -> Pid {
    let mut found = None;
    eventually("the gateway has its spawner", || {
        let kept = procs::kept(home.gateway());
        found = kept.iter().find(|process| process.role == "spawner").map(|process| process.pid);
        found.is_some()
    });
    Pid::from_raw(found.unwrap().cast_signed()).unwrap()
}

/// Sets a soft limit of the spawner's, as its own user.
fn limit(home: &Home, user: u32, resource: &str, most: Option<u64>) {
    let spawner = spawner(home).as_raw_nonzero();
    let most = most.map_or("unlimited".to_owned(), |most| most.to_string());
    let mut command = Command::new("setpriv");
    command.args([format!("--reuid={user}"), format!("--regid={user}"), "--clear-groups".to_owned()]);
    command.args(["prlimit".to_owned(), format!("--pid={spawner}"), format!("--{resource}={most}:")]);
    let said = command.output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
}

/// Nothing of what was begun is left.
fn nothing_left(home: &Home, what: &str) {
    // A jail that was made ahead for the next is none of it.
    eventually(&format!("{what}: nothing of it is left"), || procs::jailed(home.gateway()).is_empty());
}

/// What was made ahead has the limits of its time, and would stand in the way of the next that is to fail.
fn forget(home: &Home) {
    home.run(&["agents", "kill", "coder"]).done();
    home.run(&["agents", "resume", "coder"]).done();
}

fn go_on(home: &Home) {
    forget(home);
    home.run(COMMANDS[0]).done().has("hello");
    home.run(COMMANDS[1]).done().has("ran");
    forget(home);
}

#[test]
fn out_of_processes_no_turn_and_no_program_starts_and_why_is_said() {
    if !is_root() {
        return skipped("security::short::out_of_processes", "another user's home takes root");
    }
    let home = ready(Home::of_user(SOMEBODY));
    for command in COMMANDS {
        limit(&home, SOMEBODY, "nproc", Some(1));
        let said = home.run(command).fails(4, "cannot start a process");
        assert!(said.err.contains("limits on processes and memory") && said.out.is_empty(), "{}", said.err);
        nothing_left(&home, command[0]);
        limit(&home, SOMEBODY, "nproc", Some(MANY));
    }
    go_on(&home);
    home.verifies();
}

#[test]
fn out_of_memory_what_is_prepared_ends_with_one_sentence() {
    let user = rustix::process::getuid().as_raw();
    let home = ready(Home::new());
    let mut short = 0;
    for most in MOST_BYTES {
        for command in COMMANDS {
            limit(&home, user, "as", Some(most));
            let said = home.run(command);
            // The program has to be loaded, and an agent's process is there already when it is forked.
            short += usize::from(said.code != 0 && command[0] == "run");
            one_sentence(&said, &format!("{command:?} with {most}"));
            nothing_left_when_failed(&home, &said, command[0]);
            limit(&home, user, "as", None);
            go_on(&home);
        }
    }
    assert!(short > 0, "there was always enough");
    home.verifies();
}

fn nothing_left_when_failed(home: &Home, said: &Said, what: &str) {
    if said.code != 0 {
        nothing_left(home, what);
    }
}

/// It succeeded, or it ended with one sentence; or the program itself was ended by the kernel as it was loaded.
fn one_sentence(said: &Said, what: &str) {
    match said.code {
        0 => {}
        4 | 126 => {
            assert_eq!(
                said.err.trim_end().lines().last().map(|line| line.starts_with("error: ")),
                Some(true)
            );
            assert!(!said.err.contains("panicked"), "{what}: {}", said.err);
        }
        code => assert!((127..=255).contains(&code), "{what}: {code}: {}", said.err),
    }
}

#[test]
fn a_helper_that_is_killed_is_replaced_and_what_it_prepared_is_one_sentence_or_done() {
    let home = ready(Home::new());
    for command in COMMANDS {
        // Something is started, and so by a spawner: there is none before it is asked for.
        go_on(&home);
        let first = spawner(&home);
        kill_process(first, Signal::KILL).unwrap();
        // Whoever asks next has another one made.
        home.run(command).done();
        assert_ne!(spawner(&home), first);
        // In the middle of it: whatever becomes of it, it is told in one sentence.
        let begun = home.begin(command);
        kill_process(spawner(&home), Signal::KILL).unwrap();
        one_sentence(&Said::of(begun), command[0]);
    }
    go_on(&home);
    home.verifies();
}
