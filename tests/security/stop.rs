//! Stopping and tightening reach what already runs, whatever state the home is in.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use bulkhead_tests::procs::{self, Jailed};
use bulkhead_tests::server::{Deed, Server};
use bulkhead_tests::{Home, Said, eventually, is_root, skipped, tree};
use serde_json::json;

/// Reads, thinks for longer than any test takes, and would read again.
pub(crate) const READS_TWICE: &str = "
turns:
  - calls: [{skill: file-reader, arguments: {path: HOME/handbook/expenses.md}}]
  - say: one moment
    delay_ms: 600000
    calls: [{skill: file-reader, arguments: {path: HOME/handbook/time-off.md}}]
  - say: That is all.
";

pub(crate) fn thinking(home: &Home) -> Child {
    let chat = home.begin(&["chat", "helper", "look it up", "--json"]);
    eventually("the turn waits for its model a second time", || {
        let calls = home.records(&["--kind", "verdict", "--decision", "permit"]);
        calls.iter().filter(|verdict| verdict["action"]["verb"] == "model.call").count() == 2
    });
    chat
}

#[test]
fn settings_that_do_not_hold_keep_nobody_from_stopping_an_agent() {
    let home = Home::playing(READS_TWICE);
    let chat = thinking(&home);
    home.add("\noops = = \n");
    home.run(&["agents", "kill", "helper"]).with(0);
    assert_eq!(procs::jailed(home.gateway()), []);
    Said::of(chat).with(3).lacks("That is all");
}

#[test]
fn everything_is_stopped_even_an_agent_whose_folder_is_gone() {
    let home = Home::playing(READS_TWICE);
    let chat = thinking(&home);
    fs::rename(home.at("agents/helper"), home.at("moved-away")).unwrap();
    let report = home.json(&["agents", "kill", "--all"]);
    let names: Vec<&str> =
        report["killed"].as_array().unwrap().iter().map(|killed| killed["agent"].as_str().unwrap()).collect();
    assert!(names.contains(&"helper") && names.contains(&"echo"), "{names:?}");
    assert_eq!(procs::jailed(home.gateway()), []);
    Said::of(chat).with(3).lacks("That is all");
}

/// Has processes stop on their way out (`PTRACE_O_TRACEEXIT`), where no signal reaches them, until standard input ends.
const HOLD: &str = r"
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
for pid in map(int, sys.argv[1:]):
    if libc.ptrace(0x4206, pid, None, 0x40) != 0:
        sys.exit(os.strerror(ctypes.get_errno()))
print('held', flush=True)
sys.stdin.read()
";

/// Processes that do not end before this is dropped. Takes root.
pub(crate) struct Held(Child);

