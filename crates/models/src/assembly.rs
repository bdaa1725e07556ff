//! An answer put together from pieces, whatever order and form a server sends them in.
//!
//! In: [`Chunk`]s. Out: one [`Answer`] whose tool calls each have a name and an id that no other call of
//! the conversation has, or the reason why there is none. It grows within the limits of `vocab::limits`.

use vocab::limits::{MAX_ANSWER_BYTES, MAX_ARGUMENT_BYTES, MAX_TOOL_CALLS};
use vocab::{Answer, ToolCall};

use crate::error::ModelError;
use crate::plain::plain;
use crate::wire::{Call, CallPart, Chunk};

/// The longest id of a tool call, in bytes; a longer one is replaced.
const MAX_CALL_ID_BYTES: usize = 128;

/// The longest name of a tool, in bytes.
const MAX_TOOL_NAME_BYTES: usize = 256;

/// The longest reason for stopping, in characters.
const MAX_FINISH_CHARS: usize = 32;

/// How many bytes of arguments are read, in all, to see whether a call is whole: a server that repeats
/// the tool's name with every byte would otherwise have us read them all again each time.
const MAX_REREAD_BYTES: usize = 16 * 1024 * 1024;

pub(crate) const THINK: &str = "<think>";
pub(crate) const END_OF_THINK: &str = "</think>";

/// An answer as far as it has come.
#[derive(Debug)]
pub(crate) struct Assembly {
    server: String,
    answer: Answer,
    finished: bool,
    calls: Vec<Slot>,
    bytes: usize,
    reread: usize,
}

#[derive(Debug, Default)]
struct Slot {
    index: Option<u64>,
    id: String,
    name: String,
    arguments: String,
}

impl Slot {
    fn is_whole(&self) -> bool {
        serde_json::from_str::<serde::de::IgnoredAny>(&self.arguments).is_ok()
    }
}

impl Assembly {
    pub(crate) fn new(server: &str) -> Self {
        Self {
            server: server.to_owned(),
            answer: Answer::default(),
            finished: false,
            calls: Vec::new(),
            bytes: 0,
            reread: 0,
        }
    }

