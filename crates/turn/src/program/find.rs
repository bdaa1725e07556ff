//! Whether a program finds itself, and the folder that it works in, in its jail.
//!
//! A bare name is looked for inside the jail, among the machine's programs. Anything else is a path, from the
//! folder in which the program is to work.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use vocab::AgentName;

use crate::{Refusal, RefusalKind};

/// Where a bare name is looked up, in this order, whatever the caller's or the gateway's own `PATH` says.
pub(super) const FOLDERS: [&str; 3] = ["/usr/local/bin", "/usr/bin", "/bin"];

/// What every jail has of the machine's programs and libraries.
const EVERYWHERE: [&str; 7] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

/// What the program will have before it.
pub(super) struct View<'a> {
    pub(super) agent: &'a AgentName,
    /// Folders and files of the agent's grants and the asker's rights.
    pub(super) granted: Vec<&'a Path>,
}

impl View<'_> {
    /// The folder `asked` for, if the program will have it before it.
    ///
    /// # Errors
    /// When it will not, or it is no folder.
    pub(super) fn folder(&self, asked: &Path) -> Result<PathBuf, Refusal> {
        let folder = plain(asked);
        if !self.granted.iter().any(|root| folder.starts_with(root)) {
            return Err(self.out_of_reach(&folder, &folder));
        }
        if !folder.is_dir() {
            let message = format!("`{}` is no folder; make it, or leave out `--folder`", folder.display());
            return Err(Refusal::new(RefusalKind::Invalid, message));
        }
        Ok(folder)
    }

    /// The program that `command` names for a program that works in `folder`: a path, or a bare name.
    ///
    /// # Errors
    /// When the jail will not have it. Whether it exists is not looked at: that is nothing that everybody may
    /// know.
    pub(super) fn program(&self, command: &OsStr, folder: &Path) -> Result<PathBuf, Refusal> {
        if !command.as_bytes().contains(&b'/') {
            return Ok(command.into());
        }
        let path = plain(&folder.join(command));
        let mut roots = EVERYWHERE.iter().map(Path::new).chain(self.granted.iter().copied());
        if roots.any(|root| path.starts_with(root)) {
            return Ok(path);
        }
        Err(self.out_of_reach(&path, path.parent().unwrap_or(&path)))
    }

    fn out_of_reach(&self, path: &Path, folder: &Path) -> Refusal {
        let message = format!(
            "`{}` is not within what `{}` may read for you: add `{}` to `paths` of `file-reader` in its SOUL.md",
            path.display(),
            self.agent,
            folder.display()
        );
        Refusal::new(RefusalKind::Forbidden, message)
    }
}

/// `path` without `.` and `..`, taken word for word: no link is followed.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_what_a_shell_would_take_it_for() {
        let agent = AgentName::new("echo").unwrap();
        let view = View { agent: &agent, granted: vec![Path::new("/srv/work")] };
        let find = |command: &str| view.program(OsStr::new(command), Path::new("/srv/work")).unwrap();
        assert_eq!(find("cat"), Path::new("cat"));
        assert_eq!(find("./tool"), Path::new("/srv/work/tool"));
        assert_eq!(find("x/../tool"), Path::new("/srv/work/tool"));
        assert_eq!(find("/usr/bin/env"), Path::new("/usr/bin/env"));
    }

    #[test]
    fn what_is_not_in_reach_is_said_with_the_grant_that_it_needs_and_without_looking() {
        let agent = AgentName::new("echo").unwrap();
        let here = tempfile::tempdir().unwrap();
        let root = std::fs::canonicalize(here.path()).unwrap();
        let view = View { agent: &agent, granted: vec![&root] };
        let said = |command: &str| view.program(OsStr::new(command), &root).unwrap_err().message;
        for outside in [
            "/opt/tool/bin/agent",
            "/etc/hostname",
            "../elsewhere/tool",
            "/usr/../etc/hostname",
            "/usrlocal/x",
        ] {
            let said = said(outside);
            assert!(said.contains("to `paths` of `file-reader`"), "{outside}: {said}");
        }
        assert!(said("/opt/tool/bin/agent").contains("add `/opt/tool/bin` to"));
        assert!(view.folder(Path::new("/etc")).unwrap_err().message.contains("add `/etc` to"));
        assert!(view.folder(&root.join("none")).unwrap_err().message.contains("no folder"));
        assert_eq!(view.folder(&root.join("./.")).unwrap(), root);
    }
}
