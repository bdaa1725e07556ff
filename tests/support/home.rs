//! A home in a temporary folder, and the real `bulkhead` at work in it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::content::whole;
use crate::record::OnServer;
use crate::said::Said;
use crate::{end_of, eventually, eventually_or, procs, programs};

/// Names another binary to test than the one beside the test: a release build, whose figures count.
const UNDER_TEST: &str = "BULKHEAD_UNDER_TEST";

/// The binary that was built beside this test, or the one that the environment names.
///
/// # Panics
/// When it is not there.
#[must_use]
pub fn bulkhead() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let beside = || own.parent().and_then(Path::parent).unwrap().join("bulkhead");
    let path = std::env::var_os(UNDER_TEST).map_or_else(beside, PathBuf::from);
    assert!(
        path.is_file(),
        "`{}` is not built: run `cargo test --workspace`, or `cargo build -p bulkhead` before this package's tests",
        path.display()
    );
    path
}

/// A home that is gone, with its gateway, when it is dropped.
#[derive(Debug)]
pub struct Home {
    folder: TempDir,
    /// Where its record is, if that is on a server.
    pub(crate) server: Option<OnServer>,
    /// The operating-system user whose home it is, where that is somebody else.
    user: Option<u32>,
}

impl Home {
    /// A home as `init` makes it, with a free port and a rehearsal for a model.
    #[must_use]
    pub fn new() -> Self {
        Self::made(&[])
    }

    /// The same, made with further arguments of `init`.
    #[must_use]
    pub fn made(args: &[&str]) -> Self {
        Self::within(tempfile::tempdir().unwrap(), args)
    }

    /// The same, in a folder that is there already.
    #[must_use]
    pub fn within(folder: TempDir, args: &[&str]) -> Self {
        Self::begun(Self { folder, server: None, user: None }, args)
    }

    /// The home of another operating-system user, who runs everything of it. Takes root.
    #[must_use]
    pub fn of_user(user: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The folder that it was built in may be closed to others.
        programs::copied(bulkhead(), folder.path().join("bulkhead"));
        std::os::unix::fs::chown(folder.path(), Some(user), Some(user)).unwrap();
        Self::begun(Self { folder, server: None, user: Some(user) }, &[])
    }

    fn begun(home: Self, args: &[&str]) -> Self {
        home.run(&[&["init"], args].concat()).done();
        home.edit("127.0.0.1:7400", "127.0.0.1:0");
        home.edit("default = \"auto\"", "default = \"rehearsal/scene\"");
        home
    }

    /// The operating-system user who runs everything of it, where that is another than the test's.
    #[must_use]
    pub fn user(&self) -> Option<u32> {
        self.user
    }

    /// The same, playing this scenario, in which `HOME` is this home, with its gateway running.
    #[must_use]
    pub fn playing(scene: &str) -> Self {
        let home = Self::new();
        home.scene(scene);
        home.start();
        home
    }

    /// The folder that the home is in; nothing in it but the home is the product's.
    #[must_use]
    pub fn outside(&self) -> &Path {
        self.folder.path()
    }

    /// The home.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// A path in the home.
    #[must_use]
    pub fn at(&self, path: &str) -> PathBuf {
        self.path().join(path)
    }

