//! The journal as its callers and its auditors see it: one suite for SQLite and PostgreSQL. A test takes [`kept::Kept::both`];
//! one that runs on one database stands in the table of `tests/tidy/conformance.rs`, with its twin or with why it has none.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; clippy's leave for tests ends at the functions that they share"
)]

mod aftermath;
mod alone;
mod anew;
mod append;
mod between;
mod checkpoint;
#[path = "../support/postgres.rs"]
#[expect(unreachable_pub, dead_code, reason = "the tests that cross the rooms share this file")]
mod cluster;
mod common;
mod cosign;
mod covered;
mod crash;
mod cut;
mod erase;
mod eraser;
mod foreign;
mod forged;
mod full;
mod harsh;
mod independent;
mod kept;
mod memory;
mod notary;
mod open;
mod outage;
mod property;
#[path = "../support/proxy.rs"]
#[expect(unreachable_pub, reason = "the tests that cross the rooms share this file")]
mod proxy;
mod publish;
mod read;
mod recent;
mod resume;
mod rights;
mod several;
mod tamper;
mod told;
mod tree;
mod unfit;
mod wal;
