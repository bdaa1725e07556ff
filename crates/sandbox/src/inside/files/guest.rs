//! What Landlock lets a guest have beside the granted paths: what its tree shows of the machine, to read;
//! its own scratch folders; and which programs it starts.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, BitFlags, PathBeneath, PathFd, RulesetCreated, RulesetCreatedAttr, make_bitflags,
};
use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat};

use super::super::{Baggage, LayerError, system};
use super::{lacking, mistaken};
use crate::jail::{Jail, System};

/// Files and folders of the machine, and of the guest's own, that it may read.
const READABLE: [&str; 3] = ["/etc", "/proc", "/dev"];

/// What it may write to.
const DEVICES: [&str; 4] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/tty"];

/// Its own folders in memory.
const SCRATCH: [&str; 2] = ["/tmp", "/dev/shm"];

/// Landlock gives what is beneath a folder all that the folder has. A grant to write only would be one to
/// read beneath the guest's own folders.
fn blind(jail: &Jail) -> Option<&PathBuf> {
    let readable = |path: &Path| jail.read.iter().any(|read| path.starts_with(read));
    let mut blind = jail.write.iter().filter(|path| !readable(path));
    blind.find(|path| SCRATCH.iter().any(|scratch| path.starts_with(scratch)))
}

/// Adds a guest's rules to those of its granted paths.
pub(super) fn allow(
    mut ruleset: RulesetCreated,
    abi: ABI,
    jail: &Jail,
    system: &System,
    baggage: &Baggage,
) -> Result<RulesetCreated, LayerError> {
    if let Some(path) = blind(jail) {
        return Err(LayerError::Mistaken {
            why: format!(
                "`{}` may be written and not read, which cannot be kept beneath `/tmp`",
                path.display()
            ),
            mend: "grant reading it too, or keep it elsewhere".into(),
        });
    }
    let read = make_bitflags!(AccessFs::{ReadFile | ReadDir});
    // Sockets of its own it reaches without a grant. One to reach others' in its scratch folders would be one beneath every
    // granted path that lies there.
    let free =
        AccessFs::from_all(abi) & !make_bitflags!(AccessFs::{MakeChar | MakeBlock | Execute | ResolveUnix});
    // Beyond what a granted folder allows anybody: links and sockets, which tools make. No named pipes, on
    // which whoever opens one outside would wait.
    let own = make_bitflags!(AccessFs::{MakeSym | MakeSock});
    baggage.unix_bounded.set(AccessFs::from_all(abi).contains(AccessFs::ResolveUnix));
    let terminal = (free & AccessFs::IoctlDev) | make_bitflags!(AccessFs::{ReadFile | WriteFile});
    let mut rules: Vec<(PathBuf, BitFlags<AccessFs>)> = vec![("/".into(), AccessFs::ReadDir.into())];
    let shown = system::SYSTEM.iter().map(|name| Path::new("/").join(name));
    rules.extend(shown.chain(READABLE.map(PathBuf::from)).map(|path| (path, read)));
    rules.extend(system.read.iter().map(|path| (path.clone(), read)));
    rules.extend(DEVICES.map(|path| (path.into(), terminal)));
    rules.extend(SCRATCH.map(|path| (path.into(), free)));
    rules.push(("/dev/pts".into(), terminal));
    rules.extend(jail.write.iter().map(|path| (path.clone(), own)));
    rules.extend(startable(system)?.into_iter().map(|path| (path, AccessFs::Execute.into())));
    for (path, access) in rules.iter().filter(|(path, _)| path.exists()) {
        ruleset = add(ruleset, path, *access, abi)?;
    }
    // A terminal that is handed in is opened again by its name, as `/dev/stdout`.
    if let Some(terminals) = baggage.terminals.borrow_mut().take() {
        let access = terminal & AccessFs::from_all(abi);
        ruleset = ruleset.add_rule(PathBeneath::new(terminals, access)).map_err(lacking)?;
    }
    Ok(ruleset)
}

/// What can be started: everything that is there, or the named programs and their loaders.
fn startable(system: &System) -> Result<Vec<PathBuf>, LayerError> {
    if system.programs.is_empty() {
        return Ok(vec!["/".into()]);
    }
    let mut startable = system::loaders();
    for program in &system.programs {
        startable.push(system::resolve(program)?.file);
    }
    Ok(startable)
}

fn add(
    ruleset: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
    abi: ABI,
) -> Result<RulesetCreated, LayerError> {
    let wrong = |why: String| mistaken(path, &why);
    let found = PathFd::new(path).map_err(|error| wrong(error.to_string()))?;
    let folder = FileType::from_raw_mode(fstat(&found)?.st_mode) == FileType::Directory;
    let possible = if folder { AccessFs::from_all(abi) } else { AccessFs::from_file(abi) };
    let access = access & possible;
    if access.is_empty() {
        return Ok(ruleset);
    }
    ruleset.add_rule(PathBeneath::new(found, access)).map_err(lacking)
}

/// The machine's folder of terminals, to be asked for while it is still there.
pub(in super::super) fn terminals() -> Option<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(CWD, "/dev/pts", flags, Mode::empty()).ok()
}
