//! Resource limits, soft and hard alike, so that the process cannot raise them.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{Laid, LayerError};
use crate::Jail;

/// The most stack, in bytes.
const STACK_BYTES: u64 = 8 * 1024 * 1024;

/// Sets every limit and reads it back.
///
/// Memory is bounded by what the process may write to privately (`Data`, since Linux 4.7 with private
/// mappings); seccomp refuses the shared ones.
pub(crate) fn set(jail: &Jail) -> Laid {
    let limits = [
        (Resource::Data, jail.memory_bytes),
        (Resource::Stack, STACK_BYTES),
        (Resource::Nofile, jail.open_files),
        (Resource::Fsize, if jail.write.is_empty() { 0 } else { jail.file_bytes }),
        (Resource::Core, 0),
        (Resource::Nproc, 0),
        (Resource::Memlock, 0),
        (Resource::Msgqueue, 0),
        (Resource::Nice, 0),
        (Resource::Rtprio, 0),
    ];
    for (resource, wanted) in limits {
        // A hard limit of the gateway that is lower stays as it is.
        let most = getrlimit(resource).maximum.map_or(wanted, |most| most.min(wanted));
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        setrlimit(resource, limit)?;
        if getrlimit(resource) != limit {
            return Err(LayerError::Lacking(format!("the kernel does not keep the limit {resource:?}")));
        }
    }
    Ok(format!("{} bytes of memory, {} descriptors, no child process", jail.memory_bytes, jail.open_files))
}
