//! Who this process is in its user namespace: its own user and group, and no other.
//!
//! What the gateway may do as root of the machine (read what belongs to others, above all) this process
//! may not any more. Its own number is mapped, since a folder of its own root needs an owner.

use std::fs;

use rustix::process::{Gid, Uid, getegid, geteuid};

use super::{Laid, LayerError};

/// The user and the group outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct User {
    uid: Uid,
    gid: Gid,
}

/// Who this process is outside every jail. To be asked before it is in one, and by the spawner.
pub(crate) fn outer() -> User {
    User { uid: geteuid(), gid: getegid() }
}

/// Maps the one user and the one group to themselves.
pub(crate) fn map(user: User) -> Laid {
    let User { uid, gid } = user;
    // The kernel lets nobody map a group who could still leave others.
    write("setgroups", "deny")?;
    write("gid_map", &format!("{gid} {gid} 1", gid = gid.as_raw()))?;
    write("uid_map", &format!("{uid} {uid} 1", uid = uid.as_raw()))?;
    if (geteuid(), getegid()) != (uid, gid) {
        return Err(LayerError::Lacking("the kernel does not keep the map of users".into()));
    }
    Ok("its own, with no user but its own".into())
}

fn write(file: &str, text: &str) -> Result<(), LayerError> {
    let path = format!("/proc/self/{file}");
    fs::write(&path, text).map_err(|error| LayerError::Lacking(format!("`{path}`: {error}")))
}
