//! The stage inside a machine: what is granted, what is not, who listens, and how it all looked before.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::call::{c_path, call, mount, pids};
use crate::ears::Ears;
use crate::machine::{self, User};

/// The folder that the payload may write: a workspace, beneath the gateway's home.
pub const WORK: &str = "home/agents/echo/workspace";

/// What the payload may read, and nothing else of the stage.
pub const READABLE: [&str; 3] = ["granted", "ro", "covered"];

/// The role of the process that makes jails, and of what it forks before it is anything else.
pub const SPAWNER: &str = "__spawner";

/// The environment variable that a careless administrator left in the gateway's environment.
pub const SECRET_NAME: &str = "BULKHEAD_ESCAPES_SECRET";

/// The stage and what is seen from it.
pub struct Scene {
    /// Whose gateway it is.
    pub user: User,
    /// Where all of it is.
    pub root: PathBuf,
    /// This binary, where everyone may start it.
    pub program: PathBuf,
    /// What must not come out. Made anew for each machine.
    pub secret: String,
    /// What a payload leaves behind where it gets to. Not secret.
    pub mark: String,
    /// Who hears the payload.
    pub ears: Ears,
    /// Further facts for the payload.
    pub facts: BTreeMap<String, String>,
    /// Further folders to read, relative to the root.
    pub read: Vec<String>,
    /// What a careless parent leaves open.
    pub kept: Vec<std::fs::File>,
    /// What goes on meanwhile; held so that it does.
    pub busy: Vec<std::thread::JoinHandle<()>>,
    bystander: Option<Bystander>,
    before: Option<Before>,
    /// Processes that belong to the stage.
    pub ours: Vec<u32>,
    /// What the payload has printed so far.
    pub said: String,
    /// The master of the payload's terminal, when it has one.
    pub terminal: Option<std::os::fd::OwnedFd>,
}

struct Bystander {
    process: Child,
    /// Where its 64 bytes are.
    address: usize,
    before: String,
}

struct Before {
    files: BTreeMap<PathBuf, String>,
    mounts: String,
    host: String,
}

fn random() -> String {
    fs::read_to_string("/proc/sys/kernel/random/uuid").unwrap().trim().replace('-', "")
}

