//! Shared by the tests that cross the rooms: a home with the real binary at work in it, what the kernel says
//! of its processes, and model servers, real and hostile.

pub mod alone;
pub mod content;
pub mod described;
pub mod home;
pub mod lacking;
pub mod llama;
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
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "it never came to be that {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
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