    /// Whether the model has said why it stopped, so that nothing but the token count can follow.
    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }

    /// The text as far as it has come, thoughts and all.
    pub(crate) fn said(&self) -> &str {
        &self.answer.text
    }

    /// Takes the next piece. An `error` in it is the caller's to see.
    pub(crate) fn take(&mut self, chunk: Chunk) -> Result<(), ModelError> {
        if let Some(usage) = chunk.usage {
            self.usage(
                usage.prompt_tokens.unwrap_or(self.answer.prompt_tokens),
                usage.completion_tokens.unwrap_or(self.answer.completion_tokens),
            );
        }
        let first = chunk.choices.into_iter().flatten().find(|choice| choice.index.unwrap_or(0) == 0);
        let Some(choice) = first else { return Ok(()) };
        if let Some(delta) = choice.delta {
            if let Some(text) = delta.content {
                self.text(&text)?;
            }
            if let Some(text) = delta.reasoning_content.or(delta.reasoning) {
                self.reasoning(&text)?;
            }
            for part in delta.tool_calls.into_iter().flatten() {
                self.call(part)?;
            }
        }
        if let Some(reason) = choice.finish_reason {
            self.finished = true;
            self.answer.finish = plain(&reason, MAX_FINISH_CHARS);
        }
        Ok(())
    }

    pub(crate) fn text(&mut self, text: &str) -> Result<(), ModelError> {
        self.grow(text.len())?;
        self.answer.text.push_str(text);
        Ok(())
    }

    pub(crate) fn reasoning(&mut self, text: &str) -> Result<(), ModelError> {
        self.grow(text.len())?;
        self.answer.reasoning.push_str(text);
        Ok(())
    }

    pub(crate) fn usage(&mut self, prompt_tokens: u64, completion_tokens: u64) {
        self.answer.prompt_tokens = prompt_tokens;
        self.answer.completion_tokens = completion_tokens;
    }

    pub(crate) fn call(&mut self, part: CallPart) -> Result<(), ModelError> {
        let function = part.function.unwrap_or_default();
        let id = part.id.unwrap_or_default();
        let name = function.name.unwrap_or_default();
        let arguments = match function.arguments {
            None | Some(serde_json::Value::Null) => String::new(),
            Some(serde_json::Value::String(text)) => text,
            Some(value) => value.to_string(),
        };
        self.grow(id.len().saturating_add(name.len()).saturating_add(arguments.len()))?;
        let slot = match self.place(part.index, &id, &name) {
            Some(place) => place,
            None => self.open(part.index)?,
        };
        let server = &self.server;
        let Some(slot) = self.calls.get_mut(slot) else { return Ok(()) };
        if slot.id.is_empty() {
            slot.id = id;
        }
        // Some servers say the name with every piece.
        if slot.name != name {
            slot.name.push_str(&name);
        }
        if slot.name.len() > MAX_TOOL_NAME_BYTES {
            return Err(ModelError::too_large(server, "a tool's name, in bytes,", MAX_TOOL_NAME_BYTES));
        }
        slot.arguments.push_str(&arguments);
        if slot.arguments.len() > MAX_ARGUMENT_BYTES {
            return Err(ModelError::too_large(
                server,
                "the arguments of a tool call, in bytes,",
                MAX_ARGUMENT_BYTES,
            ));
        }
        Ok(())
    }

    /// The slot that a piece belongs to; `None` when it begins a call.
    fn place(&mut self, index: Option<u64>, id: &str, name: &str) -> Option<usize> {
        let place = match index {
            Some(_) => self.calls.iter().rposition(|slot| slot.index == index)?,
            None if !id.is_empty() => self.calls.iter().rposition(|slot| slot.id == id)?,
            None if name.is_empty() => return self.calls.len().checked_sub(1),
            None => return None,
        };
        let slot = self.calls.get(place)?;
        if name.is_empty() || slot.name.is_empty() {
            return Some(place);
        }
        // Ollama has sent several whole calls under one index.
        let other_id = !id.is_empty() && !slot.id.is_empty() && slot.id != id;
        if other_id {
            return None;
        }
        if self.reread > MAX_REREAD_BYTES {
            return Some(place);
        }
        self.reread = self.reread.saturating_add(slot.arguments.len());
        (!slot.is_whole()).then_some(place)
    }

    fn open(&mut self, index: Option<u64>) -> Result<usize, ModelError> {
        let place = self.calls.len();
        if place >= MAX_TOOL_CALLS {
            return Err(ModelError::too_large(&self.server, "the number of tool calls", MAX_TOOL_CALLS));
        }
        self.calls.push(Slot { index, ..Slot::default() });
        Ok(place)
    }

    fn grow(&mut self, by: usize) -> Result<(), ModelError> {
        self.bytes = self.bytes.saturating_add(by);
        if self.bytes > MAX_ANSWER_BYTES {
            return Err(ModelError::too_large(&self.server, "the answer, in bytes,", MAX_ANSWER_BYTES));
        }
        Ok(())
    }

    /// The whole answer to `call`.
    pub(crate) fn whole(mut self, call: &Call) -> Result<Answer, ModelError> {
        // Pieces may come in any order; the index says the model's own.
        self.calls.sort_by_key(|slot| slot.index.unwrap_or(u64::MAX));
        let mut answer = self.answer;
        for (nth, slot) in self.calls.into_iter().enumerate() {
            if slot.name.trim().is_empty() {
                return Err(ModelError::garbage(&self.server, "a tool call that names no tool"));
            }
            let good = is_id(&slot.id) && !call.has_call(&slot.id) && !has(&answer, &slot.id);
            let id = if good { slot.id } else { fresh_id(call, &answer, nth) };
            let arguments = if slot.arguments.trim().is_empty() { "{}".to_owned() } else { slot.arguments };
            answer.tool_calls.push(ToolCall { id, name: slot.name.trim().to_owned(), arguments });
        }
        part_thoughts(&mut answer);
        Ok(answer)
    }
}

fn has(answer: &Answer, id: &str) -> bool {
    answer.tool_calls.iter().any(|call| call.id == id)
}

fn is_id(id: &str) -> bool {
    (1..=MAX_CALL_ID_BYTES).contains(&id.len()) && id.chars().all(|c| c.is_ascii_graphic())
}

/// An id for a call that has none of its own, the same whenever the same answer is read.
fn fresh_id(call: &Call, answer: &Answer, nth: usize) -> String {
    let mut id = format!("call-{}-{nth}", call.answers());
    while call.has_call(&id) || has(answer, &id) {
        id.push('x');
    }
    id
}

/// Moves what a model thought aloud out of what it says. DeepSeek R1's own template opens the thought
/// in the prompt, so that the answer may hold its end alone.
fn part_thoughts(answer: &mut Answer) {
    let text = answer.text.trim_start();
    let (thought, said) = if let Some(inside) = text.strip_prefix(THINK) {
        inside.split_once(END_OF_THINK).unwrap_or((inside, ""))
    } else if let Some((before, after)) = text.split_once(END_OF_THINK)
        && !before.contains(THINK)
        && !after.contains(END_OF_THINK)
    {
        (before, after)
    } else {
        return;
    };
    let thought = thought.trim().to_owned();
    let said = said.trim_start().to_owned();
    if !answer.reasoning.is_empty() && !thought.is_empty() {
        answer.reasoning.push('\n');
    }
    answer.reasoning.push_str(&thought);
    answer.text = said;
}

#[cfg(test)]
mod tests;
