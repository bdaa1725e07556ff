//! Ways in, over a real journal: what lets somebody in, what ends it, what the record says of it.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; clippy's leave for tests ends at the functions that they share"
)]

extern crate bulkhead_people as people;

mod authenticator;
mod codes;
mod directory;
mod floods;
mod issuer;
mod joining;
mod passkeys;
mod passwords;
mod provider;
mod sign_ins;
mod stage;
mod tokens;
