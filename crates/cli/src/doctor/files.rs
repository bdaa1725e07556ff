//! The home's files: whose they are, who else may touch them, and whether they are what they seem.

use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use super::{Finding, State};
use crate::home::Home;

/// What nobody else may do: write, or anything at all.
const WRITE: u32 = 0o022;
const ANYTHING: u32 = 0o077;

/// A folder in which anybody may make files but not replace those of others.
const STICKY: u32 = 0o1000;

/// The most files of one folder that are looked at.
const MAX_FILES: usize = 10_000;

/// The most findings of this kind; more of the same say nothing new.
const MAX_FINDINGS: usize = 20;

/// Looks at every file and folder that the gateway keeps. In a home of several people the socket is open to
/// others.
pub(super) fn look(home: &Home, several: bool) -> Vec<Finding> {
    let mut seen = Looked { owner: None, count: 0, findings: Vec::new() };
    seen.above(home.root());
    seen.at(home.root(), WRITE);
    for path in [home.settings(), home.agents(), home.guardrails(), home.roles(), home.rehearsal()] {
        seen.at(&path, WRITE);
    }
    for folder in [home.guardrails(), home.roles(), home.rehearsal()] {
        seen.beneath(&folder, WRITE);
    }
    for soul in seen.entries(&home.agents()) {
        seen.at(&soul, WRITE);
        seen.at(&soul.join("SOUL.md"), WRITE);
    }
    for folder in [home.data(), home.keys(), home.secrets()] {
        seen.at(&folder, ANYTHING);
        seen.beneath(&folder, ANYTHING);
    }
    for socket in [home.socket(), home.run_socket(), home.stop_socket()] {
        seen.at(&socket, if several { 0 } else { ANYTHING });
    }
    seen.told(home)
}

/// What has been looked at so far.
struct Looked {
    /// The user whose home it is.
    owner: Option<u32>,
    count: usize,
    findings: Vec<Finding>,
}

impl Looked {
    fn bad(&mut self, message: String, mend: String) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(Finding::of("files", State::Unsafe, message, mend));
        }
    }

    /// One path, which others may not do `forbidden` with. What is not there is no matter here.
    fn at(&mut self, path: &Path, forbidden: u32) {
        let shown = path.display();
        let seen = match fs::symlink_metadata(path) {
            Ok(seen) => seen,
            Err(error) if error.kind() == ErrorKind::NotFound => return,
            Err(error) => {
                let mend = "look at the folders above it".to_owned();
                return self.bad(format!("`{shown}` cannot be looked at: {error}"), mend);
            }
        };
        self.count = self.count.saturating_add(1);
        let owner = *self.owner.get_or_insert(seen.uid());
        if seen.is_symlink() {
            let mend = format!("put the file itself at `{shown}`");
            return self.bad(format!("`{shown}` is a link, so that something else decides what it is"), mend);
        }
        if seen.uid() != owner {
            let mend = format!("chown {owner} {shown}");
            return self
                .bad(format!("`{shown}` belongs to user {} and the home to {owner}", seen.uid()), mend);
        }
        if seen.mode() & forbidden != 0 {
            let (may, mend) = opened(&seen, forbidden);
            self.bad(format!("other users may {may} `{shown}`"), format!("{mend} {shown}"));
        }
    }

    fn beneath(&mut self, folder: &Path, forbidden: u32) {
        for path in self.entries(folder) {
            self.at(&path, forbidden);
        }
    }

    fn entries(&mut self, folder: &Path) -> Vec<PathBuf> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
            Err(error) => {
                let message = format!("the folder `{}` cannot be read: {error}", folder.display());
                self.bad(message, "run this as the user that runs the gateway".to_owned());
                return Vec::new();
            }
        };
        let paths: Vec<PathBuf> =
            entries.take(MAX_FILES).filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
        if paths.len() == MAX_FILES {
            let message =
                format!("`{}` has {MAX_FILES} files or more, and not all were looked at", folder.display());
            self.findings.push(Finding::of("files", State::Warning, message, "remove what is not needed"));
        }
        paths
    }

    /// The folders above: who can rename one, can put another home in place of this one.
    fn above(&mut self, root: &Path) {
        for folder in root.ancestors().skip(1) {
            let open = fs::metadata(folder).is_ok_and(|seen| seen.mode() & (0o002 | STICKY) == 0o002);
            if open {
                let message = format!("everybody may replace what lies in `{}`", folder.display());
                self.bad(message, format!("chmod o-w {}", folder.display()));
            }
        }
    }

    fn told(mut self, home: &Home) -> Vec<Finding> {
        let own = geteuid().as_raw();
        if let Some(owner) = self.owner.filter(|owner| *owner != own) {
            let message = format!("the home belongs to user {owner}, and this ran as user {own}");
            let mend = "start the gateway, and run this, as the user whose home it is";
            self.findings.push(Finding::of("files", State::Warning, message, mend));
        }
        if self.findings.is_empty() {
            let message = format!(
                "{} files and folders of `{}` are closed to others",
                self.count,
                home.root().display()
            );
            self.findings.push(Finding::ok("files", message));
        }
        self.findings
    }
}

/// What others may do, and the command that ends it.
fn opened(seen: &Metadata, forbidden: u32) -> (&'static str, &'static str) {
    let others = (seen.mode() | seen.mode() >> 3) & 0o007;
    match (others & 0o002 != 0, forbidden) {
        (true, WRITE) => ("write", "chmod go-w"),
        (true, _) => ("write", "chmod go-rwx"),
        (false, _) => ("read", "chmod go-rwx"),
    }
}