impl Scene {
    /// The stage without people: made with all the rights of the machine.
    pub fn new(user: User, program: &Path) -> Self {
        let root = machine::stage().to_path_buf();
        for folder in [WORK, "granted/folder", "outside", "below", "ro-below", "ro", "covered"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        let (secret, mark) = (random(), format!("mark-{}", random()));
        let write = |name: &str, text: &str, mode: u32| {
            let mut options = fs::OpenOptions::new();
            let file = options.write(true).create(true).truncate(true).mode(mode).open(root.join(name));
            std::io::Write::write_all(&mut file.unwrap(), text.as_bytes()).unwrap();
        };
        write("outside/secret", &secret, 0o644);
        write("outside/file", "outside", 0o644);
        write("covered/secret", &secret, 0o644);
        write("granted/file", "granted", 0o644);
        write("granted/folder/file", "granted", 0o644);
        write("ro-below/file", "read-only", 0o644);
        write(&format!("{WORK}/file"), "work", 0o644);
        symlink(root.join("outside/secret"), root.join("granted/link")).unwrap();
        symlink(root.join("outside"), root.join(WORK).join("way-out")).unwrap();
        let bind = |from: &str, on: &str, flags: u64| {
            mount(root.join(from).to_str().unwrap(), root.join(on), "", libc::MS_BIND | flags, "").unwrap();
        };
        bind("ro-below", "ro", 0);
        mount("none", root.join("ro"), "", libc::MS_BIND | libc::MS_REMOUNT | libc::MS_RDONLY, "").unwrap();
        bind("below", "covered", 0);
        let ears = Ears::new(&root);
        let scene = Self {
            user,
            program: program.into(),
            secret,
            mark,
            ears,
            facts: BTreeMap::new(),
            read: READABLE.map(str::to_owned).into(),
            kept: vec![],
            busy: vec![],
            bystander: None,
            before: None,
            ours: vec![std::process::id()],
            said: String::new(),
            terminal: None,
            root,
        };
        scene.give_away();
        scene
    }

    /// Gives every file of the stage to the ordinary user, where it is one and root made them.
    pub fn give_away(&self) {
        if self.user == User::Root || machine::current_user() != 0 {
            return;
        }
        for path in tree(&self.root) {
            std::os::unix::fs::lchown(&path, Some(machine::NOBODY), Some(machine::NOBODY)).unwrap_or(());
        }
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub fn work(&self) -> PathBuf {
        self.at(WORK)
    }

    /// Starts the bystander and remembers how everything looks; with the rights of the user alone.
    pub fn settle(&mut self) {
        let mut process = Command::new(&self.program)
            .args(["bystander", &self.secret])
            .env(SECRET_NAME, &self.secret)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let pid = process.id();
        let bystander = Bystander { process, address: line.trim().parse().unwrap(), before: String::new() };
        self.fact("bystander", pid);
        self.fact("address", bystander.address);
        self.fact("gateway", std::process::id());
        self.ours.push(pid);
        self.bystander = Some(bystander);
        let condition = self.condition();
        self.bystander.as_mut().unwrap().before = condition;
        let before = Before { files: self.files(), mounts: mounts(), host: host() };
        self.before = Some(before);
        let environment = std::ffi::CString::new(SECRET_NAME).unwrap();
        let secret = std::ffi::CString::new(self.secret.as_str()).unwrap();
        // SAFETY: nobody reads the environment meanwhile: the threads of `Ears` do nothing but listen.
        unsafe { libc::setenv(environment.as_ptr(), secret.as_ptr(), 1) };
    }

    pub fn fact(&mut self, name: &str, value: impl ToString) {
        self.facts.insert(name.into(), value.to_string());
    }

    /// The payload's arguments.
    pub fn arguments(&self, name: &str) -> Vec<String> {
        let facts = self.facts.iter().map(|(key, value)| format!("{key}={value}"));
        let own = [
            "try".into(),
            name.into(),
            format!("root={}", self.root.display()),
            format!("mark={}", self.mark),
        ];
        own.into_iter().chain(facts).collect()
    }

    pub fn leaked(&self) -> bool {
        self.said.contains(&self.secret)
    }

    pub fn disturbed(&self) -> Option<String> {
        let (before, now) = (&self.before.as_ref().unwrap().files, self.files());
        let changed = now.iter().find(|(path, what)| before.get(*path) != Some(what));
        let gone = before.keys().find(|path| !now.contains_key(*path));
        changed
            .map(|(path, what)| format!("{} {what}", path.display()))
            .or_else(|| Some(gone?.display().to_string()))
    }

    /// What was mounted or changed, or which of the stage's own mounts is gone. Others may go at any time: whoever removes
    /// a folder outside takes what is mounted on it along. And what others have mounted for themselves among the temporary
    /// files they may change.
    pub fn mounted(&self) -> Option<String> {
        let (before, now) = (&self.before.as_ref().unwrap().mounts, mounts());
        let places = [self.root.as_path(), machine::system_folder(), Path::new("/run"), Path::new("/proc")];
        let own = |line: &&str| places.iter().any(|place| point(line).starts_with(place));
        let others = |line: &&str| {
            let known = before.lines().any(|known| id(known) == id(line) && point(known) == point(line));
            known && point(line).starts_with(std::env::temp_dir()) && !own(line)
        };
        let new = now.lines().find(|line| !before.lines().any(|known| known == *line) && !others(line));
        let gone = || before.lines().filter(own).find(|line| !now.lines().any(|left| left == *line));
        new.or_else(gone).map(str::to_owned)
    }

    pub fn renamed(&self) -> bool {
        self.before.as_ref().unwrap().host != host()
    }

    pub fn hurt(&self) -> bool {
        self.bystander.as_ref().unwrap().before != self.condition()
    }

    /// The processes of the run: every one but those of the stage and of the gateway.
    /// A jail that waits to be used has not become its program yet, and is the gateway's.
    pub fn run(&self) -> Vec<u32> {
        let lives = |pid: &u32| {
            // Without memory it runs nothing any more, and is about to be gone. First: what is gone after the other has no memory either.
            let memory = fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let state = stat.rsplit(") ").next().unwrap_or_default();
            !memory.starts_with("0 ") && !state.is_empty() && !state.starts_with(['Z', 'X'])
        };
        let spare = |pid: &u32| {
            let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split('\0').any(|word| word == SPAWNER)
        };
        let others = pids().into_iter().filter(|pid| !self.ours.contains(pid) && !spare(pid));
        others.filter(lives).collect()
    }

    /// Whether a process of the run has a descriptor that leads to something of this name.
    pub fn holds(&self, name: &str) -> bool {
        self.run().into_iter().flat_map(descriptors).any(|(_, to)| to.contains(name))
    }

    /// What can be seen of the bystander from outside.
    fn condition(&self) -> String {
        let bystander = self.bystander.as_ref().unwrap();
        let pid = bystander.process.id();
        let file = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
        let status = file("status");
        let lines = status.lines().filter(|line| {
            ["TracerPid", "SigPnd", "ShdPnd", "Seccomp:"].iter().any(|name| line.starts_with(name))
        });
        let state = status.lines().find(|line| line.starts_with("State")).unwrap_or_default();
        let alive = !state.is_empty()
            && !["Z", "X", "T", "t"].iter().any(|letter| state.contains(&format!("\t{letter} ")));
        let stat = file("stat");
        let nice = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(16)).unwrap_or_default();
        // SAFETY: plain data.
        let policy = unsafe { libc::sched_getscheduler(pid as i32) };
        let io = call(libc::SYS_ioprio_get, &[1, pid as usize]).ok();
        let memory = peek(pid, bystander.address);
        format!(
            "{alive} {nice} {policy} {io:?} {memory:?} {:?} {}",
            lines.collect::<Vec<_>>(),
            file("limits")
        )
    }

    /// Every file outside the writable folder, and what there is to know about it.
    fn files(&self) -> BTreeMap<PathBuf, String> {
        let work = self.work();
        let all = [self.root.as_path(), machine::system_folder(), Path::new("/run")];
        let all = all.into_iter().flat_map(tree).filter(|path| !path.starts_with(&work));
        all.filter_map(|path| Some((path.clone(), describe(&path)?))).collect()
    }
}

/// A process that nobody who is jailed may touch: it holds the secret in its memory, its environment, its
/// arguments and an open file.
pub fn bystander(secret: &str) {
    let mut memory = [0_u8; 64];
    memory[..secret.len()].copy_from_slice(secret.as_bytes());
    let _held = fs::File::open(machine::stage().join("outside/secret")).unwrap();
    std::env::set_current_dir(machine::stage().join("outside")).unwrap();
    let _talk =
        std::os::unix::net::UnixStream::connect(machine::stage().join("outside/daemon.sock")).unwrap();
    println!("{}", &raw mut memory as usize);
    std::io::Read::read(&mut std::io::stdin(), &mut [0]).unwrap();
    assert_ne!(std::hint::black_box(&memory)[0], 0);
}

fn peek(pid: u32, address: usize) -> Option<[u8; 64]> {
    let mut bytes = [0_u8; 64];
    let (to, from) = ([bytes.as_mut_ptr() as usize, 64], [address, 64]);
    let args = [pid as usize, to.as_ptr() as usize, 1, from.as_ptr() as usize, 1, 0];
    call(libc::SYS_process_vm_readv, &args).ok().map(|_| bytes)
}

pub fn mounts() -> String {
    fs::read_to_string("/proc/self/mountinfo").unwrap()
}

/// The number of a mount, by its line (proc_pid_mountinfo(5)).
fn id(line: &str) -> &str {
    line.split(' ').next().unwrap_or_default()
}

/// Where it is mounted.
fn point(line: &str) -> &Path {
    Path::new(line.split(' ').nth(4).unwrap_or_default())
}

fn host() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").unwrap()
}

