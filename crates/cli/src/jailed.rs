//! The other face of this binary: the spawner, and in its forks the processes that the gateway jails.
//!
//! `bulkhead __spawner` is started by the gateway only, with a socket as its standard input. It never
//! returns to the commands; nor does what it bears, which is jailed before it plays its role.

use std::path::PathBuf;
use std::process::ExitCode;

use sandbox::spawner::{self, Role};
use sandbox::{Program, Socket};

use crate::failure::Exit;

/// The hidden first argument.
pub(crate) const SPAWNER: &str = "__spawner";

/// Everything that this binary can be in a jail.
const ROLES: &[Role<'_>] =
    &[(turn::AGENT_ROLE, think), (skills::WORKER, work), (sandbox::PROBE, |_| Exit::Done.into())];

/// This very binary as the spawner.
pub(crate) fn spawner() -> Program {
    // The link leads to the running binary even when its file has been replaced meanwhile.
    Program { path: PathBuf::from("/proc/self/exe"), args: vec![SPAWNER.to_owned()] }
}

/// Does the work of the spawner, if this is to be it, and of what it bears.
pub(crate) fn take_over() -> Option<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    if args.next()? != SPAWNER {
        return None;
    }
    // Nobody reads what it prints; a person who tried this is told by the code.
    Some(if args.next().is_none() { spawner::serve(ROLES) } else { Exit::Usage.into() })
}

/// Errors have nowhere to go but the exit code: standard error leads to nowhere.
fn think(mut socket: Socket) -> ExitCode {
    ended(agent::run(&mut socket).is_ok())
}

fn work(socket: Socket) -> ExitCode {
    ended(skills::work(socket).is_ok())
}

fn ended(well: bool) -> ExitCode {
    if well { Exit::Done.into() } else { Exit::Internal.into() }
}
