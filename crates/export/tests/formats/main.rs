//! The forms in which records leave, read back by readers that know nothing of how they were made.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "helpers of tests are not marked as tests themselves"
)]

mod lines;
mod made;
mod ocsf;
mod otlp;
