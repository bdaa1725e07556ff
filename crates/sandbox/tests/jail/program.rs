//! The processes that the checks start.

use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use bulkhead_sandbox::{Jail, SpawnError, inside};
use seccompiler::{SeccompAction, SeccompFilter, TargetArch, apply_filter};
use serde::{Deserialize, Serialize};
use vocab::frame;

use crate::{attempts, hostile, stage};

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

/// The roles that this binary plays for itself.
pub(crate) const ROLES: &[&str] = &["jailed", "plain", "hostile", "impostor", "gateway", "without"];

pub(crate) fn play(role: &str, args: &[&str]) -> ExitCode {
    match (role, args) {
        ("jailed", _) => match inside::enter() {
            Ok(stream) => serve(stream),
            Err(_) => return ExitCode::FAILURE,
        },
        ("plain", _) => serve(standard_input()),
        ("hostile", [kind]) => match inside::enter() {
            Ok(stream) => hostile::attack(kind, stream),
            Err(_) => return ExitCode::FAILURE,
        },
        // Never enters its jail, and speaks all the same.
        ("impostor", [kind]) => hostile::attack(kind, standard_input()),
        ("gateway", _) => gateway(),
        ("without", [call, rest @ ..]) => without(call, rest.contains(&"reduced")),
        _ => panic!("no role {role} {args:?}"),
    }
    ExitCode::SUCCESS
}

fn standard_input() -> UnixStream {
    UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap())
}

fn serve(mut stream: UnixStream) {
    while let Ok(Some(ask)) = frame::read::<Ask>(&mut stream) {
        let result = attempts::attempt(&ask.attempt, &ask.args);
        if frame::write(&mut stream, &Told { result }).is_err() {
            return;
        }
    }
}

/// A gateway with three busy children, whose numbers it prints. It waits to be killed.
fn gateway() {
    stage::run(async {
        let roster = stage::roster();
        let mut children = Vec::new();
        for _ in 0..3 {
            let mut child =
                roster.spawn("a", &stage::program("jailed", &[]), &Jail::default()).await.unwrap();
            child.send(&Ask { attempt: "spin".into(), args: vec![] }).await.unwrap();
            println!("{}", child.pid());
            children.push(child);
        }
        println!("all");
        std::io::stdout().flush().unwrap();
        std::future::pending::<()>().await;
    });
}

/// Tries to have a jail on a machine where one system call fails, and prints what it got.
fn without(call: &str, reduced: bool) {
    let number = match call {
        "unshare" => libc::SYS_unshare,
        "landlock" => libc::SYS_landlock_create_ruleset,
        "seccomp" => libc::SYS_seccomp,
        "capset" => libc::SYS_capset,
        other => panic!("no call {other}"),
    };
    let arch = TargetArch::try_from(std::env::consts::ARCH).unwrap();
    let refuse = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    let rules = [(number, vec![])].into();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch).unwrap();
    apply_filter(&seccompiler::BpfProgram::try_from(filter).unwrap()).unwrap();
    let jail = Jail { reduced, ..Jail::default() };
    let spawned = stage::run(stage::roster().spawn("a", &stage::program("jailed", &[]), &jail));
    match spawned {
        Ok(child) => {
            for layer in child.layers().iter().filter(|layer| !layer.present) {
                println!("lacks {}", layer.name);
            }
        }
        Err(SpawnError::Refused { layer, mend, .. }) => println!("refused {layer} {}", !mend.is_empty()),
        Err(other) => panic!("{other}"),
    }
}
