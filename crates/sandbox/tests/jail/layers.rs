//! Which layers a jail has, seen from outside, and what becomes of one that lacks one.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bulkhead_sandbox::{Child, Jail, Layer, SpawnError, layer, probe, probe_program};

use crate::Check;
use crate::attempts;
use crate::stage::{Folders, ask, roster, run, spawner, tight};

pub(crate) const CHECKS: &[Check] = &[
    ("every layer is there and named", every_layer_is_there_and_named),
    ("landlock is as new as the kernel's", landlock_is_as_new_as_the_kernels),
    ("the kernel says so too", the_kernel_says_so_too),
    ("only the socket is inherited", only_the_socket_is_inherited),
    ("nothing but the grants is there", nothing_but_the_grants_is_there),
    ("grants within grants", grants_within_grants),
    ("no other process is seen", no_other_process_is_seen),
    ("a missing layer refuses", a_missing_layer_refuses),
    ("a reduced jail names what it lacks", a_reduced_jail_names_what_it_lacks),
    ("a granted path that is not there refuses", a_path_that_is_not_there_refuses),
    ("a link within a granted folder refuses", a_link_within_a_granted_folder_refuses),
    ("a jail that makes no sense starts nothing", a_senseless_jail_starts_nothing),
];

fn every_layer_is_there_and_named() {
    let layers = run(probe(&spawner())).unwrap();
    let names: Vec<&str> = layers.iter().map(|layer| layer.name.as_str()).collect();
    assert_eq!(names, [layer::ALL.as_slice(), &[layer::CGROUP]].concat());
    let demanded = layers.iter().filter(|layer| layer.name != layer::CGROUP);
    assert!(
        demanded.into_iter().all(|layer| layer.present && !layer.why.is_empty() && layer.mend.is_empty())
    );
}

/// The ABI of Landlock that the kernel says it has (`LANDLOCK_CREATE_RULESET_VERSION`); 0 for none.
pub(crate) fn kernels_abi() -> i64 {
    attempts::call(libc::SYS_landlock_create_ruleset, &[0, 0, 1]).unwrap_or(0)
}

/// Nothing that the kernel could forbid is left to it unsaid.
fn landlock_is_as_new_as_the_kernels() {
    // Those that added something to forbid.
    let newest = [3, 4, 5, 6, 9].into_iter().rfind(|abi| *abi <= kernels_abi()).unwrap();
    let whole = format!("all of ABI {newest}, ");
    let said = |layers: Vec<Layer>| {
        layers.into_iter().find(|had| had.name == layer::LANDLOCK).map(|had| had.why).unwrap_or_default()
    };
    let role = said(run(probe(&spawner())).unwrap());
    let guest = said(run(probe_program(&spawner())).unwrap());
    assert!(role.starts_with(&whole) && guest.starts_with(&whole), "{whole}: {role}; {guest}");
}

fn with_child(jail: &Jail, look: impl FnOnce(&Child)) {
    run(async { look(&roster().spawn("a", "jailed", jail).await.unwrap()) });
}

fn of(pid: u32, file: &str) -> String {
    fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap()
}

fn the_kernel_says_so_too() {
    with_child(&tight(), |child| {
        let status = of(child.pid(), "status");
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().to_owned()
        };
        assert_eq!(field("NoNewPrivs:"), "1");
        assert_eq!(field("Seccomp:"), "2");
        for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
            assert_eq!(field(set), "0000000000000000", "{set}");
        }
        for space in ["user", "mnt", "pid", "net", "ipc", "uts"] {
            let link = |who: &str| fs::read_link(format!("/proc/{who}/ns/{space}")).unwrap();
            assert_ne!(link("self"), link(&child.pid().to_string()), "{space}");
        }
        let limits = of(child.pid(), "limits");
        let limit = |name: &str| {
            let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().rev().take(3).map(str::to_owned).collect::<Vec<_>>()
        };
        assert!(limit("Max data size").contains(&(64 << 20).to_string()));
        assert!(limit("Max open files").contains(&"16".to_owned()));
        assert!(limit("Max core file size").contains(&"1".to_owned()));
        assert!(limits.lines().any(|line| line.starts_with("Max processes") && line.contains(" 0 ")));
        assert_eq!(of(child.pid(), "environ"), "");
        assert_eq!(of(child.pid(), "net/dev").lines().count(), 3, "two lines of heading and `lo`");
    });
}

