//! What goes wrong between the gateway and a model, each in one sentence with the way out.
//!
//! The sentences reach people and the record. Whatever a server said in them has gone through
//! [`plain`](crate::plain) first, and no key is ever in one.

use std::time::Duration;

use secrets::SecretError;
use vocab::Fault;

use crate::plain::{MAX_QUOTED_CHARS, plain};

/// A model call, or a look for a model, that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// Nothing answers at the server's address.
    #[error(
        "the model server `{server}` at {url} cannot be reached ({why}): start it, or name another model"
    )]
    Down {
        /// The server's name.
        server: String,
        /// Its address.
        url: String,
        /// What the system said.
        why: String,
    },
    /// It answers, but not in time.
    #[error("the model server `{server}` sent nothing for {} s while we waited for {what}: see whether it is overloaded, or use a smaller model", .after.as_secs())]
    Slow {
        /// The server's name.
        server: String,
        /// What was waited for.
        what: &'static str,
        /// How long.
        after: Duration,
    },
    /// The whole call took too long, though something came all the time.
    #[error("the model server `{server}` had not finished its answer after {} s: ask for less at once, or use a faster model", .after.as_secs())]
    Endless {
        /// The server's name.
        server: String,
        /// How long.
        after: Duration,
    },
    /// What came is not what an OpenAI-compatible server sends.
    #[error(
        "the model server `{server}` sent what is not a model's answer ({why}): see whether its address in the settings is that of an OpenAI-compatible server"
    )]
    Garbage {
        /// The server's name.
        server: String,
        /// What is wrong with it.
        why: String,
    },
    /// The answer broke off.
    #[error(
        "the model server `{server}` broke off in the middle of its answer ({why}): nothing of it was used; ask again"
    )]
    Half {
        /// The server's name.
        server: String,
        /// How it ended.
        why: String,
    },
    /// It said no, in its own words.
    #[error("the model server `{server}` refused the call with status {status}: {message}")]
    Refused {
        /// The server's name.
        server: String,
        /// The HTTP status, or 200 when the error came within an answer.
        status: u16,
        /// The server's message and the way out.
        message: String,
    },
    /// The answer is over a limit of ours.
    #[error(
        "the model server `{server}` sent too much: {what} is over the limit of {limit}; nothing of the answer was used"
    )]
    TooLarge {
        /// The server's name.
        server: String,
        /// What is too large.
        what: &'static str,
        /// The limit, in the unit that `what` names.
        limit: usize,
    },
    /// The conversation does not fit the model's context window.
    #[error(
        "the conversation is longer than the context window of the model at `{server}`: begin a new session, or use a model with a longer window ({message})"
    )]
    ContextTooLong {
        /// The server's name.
        server: String,
        /// The server's message.
        message: String,
    },
    /// A program's request is longer than the window. Nothing of it is cut: the program keeps its conversation
    /// itself, and could not know what the model did not see.
    #[error(
        "this request has some {tokens} tokens, and the model takes {window} beside its answer{}: shorten the conversation, or use a model with a longer window", guessed(*.known)
    )]
    Window {
        /// How many it has, by estimate.
        tokens: u32,
        /// How many fit.
        window: u32,
        /// Whether the server or the settings said how many fit.
        known: bool,
    },
    /// No server of this name.
    #[error("there is no model server `{name}`: use `auto`, one of {known}, or name it in the settings")]
    NoServer {
        /// The name that was asked for.
        name: String,
        /// The names that are known.
        known: String,
    },
    /// `auto`, and nothing answers.
    #[error(
        "no model server answers on this machine at {tried}: start Ollama, llama.cpp or vLLM, or name a server in the settings"
    )]
    NothingFound {
        /// The addresses that were asked.
        tried: String,
    },
    /// The server has no model to offer.
    #[error("the model server `{server}` has no model: load one, then ask again")]
    NoModel {
        /// The server's name.
        server: String,
    },
    /// The server's key cannot be had.
    #[error("the model server `{server}` is not asked without its key: {why}")]
    Key {
        /// The server's name.
        server: String,
        /// Why not. Never what it is.
        why: SecretError,
    },
    /// The action is not a model call, or lacks one of its arguments.
    #[error("this is not a model call: {0}")]
    Form(String),
    /// A rehearsal's scenario cannot be played.
    #[error("the rehearsal `{name}` cannot be played: {why}")]
    Rehearsal {
        /// The scenario's name.
        name: String,
        /// What is wrong, where, and how to mend it.
        why: String,
    },
}

impl ModelError {
    /// What the asker can do about it.
    pub(crate) const fn fault(&self) -> Fault {
        match self {
            Self::ContextTooLong { .. } | Self::Window { .. } => Fault::TooLong,
            Self::Refused { status: 400 | 413 | 422, .. } | Self::Form(_) => Fault::Refused,
            Self::Down { .. }
            | Self::Slow { .. }
            | Self::Endless { .. }
            | Self::Refused { .. }
            | Self::NoServer { .. }
            | Self::NothingFound { .. }
            | Self::NoModel { .. }
            | Self::Key { .. }
            | Self::Rehearsal { .. } => Fault::Down,
            Self::Garbage { .. } | Self::Half { .. } | Self::TooLarge { .. } => Fault::Broken,
        }
    }

    /// What came from `server` is not an answer, because of `why`, which may quote the server.
    pub(crate) fn garbage(server: &str, why: &str) -> Self {
        Self::Garbage { server: server.to_owned(), why: plain(why, MAX_QUOTED_CHARS) }
    }

    /// The answer of `server` broke off as `why` says.
    pub(crate) fn half(server: &str, why: &str) -> Self {
        Self::Half { server: server.to_owned(), why: plain(why, MAX_QUOTED_CHARS) }
    }

    /// `what` is over `limit`.
    pub(crate) fn too_large(server: &str, what: &'static str, limit: usize) -> Self {
        Self::TooLarge { server: server.to_owned(), what, limit }
    }
}

/// What to do about a window that nobody stated.
const fn guessed(known: bool) -> &'static str {
    if known { "" } else { " (its server does not say how many: `context-tokens` in bulkhead.toml does)" }
}

/// Settings of model servers that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A server's name is not one.
    #[error(
        "`{0}` cannot name a model server: use 1 to 64 of a-z, 0-9, `-`, `_` and `.`, and neither `auto` nor `rehearsal`"
    )]
    Name(String),
    /// Two servers of one name.
    #[error("the model server `{0}` is named twice; rename or remove one")]
    Twice(String),
    /// More servers than anybody has.
    #[error("more than {0} model servers are named; remove some")]
    TooMany(usize),
    /// An address that is not a URL of a server.
    #[error(
        "the address of the model server `{name}` is no use: {why}; write it like `http://127.0.0.1:11434/v1`"
    )]
    Url {
        /// The server's name.
        name: String,
        /// What is wrong. Quotes nothing of the address, which may hold a password.
        why: String,
    },
    /// The HTTP client cannot be made, for want of certificates most likely.
    #[error(
        "calls to `https` model servers cannot be made on this machine ({0}): install its certificates (apt-get install ca-certificates)"
    )]
    Tls(String),
    /// The HTTP client cannot be made at all.
    #[error("the HTTP client cannot be made: {0}")]
    Client(String),
}
