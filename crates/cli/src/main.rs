//! The `bulkhead` command: the binary that people run, the gateway, and every process that it jails.
//!
//! In: arguments, the home's settings, what a terminal types. Out: pages for people, JSON for programs, an
//! exit code that says how it ended. `command/` has a file for each noun; `wiring.rs` puts the rooms
//! together into a gateway. No command decides anything: rights and verdicts are the gateway's.

mod allocator;
mod ambient;
mod args;
mod client;
mod command;
mod daemon;
mod demo;
mod doctor;
mod failure;
mod home;
mod init;
mod jailed;
mod outgoing;
mod settings;
mod souls;
mod terminal;
mod wiring;

use std::process::ExitCode;

fn main() -> ExitCode {
    // A process that is to be jailed must do that before it starts a thread or opens anything.
    if let Some(code) = jailed::take_over() {
        return code;
    }
    match args::parse().and_then(command::run) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            if !failure.sentence.is_empty() {
                terminal::say(&format!("error: {}", one_line(&failure.sentence)));
            }
            failure.exit.into()
        }
    }
}

/// An error is one line, whatever a parser below put into it.
fn one_line(sentence: &str) -> String {
    sentence.split_whitespace().collect::<Vec<_>>().join(" ")
}
