//! A binary of checks that is its own jailed program, which must begin without threads; hence not the usual harness.
//! Like that one, it takes a part of a check's name as its argument.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use bulkhead_skills as skills;

use crate::support::SPAWNER;

/// Runs the checks whose names have what was asked for, or begins as the spawner.
pub(crate) fn main(checks: &[(&str, fn())]) -> ExitCode {
    let argument = std::env::args().nth(1).unwrap_or_default();
    if argument == SPAWNER {
        return sandbox::spawner::serve(&[(skills::WORKER, jailed)]);
    }
    // What the test runner asks of every test binary.
    if std::env::args().any(|argument| argument == "--list") {
        checks.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let wanted = if argument.starts_with('-') { "" } else { argument.as_str() };
    let (mut passed, mut failed) = (0, 0);
    for (name, check) in checks.iter().filter(|(name, _)| name.contains(wanted)) {
        let holds = catch_unwind(AssertUnwindSafe(check)).is_ok();
        println!("test {name} ... {}", if holds { "ok" } else { "FAILED" });
        passed += u32::from(holds);
        failed += u32::from(!holds);
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn jailed(socket: sandbox::Socket) -> ExitCode {
    if skills::work(socket).is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs a check that waits.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.unwrap().block_on(test);
}
