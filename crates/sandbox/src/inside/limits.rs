//! Resource limits, soft and hard alike, so that the process cannot raise them.

use rustix::process::{Resource, Rlimit, geteuid, getrlimit, setrlimit};

use super::{Baggage, Laid, LayerError};
use crate::Jail;

/// The most stack, in bytes.
const STACK_BYTES: u64 = 8 * 1024 * 1024;

/// The most signals and timers that wait, of all its processes together. They count against its user too.
const PENDING_SIGNALS: u64 = 1024;

/// Sets every limit and reads it back.
///
/// Memory is bounded by what the process may write to privately (`Data`, since Linux 4.7 with private
/// mappings); seccomp refuses the shared ones.
///
/// Processes are counted for each user and user namespace, and not at all for the machine's root: for it the
/// PID namespace must bound them (Linux 6.14), or the cgroup that it was born into. Where neither does, every other
/// limit is set all the same.
pub(crate) fn set(jail: &Jail, baggage: &Baggage) -> Laid {
    // The first process of a guest's jail is one more.
    let processes = jail.system.as_ref().map_or(0, |system| u64::from(system.processes).saturating_add(1));
    let writes = jail.system.is_some() || !jail.write.is_empty();
    let mut limits = vec![
        (Resource::Data, jail.memory_bytes),
        (Resource::Stack, STACK_BYTES),
        (Resource::Nofile, jail.open_files),
        (Resource::Fsize, if writes { jail.file_bytes } else { 0 }),
        // Where dumps go to a program of the machine, it gets them with a limit of 0 too, but not of 1 (core(5)).
        (Resource::Core, 1),
        (Resource::Nproc, processes),
        (Resource::Memlock, 0),
        (Resource::Msgqueue, 0),
        (Resource::Sigpending, PENDING_SIGNALS),
        (Resource::Nice, 0),
        (Resource::Rtprio, 0),
    ];
    limits
        .extend(jail.system.as_ref().and_then(|system| system.cpu_seconds).map(|most| (Resource::Cpu, most)));
    for (resource, wanted) in limits {
        // A hard limit of the gateway that is lower stays as it is.
        let most = getrlimit(resource).maximum.map_or(wanted, |most| most.min(wanted));
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        setrlimit(resource, limit)?;
        if getrlimit(resource) != limit {
            return Err(LayerError::Lacking(format!("the kernel does not keep the limit {resource:?}")));
        }
    }
    // Last, so that a reduced jail lacks this one bound and no other.
    if processes > 0 && geteuid().is_root() && !baggage.processes_bounded.get() {
        let why =
            "this kernel does not bound how many processes root has (Linux 6.14 does), and no cgroup does";
        return Err(LayerError::Lacking(why.into()));
    }
    let children = match &jail.system {
        Some(system) => format!("{} processes, each with", system.processes),
        None => "no child process,".into(),
    };
    Ok(format!("{children} {} bytes of memory, {} descriptors", jail.memory_bytes, jail.open_files))
}