impl Held {
    pub(crate) fn all(jailed: &[Jailed]) -> Self {
        let mut holder = Command::new("python3")
            .args(["-c", HOLD])
            .args(jailed.iter().map(|jailed| jailed.pid.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "held\n");
        Self(holder)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

#[test]
fn processes_that_do_not_end_are_an_alert() {
    if !is_root() {
        skipped("security::stop::processes_that_do_not_end", "holding a jailed process takes root");
        return;
    }
    let home = Home::playing(READS_TWICE);
    let chat = thinking(&home);
    let held = Held::all(&procs::jailed(home.gateway()));
    let report = home.json_whatever(&["agents", "kill", "helper"]);
    let left = report["killed"][0]["left"].as_u64().unwrap();
    assert!(left >= 1, "{report}");
    drop(held);
    Said::of(chat).with(3).lacks("That is all");
    let alerts = home.records(&["--event", "kill.incomplete"]);
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!((&alerts[0]["kind"], &alerts[0]["agent"]), (&"alert".into(), &"helper".into()));
    assert_eq!(alerts[0]["facts"]["left"], left);
    assert_eq!(home.records(&["--event", "agent.killed"])[0]["facts"]["left"], left);
    home.verifies();
}

/// Has processes stop on their way out until every one of them is on its way out.
const HOLD_UNTIL_ALL_ARE_STRUCK: &str = r"
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
pids = set(map(int, sys.argv[1:]))
for pid in pids:
    if libc.ptrace(0x4206, pid, None, 0x40) != 0:
        sys.exit(os.strerror(ctypes.get_errno()))
print('held', flush=True)
WALL, TRAP, EXIT, CONT = 0x40000000, 5, 6, 7
while pids:
    pid, status = os.waitpid(-1, WALL)
    if status >> 8 == TRAP | EXIT << 8:
        pids.discard(pid)
    elif os.WIFSTOPPED(status):
        libc.ptrace(CONT, pid, None, None)
print('struck', flush=True)
";

#[test]
fn no_agent_waits_for_the_end_of_another_ones_processes() {
    if !is_root() {
        skipped("security::stop::no_agent_waits_for_the_end", "holding a jailed process takes root");
        return;
    }
    let server = Server::model(|_| Deed::Hang);
    let home = Home::new();
    home.edit("default = \"rehearsal/scene\"", "default = \"box\"");
    home.add(&server.settings());
    home.start();
    let chats = ["echo", "helper"].map(|agent| home.begin(&["chat", agent, "think"]));
    let agents = || {
        let jailed = procs::jailed(home.gateway()).into_iter().filter(|jailed| jailed.role == "agent");
        jailed.map(|jailed| jailed.pid.to_string()).collect::<Vec<_>>()
    };
    eventually("both think", || agents().len() == 2);
    let mut holder = Command::new("python3")
        .args(["-c", HOLD_UNTIL_ALL_ARE_STRUCK])
        .args(agents())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "held");
    // Neither ends before both are struck: were the second struck only when the first is seen to end or is given up, the
    // first would be given up.
    let report = home.json(&["agents", "kill", "--all"]);
    assert_eq!(lines.next().unwrap().unwrap(), "struck");
    holder.wait().unwrap();
    let killed = report["killed"].as_array().unwrap();
    assert!(killed.len() >= 2 && killed.iter().all(|agent| agent["left"] == 0), "{report}");
    assert_eq!(home.records(&["--event", "kill.incomplete"]).len(), 0);
    for chat in chats {
        drop(Said::of(chat).with(3));
    }
}

#[test]
fn a_grant_that_was_taken_away_is_gone_for_a_turn_that_runs() {
    let model = Server::speaker();
    let home = Home::new();
    home.edit("default = \"rehearsal/scene\"", "default = \"box/m\"");
    home.add(&model.server.settings());
    home.start();
    let reads = |page: &str| {
        let words = model.answer();
        words.call("file-reader", &json!({ "path": home.at(page) }));
        words.end();
    };
    reads("handbook/expenses.md");
    let chat = thinking(&home);
    let soul = fs::read_to_string(home.at("agents/helper/SOUL.md")).unwrap();
    let (before, _) = soul.split_once("## Skills").unwrap();
    let changes = || home.records(&["--event", "soul.changed", "--agent", "helper"]).len();
    let known = changes();
    home.soul("helper", before);
    eventually("the gateway has seen it", || changes() > known);
    reads("handbook/time-off.md");
    let words = model.answer();
    words.say("That is all.");
    words.end();
    drop(Said::of(chat));
    let reads = home.records(&["--kind", "verdict"]);
    let decisions: Vec<&str> = reads
        .iter()
        .filter(|verdict| {
            let verb = &verdict["action"]["verb"];
            verb == "file.read" || verb == "skill.call"
        })
        .map(|verdict| verdict["decision"].as_str().unwrap())
        .collect();
    assert_eq!(decisions, ["permit", "deny"]);
}

#[test]
fn no_agent_reads_or_writes_what_it_is_judged_by_whatever_it_was_granted() {
    let calls = "
turns:
  - calls:
      - {skill: file-reader, arguments: {path: HOME/bulkhead.toml}}
      - {skill: file-reader, arguments: {path: HOME/data/journal.sqlite}}
      - {skill: file-reader, arguments: {path: HOME/agents/helper/SOUL.md}}
      - {skill: file-writer, arguments: {path: HOME/agents/sly/SOUL.md, content: anything}}
      - {skill: file-writer, arguments: {path: HOME/guardrails/base.cedar, content: anything}}
      - {skill: file-writer, arguments: {path: HOME/keys/new, content: anything}}
      - {skill: file-reader, arguments: {path: HOME/secrets/api}}
      - {skill: file-reader, arguments: {path: HOME/secrets}}
      - {skill: file-writer, arguments: {path: HOME/secrets/api, content: sk-of-the-agent}}
      - {skill: file-reader, arguments: {path: HOME/handbook/expenses.md}}
      - {skill: file-writer, arguments: {path: HOME/agents/sly/workspace/note.md, content: mine}}
  - say: I tried.
";
    let home = Home::playing(calls);
    let path = home.path();
    let all = path.display();
    fs::write(home.at("secrets/api"), "sk-sesame-1234").unwrap();
    let soul = format!(
        "# Sly\n## Identity\n- Name: sly\n- Role: Tries\n## Rules\n- Be kind\n## Skills\n\
         - file-reader: all of it\n  - paths: {all}\n- file-writer: all of it\n  - paths: {all}\n"
    );
    home.soul("sly", &soul);
    fs::create_dir_all(home.at("agents/sly/workspace")).unwrap();
    let guardrails = tree(&home.at("guardrails"));
    home.run(&["chat", "sly", "go on"]).with(0);
    let verdicts = home.records(&["--kind", "verdict", "--agent", "sly"]);
    let of_files = verdicts.iter().filter(|v| v["action"]["verb"].as_str().unwrap().starts_with("file."));
    let decisions: Vec<&str> = of_files.map(|v| v["decision"].as_str().unwrap()).collect();
    assert_eq!(decisions, [["deny"; 9].as_slice(), &["permit"; 2]].concat());
    assert_eq!(fs::read_to_string(home.at("secrets/api")).unwrap(), "sk-sesame-1234");
    assert!(!format!("{:?}", home.whole(&["--agent", "sly"])).contains("sesame"));
    assert_eq!(tree(&home.at("guardrails")), guardrails);
    assert_eq!(fs::read_to_string(home.at("agents/sly/SOUL.md")).unwrap(), soul);
}

#[test]
fn what_a_gateway_was_wired_with_is_not_judged_anew_before_a_restart() {
    let home = Home::playing("turns: [{say: well}]");
    home.run(&["chat", "helper", "hello"]).with(0);
    home.add("\n[[models.server]]\nname = \"corp\"\nurl = \"http://127.0.0.1:9\"\n");
    home.run(&["chat", "helper", "hello"]).fails(2, "gateway restart");
    home.run(&["gateway", "restart"]).with(0);
    home.run(&["chat", "helper", "hello"]).with(0);
}

#[test]
fn what_waits_is_cancelled_in_one_stroke_with_the_stop_and_the_heartbeat_says_so() {
    let posts =
        "turns: [{calls: [{skill: message, arguments: {channel: \"board:content-team\", text: hello}}]}]";
    let home = Home::playing(posts);
    let chat = home.begin(&["chat", "echo", "announce it"]);
    let id = home.waiting();
    home.run(&["agents", "kill", "echo"]).done();
    let beat = fs::read_to_string(home.at("agents/echo/HEARTBEAT.md")).unwrap();
    assert!(beat.contains("stopped by a person"), "{beat}");
    drop(Said::of(chat));
    let records = home.whole(&["--agent", "echo"]);
    let kill = records.iter().position(|record| record["event"] == "agent.killed").unwrap();
    let before = &records[kill - 1];
    assert_eq!((&before["event"], &before["kind"]), (&"approval.cancelled".into(), &"approval".into()));
    assert_eq!(before["seq"].as_u64().unwrap() + 1, records[kill]["seq"].as_u64().unwrap());
    home.crash();
    home.start();
    home.run(&["approvals", "approve", &id]).fails(3, "does not wait any more");
    home.run(&["chat", "echo", "and now?"]).fails(3, "agents resume echo");
    assert_eq!(home.posts("hello"), 0);
    home.verifies();
}
