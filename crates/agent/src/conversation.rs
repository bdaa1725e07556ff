//! A transcript as a model takes it: exchanges of steps of messages.
//!
//! An exchange is a person's message and what followed it. A step is what cannot be split: a person's
//! message, or an answer with the results of all its calls. Every call has exactly one result here, found
//! by its place, and every id is used once, whatever the model wrote.

use std::collections::BTreeSet;

use vocab::{Answer, ChatMessage, Entry, Role, ToolCall};

use crate::step::words;

/// What a model is told of a call that never got a result, because its turn ended before.
pub const NO_RESULT: &str = "This call was not made: its turn ended before.";

/// What cannot be split: a person's message alone, or an answer and the results of its calls.
pub(crate) type Step = Vec<ChatMessage>;

/// A person's message and the steps that followed it.
#[derive(Debug, Default)]
pub(crate) struct Exchange {
    /// What the person wrote; `None` before the first message.
    pub(crate) person: Option<ChatMessage>,
    /// What followed, oldest first.
    pub(crate) steps: Vec<Step>,
}

/// A transcript in exchanges.
#[derive(Debug, Default)]
pub(crate) struct Conversation {
    /// Oldest first.
    pub(crate) exchanges: Vec<Exchange>,
    /// Results that no call asked for. They have no place in a conversation.
    pub(crate) strays: usize,
    used: BTreeSet<String>,
    /// The ids of the newest answer's calls that have no result yet, first one last.
    open: Vec<String>,
}

impl Conversation {
    /// Reads a transcript whose last answer has all its results.
    pub(crate) fn of(transcript: &[Entry]) -> Self {
        let mut conversation = Self::default();
        for entry in transcript {
            match entry {
                Entry::Person { text } => conversation.person(text),
                Entry::Answer { answer } => conversation.answer(answer),
                Entry::Result { text, .. } => conversation.result(text),
            }
        }
        conversation.close();
        conversation
    }

    fn person(&mut self, text: &str) {
        self.close();
        let person = Some(message(Role::User, text));
        self.exchanges.push(Exchange { person, steps: Vec::new() });
    }

    fn answer(&mut self, answer: &Answer) {
        self.close();
        let calls: Vec<ToolCall> = answer
            .tool_calls
            .iter()
            .map(|call| ToolCall { id: self.unique(&call.id), ..call.clone() })
            .collect();
        self.open = calls.iter().rev().map(|call| call.id.clone()).collect();
        let text = if calls.is_empty() { words(answer) } else { &answer.text };
        let step = vec![ChatMessage { tool_calls: calls, ..message(Role::Assistant, text) }];
        if self.exchanges.is_empty() {
            self.exchanges.push(Exchange::default());
        }
        if let Some(exchange) = self.exchanges.last_mut() {
            exchange.steps.push(step);
        }
    }

    fn result(&mut self, text: &str) {
        let step = self.exchanges.last_mut().and_then(|exchange| exchange.steps.last_mut());
        match (self.open.pop(), step) {
            (Some(id), Some(step)) => {
                step.push(ChatMessage { tool_call_id: Some(id), ..message(Role::Tool, text) });
            }
            _ => self.strays = self.strays.saturating_add(1),
        }
    }

    /// Gives every open call its result: that there is none.
    fn close(&mut self) {
        while !self.open.is_empty() {
            self.result(NO_RESULT);
        }
    }

    /// The model's own id, or one that no other call has.
    fn unique(&mut self, id: &str) -> String {
        let mut unique = if id.is_empty() { format!("call-{}", self.used.len()) } else { id.into() };
        while !self.used.insert(unique.clone()) {
            unique = format!("{unique}-{}", self.used.len());
        }
        unique
    }
}

fn message(role: Role, content: &str) -> ChatMessage {
    ChatMessage { role, content: content.into(), tool_calls: Vec::new(), tool_call_id: None }
}
