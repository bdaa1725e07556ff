//! What has been said and done in a session, and the messages that a model is sent.

use serde::{Deserialize, Serialize};

use crate::Status;

/// One entry of a session's transcript, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case", deny_unknown_fields)]
pub enum Entry {
    /// What the person wrote.
    Person {
        /// The text.
        text: String,
    },
    /// What a model answered.
    Answer {
        /// The whole answer.
        answer: Answer,
    },
    /// What became of a tool call.
    Result {
        /// The call that it answers.
        call_id: String,
        /// The skill that was called.
        skill: String,
        /// How it ended.
        status: Status,
        /// What the model is told.
        text: String,
    },
}

/// What a model answered, whole.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The words for the person.
    pub text: String,
    /// The model's reasoning: recorded, never delivered.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reasoning: String,
    /// The skills that it wants to call, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// The server and the model that gave it, as `server/model`. No agent is told.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// Why it stopped, in the server's word (`stop`, `tool_calls`, `length`).
    #[serde(default)]
    pub finish: String,
    /// Tokens in, as the server counted them; 0 when it did not say.
    #[serde(default)]
    pub prompt_tokens: u64,
    /// Tokens out, as the server counted them; 0 when it did not say.
    #[serde(default)]
    pub completion_tokens: u64,
}

/// A tool call, exactly as a model wrote it. Nothing in it has been checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolCall {
    /// The model's own name for the call.
    pub id: String,
    /// The skill's name, such as `file-reader`.
    pub name: String,
    /// The arguments: JSON text, if the model kept to the form.
    pub arguments: String,
}

/// Who speaks in a message to a model. The system's message is the gateway's alone and is not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The person.
    User,
    /// The model.
    Assistant,
    /// A tool's result.
    Tool,
}

/// One message of a model call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChatMessage {
    /// Who speaks.
    pub role: Role,
    /// The words.
    pub content: String,
    /// The calls that an assistant's message makes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// The call that a tool's message answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
}
