//! The loop around [`step`]: propose, wait for what became of it, propose again.

use std::io::{Read, Write};

use vocab::frame::{self, FrameError, FromAgent, ToAgent};
use vocab::limits::{MAX_TRANSCRIPT_BYTES, MAX_TRANSCRIPT_ENTRIES};
use vocab::{Entry, Intent};

use crate::step;

/// Why a turn cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The socket to the gateway broke, or something else came over it.
    #[error("cannot speak with the gateway: {0}")]
    Frame(#[from] FrameError),
    /// The gateway sent a frame out of its place.
    #[error("the gateway sent {0}; both ends are to be the same version")]
    Place(&'static str),
    /// More entries than a turn carries.
    #[error("the transcript has more than {MAX_TRANSCRIPT_ENTRIES} entries; start a new session")]
    Entries,
    /// More text than a turn carries.
    #[error("the transcript has more than {MAX_TRANSCRIPT_BYTES} bytes of text; start a new session")]
    Bytes,
}

/// What has been said and done, within its bounds.
#[derive(Default)]
struct Transcript {
    entries: Vec<Entry>,
    bytes: usize,
}

impl Transcript {
    fn push(&mut self, entry: Entry) -> Result<(), AgentError> {
        self.bytes = self.bytes.saturating_add(text_bytes(&entry));
        if self.bytes > MAX_TRANSCRIPT_BYTES {
            return Err(AgentError::Bytes);
        }
        if self.entries.len() >= MAX_TRANSCRIPT_ENTRIES {
            return Err(AgentError::Entries);
        }
        self.entries.push(entry);
        Ok(())
    }
}

fn text_bytes(entry: &Entry) -> usize {
    match entry {
        Entry::Person { text } | Entry::Result { text, .. } => text.len(),
        Entry::Answer { answer } => {
            let calls = answer.tool_calls.iter().map(|call| call.arguments.len());
            calls.fold(answer.text.len(), usize::saturating_add)
        }
    }
}

/// Takes up the turn that the gateway names first and proposes step by step, until the gateway closes the
/// socket or nothing is left to propose.
///
/// # Errors
/// When the socket breaks, a frame is out of its place, or the transcript outgrows its bounds.
pub fn run(stream: &mut (impl Read + Write)) -> Result<(), AgentError> {
    let (begun, context_tokens) = match frame::read(stream)? {
        Some(ToAgent::Begin { transcript, context_tokens }) => (transcript, context_tokens),
        Some(ToAgent::Entry { .. }) => return Err(AgentError::Place("an entry before a turn")),
        Some(ToAgent::Part { .. }) => return Err(AgentError::Place("a part of an answer before a turn")),
        None => return Ok(()),
    };
    let mut transcript = Transcript::default();
    begun.into_iter().try_for_each(|entry| transcript.push(entry))?;
    while let Some(intent) = step(&transcript.entries, context_tokens) {
        let asks = matches!(intent, Intent::ModelCall { .. });
        frame::write(stream, &FromAgent::Propose { intent })?;
        match follow(stream, asks)? {
            Some(entry) => transcript.push(entry)?,
            None => return Ok(()),
        }
    }
    Ok(())
}

/// What became of a proposal; nothing when the gateway has closed the socket. What has come whole of an answer
/// meanwhile is proposed as it comes.
fn follow(stream: &mut (impl Read + Write), asks: bool) -> Result<Option<Entry>, AgentError> {
    loop {
        match frame::read(stream)? {
            Some(ToAgent::Part { text }) if asks => {
                frame::write(stream, &FromAgent::Propose { intent: Intent::ReplyPart { text } })?;
            }
            Some(ToAgent::Part { .. }) => {
                return Err(AgentError::Place("a part of an answer that was not asked for"));
            }
            Some(ToAgent::Entry { entry }) => return Ok(Some(entry)),
            Some(ToAgent::Begin { .. }) => return Err(AgentError::Place("a second turn inside a turn")),
            None => return Ok(None),
        }
    }
}
