//! A home in a temporary folder, and the real binary at work in it.

pub(crate) mod clients;
pub(crate) mod programs;
pub(crate) mod seat;
pub(crate) mod wire;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// How long a test waits for something that must come: as long as it may take on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(180);

/// The most that the message of a failure tells of what there was instead.
const MAX_SEEN_CHARS: usize = 4000;

const CODER: &str = "# Programs

## Identity

- Name: coder
- Role: Runs what it is given

## Skills

- file-reader: Reads its workspace
- file-writer: Writes its workspace
- message: Posts what is done

## Channels

- board: forum
";

/// A home that is gone, with its gateway, when it is dropped.
pub(crate) struct Home {
    folder: TempDir,
}

/// What a command said.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Home {
    /// A folder in which no home has been made.
    pub(crate) fn none() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// A home as `init` makes it, with a free port and a rehearsal for a model.
    pub(crate) fn new() -> Self {
        let home = Self::none();
        home.run(&["init"]).done();
        home.edit("127.0.0.1:7400", "127.0.0.1:0");
        home.edit("default = \"auto\"", "default = \"rehearsal/scene\"");
        home
    }

    /// The same, with its gateway running and this scenario for a model.
    pub(crate) fn running(scene: &str) -> Self {
        let home = Self::new();
        home.scene(scene);
        home.run(&["gateway", "start"]).done();
        home
    }

    /// The same, where `HOME` in the scenario is this home.
    pub(crate) fn playing(scene: &str) -> Self {
        let home = Self::new();
        home.scene(&scene.replace("HOME", home.path().to_str().unwrap()));
        home.run(&["gateway", "start"]).done();
        home
    }

    /// The agent `coder`, which may read and write its workspace, and post.
    pub(crate) fn with_coder(self) -> Self {
        let folder = self.path().join("agents/coder");
        fs::create_dir_all(folder.join("workspace")).unwrap();
        fs::write(folder.join("SOUL.md"), CODER).unwrap();
        self
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    pub(crate) fn settings(&self) -> PathBuf {
        self.path().join("bulkhead.toml")
    }

    pub(crate) fn edit(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.settings()).unwrap();
        assert!(text.contains(from), "{from}");
        fs::write(self.settings(), text.replace(from, to)).unwrap();
    }

    pub(crate) fn soul(&self, agent: &str) -> PathBuf {
        self.path().join("agents").join(agent).join("SOUL.md")
    }

    pub(crate) fn edit_soul(&self, agent: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.soul(agent)).unwrap();
        assert!(text.contains(from), "{from}");
        fs::write(self.soul(agent), text.replacen(from, to, 1)).unwrap();
    }

    pub(crate) fn scene(&self, scene: &str) {
        fs::write(self.path().join("rehearsal/scene.yaml"), scene).unwrap();
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bulkhead"));
        command.args(args).env("BULKHEAD_HOME", self.path()).env_remove("NO_COLOR").stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Said {
        self.command(args).output().unwrap().into()
    }

    /// Runs it with `input` on standard input.
    pub(crate) fn pipe(&self, args: &[&str], input: &[u8]) -> Said {
        let mut child = self.start(args);
        // A command may refuse before it has read everything.
        match child.stdin.take().unwrap().write_all(input) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => panic!("{error}"),
            _ => {}
        }
        child.wait_with_output().unwrap().into()
    }

    /// Begins it, all its streams piped.
    pub(crate) fn start(&self, args: &[&str]) -> Child {
        self.command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// What the command prints as JSON.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let said = self.run(&[args, &["--json"]].concat());
        said.done().json()
    }

    /// The record's file, with all that a stopped gateway left beside it: a reader of its own that was still at it keeps the
    /// write-ahead log there.
    pub(crate) fn settled(&self) -> PathBuf {
        let path = self.path().join("data/journal.sqlite");
        let database = rusqlite::Connection::open(&path).unwrap();
        database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        path
    }

    /// All content of the record, read from the database itself, as whoever owns the machine can.
    pub(crate) fn contents(&self) -> String {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let path = self.path().join("data/journal.sqlite");
        let conn = rusqlite::Connection::open_with_flags(path, flags).unwrap();
        conn.busy_timeout(PATIENCE).unwrap();
        let mut rows = conn.prepare("SELECT CAST(bytes AS TEXT) FROM payload ORDER BY seq").unwrap();
        let texts = rows.query_map([], |row| row.get::<_, String>(0)).unwrap();
        texts.map(Result::unwrap).collect()
    }

    /// Waits until something waits for a person, and says which.
    pub(crate) fn waiting(&self) -> String {
        let mut id = None;
        let first = || {
            id = self.json(&["approvals", "list"])[0]["id"].as_str().map(str::to_owned);
            id.is_some()
        };
        eventually_or("something waits for a person", first, || self.recent());
        id.unwrap()
    }

    /// The newest of its record, and of what its gateway logged: what a test that waited in vain tells.
    pub(crate) fn recent(&self) -> String {
        let records = self.run(&["audit", "tail"]);
        let log = fs::read_to_string(self.path().join("data/gateway.log")).unwrap_or_default();
        format!("\nthe record: {}{}\nthe log: {}", end_of(&records.out), records.err, end_of(&log))
    }

    /// Waits until the gateway's agent is `state`.
    pub(crate) fn until(&self, agent: &str, state: &str) {
        let is = || self.json(&["agents", "show", agent])["state"] == state;
        eventually_or(&format!("`{agent}` is {state}"), is, || self.recent());
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.settings().exists() {
            let said = self.run(&["gateway", "stop"]);
            if said.code != 0 && !std::thread::panicking() {
                panic!("the gateway did not stop: {}", said.err);
            }
        }
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Said {
    /// It did what it was asked.
    #[track_caller]
    pub(crate) fn done(self) -> Self {
        self.with(0)
    }

    #[track_caller]
    pub(crate) fn with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "out: {}\nerr: {}", self.out, self.err);
        self
    }

    /// It failed with this code, one line on standard error, and these words in it.
    #[track_caller]
    pub(crate) fn fails(self, code: i32, words: &str) -> Self {
        let said = self.with(code);
        assert_eq!(said.err.trim_end().lines().count(), 1, "one sentence: {}", said.err);
        assert!(said.err.starts_with("error: ") && said.err.contains(words), "{}", said.err);
        assert!(!said.err.contains("panicked"), "{}", said.err);
        said
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }

    /// The lines of a stream.
    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[track_caller]
    pub(crate) fn has(&self, words: &str) -> &Self {
        assert!(self.out.contains(words), "`{words}` is not in: {}", self.out);
        self
    }

    #[track_caller]
    pub(crate) fn lacks(&self, words: &str) -> &Self {
        assert!(!self.out.contains(words), "`{words}` is in: {}", self.out);
        self
    }
}

