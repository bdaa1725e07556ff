//! `bulkhead run`: programs that nobody here wrote, over a socket of their own.
//!
//! In: one frame of what to run as which agent, with its standard input, output and error as descriptors
//! beside it; then signals. The kernel says who asks, as on the API's socket. Out: that it runs, why it does
//! not, or how it ended. When the command goes away its program ends, and when the gateway does, too.

mod frames;
mod serve;
mod stdio;
mod wire;

pub use frames::{
    Ask, AskError, Exited, FromCommand, MAX_ARG_BYTES, MAX_ARGS, MAX_ENV, MAX_NAME_BYTES, OWN_VARIABLES,
    SIGNALS, ToCommand, Variable, Why, Word, check_name,
};
pub(crate) use serve::serve;
pub use stdio::StdioError;
pub use wire::{DESCRIPTORS, MAX_ASK_BYTES, MAX_WORD_BYTES, Wire, WireError};

#[cfg(test)]
mod tests;
