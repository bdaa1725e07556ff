//! `bulkhead chat`: a message to an agent, every step of its turn, and the reply.

mod talk;
mod tell;

use std::io::{IsTerminal as _, Read as _};

use vocab::limits::MAX_MESSAGE_BYTES;
use vocab::{AgentName, SessionId};

use super::Place;
use crate::failure::{Exit, Failure};

const EXAMPLES: &str = "Examples:
  bulkhead chat echo \"Write a post about X\"
  bulkhead chat echo                         a conversation; an empty line or Ctrl-D ends it
  bulkhead chat echo --session s-xxxx \"And a title?\"
  git diff | bulkhead chat reviewer          the message from standard input
  bulkhead chat echo --json \"Hello\"          events, one JSON object a line

Exit codes: 3 when the turn ended in a refusal, 4 when the gateway or the model server cannot be
reached. What is held for a person waits on when you leave with Ctrl-C.";

/// One message, or a conversation on a terminal
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The agent
    name: AgentName,
    /// The message
    message: Option<String>,
    /// Go on with this conversation
    #[arg(long, value_name = "ID")]
    session: Option<SessionId>,
}

pub(crate) fn run(place: &Place, args: Args) -> Result<Exit, Failure> {
    let Args { name, message, session } = args;
    let message = match message {
        Some(message) => Some(message),
        None if std::io::stdin().is_terminal() => None,
        None => Some(piped()?),
    };
    let screen = place.screen;
    place.ask(async move |client| {
        let mut talk = talk::Talk::new(client, screen, name, session);
        match message {
            Some(message) => talk.ask(&message).await,
            None => talk.converse().await,
        }
    })
}

/// The message on standard input.
fn piped() -> Result<String, Failure> {
    let limit = MAX_MESSAGE_BYTES as u64;
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::unreachable(format!("standard input cannot be read: {error}")))?;
    if bytes.len() as u64 > limit {
        return Err(Failure::usage(format!("the message is over the limit of {limit} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| Failure::usage("the message on standard input is not UTF-8 text"))
}
