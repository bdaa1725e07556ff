//! The layers of a jail, by name, in the order in which they are laid, each with what to do when this
//! machine lacks it.

use serde::{Deserialize, Serialize};

/// The jailed process dies with the gateway.
pub const PARENT_DEATH: &str = "parent-death";
/// No descriptor is inherited but the one socket.
pub const DESCRIPTORS: &str = "descriptors";
/// An own user namespace: no right of the machine's root is left.
pub const USER_NAMESPACE: &str = "user-namespace";
/// An own mount namespace: what is mounted in it is not mounted outside, and the other way round.
pub const MOUNT_NAMESPACE: &str = "mount-namespace";
/// An own PID namespace: no other process is seen, and all of it ends with its first process.
pub const PID_NAMESPACE: &str = "pid-namespace";
/// An own network namespace without a single interface up.
pub const NETWORK_NAMESPACE: &str = "network-namespace";
/// No shared memory, semaphores or message queues with others.
pub const IPC_NAMESPACE: &str = "ipc-namespace";
/// An own host name.
pub const UTS_NAMESPACE: &str = "uts-namespace";
/// An own root with the granted paths and nothing else.
pub const ROOT: &str = "own-root";
/// Memory, descriptors, file size and processes are bounded; no core dump.
pub const LIMITS: &str = "limits";
/// No capability, not even in its own user namespace.
pub const CAPABILITIES: &str = "capabilities";
/// No program that it could start would gain rights.
pub const NO_NEW_PRIVILEGES: &str = "no-new-privileges";
/// Only the granted folders and files; no TCP, no signal and no abstract socket beyond the jail.
pub const LANDLOCK: &str = "landlock";
/// Only the system calls that a jailed program needs.
pub const SECCOMP: &str = "seccomp";
/// Processes are known by descriptors, not by numbers that somebody else may get: without them a kill could strike another.
/// Looked at before anything is started, in a reduced jail too, and so not among [`ALL`].
pub const PIDFD: &str = "pidfd";
/// A group of the kernel's for each owner, ended as one. Used where it can be had, reported by
/// [`crate::probe`], never demanded and not among [`ALL`].
pub const CGROUP: &str = "cgroup";

/// Every layer that is demanded, in the order in which they are laid.
pub const ALL: [&str; 14] = [
    DESCRIPTORS,
    USER_NAMESPACE,
    MOUNT_NAMESPACE,
    PID_NAMESPACE,
    NETWORK_NAMESPACE,
    IPC_NAMESPACE,
    UTS_NAMESPACE,
    ROOT,
    LIMITS,
    CAPABILITIES,
    PARENT_DEATH,
    NO_NEW_PRIVILEGES,
    LANDLOCK,
    SECCOMP,
];

const USER_NAMESPACE_MEND: &str = "allow user namespaces: `sysctl user.max_user_namespaces=16384`, on Debian \
    also `kernel.unprivileged_userns_clone=1`, on Ubuntu `kernel.apparmor_restrict_unprivileged_userns=0`; in a \
    container let its seccomp profile pass `clone3`, `clone` and `unshare`";

/// One layer of a jail, as it was really had or not had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// The name, one of [`ALL`] or [`CGROUP`].
    pub name: String,
    /// Whether it is in force.
    pub present: bool,
    /// What is in force, or why it is not.
    pub why: String,
    /// What to do about a layer that is not there; empty when it is.
    pub mend: String,
}

impl Layer {
    /// Whether it is demanded, and not there.
    #[must_use]
    pub fn is_missed(&self) -> bool {
        !self.present && ALL.contains(&self.name.as_str())
    }

    pub(crate) fn had(name: &str, what: impl Into<String>) -> Self {
        Self { name: name.into(), present: true, why: what.into(), mend: String::new() }
    }

    pub(crate) fn lacking(name: &str, why: impl Into<String>) -> Self {
        Self { name: name.into(), present: false, why: why.into(), mend: mend(name).into() }
    }
}

/// What to do when the layer `name` cannot be had.
#[must_use]
pub fn mend(name: &str) -> &'static str {
    match name {
        PARENT_DEATH => "start the gateway again; in a container let its seccomp profile pass `prctl`",
        DESCRIPTORS => {
            "use Linux 5.9 or newer and let `/dev/null` be there; in a container let its seccomp profile pass `close_range`"
        }
        USER_NAMESPACE | MOUNT_NAMESPACE | PID_NAMESPACE | NETWORK_NAMESPACE | IPC_NAMESPACE
        | UTS_NAMESPACE => USER_NAMESPACE_MEND,
        ROOT => {
            "use Linux 5.12 or newer with `/proc` mounted; in a container let its seccomp and AppArmor profiles pass the mount calls and `pivot_root`"
        }
        LIMITS => "raise the hard limits of the user that runs the gateway (`ulimit -H -a`)",
        CAPABILITIES => "let the seccomp profile of the container pass `capset`",
        NO_NEW_PRIVILEGES => "let the seccomp profile of the container pass `prctl`",
        LANDLOCK => {
            "use Linux 6.2 or newer (Debian 12 has one in `bookworm-backports`) with `landlock` in the boot parameter `lsm=`; in a container let its seccomp profile pass the `landlock_*` calls"
        }
        SECCOMP => "use a kernel that is built with `CONFIG_SECCOMP_FILTER`",
        PIDFD => {
            "use Linux 5.4 or newer; in a container let its seccomp profile pass `pidfd_open` and `pidfd_send_signal`"
        }
        CGROUP => {
            "optional: use Linux 5.14 or newer with cgroup v2 mounted, and let the gateway's user write to its own group (`Delegate=yes` in a systemd unit)"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layer_has_a_mend() {
        assert!(ALL.iter().chain(&[CGROUP, PIDFD]).all(|name| !mend(name).is_empty()));
    }
}
