//! The OpenAI-compatible side of a run: what a program that knows that API asks its model.
//!
//! In: requests of a program in its jail. Out: the answers of the agent's own model, whatever model the program
//! names, and errors in OpenAI's form. A verb is a file; `read.rs` takes a request apart and `write.rs` puts an
//! answer together, whole or as a stream. Nothing is decided here: what is asked goes to the run as a proposal.

mod chat;
mod error;
mod message;
mod models;
mod read;
mod write;

pub use read::{Asked, MAX_MESSAGES, MAX_STOPS, MAX_TOOLS, Wrong, read};

pub(crate) use chat::chat;
pub(crate) use error::{Error, pending, sentence};
pub(crate) use models::{list_models, show_model};

#[cfg(test)]
mod tests;
