//! The jail from the outside and from the inside.
//!
//! This binary is the test and the program under test: with a part as its first argument it is a spawner whose
//! processes try to get out, without one it starts such processes and says what became of them. As root it
//! runs everything a second time as an ordinary user. A machine that lacks a layer skips what needs it, loudly, and
//! shows that nothing starts there.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by a panic; without libtest, the lints do not see that this is one"
)]

mod attempts;
mod escapes;
mod groups;
mod guest;
mod hostile;
mod kill;
mod lacking;
mod layers;
mod program;
mod rest;
mod spares;
mod stage;
mod wanting;

use std::os::unix::process::CommandExt;
use std::panic::catch_unwind;
use std::process::{Command, ExitCode};

/// The user and group that have nothing.
pub(crate) const NOBODY: u32 = 65_534;

/// Said by the second run to itself.
const AS_ORDINARY_USER: &str = "as-ordinary-user";

/// One check: what must hold, and the code that fails when it does not.
pub(crate) type Check = (&'static str, fn());

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        [part, rest @ ..] if program::PARTS.contains(part) => program::play(part, rest),
        _ => check_all(&words),
    }
}

fn check_all(words: &[&str]) -> ExitCode {
    if words.contains(&"--list") {
        return ExitCode::SUCCESS;
    }
    let second = words.contains(&AS_ORDINARY_USER);
    let filter = words.iter().find(|word| !word.starts_with('-') && **word != AS_ORDINARY_USER);
    let mut checks = [
        escapes::CHECKS,
        layers::CHECKS,
        kill::CHECKS,
        groups::CHECKS,
        wanting::CHECKS,
        spares::CHECKS,
        rest::CHECKS,
        hostile::CHECKS,
        &guest::checks(),
    ]
    .concat();
    checks.retain(|(name, _)| filter.is_none_or(|wanted| name.contains(wanted)));
    let (roles, guests) = (stage::lacking(), stage::lacking_of_guests());
    let of_guests: Vec<&str> = guest::checks().iter().map(|(name, _)| *name).collect();
    checks.retain(|(name, _)| {
        let lacking = if roles.is_empty() && of_guests.contains(name) { &guests } else { &roles };
        // Each by its name: a jail that was not tried is not one that holds.
        if !lacking.is_empty() {
            eprintln!("SKIPPED jail::{name}: this machine lacks {}", stage::told(lacking));
        }
        lacking.is_empty()
    });
    if !guests.is_empty() {
        checks.extend(lacking::CHECKS);
    }
    let (mut passed, mut failed) = (0, 0);
    for (name, check) in checks {
        if catch_unwind(check).is_ok() {
            passed += 1;
            println!("ok      {name}");
        } else {
            failed += 1;
            println!("FAILED  {name}");
        }
    }
    if !second && rustix::process::getuid().is_root() {
        println!("as user {NOBODY}:");
        failed += usize::from(!again_as_ordinary_user(filter.copied()));
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs a copy of this binary, which may lie where only root reaches it, as a user without rights.
fn again_as_ordinary_user(filter: Option<&str>) -> bool {
    let folder = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .tempdir()
        .unwrap();
    let copy = folder.path().join("jail");
    std::fs::copy("/proc/self/exe", &copy).unwrap();
    let mut command = Command::new(&copy);
    command.arg(AS_ORDINARY_USER).args(filter).current_dir("/").uid(NOBODY).gid(NOBODY);
    command.status().unwrap().success()
}
