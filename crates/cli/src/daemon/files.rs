//! How many files the gateway may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What it takes at the most: a connection each for who follows and who asks, an agent's process with its pipes for each turn, the
/// record, and room.
const WANTED: u64 = 8_192;

/// Takes as many as the kernel lets this process have, up to what it can use: many systems begin with 1,024. Jailed processes have a limit
/// of their own.
pub(crate) fn take_enough() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(WANTED, |most| most.min(WANTED));
    if limit.current.is_none_or(|current| current >= wanted) {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..limit }) {
        tracing::warn!("the gateway keeps its limit of open files: {error}");
    }
}
