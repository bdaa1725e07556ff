//! A server's answer as it comes in: bytes to an [`Answer`], or the reason why there is none.
//!
//! No I/O and no clock: the client feeds it, and a property test may. It tells a stream of events from
//! one piece of JSON by the first byte, since servers that ignore `stream` exist and content types lie.

use std::fmt;

use secrets::{End, Scrub};
use serde_json::Value;
use vocab::Answer;

use crate::assembly::Assembly;
use crate::error::ModelError;
use crate::refusal::refused;
use crate::speech::Speech;
use crate::sse::{Events, MAX_EVENT_BYTES, TooLong};
use crate::wire::{Call, Chunk};

/// The most bytes of one answer on the wire. A stream spends some 250 bytes on a token, so this is
/// beyond the longest answers and yet an end.
pub(crate) const MAX_WIRE_BYTES: usize = 64 * 1024 * 1024;

/// The largest answer in one piece of JSON, in bytes.
const MAX_JSON_BYTES: usize = 4 * 1024 * 1024;

/// Bytes that may go by before the first event: what is not a stream of events is not read for long.
const MAX_PREAMBLE_BYTES: usize = 64 * 1024;

/// The data of a stream's last event.
const DONE: &[u8] = b"[DONE]";

/// What the answer turned out to be.
#[derive(Debug)]
enum Form {
    Unknown,
    Json(Vec<u8>),
    Stream(Events),
}

/// How the bytes came to an end.
#[derive(Debug)]
pub(crate) enum Ending {
    /// As an answer does, by the rules of HTTP.
    Closed,
    /// In the middle of what HTTP had announced.
    Broken(String),
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the server closed the stream"),
            Self::Broken(why) => f.write_str(why),
        }
    }
}

/// An answer that is being received.
#[derive(Debug)]
pub(crate) struct Intake {
    server: String,
    /// The server's key must not come back, in an answer or a message.
    scrub: Scrub,
    form: Form,
    assembly: Assembly,
    speech: Speech,
    wire_bytes: usize,
    events: usize,
    done: bool,
}

impl Intake {
    pub(crate) fn new(server: &str, scrub: Scrub) -> Self {
        Self {
            server: server.to_owned(),
            scrub,
            form: Form::Unknown,
            assembly: Assembly::new(server),
            speech: Speech::default(),
            wire_bytes: 0,
            events: 0,
            done: false,
        }
    }

    /// Whether anything has come.
    pub(crate) fn has_begun(&self) -> bool {
        self.wire_bytes > 0
    }

    /// Whether the answer is whole, even if the server should say more.
    pub(crate) fn is_finished(&self) -> bool {
        self.done || self.assembly.is_finished()
    }

    /// Whether the server has said that nothing more comes.
    pub(crate) fn is_done(&self) -> bool {
        self.done
    }

    /// The lines of the answer's words that have come whole since the last time.
    pub(crate) fn lines(&mut self) -> Option<String> {
        self.speech.lines(self.assembly.said(), &self.scrub)
    }

    /// Whether what was heard may have been a thought, whose beginning the model does not mark.
    pub(crate) fn was_thought(&self) -> bool {
        self.speech.was_thought()
    }

    /// Takes the next bytes off the wire.
    pub(crate) fn take(&mut self, mut bytes: &[u8]) -> Result<(), ModelError> {
        self.wire_bytes = self.wire_bytes.saturating_add(bytes.len());
        if self.wire_bytes > MAX_WIRE_BYTES {
            return Err(ModelError::too_large(
                &self.server,
                "the answer on the wire, in bytes,",
                MAX_WIRE_BYTES,
            ));
        }
        if matches!(self.form, Form::Unknown) {
            // Dropped however the wire was cut, so that the cuts change nothing.
            bytes = bytes.trim_ascii_start();
            self.form = match bytes.first() {
                None => return Ok(()),
                Some(b'{') => Form::Json(Vec::new()),
                Some(b'<') => return Err(ModelError::garbage(&self.server, "a page of HTML")),
                Some(_) => Form::Stream(Events::default()),
            };
        }
        if let Form::Json(text) = &mut self.form {
            if text.len().saturating_add(bytes.len()) > MAX_JSON_BYTES {
                return Err(ModelError::too_large(
                    &self.server,
                    "the answer's JSON, in bytes,",
                    MAX_JSON_BYTES,
                ));
            }
            text.extend_from_slice(bytes);
            return Ok(());
        }
        self.take_events(bytes)
    }

    fn take_events(&mut self, bytes: &[u8]) -> Result<(), ModelError> {
        let mut input = bytes;
        while !self.done {
            let Form::Stream(events) = &mut self.form else { break };
            let next = events.next(&mut input).map_err(|TooLong| {
                ModelError::too_large(&self.server, "one event of the stream, in bytes,", MAX_EVENT_BYTES)
            })?;
            let Some(data) = next else { break };
            self.take_event(&data)?;
        }
        if self.events == 0 && self.wire_bytes > MAX_PREAMBLE_BYTES {
            let piece_of_event = matches!(&self.form, Form::Stream(events) if events.is_in_data());
            if !piece_of_event {
                return Err(ModelError::garbage(&self.server, "neither JSON nor a stream of events"));
            }
        }
        Ok(())
    }

