//! Programs that are run as an agent: their streams, their status, their environment, and what is refused.

#[cfg(test)]
#[expect(dead_code, reason = "each test binary uses its part of it")]
mod common;

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use common::{Home, Said, ended, eventually};
use rustix::process::{Pid, Signal, kill_process};

const IDLE: &str = "turns: [{say: hello, repeat: true}]";

/// More than any pipe holds.
const MUCH: usize = 50_000_000;

/// Runs a command as `coder`.
fn run(home: &Home, command: &[&str]) -> Said {
    home.run(&[&["run", "-q", "coder", "--"], command].concat())
}

fn shell(home: &Home, script: &str) -> Said {
    run(home, &["sh", "-c", script])
}

fn workspace(home: &Home) -> std::path::PathBuf {
    home.path().join("agents/coder/workspace")
}

#[test]
fn a_program_ends_as_it_would_without_bulkhead() {
    let home = Home::running(IDLE).with_coder();
    for code in [0, 3, 42, 255] {
        shell(&home, &format!("exit {code}")).with(code);
    }
    for (name, code) in [("TERM", 143), ("KILL", 137), ("ABRT", 134)] {
        shell(&home, &format!("kill -{name} $$")).with(code);
    }
    run(&home, &["no-such-program"]).fails(127, "no-such-program");
    run(&home, &["./no-such-program"]).fails(127, "no-such-program");
    fs::write(workspace(&home).join("notes"), "text").unwrap();
    run(&home, &["./notes"]).fails(126, "notes");
    // By a process of its own: what this one still had open for writing would not be started.
    shell(&home, r"printf '#!/bin/sh\necho made here\n' >tool; chmod +x tool").done();
    run(&home, &["./tool"]).done().has("made here");
    let said = home.run(&["run", "coder", "--", "true"]).done();
    assert_eq!(said.out, "");
    assert!(said.err.contains("http://127.0.0.1:7411/mcp"), "{}", said.err);
    assert_eq!(run(&home, &["true"]).done().err, "");
}

#[test]
fn pipes_carry_everything_both_ways() {
    let home = Home::running(IDLE).with_coder();
    let bytes: Vec<u8> = (0..MUCH).map(|n| u8::try_from(n % 251).unwrap()).collect();
    let mut child = home.start(&["run", "-q", "coder", "--", "cat"]);
    let mut input = child.stdin.take().unwrap();
    let mut output = child.stdout.take().unwrap();
    let sent = bytes.clone();
    let sending = std::thread::spawn(move || input.write_all(&sent).unwrap());
    let mut back = Vec::with_capacity(MUCH);
    output.read_to_end(&mut back).unwrap();
    sending.join().unwrap();
    assert!(back == bytes, "{} of {MUCH} bytes came back as they were", back.len());
    assert_eq!(child.wait().unwrap().code(), Some(0));

    let said = home.pipe(&["run", "-q", "coder", "--", "wc", "-c"], b"hello\n").done();
    assert_eq!(said.out.trim(), "6");
    let said = shell(&home, "echo out; echo err >&2").done();
    assert_eq!((said.out.as_str(), said.err.as_str()), ("out\n", "err\n"));
    // A reader that leaves ends the writer, as without.
    let mut endless = home.start(&["run", "-q", "coder", "--", "yes"]);
    drop(endless.stdout.take());
    assert_eq!(endless.wait().unwrap().code(), Some(141));
}

#[test]
fn files_sockets_and_nothing_are_streams_too_and_a_folder_is_none() {
    let home = Home::running(IDLE).with_coder();
    let outside = tempfile::tempdir().unwrap();
    let (input, output) = (outside.path().join("in"), outside.path().join("out"));
    fs::write(&input, "from a file").unwrap();
    let mut command = home.command(&["run", "-q", "coder", "--", "cat"]);
    command.stdin(fs::File::open(&input).unwrap()).stdout(fs::File::create(&output).unwrap());
    assert!(command.status().unwrap().success());
    assert_eq!(fs::read_to_string(&output).unwrap(), "from a file");
    assert_eq!(run(&home, &["cat"]).done().out, "");

    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let mut command = home.command(&["run", "-q", "coder", "--", "tr", "a-z", "A-Z"]);
    command.stdin(OwnedFd::from(theirs.try_clone().unwrap())).stdout(OwnedFd::from(theirs));
    let mut child = command.spawn().unwrap();
    drop(command);
    ours.write_all(b"through a socket").unwrap();
    ours.shutdown(std::net::Shutdown::Write).unwrap();
    let mut back = String::new();
    ours.read_to_string(&mut back).unwrap();
    assert_eq!((back.as_str(), child.wait().unwrap().code()), ("THROUGH A SOCKET", Some(0)));

    let mut command = home.command(&["run", "-q", "coder", "--", "ls", "/proc/self/fd/0/"]);
    let said: Said = command.stdin(fs::File::open("/").unwrap()).output().unwrap().into();
    said.fails(2, "standard input is a folder");
}

