//! Attempts to get out. Each is first shown to come through without a jail; then it must fail in the jail
//! of a program without files and in that of a program with some.

use std::fs::{self, File};
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

use std::os::fd::AsRawFd;

use crate::Check;
use crate::stage::{Folders, Plain, ask, roster, run, tight};

pub(crate) const CHECKS: &[Check] = &[
    ("files outside the grants", || contained(FILES)),
    ("files inside the grants, but not so", || contained(GRANTED)),
    ("network", || contained(NETWORK)),
    ("other processes", || contained(PROCESSES)),
    ("the kernel", || contained(KERNEL)),
    ("resources", || contained(RESOURCES)),
    ("what was inherited", || contained(INHERITED)),
    ("what is granted works", what_is_granted_works),
    ("a program without files has none", a_program_without_files_has_none),
    ("a program that fails ends", a_program_that_fails_ends),
];

/// An attempt and its arguments, with `{words}` that [`World::fill`] replaces.
type Case = (&'static str, &'static [&'static str]);

const FILES: &[Case] = &[
    ("read", &["/etc/passwd"]),
    ("read", &["{outside}/secret"]),
    ("read", &["{granted}/link"]),
    ("read", &["{granted}/../outside/secret"]),
    ("read", &["{work}/way-out/secret"]),
    ("read", &["/proc/self/root{outside}/secret"]),
    ("read", &["/proc/self/exe"]),
    ("read", &["/proc/self/maps"]),
    ("read", &["/proc/self/mountinfo"]),
    ("read", &["/proc/version"]),
    ("read", &["/sys/kernel/mm/transparent_hugepage/enabled"]),
    ("write", &["{outside}/secret"]),
    ("write", &["{work}/way-out/secret"]),
    ("write", &["{work}/../outside/secret"]),
    ("write", &["/dev/null"]),
    ("append", &["{outside}/secret"]),
    ("empty", &["{outside}/secret"]),
    ("create", &["{outside}/new"]),
    ("create", &["{work}/way-out/new"]),
    ("remove", &["{outside}/secret"]),
    ("make-folder", &["{outside}/folder"]),
    ("list", &["/"]),
    ("list", &["{outside}"]),
    ("list", &["/proc"]),
    ("list", &["/dev"]),
    ("metadata", &["{outside}/secret"]),
    ("metadata", &["/etc/shadow"]),
    ("change-folder", &["{outside}"]),
    ("open-up", &["{outside}/secret"]),
    ("rename", &["{outside}/secret", "{work}/mine"]),
    ("rename", &["{work}/file", "{outside}/new"]),
    ("link", &["{outside}/secret", "{work}/mine"]),
    ("read-link", &["{granted}/link"]),
];

/// A grant to read is none to write, and the other way round; no grant opens permissions or makes links.
const GRANTED: &[Case] = &[
    ("write", &["{granted}/file"]),
    ("append", &["{granted}/file"]),
    ("empty", &["{granted}/file"]),
    ("remove", &["{granted}/file"]),
    ("create", &["{granted}/new"]),
    ("make-folder", &["{granted}/folder"]),
    ("rename", &["{granted}/file", "{work}/mine"]),
    ("rename", &["{work}/file", "{granted}/mine"]),
    ("link", &["{granted}/file", "{work}/mine"]),
    ("open-up", &["{granted}/file"]),
    ("open-up", &["{work}/file"]),
    ("read", &["{work}/file"]),
    ("symlink", &["{outside}/secret", "{work}/mine"]),
    ("device", &["{work}/pipe"]),
];

const NETWORK: &[Case] = &[
    ("tcp", &["{tcp}"]),
    ("tcp-listen", &[]),
    ("udp", &["{udp}"]),
    ("unix", &["{unix}"]),
    ("abstract", &["{abstract}"]),
    ("unix-pair", &[]),
    ("raw", &[]),
    ("packet", &[]),
    ("netlink", &[]),
    ("vsock", &[]),
    ("name", &[]),
];

const PROCESSES: &[Case] = &[
    ("exec", &[]),
    ("exec-here", &[]),
    ("fork", &[]),
    ("thread", &[]),
    ("kill", &["{victim}"]),
    ("kill-thread", &["{victim}"]),
    ("kill-all", &[]),
    ("pidfd", &["{victim}"]),
    ("ptrace", &["{victim}"]),
    ("read-memory", &["{victim}"]),
    ("environment-of", &["{victim}"]),
    ("memory-of", &["{victim}"]),
    ("root-of", &["{victim}"]),
    ("priority-of", &["{victim}"]),
    ("limits-of", &["{victim}"]),
];

const KERNEL: &[Case] = &[
    ("unshare-user", &[]),
    ("mount", &[]),
    ("chroot", &[]),
    ("join-namespace", &[]),
    ("io-uring", &[]),
    ("bpf", &[]),
    ("keyring", &[]),
    ("add-key", &[]),
    ("userfaultfd", &[]),
    ("memory-file", &[]),
    ("own-code", &[]),
    ("shared-memory", &[]),
    ("sysv-memory", &[]),
    ("outlive-the-gateway", &[]),
    ("own-session", &[]),
    ("raise-a-limit", &[]),
    ("personality", &[]),
    ("host-name", &[]),
    ("terminal", &[]),
    ("send-signals-by-descriptor", &[]),
    ("performance-counters", &[]),
    ("kernel-log", &[]),
];

const RESOURCES: &[Case] = &[
    ("memory", &["268435456"]),
    ("open-many", &["{granted}/file", "32"]),
    ("large-file", &["{work}/large", "2097152"]),
];

const INHERITED: &[Case] = &[("read-descriptor", &["{descriptor}"]), ("environment", &[])];

/// What the attempts aim at.
struct World {
    folders: Folders,
    tcp: TcpListener,
    udp: UdpSocket,
    _unix: UnixListener,
    _abstract: UnixListener,
    name: String,
    victim: Plain,
    descriptor: File,
}

impl World {
    fn new() -> Self {
        let folders = Folders::new();
        let name = folders.root.path().to_string_lossy().into_owned();
        let secret = File::open(folders.path("outside/secret")).unwrap();
        // A number that no process here has for anything else.
        let descriptor = File::from(rustix::io::fcntl_dupfd_cloexec(secret, 200).unwrap());
        // A descriptor that somebody forgot to close before starting a program.
        rustix::io::fcntl_setfd(&descriptor, rustix::io::FdFlags::empty()).unwrap();
        Self {
            tcp: TcpListener::bind("127.0.0.1:0").unwrap(),
            udp: UdpSocket::bind("127.0.0.1:0").unwrap(),
            _unix: UnixListener::bind(folders.path("outside/socket")).unwrap(),
            _abstract: UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap(),
            name,
            victim: Plain::start(),
            descriptor,
            folders,
        }
    }

    fn fill(&self, args: &[&str]) -> Vec<String> {
        let folder = |name| self.folders.path(name).to_string_lossy().into_owned();
        let words = [
            ("{granted}", folder("granted")),
            ("{work}", folder("work")),
            ("{outside}", folder("outside")),
            ("{unix}", folder("outside/socket")),
            ("{tcp}", self.tcp.local_addr().unwrap().to_string()),
            ("{udp}", self.udp.local_addr().unwrap().to_string()),
            ("{abstract}", self.name.clone()),
            ("{victim}", self.victim.pid().to_string()),
            ("{descriptor}", self.descriptor.as_raw_fd().to_string()),
        ];
        let fill =
            |arg: &&str| words.iter().fold(arg.to_string(), |text, (word, with)| text.replace(word, with));
        args.iter().map(fill).collect()
    }
}

fn contained(cases: &[Case]) {
    let mut tried = 0;
    for (attempt, args) in cases {
        if let Err(why) = came_through_without_a_jail(attempt, args) {
            eprintln!("SKIPPED: {attempt} {args:?}: it fails even without a jail: {why}");
            continue;
        }
        tried += 1;
        for files in [false, true] {
            let world = World::new();
            let jail = if files { world.folders.jail() } else { tight() };
            let inside = run(async {
                let mut child = roster().spawn("a", "jailed", &jail).await.unwrap();
                ask(&mut child, attempt, &world.fill(args)).await
            });
            assert!(inside.is_err(), "{attempt} {args:?} came through (with files: {files}): {inside:?}");
            assert_eq!(fs::read_to_string(world.folders.path("outside/secret")).unwrap(), "secret");
        }
    }
    assert!(tried > cases.len() / 2, "only {tried} of {} attempts can be shown here", cases.len());
}

fn came_through_without_a_jail(attempt: &str, args: &[&str]) -> Result<String, String> {
    let world = World::new();
    Plain::start().ask(attempt, &world.fill(args))
}

/// The jail is no prison for those who do what they may.
fn what_is_granted_works() {
    let work: &[Case] = &[
        ("read", &["{granted}/file"]),
        ("list", &["{granted}"]),
        ("write", &["{work}/file"]),
        ("append", &["{work}/file"]),
        ("create", &["{work}/new"]),
        ("rename", &["{work}/new", "{work}/newer"]),
        ("remove", &["{work}/newer"]),
        ("make-folder", &["{work}/folder"]),
        ("create", &["{work}/folder/new"]),
        ("rename", &["{work}/folder/new", "{work}/moved"]),
        ("replace", &["{work}/file"]),
        ("large-file", &["{work}/large", "65536"]),
        ("open-many", &["{granted}/file", "4"]),
        ("memory", &["16777216"]),
        ("time-and-chance", &[]),
    ];
    let world = World::new();
    run(async {
        let jail = world.folders.jail();
        let mut child = roster().spawn("a", "jailed", &jail).await.unwrap();
        for (attempt, args) in work {
            let done = ask(&mut child, attempt, &world.fill(args)).await;
            assert!(done.is_ok(), "{attempt} {args:?}: {done:?}");
        }
    });
    assert_eq!(fs::read_to_string(world.folders.path("work/file")).unwrap(), "replaced");
    assert!(world.folders.path("work/moved").exists());
}

fn a_program_without_files_has_none() {
    let world = World::new();
    run(async {
        let mut child = roster().spawn("a", "jailed", &tight()).await.unwrap();
        for (attempt, path) in [("read", "{granted}/file"), ("list", "{granted}"), ("create", "{work}/new")] {
            let done = ask(&mut child, attempt, &world.fill(&[path])).await;
            assert!(done.is_err(), "{attempt} {path}: {done:?}");
        }
        assert!(ask(&mut child, "memory", &["16777216".into()]).await.is_ok());
        assert!(ask(&mut child, "time-and-chance", &[]).await.is_ok());
    });
}

/// A panic, an abort and an overflowing stack end the process, in every jail.
fn a_program_that_fails_ends() {
    for attempt in ["panic", "abort", "deep"] {
        run(async {
            let roster = roster();
            let mut child = roster.spawn("a", "jailed", &tight()).await.unwrap();
            assert!(ask(&mut child, attempt, &[]).await.is_err(), "{attempt}");
            let pid = child.pid();
            crate::stage::until("the process has ended", || !crate::stage::runs(pid));
        });
    }
}
