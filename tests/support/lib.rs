//! Shared by the tests that cross the rooms: a home with the real binary at work in it, what the kernel says
//! of its processes, and model servers, real and hostile.

pub mod alone;
pub mod content;
pub mod described;
pub mod home;
pub mod lacking;
pub mod llama;
pub mod port;
#[path = "../../crates/journal/tests/support/postgres.rs"]
pub mod postgres;
pub mod procs;
pub mod programs;
pub mod provider;
#[path = "../../crates/journal/tests/support/proxy.rs"]
pub mod proxy;
pub mod record;
pub mod said;
pub mod server;
pub mod slack;
pub mod team;
pub mod tls;
pub mod web;
pub mod witness;

use std::io::Write as _;
use std::time::{Duration, Instant};

pub use content::content;
pub use home::{Home, tree};
pub use port::Port;
pub use said::Said;
pub use team::{ANSWERS, POSTS, members};
pub use web::Browser;

/// How long a test waits for something that must come: only a broken build takes so long.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Waits until `holds`.
///
/// # Panics
/// When it does not come to hold within [`PATIENCE`].
#[track_caller]
pub fn eventually(what: &str, holds: impl FnMut() -> bool) {
    eventually_or(what, holds, String::new);
}

/// The same; should it not come to hold, the failure tells what `seen` says instead.
///
/// # Panics
/// When it does not come to hold within [`PATIENCE`].
#[track_caller]
pub fn eventually_or(what: &str, mut holds: impl FnMut() -> bool, seen: impl FnOnce() -> String) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        if Instant::now() >= until {
            panic!("it never came to be that {what} {}", seen());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The most that the message of a failure tells of what there was instead.
const MAX_SEEN_CHARS: usize = 4000;

/// The end of a text, as much of it as the message of a failure has room for.
#[must_use]
pub fn end_of(text: &str) -> String {
    let skipped = text.chars().count().saturating_sub(MAX_SEEN_CHARS);
    text.chars().skip(skipped).collect()
}

/// Says loudly that a test does not run here. Written past the harness, which keeps what passing tests print.
///
/// # Panics
/// When standard error is closed.
pub fn skipped(test: &str, why: &str) {
    std::io::stderr().write_all(format!("SKIPPED {test}: {why}\n").as_bytes()).unwrap();
}

/// Whether this test runs as root, who may be several users and mount a disk.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
