//! What a guest's root has beside the granted paths: enough of a usual machine for programs that nobody here
//! wrote, and nothing of this machine's own.
//!
//! Programs and libraries (`/usr` and what belongs to it) and the chosen parts of `/etc` are the machine's,
//! read-only. The files that name people, hosts and servers are made up. `/proc` shows the guest's own
//! processes; `/tmp` and `/dev/shm` are memory, together bounded.

mod programs;

use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use libc::{MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY};
use rustix::fs::{Mode, OFlags, openat};
use rustix::io::{Errno, write};
use rustix::process::{getegid, geteuid};
use rustix::system::{sethostname, uname};

pub(super) use self::programs::{loaders, resolve};
use super::LayerError;
use super::root::{Tree, fresh, lacking};
use crate::jail::{JailError, System, is_kernels};

/// What a usual machine keeps its programs and libraries in.
pub(super) const SYSTEM: [&str; 7] = ["usr", "lib", "lib32", "lib64", "libx32", "bin", "sbin"];

/// What of `/etc` is the machine's. Nothing here may ever hold a secret or a person's name.
const ETC: [&str; 12] = [
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "alternatives",
    "ssl/certs",
    "ca-certificates",
    "pki/tls/certs",
    "pki/ca-trust/extracted",
    "localtime",
    "timezone",
    "mime.types",
    "terminfo",
];

/// Devices, and what stands in for them. `/dev/zero` can be mapped as shared memory, which no limit counts;
/// `/dev/full` reads the same and cannot.
const DEVICES: [(&str, &str); 6] = [
    ("null", "/dev/null"),
    ("zero", "/dev/full"),
    ("full", "/dev/full"),
    ("random", "/dev/random"),
    ("urandom", "/dev/urandom"),
    ("tty", "/dev/tty"),
];

/// What `/dev` leads on to.
const DEVICE_LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// What of `/proc` tells about the machine and not about the guest, or reaches beyond it.
const HIDDEN_FILES: [&str; 25] = [
    "allocinfo",
    "cmdline",
    "config.gz",
    "consoles",
    "diskstats",
    "interrupts",
    "iomem",
    "ioports",
    "kallsyms",
    "kcore",
    "key-users",
    "keys",
    "kmsg",
    "kpagecgroup",
    "kpagecount",
    "kpageflags",
    "modules",
    "pagetypeinfo",
    "partitions",
    "sched_debug",
    "slabinfo",
    "sysrq-trigger",
    "timer_list",
    "vmallocinfo",
    "vmcore",
];

/// The same, of folders.
const HIDDEN_FOLDERS: [&str; 8] = ["acpi", "asound", "bus", "driver", "fs", "irq", "scsi", "tty"];

/// How many files `/tmp` and `/dev/shm` hold together at most.
const TMP_FILES: u64 = 65_536;

/// What each of them stands for, in bytes: as much as that the kernel lets be written on files as attributes, beside their content
/// (`BOGO_INODE_SIZE` of mm/shmem.c).
const FILE_BYTES: u64 = 1024;

/// How many terminals a guest opens of its own.
const TERMINALS: &str = "16";

/// What of its user's a guest may have, by the names of `/proc/sys/user`: watchers of files, and no namespace
/// of its own, should the system call filter ever let one through. Not `max_mnt_namespaces`: the kernel counts
/// each mount that is nowhere yet as one, and the tree is still being built.
const SHARES: [(&str, &str); 10] = [
    ("max_inotify_instances", "32"),
    ("max_inotify_watches", "16384"),
    ("max_fanotify_groups", "0"),
    ("max_user_namespaces", "0"),
    ("max_pid_namespaces", "0"),
    ("max_net_namespaces", "0"),
    ("max_ipc_namespaces", "0"),
    ("max_uts_namespaces", "0"),
    ("max_cgroup_namespaces", "0"),
    ("max_time_namespaces", "0"),
];

/// The first Linux whose PID namespaces each have a bound of their own. Before it, writing one would change
/// the machine's.
const OWN_PID_BOUND: (u32, u32) = (6, 14);

