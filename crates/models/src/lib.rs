//! Model servers: OpenAI-compatible ones, and the rehearsal model.
//!
//! Comes in: a permit for one model call, whose action holds the system message, the tools and the
//! conversation as the monitor put them together. Goes out: an outcome with the model's whole answer, or
//! with one sentence about what went wrong. Nothing a server sends can make it panic, hang or grow.
//!
//! This room knows no policy and no agent. It reaches the servers that the settings name and three usual
//! ports of this machine, and no other address. [`Models::perform`] is the only way to a model, and it
//! demands a permit; [`Models::find`] only asks servers what they have.
//!
//! A server's key is put in by `client`, at the last moment, and taken out of whatever the server says.
//!
//! The way of a call: `call` redeems the permit and picks the server (`find`, `server`); `client` sends
//! the request (`wire`); `stream` takes the bytes, `sse` makes events of them, `assembly` the answer, and `speech` says what
//! of it may be heard while it is still being made.
//! `rehearsal` stands in for all of that with a script.

mod assembly;
mod call;
mod client;
mod error;
mod find;
mod plain;
mod refusal;
mod rehearsal;
mod server;
mod speech;
mod sse;
mod stream;
mod wire;

pub use call::{Config, Models};
pub use client::{Heard, MAX_ATTEMPTS, Timeouts};
pub use error::{ConfigError, ModelError};
pub use find::{BYTES_PER_TOKEN, DEFAULT_CONTEXT_TOKENS, Found, REHEARSAL_CONTEXT_TOKENS};
pub use rehearsal::{MARK, MAX_DELAY_MS, MAX_SCENARIO_BYTES, MAX_TURNS};
pub use server::{MAX_SERVERS, Server};
pub use stream::read_answer;
pub use wire::{Style, ToolChoice};
