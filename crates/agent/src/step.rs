//! What an agent wants next, given all that has been said and done.

use vocab::{Answer, Entry, Intent};

use crate::window;

/// What a person is told when a model answered nothing at all.
pub const EMPTY_ANSWER: &str = "The model gave an empty answer. Ask again, or in other words.";

/// The next intent; `None` when nobody has asked anything.
///
/// - After a person's message, and after the last result of an answer's tool calls: a model call.
/// - After an answer with tool calls: its first call that has no result yet. Calls are matched with results
///   by their place, never by their ids, which a model may repeat or leave out.
/// - After an answer without calls: the reply.
#[must_use]
pub fn step(transcript: &[Entry], context_tokens: u32) -> Option<Intent> {
    let last = transcript.iter().rposition(|entry| !matches!(entry, Entry::Result { .. }))?;
    let results = transcript.len().saturating_sub(last).saturating_sub(1);
    match transcript.get(last)? {
        Entry::Answer { answer } if answer.tool_calls.is_empty() => {
            Some(Intent::Reply { text: words(answer).into() })
        }
        Entry::Answer { answer } if results < answer.tool_calls.len() => {
            let call = answer.tool_calls.get(results)?;
            Some(Intent::SkillCall {
                call_id: call.id.clone(),
                skill: call.name.clone(),
                arguments: call.arguments.clone(),
            })
        }
        Entry::Answer { .. } | Entry::Person { .. } | Entry::Result { .. } => {
            let (messages, dropped) = window::fit(transcript, context_tokens);
            Some(Intent::ModelCall { messages, dropped })
        }
    }
}

/// The words of an answer without calls, as the person reads them.
pub(crate) fn words(answer: &Answer) -> &str {
    if answer.text.trim().is_empty() { EMPTY_ANSWER } else { &answer.text }
}
