//! A model that keeps proposing short commands, stopped wherever it happens to be, between two calls as in the middle of
//! one: nothing is done after the stop has returned, no process is left, and the record has no call behind the stop.

use std::fs;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use bulkhead_tests::{Home, Said, eventually, procs};
use serde_json::Value;

use crate::RESTLESS;

/// How many conversations propose at once.
const SESSIONS: usize = 2;

/// How many rounds each way of stopping has, each at another moment.
const ROUNDS: u64 = 4;

/// What the moments are apart, in milliseconds: no divisor of how long a call takes.
const APART_MS: u64 = 13;

/// How many calls each round has behind it when it is stopped.
const CALLS: usize = 2 * SESSIONS;

/// How long nothing may be done after a stop.
const WATCHED: Duration = Duration::from_millis(500);

/// A home whose model proposes without end. `MARK` is in the line of every process that it begins.
struct Restless {
    home: Home,
    mark: String,
    chats: Vec<Child>,
}

impl Restless {
    fn new(way: u32) -> Self {
        let home = Home::new();
        home.soul("restless", RESTLESS);
        home.edit("models = [\"*\"]", "models = [\"*\"]\ncommands = [\"*\"]");
        let mark = format!("0.02{:07}{way}", std::process::id());
        home.scene(
            &"turns:
  - say: And again.
    repeat: true
    calls: [{skill: exec, arguments: {command: sh, args: ['-c', 'echo x >>log; sleep MARK']}}]
"
            .replace("MARK", &mark),
        );
        Self { home, mark, chats: Vec::new() }
    }

    /// What has been done so far.
    fn log(&self) -> usize {
        fs::read(self.home.at("agents/restless/workspace/log")).unwrap_or_default().len() / 2
    }

    /// Begins, and comes back at the moment of this round.
    fn begin(&mut self, round: u64) {
        let before = self.log();
        self.chats =
            (0..SESSIONS).map(|_| self.home.begin(&["chat", "restless", "go on", "--json"])).collect();
        eventually("calls are done", || self.log() >= before + CALLS);
        // No time is measured here: each round meets another moment.
        std::thread::sleep(Duration::from_millis(round * APART_MS));
    }

    /// The processes that it began and that live.
    fn left(&self) -> Vec<u32> {
        let entries = fs::read_dir("/proc").unwrap();
        let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
        let ours = |pid: &u32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.windows(self.mark.len()).any(|part| part == self.mark.as_bytes())
        };
        numbers.filter(ours).filter(|pid| procs::lives(*pid)).collect()
    }

    /// From now on nothing is done, and nobody is there to do it.
    #[track_caller]
    fn is_over(&mut self) {
        let done = self.log();
        let begun = Instant::now();
        while begun.elapsed() < WATCHED {
            assert_eq!((self.log(), self.left()), (done, Vec::new()), "something was done after the stop");
            std::thread::sleep(Duration::from_millis(5));
        }
        for chat in self.chats.drain(..) {
            Said::of(chat).lacks("\"reply\"");
        }
    }

    /// The record has no permit and nothing done behind its last `event`, and everything that was done is on it.
    #[track_caller]
    fn nothing_behind(&self, event: &str) {
        let records = self.home.records(&[]);
        let stop = records.iter().rposition(|record| record["event"] == event).expect(event);
        let work = |record: &&Value| record["decision"] == "permit" && record["kind"] == "verdict";
        let behind: Vec<&Value> = records[stop..]
            .iter()
            .filter(|record| work(record) || record["kind"] == "proposal" || record["status"] == "done")
            .collect();
        assert_eq!(behind, Vec::<&Value>::new(), "behind the stop");
        let permitted =
            records.iter().filter(work).filter(|record| record["action"]["verb"] == "command.run").count();
        assert!(permitted >= self.log(), "{permitted} on the record, {} done", self.log());
    }
}

fn signal(name: &str, pid: u32) {
    assert!(Command::new("kill").args([name, &pid.to_string()]).status().unwrap().success());
    eventually("the gateway is gone", || !procs::lives(pid));
}

#[test]
fn nothing_is_done_behind_a_kill_wherever_it_comes() {
    let mut restless = Restless::new(1);
    restless.home.start();
    for round in 0..2 * ROUNDS {
        restless.begin(round);
        restless.home.run(&["agents", "kill", "restless"]).done();
        restless.is_over();
        assert_eq!(procs::jailed(restless.home.gateway()), []);
        restless.nothing_behind("agent.killed");
        restless.home.run(&["agents", "resume", "restless"]).done();
    }
    restless.home.verifies();
}

#[test]
fn nothing_is_done_behind_a_stop_of_the_gateway_wherever_it_comes() {
    let mut restless = Restless::new(2);
    for round in 0..ROUNDS {
        restless.home.start();
        restless.begin(round);
        restless.home.run(&["gateway", "stop"]).done();
        restless.is_over();
        restless.nothing_behind("gateway.stopped");
    }
    restless.home.verifies();
}

#[test]
fn nothing_is_done_behind_a_signal_wherever_it_comes() {
    let mut restless = Restless::new(3);
    for round in 0..ROUNDS {
        restless.home.start();
        restless.begin(round);
        signal("-TERM", restless.home.gateway());
        restless.is_over();
        restless.nothing_behind("gateway.stopped");
    }
    restless.home.verifies();
}

#[test]
fn nothing_is_done_behind_a_crash_nor_after_the_next_start() {
    let mut restless = Restless::new(4);
    restless.home.start();
    for round in 0..ROUNDS {
        restless.begin(round);
        restless.home.crash();
        eventually("no process of it is left", || restless.left().is_empty());
        restless.is_over();
        restless.home.start();
        restless.is_over();
        restless.nothing_behind("gateway.started");
    }
    restless.home.verifies();
}
