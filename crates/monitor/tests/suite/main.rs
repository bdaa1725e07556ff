//! The monitor from outside: a small home, and what is judged in it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what a test stands on may panic: it fails then"
)]

mod askers;
mod collections;
mod commands;
mod common;
mod config;
mod explain;
mod holders;
mod judge;
mod parts;
mod properties;
mod queues;
mod reach;
mod record;
mod roles;
mod screens;
mod slicing;
mod tables;