    /// Replaces a text in the settings.
    pub fn edit(&self, from: &str, to: &str) {
        let file = self.at("bulkhead.toml");
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "`{from}` is not in the settings");
        fs::write(&file, text.replace(from, to)).unwrap();
    }

    /// Adds to the settings.
    pub fn add(&self, more: &str) {
        let file = self.at("bulkhead.toml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, format!("{text}\n{}", more.replace("HOME", self.path().to_str().unwrap()))).unwrap();
    }

    /// Takes this scenario for the model.
    pub fn scene(&self, scene: &str) {
        let scene = scene.replace("HOME", self.path().to_str().unwrap());
        fs::write(self.at("rehearsal/scene.yaml"), scene).unwrap();
    }

    /// Writes an agent's SOUL.md, with its folder where there is none.
    pub fn soul(&self, agent: &str, soul: &str) {
        let folder = self.at("agents").join(agent);
        fs::create_dir_all(folder.join("workspace")).unwrap();
        fs::write(folder.join("SOUL.md"), soul.replace("HOME", self.path().to_str().unwrap())).unwrap();
    }

    /// A command in this home, not begun.
    #[must_use]
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = match self.user {
            None => Command::new(bulkhead()),
            Some(user) => {
                let mut command = Command::new(self.folder.path().join("bulkhead"));
                command.uid(user).gid(user).current_dir("/");
                command
            }
        };
        command.args(args).env("BULKHEAD_HOME", self.path()).env("NO_COLOR", "1").stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    #[must_use]
    #[track_caller]
    pub fn run(&self, args: &[&str]) -> Said {
        Said::of(self.begin(args))
    }

    /// Begins a command; [`Said::of`] waits for it.
    #[must_use]
    pub fn begin(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// What a command prints as JSON.
    #[must_use]
    pub fn json(&self, args: &[&str]) -> Value {
        self.run(&[args, &["--json"]].concat()).done().json()
    }

    /// The same, whatever its exit code says.
    #[must_use]
    pub fn json_whatever(&self, args: &[&str]) -> Value {
        self.run(&[args, &["--json"]].concat()).json()
    }

    /// Starts the gateway and gives its process.
    pub fn start(&self) -> u32 {
        self.run(&["gateway", "start"]).done();
        self.gateway()
    }

    /// Starts the gateway under `strace` with these arguments; it ends when the gateway has been stopped.
    #[must_use]
    pub fn start_watched(&self, strace: &[&str]) -> Child {
        let mut watched = Command::new("strace")
            .args(["-f", "-qq"])
            .args(strace)
            .arg(bulkhead())
            .args(["gateway", "start", "--foreground", "--json"])
            .env("BULKHEAD_HOME", self.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(watched.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("\"started\""), "{line}");
        watched
    }

    /// The running gateway's process.
    #[must_use]
    pub fn gateway(&self) -> u32 {
        u32::try_from(self.json(&["gateway", "status"])["pid"].as_u64().unwrap()).unwrap()
    }

    /// Ends the gateway as a crash does.
    pub fn crash(&self) {
        let pid = self.gateway();
        let killed = Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
        assert!(killed.success());
        eventually("the gateway's process is gone", || !procs::lives(pid));
    }

    /// What the record holds for a query.
    #[must_use]
    pub fn records(&self, query: &[&str]) -> Vec<Value> {
        self.run(&[&["audit", "query", "--json"], query].concat()).done().lines()
    }

    /// The same once it `holds` of them: who is refused, or sees what somebody changed by hand, does not wait for the record of it.
    #[must_use]
    pub fn records_once(&self, query: &[&str], holds: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let mut records = Vec::new();
        let held = || {
            records = self.records(query);
            holds(&records)
        };
        eventually_or(&format!("the record has what is looked for by {query:?}"), held, || self.recent());
        records
    }

    /// The same, each record with its content, which is read from the database itself.
    #[must_use]
    pub fn whole(&self, query: &[&str]) -> Vec<Value> {
        let database = self.at("data/journal.sqlite");
        self.records(query).into_iter().map(|record| whole(&database, record)).collect()
    }

    /// Waits until something waits for a person, and says which.
    #[must_use]
    pub fn waiting(&self) -> String {
        let mut id = None;
        let first = || {
            id = self.json(&["approvals", "list"])[0]["id"].as_str().map(str::to_owned);
            id.is_some()
        };
        eventually_or("something waits for a person", first, || self.recent());
        id.unwrap()
    }

    /// The newest of its record, and of what its gateway logged: what a test that waited in vain tells.
    #[must_use]
    pub fn recent(&self) -> String {
        let records = self.run(&["audit", "tail"]);
        let log = fs::read_to_string(self.at("data/gateway.log")).unwrap_or_default();
        format!("\nthe record: {}{}\nthe log: {}", end_of(&records.out), records.err, end_of(&log))
    }

    /// Waits until an agent is `state`.
    pub fn until(&self, agent: &str, state: &str) {
        let is = || self.json(&["agents", "show", agent])["state"] == state;
        eventually_or(&format!("`{agent}` is {state}"), is, || self.recent());
    }

    /// How many texts are on the board.
    #[must_use]
    pub fn posts(&self, words: &str) -> usize {
        let text: String =
            tree(&self.at("data/board")).iter().map(|(_, text)| String::from_utf8_lossy(text)).collect();
        text.matches(words).count()
    }

    /// The record verifies.
    #[track_caller]
    pub fn verifies(&self) {
        assert_eq!(self.json(&["audit", "verify"])["ok"], true);
    }
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.at("bulkhead.toml").exists() {
            let said = self.run(&["gateway", "stop"]);
            if said.code != 0 && !std::thread::panicking() {
                panic!("the gateway did not stop: {}", said.err);
            }
        }
    }
}

/// What lies in a folder, with each file's bytes; nothing for a folder that is not there.
#[must_use]
pub fn tree(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                found.push((entry.path(), fs::read(entry.path()).unwrap()));
            }
        }
    }
    found.sort();
    found
}
