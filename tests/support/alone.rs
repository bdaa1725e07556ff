//! A test that needs a network to itself: ports that others may have, and nobody else at them.

use std::process::{Command, Stdio};

use crate::{Said, is_root, skipped};

/// Set in the run inside that network.
const INSIDE: &str = "BULKHEAD_TEST_ALONE";

/// Whether this runs in a network of its own, in which there is loopback and nothing else. Where it does not, this runs
/// the test `name` of this binary again in one and waits for its end, or says loudly that there can be none; the caller
/// has nothing more to do then.
///
/// # Panics
/// When the test fails in there.
#[track_caller]
#[must_use]
pub fn is_alone(binary: &str, name: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let test = format!("{binary}::{name}");
    for (program, package) in [("ip", "iproute2"), ("unshare", "util-linux")] {
        if Command::new(program).arg("-V").output().is_err() {
            skipped(&test, &format!("`{package}` is not installed"));
            return false;
        }
    }
    let spaces = if is_root() { "-n" } else { "-Urn" };
    let up = ["sh", "-c", "ip link set lo up && exec \"$@\"", "sh"];
    let can = Command::new("unshare").arg(spaces).args(up).arg("true").output().unwrap();
    if !can.status.success() {
        skipped(&test, "a network namespace cannot be had here");
        return false;
    }
    let inside = Command::new("unshare")
        .arg(spaces)
        .args(up)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let said = Said::of(inside);
    assert!(said.code == 0 && said.out.contains("1 passed"), "{}{}", said.out, said.err);
    false
}
