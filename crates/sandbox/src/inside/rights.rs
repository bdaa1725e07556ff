//! No rights beyond those of a user, now and later.

use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, no_new_privs,
    set_capabilities, set_no_new_privs,
};

use super::{Laid, LayerError};

/// Gives up every capability, those in its own user namespace too.
pub(crate) fn drop_capabilities() -> Laid {
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    clear_ambient_capability_set()?;
    set_capabilities(None, none)?;
    if capabilities(None)? != none {
        return Err(LayerError::Lacking("the kernel keeps some capabilities".into()));
    }
    Ok("none".into())
}

/// Gives up ever gaining rights by starting a program. Landlock and seccomp need it.
pub(crate) fn no_new_privileges() -> Laid {
    set_no_new_privs(true)?;
    if !no_new_privs()? {
        return Err(LayerError::Lacking("the kernel does not keep it".into()));
    }
    Ok("set".into())
}
