//! Stopping this command, as a key of the terminal stops a program.

use std::fs;

use rustix::process::{Pid, Signal, getpgrp, getpid, kill_current_process_group, kill_process};

use crate::failure::Failure;

/// The most processes that stand between this one and whoever began its group.
const MAX_ANCESTORS: usize = 64;

/// Who is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whom {
    /// This process: the others have heard of the key themselves.
    This,
    /// The whole of its group.
    Group,
}

/// Stops until somebody continues. Not when its group is orphaned, in which no key stops a process either, since nobody would
/// continue it (POSIX.1-2024, 11.1.4); whether it did.
pub(super) fn suspend(whom: Whom) -> Result<bool, Failure> {
    if is_orphaned() {
        return Ok(false);
    }
    let stopped = match whom {
        Whom::This => kill_process(getpid(), Signal::STOP),
        Whom::Group => kill_current_process_group(Signal::STOP),
    };
    stopped.map_err(|error| Failure::internal(format!("this command cannot stop itself: {error}")))?;
    Ok(true)
}

/// Whether no ancestor of another group of this session is there. What the kernel does not say counts as nobody.
fn is_orphaned() -> bool {
    let (mut of, group) = (getpid(), getpgrp());
    let Some(own) = Standing::of(of) else { return true };
    for _ in 0..MAX_ANCESTORS {
        let Some(parent) = Standing::of(of).and_then(|standing| standing.parent) else { return true };
        match Standing::of(parent) {
            Some(above) if above.session != own.session => return true,
            Some(above) if above.group != Some(group) => return false,
            Some(_) => of = parent,
            None => return true,
        }
    }
    true
}

/// Where a process stands (`/proc/PID/stat`, proc(5)).
struct Standing {
    parent: Option<Pid>,
    group: Option<Pid>,
    session: Option<Pid>,
}

impl Standing {
    fn of(process: Pid) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).ok()?;
        // The name stands in brackets and may have any in it.
        let (_, rest) = stat.rsplit_once(')')?;
        let mut numbers = rest.split_ascii_whitespace().skip(1).map(|number| number.parse().ok());
        let mut next = || numbers.next()?.and_then(Pid::from_raw);
        Some(Self { parent: next(), group: next(), session: next() })
    }
}
