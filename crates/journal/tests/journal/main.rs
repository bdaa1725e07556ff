//! The journal as its callers and its auditors see it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; clippy's leave for tests ends at the functions that they share"
)]

mod append;
mod common;
mod crash;
mod erase;
mod full;
mod notary;
mod open;
mod property;
mod read;
mod tamper;
mod tree;
