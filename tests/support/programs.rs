//! Programs that a test puts somewhere and then starts.
//!
//! They are written by processes of their own. What this process holds open for writing, a process that another test begins
//! at that moment holds open as well until it has become its program, and the kernel starts no file that somebody may still
//! write (`ETXTBSY` of execve(2)).

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Copies a program.
///
/// # Panics
/// When that is not possible.
pub fn copied(from: impl AsRef<Path>, to: impl AsRef<Path>) {
    let (from, to) = (from.as_ref(), to.as_ref());
    assert!(
        Command::new("cp").args([from, to]).status().unwrap().success(),
        "{} is not copied",
        from.display()
    );
}

/// Writes a program that everybody may start.
///
/// # Panics
/// When that is not possible.
pub fn written(to: impl AsRef<Path>, text: &str) {
    let to = to.as_ref();
    let mut install = Command::new("install");
    let mut writing =
        install.args(["-m", "755", "/dev/stdin"]).arg(to).stdin(Stdio::piped()).spawn().unwrap();
    writing.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(writing.wait().unwrap().success(), "{} is not written", to.display());
}