#[test]
fn the_environment_is_exactly_what_is_said() {
    let home = Home::running(IDLE).with_coder();
    let mut command = home.command(&["run", "-q", "coder", "--env", "PASSED", "--", "env", "-0"]);
    command
        .env("PASSED", "a\nb")
        .env("SECRET_TOKEN", "hunter2")
        .env("TERM", "xterm")
        .env("LANG", "de_DE.UTF-8");
    let said: Said = command.output().unwrap().into();
    let mut lines: Vec<&str> = said.out.split_terminator('\0').collect();
    lines.sort_unstable();
    let work = workspace(&home).to_str().unwrap().to_owned();
    let key = lines.iter().find_map(|line| line.strip_prefix("OPENAI_API_KEY=")).unwrap().to_owned();
    assert_eq!(
        lines,
        [
            "BULKHEAD_AGENT=coder",
            "BULKHEAD_MCP_URL=http://127.0.0.1:7411/mcp",
            &format!("HOME={work}"),
            "LANG=de_DE.UTF-8",
            &format!("OPENAI_API_KEY={key}"),
            "OPENAI_BASE_URL=http://127.0.0.1:7411/v1",
            "PASSED=a\nb",
            "PATH=/usr/local/bin:/usr/bin:/bin",
            "TERM=xterm",
            "TMPDIR=/tmp",
        ]
    );
    let another = run(&home, &["printenv", "OPENAI_API_KEY"]).done();
    assert!(key.len() > 32 && another.out.trim() != key, "a key is one run's");
    home.run(&["run", "coder", "--env", "PATH", "--", "env"]).fails(2, "Bulkhead sets `PATH` itself");
    home.run(&["run", "coder", "--env", "NOT_SET_HERE", "--", "env"]).fails(2, "`NOT_SET_HERE` is not set");
    home.run(&["run", "coder", "--env", "A=B", "--", "env"]).fails(2, "no name of a variable");
    let mut telling = home.command(&["run", "coder", "--env", "PASSED", "--", "true"]);
    let said: Said = telling.env("PASSED", "x").output().unwrap().into();
    assert!(said.err.contains("sees the value of `PASSED`"), "{}", said.err);
    let odd = run(&home, &["printf", "%s|", "", "a b", "--", "gr\u{fc}n\n"]).done();
    assert_eq!(odd.out, "|a b|--|gr\u{fc}n\n|");
}

#[test]
fn it_works_in_the_workspace_or_a_folder_within_reach() {
    let home = Home::running(IDLE).with_coder();
    let work = fs::canonicalize(workspace(&home)).unwrap();
    assert_eq!(run(&home, &["pwd"]).done().out.trim(), work.to_str().unwrap());
    fs::create_dir(work.join("sub")).unwrap();
    let sub = work.join("sub");
    let folder = |path: &str| home.run(&["run", "-q", "coder", "--folder", path, "--", "pwd"]);
    assert_eq!(folder(sub.to_str().unwrap()).done().out.trim(), sub.to_str().unwrap());
    folder("/etc").fails(3, "add `/etc` to `paths` of `file-reader`");
    folder(work.join("none").to_str().unwrap()).fails(2, "is no folder");
    shell(&home, "echo kept > made.txt").done();
    assert_eq!(fs::read_to_string(work.join("made.txt")).unwrap(), "kept\n");
}

