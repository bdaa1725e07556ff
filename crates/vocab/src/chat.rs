//! A model call as a program that nobody here wrote asks for it, with its own conversation and its own tools.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ChatMessage;

/// The parameters that such a program may set, as OpenAI's chat API names them. Everything else about the
/// request to the model server is the gateway's: which model, whether it streams, the system message.
pub const CHAT_OPTIONS: [&str; 14] = [
    "frequency_penalty",
    "max_tokens",
    "min_p",
    "parallel_tool_calls",
    "presence_penalty",
    "reasoning_effort",
    "repetition_penalty",
    "response_format",
    "seed",
    "stop",
    "temperature",
    "tool_choice",
    "top_k",
    "top_p",
];

/// A model call of a program.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChatRequest {
    /// What its own system messages say, in their order. They come after the agent's rules.
    pub instructions: Vec<String>,
    /// The conversation, oldest first, without system messages.
    pub messages: Vec<ChatMessage>,
    /// The functions that the program offers the model and carries out itself, inside its jail.
    pub tools: Vec<Function>,
    /// Parameters by name, each one of [`CHAT_OPTIONS`].
    pub options: Map<String, Value>,
}

/// A function that a model is told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// What it does, for the model.
    pub description: String,
    /// JSON Schema of its arguments.
    pub schema: Value,
}
