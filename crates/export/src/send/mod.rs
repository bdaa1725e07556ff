//! The ways out. A sender takes a batch and comes back when the receiver has taken all of it, or with why not; then
//! the same batch is sent again.

mod file;
pub(crate) mod http;
mod pack;
mod stream;
mod tls;
mod udp;

use std::time::Duration;

use secrets::Store;
use vocab::Timestamp;

pub(crate) use pack::{Batch, Packer};

use crate::format::{self, FormatError, Origin};
use crate::settings::{Fault, Target, Where};

/// How long a connection may take to be made.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// Why a receiver did not take a batch. One sentence, without anything that the receiver said: it may repeat what it
/// was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The file cannot be written.
    #[error("`{path}` cannot be written: {why}")]
    File {
        /// Which.
        path: String,
        /// What the system said.
        why: String,
    },
    /// No connection.
    #[error("nobody answers at {to}: {why}")]
    Unreachable {
        /// Where.
        to: String,
        /// What the system said.
        why: String,
    },
    /// The certificates cannot be used, or the receiver's does not hold.
    #[error("there is no TLS with {to}: {why}")]
    Tls {
        /// Where.
        to: String,
        /// What is wrong.
        why: String,
    },
    /// The connection broke.
    #[error("the connection to {to} broke before all was taken: {why}")]
    Broken {
        /// Where.
        to: String,
        /// What the system said.
        why: String,
    },
    /// It takes too long.
    #[error("{to} did not take what was sent within {seconds} s")]
    Slow {
        /// Where.
        to: String,
        /// How long.
        seconds: u64,
    },
    /// The connection was not closed by the other side, which is how it says that it has read all.
    #[error("{to} did not close its side after ours, so it is not known whether it has read all")]
    Silent {
        /// Where.
        to: String,
    },
    /// An answer is over its bound.
    #[error("{to} answers more than {limit} bytes, which is not read")]
    TooLong {
        /// Where.
        to: String,
        /// The bound.
        limit: usize,
    },
    /// What is sent is over what one message may have.
    #[error(
        "a message of {bytes} bytes does not go to {to}, where one has {limit} at most: send it over tcp or tls"
    )]
    TooLongToSend {
        /// Where.
        to: String,
        /// How long it is.
        bytes: usize,
        /// The bound.
        limit: usize,
    },
    /// HTTP said no.
    #[error("{to} answered {status}")]
    Refused {
        /// Where.
        to: String,
        /// The status.
        status: u16,
    },
    /// A secret without a value.
    #[error("{0}")]
    Secret(String),
    /// What cannot be put into the form.
    #[error("{0}")]
    Form(String),
}

/// "Content Too Large", RFC 9110 section 15.5.14.
const TOO_LARGE: u16 = 413;

impl SendError {
    /// Whether the receiver would take less at once.
    pub(crate) const fn is_too_long(&self) -> bool {
        matches!(self, Self::Refused { status: TOO_LARGE, .. })
    }
}

impl From<FormatError> for SendError {
    fn from(error: FormatError) -> Self {
        Self::Form(error.to_string())
    }
}

/// A way out.
pub(crate) enum Sender {
    File(file::File),
    Stream(stream::Stream),
    Udp(udp::Udp),
    Http(http::Http),
}

impl Sender {
    /// The sender of an export. Nothing is opened or connected yet.
    pub(crate) fn new(target: &Target, secrets: Store) -> Result<Self, Fault> {
        Ok(match target.to()? {
            Where::File(path) => Self::File(file::File::new(path, target.format)),
            Where::Tcp(host, port) => Self::Stream(stream::Stream::new(host, port, None)),
            Where::Tls(host, port) => Self::Stream(stream::Stream::new(host, port, target.ca.clone())),
            Where::Udp(host, port) => Self::Udp(udp::Udp::new(host, port)),
            Where::Http(url) => Self::Http(http::Http::new(url, target, secrets)),
        })
    }

    /// Sends one note that is no record, and gives what an HTTP server answers, if anything.
    pub(crate) async fn note(
        &mut self,
        text: &str,
        time: Timestamp,
        origin: &Origin,
    ) -> Result<Option<String>, SendError> {
        let mut message = Vec::new();
        format::syslog::checkpoint(text, time, origin, &mut message)?;
        match self {
            Self::Http(http) => http.note(text).await,
            Self::Stream(stream) => stream.send(&[message]).await.map(|()| None),
            Self::Udp(udp) => udp.send(&[message]).await.map(|()| None),
            Self::File(_) => Err(SendError::Form("a note goes to another machine".to_owned())),
        }
    }

    /// Sends a batch and comes back when it was taken, with how many of it the receiver refused for good.
    pub(crate) async fn send(&mut self, batch: &Batch) -> Result<u64, SendError> {
        let sent = match (self, batch) {
            (_, Batch::Nothing) => Ok(()),
            (Self::Http(http), batch) => return http.send(batch).await,
            (Self::File(file), Batch::Pieces(pieces)) => file.send(pieces).await,
            (Self::Stream(stream), Batch::Pieces(pieces)) => stream.send(pieces).await,
            (Self::Udp(udp), Batch::Pieces(pieces)) => udp.send(pieces).await,
            // The settings do not let such a form go there.
            (_, Batch::Whole(_)) => Err(SendError::Form("this form goes over http alone".to_owned())),
        };
        sent.map(|()| 0)
    }
}