#[test]
fn what_is_refused_is_one_sentence_with_the_way_out() {
    let home = Home::new().with_coder();
    run(&home, &["true"]).fails(4, "bulkhead gateway start");
    home.scene(IDLE);
    home.run(&["gateway", "start"]).done();
    home.run(&["run", "nobody", "--", "true"]).fails(2, "there is no agent `nobody`");
    home.run(&["run", "coder"]).fails(2, "--help");
    home.run(&["run", "coder", "--", ""]).fails(2, "no command");
    let tool = tempfile::tempdir().unwrap();
    let path = tool.path().join("tool");
    run(&home, &[path.to_str().unwrap()]).fails(3, &format!("add `{}`", tool.path().display()));
    home.run(&["agents", "pause", "coder"]).done();
    run(&home, &["true"]).fails(3, "bulkhead agents resume coder");
    home.run(&["agents", "resume", "coder"]).done();
    run(&home, &["true"]).done();
    let settings = fs::read_to_string(home.settings()).unwrap();
    let line = settings.lines().find(|line| line.starts_with("os-user")).unwrap().to_owned();
    home.edit(&line, "os-user = \"somebody-else\"");
    run(&home, &["true"]).fails(3, "is nobody here");
    home.edit("os-user = \"somebody-else\"", &line);
    let mode = fs::metadata(home.path().join("run.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// Runs a script with every signal as a new process has it, however these tests were started.
fn fresh(home: &Home, script: &str) -> Command {
    let mut command = Command::new("env");
    command.args([
        "--default-signal",
        env!("CARGO_BIN_EXE_bulkhead"),
        "run",
        "-q",
        "coder",
        "--",
        "sh",
        "-c",
        script,
    ]);
    command
        .env("BULKHEAD_HOME", home.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

#[test]
fn what_the_command_was_started_to_ignore_the_program_is_not_told() {
    let home = Home::running(IDLE).with_coder();
    let mut command = Command::new("env");
    command.args(["--ignore-signal=HUP", env!("CARGO_BIN_EXE_bulkhead"), "run", "-q", "coder", "--"]);
    command.args(["sh", "-c", "trap 'exit 9' HUP; echo ready; sleep 1; exit 0"]);
    command.env("BULKHEAD_HOME", home.path()).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0; 6]).unwrap();
    kill_process(Pid::from_child(&child), Signal::HUP).unwrap();
    ended(child).with(0);
}

#[test]
fn signals_reach_the_program() {
    let home = Home::running(IDLE).with_coder();
    for (name, which) in
        [("TERM", Signal::TERM), ("INT", Signal::INT), ("HUP", Signal::HUP), ("USR1", Signal::USR1)]
    {
        let script =
            format!("trap 'echo heard {name}; exit 9' {name}; echo ready; while :; do sleep 0.05; done");
        let mut child = fresh(&home, &script).spawn().unwrap();
        let mut first = [0; 6];
        child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
        kill_process(Pid::from_child(&child), which).unwrap();
        let said = ended(child).with(9);
        assert!(said.out.contains(&format!("heard {name}")), "{}", said.out);
    }
    let mut child = fresh(&home, "echo ready; exec sleep 600").spawn().unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0; 6]).unwrap();
    kill_process(Pid::from_child(&child), Signal::QUIT).unwrap();
    ended(child).with(131);
}

#[test]
fn a_run_is_on_the_record_in_the_heartbeat_and_among_what_runs() {
    let home = Home::running(IDLE).with_coder();
    let mut child =
        home.start(&["run", "coder", "--json", "--", "sh", "-c", "read line; exit 5", "an argument"]);
    home.until("coder", "running");
    child.stdin.take().unwrap().write_all(b"go on\n").unwrap();
    let said = ended(child).with(5);
    home.until("coder", "idle");
    let started: serde_json::Value = serde_json::from_str(said.err.lines().next().unwrap()).unwrap();
    let session = started["session"].as_str().unwrap();
    assert_eq!((&started["started"], said.out.as_str()), (&true.into(), ""));
    let records = home.run(&["audit", "query", "--session", session, "--json"]).done().lines();
    let text = home.contents();
    assert!(text.contains("sh -c 'read line; exit 5' 'an argument'"), "{text}");
    assert!(text.contains("exited with 5"), "{text}");
    assert!(records.iter().all(|record| record["person"].is_string() && record["agent"] == "coder"));
    let heart = home.path().join("agents/coder/HEARTBEAT.md");
    eventually("the heartbeat names it", || {
        fs::read_to_string(&heart).is_ok_and(|text| text.contains("run sh -c"))
    });
    run(&home, &["/opt/none"]).with(3);
    home.run(&["audit", "query", "--agent", "coder", "--json"]).done().has("run.refused").lacks("/opt/none");
    assert!(home.contents().contains("/opt/none"));
    home.run(&["gateway", "stop"]).done();
    home.run(&["audit", "verify"]).done();
}

#[test]
fn nothing_leads_anywhere_but_the_endpoint() {
    let home = Home::running(IDLE).with_coder();
    let address = home.json(&["gateway", "status"])["address"].as_str().unwrap().to_owned();
    let port = address.rsplit(':').next().unwrap();
    let script = format!(
        "
import os, socket, sys
def tries(kind, address):
    try:
        with socket.socket(*kind) as s:
            s.settimeout(3)
            s.connect(address)
            return True
    except OSError:
        return False
tcp = (socket.AF_INET, socket.SOCK_STREAM)
print('endpoint', tries(tcp, ('127.0.0.1', 7411)))
print('health', tries(tcp, ('127.0.0.1', {port})))
print('outside', tries(tcp, ('192.0.2.1', 80)))
print('api', tries((socket.AF_UNIX, socket.SOCK_STREAM), '{home}/gateway.sock'))
print('run', tries((socket.AF_UNIX, socket.SOCK_STREAM), '{home}/run.sock'))
try:
    print('name', bool(socket.getaddrinfo('example.org', 80)))
except OSError:
    print('name', False)
print('settings', os.path.exists('{home}/bulkhead.toml'))
",
        home = home.path().display()
    );
    let said = run(&home, &["python3", "-c", &script]).done();
    assert_eq!(
        said.out,
        "endpoint True\nhealth False\noutside False\napi False\nrun False\nname False\nsettings False\n",
        "{}",
        said.err
    );
    assert!(fs::exists(home.settings()).unwrap() && fs::exists(home.path().join("run.sock")).unwrap());
}

#[test]
fn a_run_needs_no_terminal_and_no_shell() {
    let home = Home::running(IDLE).with_coder();
    let mut command = Command::new("env");
    command.args(["-i", &format!("BULKHEAD_HOME={}", home.path().display()), env!("CARGO_BIN_EXE_bulkhead")]);
    command.args(["run", "-q", "coder", "--", "printenv", "TERM", "LANG"]).stdin(Stdio::null());
    let said: Said = command.output().unwrap().into();
    assert_eq!(said.done().out, "dumb\nC.UTF-8\n");
}
