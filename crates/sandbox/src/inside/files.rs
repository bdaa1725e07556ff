//! Landlock: the granted folders and files, no other.
//!
//! The newest ABI that this kernel has is used whole, or the layer is refused: nothing is left to best
//! effort. [`OLDEST`] is the least. What newer ones add (TCP since 4, devices since 5, signals and
//! abstract sockets since 6) is also refused by seccomp and by the network namespace.

pub(super) mod guest;

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, make_bitflags,
};
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat2};
use rustix::io::Errno;

use super::{Baggage, Laid, LayerError};
use crate::Jail;

/// The oldest ABI that holds: before 3 (Linux 6.2) a file that may only be read could be emptied.
const OLDEST: ABI = ABI::V3;

/// Newest first. 7 and 8 add nothing that could be forbidden.
const NEWEST_FIRST: [ABI; 5] = [ABI::V9, ABI::V6, ABI::V5, ABI::V4, OLDEST];

/// Restricts this process to the paths of its jail and says which ABI holds.
pub(crate) fn restrict(jail: &Jail, baggage: &Baggage) -> Laid {
    let mut failure = None;
    for abi in NEWEST_FIRST {
        match handle_all(abi, jail.system.is_none()) {
            Ok(ruleset) => return allow(ruleset, abi, jail, baggage),
            Err(error) => failure = Some(error),
        }
    }
    let why = failure.map(|error| error.to_string()).unwrap_or_default();
    Err(LayerError::Lacking(format!("this kernel has no Landlock ABI from {OLDEST} on: {why}")))
}

/// A ruleset that forbids all that `abi` can forbid, and fails on a kernel that does not know all of it. A
/// guest's sockets stay in its own network namespace without it.
fn handle_all(abi: ABI, sockets: bool) -> Result<RulesetCreated, RulesetError> {
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(abi))?;
    let (net, scope) = (AccessNet::from_all(abi), Scope::from_all(abi));
    if sockets && !net.is_empty() {
        ruleset = ruleset.handle_access(net)?;
    }
    if !scope.is_empty() {
        ruleset = ruleset.scope(scope)?;
    }
    ruleset.create()
}

fn allow(mut ruleset: RulesetCreated, abi: ABI, jail: &Jail, baggage: &Baggage) -> Laid {
    if let Some(system) = &jail.system {
        ruleset = guest::allow(ruleset, abi, jail, system, baggage)?;
    }
    let read = make_bitflags!(AccessFs::{ReadFile | ReadDir});
    // A folder is opened to sync it and to look for what is in it, hence `ReadDir`.
    let write = make_bitflags!(AccessFs::{
        WriteFile | Truncate | MakeReg | MakeDir | RemoveFile | RemoveDir | Refer | ReadDir
    });
    let grants = jail.read.iter().map(|path| (path, read)).chain(jail.write.iter().map(|path| (path, write)));
    for (path, access) in grants {
        let rule = rule(path, access, abi)?;
        ruleset = ruleset.add_rule(rule).map_err(lacking)?;
    }
    let status = ruleset.restrict_self().map_err(lacking)?;
    if status.ruleset != RulesetStatus::FullyEnforced || !status.no_new_privs {
        return Err(LayerError::Lacking(format!("only partly enforced: {status:?}")));
    }
    let paths = jail.read.len().saturating_add(jail.write.len());
    Ok(format!("all of ABI {abi}, {paths} paths granted"))
}

fn rule(path: &Path, access: BitFlags<AccessFs>, abi: ABI) -> Result<PathBeneath<OwnedFd>, LayerError> {
    let missing = |why: String| mistaken(path, &why);
    // What lies within another granted path has no mount of its own, and whoever may write there may have put
    // a link in its place.
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let fd =
        openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS).map_err(|error| match error {
            Errno::LOOP => missing("it is a link or lies behind one; grant what the link leads to".into()),
            other => missing(other.to_string()),
        })?;
    let kind = FileType::from_raw_mode(fstat(&fd)?.st_mode);
    match kind {
        FileType::Directory => Ok(PathBeneath::new(fd, access)),
        FileType::RegularFile => Ok(PathBeneath::new(fd, access & AccessFs::from_file(abi))),
        _ => Err(missing("it is neither a folder nor a plain file".into())),
    }
}

pub(crate) fn mistaken(path: &Path, why: &str) -> LayerError {
    let path: PathBuf = path.into();
    LayerError::Mistaken {
        why: format!("the granted path `{}` cannot be used: {why}", path.display()),
        mend: "create it with rights for the gateway's user, or take the grant out".into(),
    }
}

fn lacking(error: RulesetError) -> LayerError {
    LayerError::Lacking(error.to_string())
}