    fn take_event(&mut self, data: &[u8]) -> Result<(), ModelError> {
        let data = data.trim_ascii();
        if data.is_empty() {
            return Ok(());
        }
        self.events = self.events.saturating_add(1);
        if data == DONE {
            self.done = true;
            return Ok(());
        }
        // Before anything of it is quoted or cut, and the whole answer again: pieces of a key may come one by one.
        let data = self.scrub.bytes(data.to_vec(), End::Whole);
        let chunk = parse(&data).map_err(|fault| ModelError::garbage(&self.server, &fault.to_string()))?;
        self.take_chunk(chunk)
    }

    fn take_chunk(&mut self, chunk: Chunk) -> Result<(), ModelError> {
        if let Some(error) = chunk.error.as_ref().filter(|error| !error.is_null()) {
            let status = error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
            let body = serde_json::json!({ "error": error }).to_string();
            return Err(refused(&self.server, status.unwrap_or(200), body.as_bytes(), &self.scrub));
        }
        self.assembly.take(chunk)
    }

    /// The answer, once the server has closed or said that it is done. `how` says how it ended.
    pub(crate) fn end(mut self, call: &Call, how: &Ending) -> Result<Answer, ModelError> {
        match std::mem::replace(&mut self.form, Form::Unknown) {
            Form::Unknown => return Err(ModelError::half(&self.server, &format!("it sent nothing: {how}"))),
            Form::Json(text) => self.take_json(&text, how)?,
            Form::Stream(events) => self.take_rest(events, how)?,
        }
        if !self.is_finished() {
            return Err(ModelError::half(&self.server, &how.to_string()));
        }
        self.assembly.whole(call).map(|answer| clean(answer, &self.scrub))
    }

    fn take_json(&mut self, text: &[u8], how: &Ending) -> Result<(), ModelError> {
        let chunk = match parse(&self.scrub.bytes(text.to_vec(), End::Whole)) {
            Ok(chunk) => chunk,
            Err(Fault::CutOff) => return Err(ModelError::half(&self.server, &how.to_string())),
            Err(fault) => return Err(ModelError::garbage(&self.server, &fault.to_string())),
        };
        let has_choice = chunk.choices.as_ref().is_some_and(|choices| !choices.is_empty());
        if !has_choice && chunk.error.is_none() {
            return Err(ModelError::garbage(&self.server, "JSON without `choices`"));
        }
        self.take_chunk(chunk)?;
        // What came in one piece is whole, whether or not the server says why it stopped.
        self.done = true;
        Ok(())
    }

    fn take_rest(&mut self, mut events: Events, how: &Ending) -> Result<(), ModelError> {
        // A cut-off event is no event: the stream broke off, or it had ended before.
        if !self.done
            && let Ok(Some(data)) = events.rest()
            && (data.trim_ascii() == DONE || parse(data.trim_ascii()).is_ok())
        {
            self.take_event(&data)?;
        }
        match (self.events, how) {
            (0, Ending::Closed) => {
                Err(ModelError::garbage(&self.server, "neither JSON nor a stream of events"))
            }
            (0, Ending::Broken(why)) => Err(ModelError::half(&self.server, why)),
            _ => Ok(()),
        }
    }
}

/// The answer that a server gives with these bytes, however they are cut, to a call without tools, listened to as it comes. For
/// whoever tries what a server can send.
///
/// # Errors
/// Why they are no answer.
pub fn read_answer<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Answer, ModelError> {
    let mut intake = Intake::new("the server", Scrub::default());
    for piece in pieces {
        intake.take(piece)?;
        drop(intake.lines());
    }
    let call = Call { system: String::new(), tools: Vec::new(), messages: Vec::new(), options: None };
    intake.end(&call, &Ending::Closed)
}

/// `answer` without the server's key.
fn clean(mut answer: Answer, scrub: &Scrub) -> Answer {
    let texts = [&mut answer.text, &mut answer.reasoning, &mut answer.finish];
    let calls = answer.tool_calls.iter_mut();
    // An id comes in one event, and stays as it is since it must stay unlike the others.
    let parts = calls.flat_map(|call| [&mut call.name, &mut call.arguments]);
    for text in texts.into_iter().chain(parts) {
        *text = scrub.text(std::mem::take(text), End::Whole);
    }
    answer
}

/// What is wrong with some JSON. Quotes nothing of it: it may hold what nobody should read in an error.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("JSON that ends too soon")]
    CutOff,
    #[error("text that is not UTF-8")]
    NotText,
    #[error("{what}, at line {line} column {column}")]
    Form { what: &'static str, line: usize, column: usize },
}

fn parse(data: &[u8]) -> Result<Chunk, Fault> {
    // What serde_json passes over it does not check.
    let text = std::str::from_utf8(data).map_err(|error| match error.error_len() {
        Some(_) => Fault::NotText,
        None => Fault::CutOff,
    })?;
    serde_json::from_str(text).map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Eof => return Fault::CutOff,
            serde_json::error::Category::Data => "JSON in another form than a chat answer's",
            serde_json::error::Category::Syntax | serde_json::error::Category::Io => "not JSON",
        };
        Fault::Form { what, line: error.line(), column: error.column() }
    })
}

#[cfg(test)]
mod tests;