/// Process numbers that the kernel does not give out a second time (`RESERVED_PIDS`).
const RESERVED_PIDS: u32 = 300;

const HOST_NAME: &[u8] = b"jail";

/// What came of filling the tree.
pub(super) struct Filled {
    /// The PID namespace itself bounds how many processes there are.
    pub(super) processes_bounded: bool,
}

/// Puts all of it into the tree, before the granted paths.
pub(super) fn fill(tree: &Tree, system: &System) -> Result<Filled, LayerError> {
    sethostname(HOST_NAME)?;
    for name in SYSTEM {
        show_as_it_is(tree, &Path::new("/").join(name))?;
    }
    etc(tree)?;
    devices(tree)?;
    let processes_bounded = proc(tree, system.processes)?;
    scratch(tree, system)?;
    for path in &system.read {
        let real = found(path)?;
        tree.show(&real, &real, READ)?;
        if real != *path {
            tree.show(&real, path, READ)?;
        }
    }
    programs::narrow(tree, &system.programs)?;
    Ok(Filled { processes_bounded })
}

/// How what is the machine's is mounted.
const READ: u64 = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_RDONLY;

/// A path of the machine with every link on the way followed.
fn found(path: &Path) -> Result<PathBuf, LayerError> {
    let real = fs::canonicalize(path).map_err(|error| super::files::mistaken(path, &error.to_string()))?;
    if is_kernels(&real) {
        return Err(super::files::mistaken(path, &JailError::Kernel(real).to_string()));
    }
    Ok(real)
}