/// What a command said that was begun earlier, and must end now.
pub(crate) fn ended(child: Child) -> Said {
    let pid = Pid::from_child(&child);
    let (tell, told) = std::sync::mpsc::sync_channel(1);
    std::thread::spawn(move || tell.send(child.wait_with_output()));
    let Ok(output) = told.recv_timeout(PATIENCE) else {
        let killed = kill_process(pid, Signal::KILL);
        panic!("the command did not end within {} s ({killed:?})", PATIENCE.as_secs());
    };
    output.unwrap().into()
}

/// What kind each event is.
pub(crate) fn types(events: &[Value]) -> Vec<String> {
    events.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
}

/// What lies in a folder, with each file's text.
pub(crate) fn tree(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push((path.clone(), fs::read(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// Waits until `holds`.
#[track_caller]
pub(crate) fn eventually(what: &str, holds: impl FnMut() -> bool) {
    eventually_or(what, holds, String::new);
}

/// The same; should it not come to hold, the failure tells what `seen` says instead.
#[track_caller]
pub(crate) fn eventually_or(what: &str, mut holds: impl FnMut() -> bool, seen: impl FnOnce() -> String) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        if Instant::now() >= until {
            panic!("it never came to be that {what} {}", seen());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The end of a text, as much of it as the message of a failure has room for.
pub(crate) fn end_of(text: &str) -> String {
    let skipped = text.chars().count().saturating_sub(MAX_SEEN_CHARS);
    text.chars().skip(skipped).collect()
}
