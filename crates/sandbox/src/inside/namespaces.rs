//! Own namespaces, one at a time, so that the one that is missing has a name.
//!
//! The user namespace maps nobody: files keep their owner, and what the process was allowed as root of the
//! machine (read what belongs to others, above all) it is not allowed any more.

use rustix::thread::{UnshareFlags, unshare_unsafe};

use super::Laid;

fn unshare(what: UnshareFlags) -> rustix::io::Result<()> {
    #[expect(unsafe_code, reason = "the safe call is deprecated in favour of this one")]
    // SAFETY: what is unsafe about it is a descriptor table of one's own (`FILES`), and no caller in this
    // module passes that.
    unsafe {
        unshare_unsafe(what)
    }
}

pub(crate) fn user() -> Laid {
    unshare(UnshareFlags::NEWUSER)?;
    Ok("its own, with nobody mapped".into())
}

pub(crate) fn network() -> Laid {
    unshare(UnshareFlags::NEWNET)?;
    Ok("its own, with no interface up".into())
}

pub(crate) fn ipc() -> Laid {
    unshare(UnshareFlags::NEWIPC)?;
    Ok("its own".into())
}

pub(crate) fn uts() -> Laid {
    unshare(UnshareFlags::NEWUTS)?;
    Ok("its own".into())
}
