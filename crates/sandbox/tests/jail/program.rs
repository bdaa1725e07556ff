//! The processes that the checks start.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use bulkhead_sandbox::spawner::{self, Role};
use bulkhead_sandbox::{Jail, PROBE, SpawnError};
use seccompiler::{
    SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
    apply_filter,
};
use serde::{Deserialize, Serialize};
use vocab::frame;

use crate::{attempts, groups, guest, hostile, stage, wanting};

/// An order to try something.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ask {
    pub(crate) attempt: String,
    pub(crate) args: Vec<String>,
}

/// What became of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) result: Result<String, String>,
}

/// What this binary does for itself when it is called with one of these words.
pub(crate) const PARTS: &[&str] = &["spawner", "plain", "gateway", "delegated", "wanting", "host", "without"];

/// What the processes do that the spawner bears.
const ROLES: &[Role<'_>] = &[
    (PROBE, |_| ExitCode::SUCCESS),
    ("jailed", |stream| {
        serve(stream);
        ExitCode::SUCCESS
    }),
    // Told what to do by a first frame, and then it keeps to no form.
    ("hostile", |mut stream| {
        if let Ok(Some(kind)) = frame::read::<String>(&mut stream) {
            hostile::attack(&kind, stream);
        }
        ExitCode::SUCCESS
    }),
];

pub(crate) fn play(part: &str, args: &[&str]) -> ExitCode {
    match (part, args) {
        ("spawner", _) => return spawner::serve(ROLES),
        ("plain", _) => serve(standard_input()),
        ("gateway", _) => gateway(),
        ("delegated", [group, binary]) => groups::delegated(group, binary),
        ("wanting", guest) => wanting::without_user_namespaces(!guest.is_empty()),
        ("host", [mark]) => guest::host(mark),
        ("without", [call, rest @ ..]) => without(call, rest),
        _ => panic!("no part {part} {args:?}"),
    }
    ExitCode::SUCCESS
}

fn standard_input() -> UnixStream {
    UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap())
}

fn serve(mut stream: impl Read + Write) {
    while let Ok(Some(ask)) = frame::read::<Ask>(&mut stream) {
        let result = attempts::attempt(&ask.attempt, &ask.args);
        if frame::write(&mut stream, &Told { result }).is_err() {
            return;
        }
    }
}

/// A gateway with three busy children, whose numbers it prints, and its spawner's. It waits to be killed.
fn gateway() {
    stage::run(async {
        let roster = stage::roster();
        let mut children = Vec::new();
        for _ in 0..3 {
            let mut child = roster.spawn("a", "jailed", &Jail::default()).await.unwrap();
            child.send(&Ask { attempt: "spin".into(), args: vec![] }).await.unwrap();
            println!("{}", child.pid());
            children.push(child);
        }
        println!("{}", roster.spawner().unwrap());
        println!("all");
        std::io::stdout().flush().unwrap();
        std::future::pending::<()>().await;
    });
}

/// Tries to have a jail on a machine where one system call fails, and prints what it got.
fn without(call: &str, words: &[&str]) {
    // A fork into a namespace, as containers refuse it: the newer call altogether.
    let born_into = |flag: i32| {
        let flag = u64::from(flag.unsigned_abs());
        let is = SeccompCmpOp::MaskedEq(flag);
        let rule = SeccompCondition::new(0, SeccompCmpArgLen::Dword, is, flag).unwrap();
        vec![(libc::SYS_clone3, vec![]), (libc::SYS_clone, vec![SeccompRule::new(vec![rule]).unwrap()])]
    };
    let rules = match call {
        "user" => born_into(libc::CLONE_NEWUSER),
        "mount" => born_into(libc::CLONE_NEWNS),
        "pid" => born_into(libc::CLONE_NEWPID),
        "network" => born_into(libc::CLONE_NEWNET),
        "fsopen" => vec![(libc::SYS_fsopen, vec![])],
        "pivot-root" => vec![(libc::SYS_pivot_root, vec![])],
        "landlock" => vec![(libc::SYS_landlock_create_ruleset, vec![])],
        "seccomp" => vec![(libc::SYS_seccomp, vec![])],
        "capset" => vec![(libc::SYS_capset, vec![])],
        other => panic!("no call {other}"),
    };
    let arch = TargetArch::try_from(std::env::consts::ARCH).unwrap();
    let refuse = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    let rules = rules.into_iter().collect();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch).unwrap();
    apply_filter(&seccompiler::BpfProgram::try_from(filter).unwrap()).unwrap();
    let reduced = words.contains(&"reduced");
    let jail = Jail { reduced, ..Jail::default() };
    let had = if words.contains(&"guest") {
        let jail = Jail { system: Some(guest::system()), ..jail };
        let roster = stage::roster();
        let launched = roster.launch("a", &jail, guest::command(&["true"], "/".as_ref()));
        stage::run(launched).map(|guest| guest.layers().to_vec())
    } else {
        stage::run(stage::roster().spawn("a", "jailed", &jail)).map(|child| child.layers().to_vec())
    };
    match had {
        Ok(layers) => {
            for layer in layers.iter().filter(|layer| !layer.present) {
                println!("lacks {}", layer.name);
            }
        }
        Err(SpawnError::Refused { layer, mend, .. }) => println!("refused {layer} {}", !mend.is_empty()),
        Err(other) => panic!("{other}"),
    }
}
