//! Which layers a jail has, seen from outside, and what becomes of one that lacks one.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use bulkhead_sandbox::{Child, Jail, SpawnError, layer, probe};

use crate::Check;
use crate::stage::{Folders, program, roster, run, tight};

pub(crate) const CHECKS: &[Check] = &[
    ("every layer is there and named", every_layer_is_there_and_named),
    ("the kernel says so too", the_kernel_says_so_too),
    ("only the socket is inherited", only_the_socket_is_inherited),
    ("a missing layer refuses", a_missing_layer_refuses),
    ("a reduced jail names what it lacks", a_reduced_jail_names_what_it_lacks),
    ("a granted path that is not there refuses", a_path_that_is_not_there_refuses),
    ("a jail that makes no sense starts nothing", a_senseless_jail_starts_nothing),
];

fn every_layer_is_there_and_named() {
    let layers = run(probe(&program("jailed", &[]))).unwrap();
    let names: Vec<&str> = layers.iter().map(|layer| layer.name.as_str()).collect();
    assert_eq!(names, layer::ALL);
    assert!(layers.iter().all(|layer| layer.present && !layer.why.is_empty() && layer.mend.is_empty()));
}

fn with_child(jail: &Jail, look: impl FnOnce(&Child)) {
    run(async { look(&roster().spawn("a", &program("jailed", &[]), jail).await.unwrap()) });
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
        for space in ["user", "net", "ipc", "uts"] {
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
        assert!(limit("Max core file size").contains(&"0".to_owned()));
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

fn without(call: &str, more: &[&str]) -> Vec<String> {
    let output = Command::new("/proc/self/exe").args(["without", call]).args(more).output().unwrap();
    assert!(output.status.success(), "{call}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn a_missing_layer_refuses() {
    assert_eq!(without("unshare", &[]), ["refused user-namespace true"]);
    assert_eq!(without("landlock", &[]), ["refused landlock true"]);
    assert_eq!(without("capset", &[]), ["refused capabilities true"]);
    assert_eq!(without("seccomp", &[]), ["refused seccomp true"]);
}

fn a_reduced_jail_names_what_it_lacks() {
    assert_eq!(without("landlock", &["reduced"]), ["lacks landlock"]);
    assert_eq!(without("capset", &["reduced"]), ["lacks capabilities"]);
    assert_eq!(without("seccomp", &["reduced"]), ["lacks seccomp"]);
    let names = ["user-namespace", "network-namespace", "ipc-namespace", "uts-namespace"];
    assert_eq!(without("unshare", &["reduced"]), names.map(|name| format!("lacks {name}")));
}

fn a_path_that_is_not_there_refuses() {
    let folders = Folders::new();
    std::os::unix::fs::symlink("/dev/null", folders.path("granted/device")).unwrap();
    for path in ["granted/nothing", "granted/device"] {
        for reduced in [false, true] {
            let jail = Jail { read: vec![folders.path(path)], reduced, ..tight() };
            match run(roster().spawn("a", &program("jailed", &[]), &jail)) {
                Err(SpawnError::Refused { layer, why, mend }) => {
                    assert_eq!(layer, layer::LANDLOCK);
                    assert!(why.contains(path) && !mend.is_empty(), "{why}; {mend}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

fn a_senseless_jail_starts_nothing() {
    let roster = roster();
    let jail = Jail { read: vec!["relative".into()], ..tight() };
    let spawned = run(roster.spawn("a", &program("jailed", &[]), &jail));
    assert!(matches!(spawned, Err(SpawnError::Jail(_))), "{spawned:?}");
    assert_eq!(roster.count("a"), 0);
}