/// Shows a path of the machine in its place: a link as the link that it is. What is not there is left out.
fn show_as_it_is(tree: &Tree, path: &Path) -> Result<(), LayerError> {
    match fs::symlink_metadata(path) {
        Ok(data) if data.is_symlink() => tree.link(path, &fs::read_link(path)?),
        Ok(_) => match fs::canonicalize(path) {
            Ok(real) => tree.show(&real, path, READ),
            Err(error) => Err(error.into()),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        // What the gateway's user may not see, its guests do not need.
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn etc(tree: &Tree) -> Result<(), LayerError> {
    let etc = Path::new("/etc");
    for name in ETC {
        show_as_it_is(tree, &etc.join(name))?;
    }
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    let made_up = [
        (
            "passwd",
            format!(
                "agent:x:{uid}:{gid}:agent:/tmp:/bin/sh\nroot:x:0:0:root:/:/usr/sbin/nologin\n\
                 nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n"
            ),
        ),
        ("group", format!("agent:x:{gid}:\nroot:x:0:\nnogroup:x:65534:\n")),
        ("hosts", "127.0.0.1 localhost jail\n::1 localhost jail\n".into()),
        ("resolv.conf", "# Nobody answers for names here.\n".into()),
        ("nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files\n".into()),
    ];
    made_up.iter().try_for_each(|(name, text)| tree.write(&etc.join(name), text))
}

fn devices(tree: &Tree) -> Result<(), LayerError> {
    let dev = Path::new("/dev");
    for (name, source) in DEVICES {
        if Path::new(source).exists() {
            // Read-only says nothing about what is written to a device. It keeps root's guests, which own the
            // machine's nodes, from changing their modes and times.
            let rights = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY;
            tree.show(Path::new(source), &dev.join(name), rights)?;
        }
    }
    for (name, target) in DEVICE_LINKS {
        tree.link(&dev.join(name), Path::new(target))?;
    }
    // Terminals of its own, for programs that open some. A kernel without them is no reason to refuse.
    let options = [("ptmxmode", "666"), ("mode", "620"), ("max", TERMINALS)];
    match fresh("devpts", &options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC) {
        Ok(terminals) => tree.attach(&terminals, &dev.join("pts")),
        Err(_) => Ok(()),
    }
}

/// Mounts `/proc` of the own PID namespace. Says whether that namespace bounds its processes.
fn proc(tree: &Tree, processes: u32) -> Result<bool, LayerError> {
    const RIGHTS: u64 = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    let at = Path::new("/proc");
    // One does not see what one may not look into; an older kernel has no such way for one mount.
    let proc = fresh("proc", &[("hidepid", "ptraceable")], RIGHTS)
        .or_else(|_| fresh("proc", &[], RIGHTS))
        .map_err(|error| {
            LayerError::Lacking(format!(
                "`/proc` cannot be mounted: {error}; in a container leave its own `/proc` whole (`--security-opt systempaths=unconfined`)"
            ))
        })?;
    let bounded = bounds_itself(uname().release().to_str().unwrap_or_default());
    if bounded {
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        let bound = openat(&proc, "sys/kernel/pid_max", flags, Mode::empty()).map_err(lacking("pid_max"))?;
        let most = processes.saturating_add(RESERVED_PIDS).saturating_add(1);
        write(&bound, most.to_string().as_bytes()).map_err(lacking("pid_max"))?;
    }
    shares(&proc)?;
    tree.attach(&proc, at)?;
    for name in HIDDEN_FILES.iter().filter(|name| Path::new("/proc").join(name).exists()) {
        tree.cover(&at.join(name), false)?;
    }
    for name in HIDDEN_FOLDERS.iter().filter(|name| Path::new("/proc").join(name).exists()) {
        tree.cover(&at.join(name), true)?;
    }
    // A file here that root may write, root without capabilities may write too: `sysrq-trigger`, settings.
    super::root::set(&proc, MOUNT_ATTR_RDONLY, false).map_err(lacking(at))?;
    Ok(bounded)
}

/// Bounds what the user has only so much of, for all of its processes together: else a guest uses it up for
/// the gateway and for the user.
fn shares(proc: &OwnedFd) -> Result<(), LayerError> {
    for (name, most) in SHARES {
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        match openat(proc, format!("sys/user/{name}"), flags, Mode::empty()) {
            Ok(bound) => drop(write(&bound, most.as_bytes()).map_err(lacking(name))?),
            // A kernel without the thing has no bound for it.
            Err(Errno::NOENT) => {}
            Err(error) => return Err(lacking(name)(error)),
        }
    }
    Ok(())
}

fn bounds_itself(release: &str) -> bool {
    let mut numbers = release.split(['.', '-']).map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= OWN_PID_BOUND,
        _ => false,
    }
}

/// `/tmp` and `/dev/shm`, which share one bound.
fn scratch(tree: &Tree, system: &System) -> Result<(), LayerError> {
    const RIGHTS: u64 = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    let size = system.tmp_bytes.to_string();
    let files = system.tmp_bytes.div_ceil(FILE_BYTES).min(TMP_FILES).to_string();
    let options = [("size", size.as_str()), ("nr_inodes", files.as_str()), ("mode", "755")];
    let memory = fresh("tmpfs", &options, RIGHTS).map_err(lacking("tmpfs"))?;
    // Before Linux 6.15 nothing is cloned from a mount that is nowhere yet.
    tree.attach(&memory, Path::new("/tmp"))?;
    let started = if system.programs.is_empty() { 0 } else { MOUNT_ATTR_NOEXEC };
    let tmp = super::root::part(&memory, "tmp", started)?;
    let shared = super::root::part(&memory, "shm", MOUNT_ATTR_NOEXEC)?;
    super::root::take_away(&memory)?;
    tree.attach(&tmp, Path::new("/tmp"))?;
    tree.attach(&shared, Path::new("/dev/shm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_kernels_bound_is_left_alone() {
        for release in ["6.14.0", "6.14-rc1", "6.18.3-amd64", "7.0"] {
            assert!(bounds_itself(release), "{release}");
        }
        for release in ["6.13.9", "5.15.0-91-generic", "", "x", "6", "6.x"] {
            assert!(!bounds_itself(release), "{release}");
        }
    }

    #[test]
    fn nothing_of_etc_that_may_hold_a_secret_is_shown() {
        for name in ["shadow", "gshadow", "ssh", "sudoers", "ssl/private", "passwd", "npmrc", "pip.conf"] {
            assert!(!ETC.iter().any(|shown| Path::new(name).starts_with(shown)), "{name}");
            assert!(
                !ETC.iter().any(|shown| Path::new(shown).starts_with(name) && *shown != "ssl/certs"),
                "{name}"
            );
        }
    }
}