/// Where a process's descriptors lead.
pub fn descriptors(pid: u32) -> Vec<(u32, String)> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let read = |entry: fs::DirEntry| {
        let number = entry.file_name().to_str()?.parse().ok()?;
        Some((number, fs::read_link(entry.path()).ok()?.to_string_lossy().into_owned()))
    };
    entries.filter_map(read).collect()
}

fn tree(root: &Path) -> Vec<PathBuf> {
    let mut found = vec![root.to_path_buf()];
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(tree(&entry.path())),
            _ => found.push(entry.path()),
        }
    }
    found
}

fn describe(path: &Path) -> Option<String> {
    let meta = fs::symlink_metadata(path).ok()?;
    let content = if meta.is_file() { fs::read(path).unwrap_or_default() } else { vec![] };
    let mut names = [0_u8; 512];
    let name = c_path(path);
    let listed = [name.as_ptr() as usize, names.as_mut_ptr() as usize, names.len()];
    let attributes = call(libc::SYS_llistxattr, &listed).unwrap_or(0);
    let kind = meta.permissions().mode();
    let times = (meta.mtime(), meta.mtime_nsec());
    let content = String::from_utf8_lossy(&content[..content.len().min(64)]).into_owned();
    Some(format!(
        "{kind:o} {} {} {} {times:?} {attributes} {content:?}",
        meta.uid(),
        meta.nlink(),
        meta.size()
    ))
}
