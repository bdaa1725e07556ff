//! Which file a command is on this machine.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use monitor::{Found, Programs};

use crate::plain::one_line;

/// Where a bare name is looked up, in this order, whatever the gateway's own `PATH` says.
pub(crate) const FOLDERS: [&str; 3] = ["/usr/local/bin", "/usr/bin", "/bin"];

/// The bits that make a file a program for anybody.
const EXECUTABLE: u32 = 0o111;

/// The programs of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Machine;

impl Programs for Machine {
    fn find(&self, command: &str) -> Result<Found, String> {
        if command.starts_with('/') {
            return look(Path::new(command));
        }
        let bare = !command.is_empty() && !command.contains(['/', '\0']) && !matches!(command, "." | "..");
        let mut why = format!("there is no `{}` in {}", one_line(command), FOLDERS.join(", "));
        for folder in FOLDERS.iter().filter(|_| bare) {
            let path = PathBuf::from(folder).join(command);
            match look(&path) {
                Ok(found) => return Ok(found),
                Err(other) if fs::symlink_metadata(&path).is_ok() => why = other,
                Err(_) => {}
            }
        }
        Err(why)
    }
}

/// The program at an absolute path.
fn look(path: &Path) -> Result<Found, String> {
    let shown = || one_line(&path.to_string_lossy());
    let file = fs::canonicalize(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => format!("`{}` does not exist", shown()),
        _ => format!("`{}` cannot be looked at: {error}", shown()),
    })?;
    let seen = fs::metadata(&file).map_err(|error| format!("`{}` cannot be looked at: {error}", shown()))?;
    if !seen.is_file() || seen.permissions().mode() & EXECUTABLE == 0 {
        return Err(format!("`{}` is not a program: it must be a plain file that may be executed", shown()));
    }
    Ok(Found { path: path.to_owned(), file })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_name_is_looked_up_in_fixed_folders_and_links_are_followed() {
        let found = Machine.find("sh").unwrap();
        assert!(FOLDERS.iter().any(|folder| found.path == Path::new(folder).join("sh")), "{found:?}");
        assert_eq!(found.file, fs::canonicalize("/bin/sh").unwrap());
        assert_eq!(Machine.find("/bin/sh").unwrap().file, found.file);
    }

    #[test]
    fn what_is_no_program_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let (plain, link) = (dir.path().join("plain"), dir.path().join("link"));
        fs::write(&plain, "x").unwrap();
        std::os::unix::fs::symlink("missing", &link).unwrap();
        for (command, why) in [
            ("no-such-program-here", "there is no `no-such-program-here` in /usr/local/bin"),
            ("SH", "there is no `SH`"),
            ("sh ", "there is no `sh `"),
            ("", "there is no ``"),
            ("..", "there is no `..`"),
            ("bin/sh", "there is no `bin/sh`"),
            ("/no/such", "`/no/such` does not exist"),
            ("/usr", "`/usr` is not a program"),
            (plain.to_str().unwrap(), "is not a program"),
            (link.to_str().unwrap(), "does not exist"),
        ] {
            let said = Machine.find(command).unwrap_err();
            assert!(said.contains(why), "{command}: {said}");
        }
    }
}
