//! The other face of this binary: the processes that the gateway jails.
//!
//! `bulkhead __jailed ROLE` is started by the gateway only, with a socket as its standard input. It jails
//! itself first and then becomes an agent's or a skill's process. It never returns to the commands.

use std::process::ExitCode;

use crate::failure::Exit;

/// The hidden first argument.
pub(crate) const JAILED: &str = "__jailed";

/// Does the work of a jailed process, if this is to be one.
pub(crate) fn take_over() -> Option<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    if args.next()? != JAILED {
        return None;
    }
    let role = args.next().and_then(|role| role.into_string().ok()).unwrap_or_default();
    Some(match role.as_str() {
        "agent" | "worker" | "probe" => work(&role),
        // Nobody reads what a jailed process prints; a person who tried this is told by the code.
        _ => Exit::Usage.into(),
    })
}

/// Errors have nowhere to go but the exit code: standard error leads to nowhere, and the gateway has been
/// told on the socket what it needs to know.
fn work(role: &str) -> ExitCode {
    let Ok(mut stream) = sandbox::inside::enter() else { return Exit::Unreachable.into() };
    let worked = match role {
        "agent" => agent::run(&mut stream).is_ok(),
        "worker" => skills::work(stream).is_ok(),
        _ => true,
    };
    if worked { Exit::Done.into() } else { Exit::Internal.into() }
}