fn only_the_socket_is_inherited() {
    let forgotten = fs::File::open("/etc/passwd").unwrap();
    rustix::io::fcntl_setfd(&forgotten, rustix::io::FdFlags::empty()).unwrap();
    with_child(&tight(), |child| {
        let descriptors: BTreeSet<String> = fs::read_dir(format!("/proc/{}/fd", child.pid()))
            .unwrap()
            .map(|entry| fs::read_link(entry.unwrap().path()).unwrap().to_string_lossy().into_owned())
            .map(|target| target.split(':').next().unwrap().to_owned())
            .collect();
        assert_eq!(descriptors, ["/dev/null", "socket"].map(str::to_owned).into());
    });
}

pub(crate) fn without(call: &str, more: &[&str]) -> Vec<String> {
    let output = Command::new("/proc/self/exe").args(["without", call]).args(more).output().unwrap();
    assert!(output.status.success(), "{call}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn a_missing_layer_refuses() {
    let refused = |call| without(call, &[]);
    assert_eq!(refused("user"), ["refused user-namespace true"]);
    assert_eq!(refused("mount"), ["refused mount-namespace true"]);
    assert_eq!(refused("pid"), ["refused pid-namespace true"]);
    assert_eq!(refused("network"), ["refused network-namespace true"]);
    assert_eq!(refused("fsopen"), ["refused own-root true"]);
    assert_eq!(refused("pivot-root"), ["refused own-root true"]);
    assert_eq!(refused("landlock"), ["refused landlock true"]);
    assert_eq!(refused("capset"), ["refused capabilities true"]);
    assert_eq!(refused("seccomp"), ["refused seccomp true"]);
}

fn a_reduced_jail_names_what_it_lacks() {
    let lacks = |call| without(call, &["reduced"]);
    assert_eq!(lacks("landlock"), ["lacks landlock"]);
    assert_eq!(lacks("capset"), ["lacks capabilities"]);
    assert_eq!(lacks("seccomp"), ["lacks seccomp"]);
    assert_eq!(lacks("network"), ["lacks network-namespace"]);
    assert_eq!(lacks("pid"), ["lacks pid-namespace"]);
    assert_eq!(lacks("fsopen"), ["lacks own-root"]);
    assert_eq!(lacks("pivot-root"), ["lacks own-root"]);
    assert_eq!(lacks("mount"), ["lacks mount-namespace", "lacks own-root"]);
    let names = ["user", "mount", "pid", "network", "ipc", "uts"].map(|name| format!("{name}-namespace"));
    let mut names = [names.to_vec(), vec!["own-root".to_owned()]].concat();
    if rustix::process::getuid().is_root() {
        // Root has the others without it.
        names.truncate(1);
    }
    assert_eq!(lacks("user"), names.iter().map(|name| format!("lacks {name}")).collect::<Vec<_>>());
}

/// The mount points of a process and their options.
fn mounts(pid: u32) -> Vec<(String, Vec<String>)> {
    let line = |line: &str| {
        let mut words = line.split(' ').skip(4);
        let point = words.next().unwrap().to_owned();
        (point, words.next().unwrap().split(',').map(str::to_owned).collect())
    };
    of(pid, "mountinfo").lines().map(line).collect()
}

fn beneath(pid: u32, folder: &Path) -> Vec<String> {
    let root = PathBuf::from(format!("/proc/{pid}/root"));
    let folder = root.join(folder.strip_prefix("/").unwrap());
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn nothing_but_the_grants_is_there() {
    with_child(&tight(), |child| {
        assert_eq!(beneath(child.pid(), Path::new("/")), [""; 0]);
        assert_eq!(mounts(child.pid()).len(), 1);
    });
    let folders = Folders::new();
    let file = folders.path("outside/secret");
    let jail = folders.jail();
    // A file by itself, and folders within a granted one that need no mount of their own.
    fs::create_dir_all(folders.path("work/deep/er")).unwrap();
    let read = [jail.read.clone(), vec![file.clone(), folders.path("work/deep")]].concat();
    let write = [jail.write.clone(), vec![folders.path("work/deep/er")]].concat();
    with_child(&Jail { read, write, ..jail }, |child| {
        let root = folders.root.path();
        assert_eq!(beneath(child.pid(), Path::new("/")), [root.iter().nth(1).unwrap().to_str().unwrap()]);
        assert_eq!(beneath(child.pid(), root), ["granted", "outside", "work"]);
        assert_eq!(beneath(child.pid(), &folders.path("outside")), ["secret"]);
        assert_eq!(beneath(child.pid(), &folders.path("granted")), ["file", "link"]);
        let mut seen = mounts(child.pid());
        seen.sort();
        let path = |name: &str| folders.path(name).to_str().unwrap().to_owned();
        let expected = ["/".to_owned(), path("granted"), path("outside/secret"), path("work")];
        assert_eq!(seen.iter().map(|(point, _)| point.clone()).collect::<Vec<_>>(), expected);
        for (point, options) in seen {
            let has = |option: &str| options.iter().any(|had| had == option);
            assert!(has("nosuid") && has("nodev") && has("noexec"), "{point}: {options:?}");
            assert_eq!(has("ro"), point != path("work"), "{point}: {options:?}");
        }
    });
}

/// What may be written within what may be read has a mount of its own; so has a grant of everything.
fn grants_within_grants() {
    let folders = Folders::new();
    fs::create_dir(folders.path("granted/desk")).unwrap();
    let jail =
        Jail { read: vec![folders.path("granted")], write: vec![folders.path("granted/desk")], ..tight() };
    let everything = Jail { read: vec!["/".into()], write: vec![folders.path("work")], ..tight() };
    for (jail, work) in [(jail, "granted/desk"), (everything, "work")] {
        run(async {
            let mut child = roster().spawn("a", "jailed", &jail).await.unwrap();
            let mut tries = async |attempt: &str, path: &str| {
                ask(&mut child, attempt, &[folders.path(path).to_string_lossy().into_owned()]).await
            };
            assert!(tries("read", "granted/file").await.is_ok(), "{work}");
            assert!(tries("write", "granted/file").await.is_err(), "{work}");
            assert!(tries("create", &format!("{work}/new")).await.is_ok(), "{work}");
            assert!(tries("create", "granted/new").await.is_err(), "{work}");
        });
        assert!(folders.path(work).join("new").exists());
    }
}

fn no_other_process_is_seen() {
    with_child(&tight(), |child| {
        let status = of(child.pid(), "status");
        let numbers = status.lines().find(|line| line.starts_with("NSpid:")).unwrap();
        let numbers: Vec<&str> = numbers.split_whitespace().skip(1).collect();
        assert_eq!(numbers.last(), Some(&"1"), "it is the first of its namespace: {numbers:?}");
        assert_eq!(numbers.first(), Some(&child.pid().to_string().as_str()));
    });
}

fn a_path_that_is_not_there_refuses() {
    let folders = Folders::new();
    std::os::unix::fs::symlink("/dev/null", folders.path("granted/device")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, folders.path("granted/pipe"), 0o600.into()).unwrap();
    for path in ["granted/nothing", "granted/pipe", "granted/device", "granted/link"] {
        for reduced in [false, true] {
            let jail = Jail { read: vec![folders.path(path)], reduced, ..tight() };
            match run(roster().spawn("a", "jailed", &jail)) {
                Err(SpawnError::Refused { layer, why, mend }) => {
                    assert_eq!(layer, layer::ROOT);
                    assert!(why.contains(path) && !mend.is_empty(), "{why}; {mend}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

/// What lies within a granted folder has no mount of its own, and may be a link since the day it was granted.
fn a_link_within_a_granted_folder_refuses() {
    let folders = Folders::new();
    std::os::unix::fs::symlink("/", folders.path("work/link")).unwrap();
    let read = vec![folders.path("work/link")];
    let jail = Jail { read, write: vec![folders.path("work")], ..tight() };
    let spawned = run(roster().spawn("a", "jailed", &jail));
    assert!(
        matches!(&spawned, Err(SpawnError::Refused { why, .. }) if why.contains("work/link")),
        "{spawned:?}"
    );
}

fn a_senseless_jail_starts_nothing() {
    let roster = roster();
    let jail = Jail { read: vec!["relative".into()], ..tight() };
    let spawned = run(roster.spawn("a", "jailed", &jail));
    assert!(matches!(spawned, Err(SpawnError::Jail(_))), "{spawned:?}");
    assert_eq!(roster.count("a"), 0);
}
