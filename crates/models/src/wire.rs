//! The JSON of OpenAI's chat API, as far as it is used, in both directions.
//!
//! What goes out is small and exact. What comes in is read leniently (servers differ, and most fields
//! mean nothing here), but no list in it can grow beyond [`MAX_LIST`].

use std::fmt;
use std::marker::PhantomData;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use vocab::chat::CHAT_OPTIONS;
use vocab::limits::MAX_TOOL_CALLS;
use vocab::{Action, ChatMessage, Function, Role, ToolCall, Verb};

use crate::error::ModelError;

/// The longest list in one event. Over the most tool calls, so that too many are named as such.
pub(crate) const MAX_LIST: usize = 1024;

/// What a message costs besides its words (who speaks, where it ends), in bytes of text.
const MESSAGE_BYTES: usize = 12;

const _: () = assert!(MAX_LIST > MAX_TOOL_CALLS);

/// The arguments of a model call, as the monitor's canonicalisation makes them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Call {
    pub(crate) system: String,
    #[serde(default)]
    pub(crate) tools: Vec<Function>,
    pub(crate) messages: Vec<ChatMessage>,
    /// What a program that keeps its own conversation set; none for an agent's own call.
    #[serde(default)]
    pub(crate) options: Option<Map<String, Value>>,
}

impl Call {
    /// The model's name and the call that `action` is.
    pub(crate) fn of(action: &Action) -> Result<(&str, Self), ModelError> {
        if action.verb != Verb::ModelCall {
            return Err(ModelError::Form(format!("it is a `{}`", action.verb)));
        }
        let vocab::Resource::Model(model) = &action.resource else {
            return Err(ModelError::Form(format!("it is for a {}, not a model", action.resource.kind())));
        };
        let call = Self::deserialize(Value::Object(action.args.clone()))
            .map_err(|error| ModelError::Form(error.to_string()))?;
        Ok((model, call))
    }

    /// How many times the model has spoken already.
    pub(crate) fn answers(&self) -> usize {
        self.messages.iter().filter(|message| message.role == Role::Assistant).count()
    }

    /// Whether some message refers to a tool call of this id.
    pub(crate) fn has_call(&self, id: &str) -> bool {
        self.messages.iter().any(|message| message.tool_calls.iter().any(|call| call.id == id))
    }

    /// The JSON body of a request for `model`.
    pub(crate) fn body(&self, model: &str, style: Style) -> Result<Vec<u8>, ModelError> {
        let system = json!({"role": "system", "content": self.system});
        let messages: Vec<Value> = std::iter::once(system).chain(self.messages.iter().map(message)).collect();
        let mut body = Map::new();
        body.insert("model".to_owned(), json!(model));
        body.insert("messages".to_owned(), Value::Array(messages));
        body.insert("stream".to_owned(), json!(true));
        body.insert("stream_options".to_owned(), json!({"include_usage": true}));
        for name in CHAT_OPTIONS {
            if let Some(value) = self.option(name) {
                body.insert(name.to_owned(), value.clone());
            }
        }
        let named = self.named_tool();
        let tools = self.tools.iter().filter(|tool| named.is_none_or(|name| tool.name == name));
        let tools: Vec<Value> = tools.map(tool).collect();
        if tools.is_empty() {
            body.remove("tool_choice");
            body.remove("parallel_tool_calls");
        } else {
            body.insert("tools".to_owned(), Value::Array(tools));
            if style.tool_choice == ToolChoice::Required || named.is_some() {
                body.insert("tool_choice".to_owned(), json!("required"));
            }
        }
        if let Some(most) = style.max_answer_tokens {
            let asked = self.option("max_tokens").and_then(Value::as_u64).unwrap_or(u64::MAX);
            body.insert("max_tokens".to_owned(), json!(asked.min(u64::from(most))));
        }
        serde_json::to_vec(&body).map_err(|error| ModelError::Form(error.to_string()))
    }

    fn option(&self, name: &str) -> Option<&Value> {
        self.options.as_ref()?.get(name)
    }

    /// The one tool that is to be called. llama.cpp does not heed a tool's name in `tool_choice`, so the model is
    /// offered that tool alone and has to call one.
    fn named_tool(&self) -> Option<&str> {
        self.option("tool_choice")?.pointer("/function/name")?.as_str()
    }

    /// Whether the model may call one tool only. llama.cpp does not heed that either.
    pub(crate) fn one_call_only(&self) -> bool {
        self.option("parallel_tool_calls") == Some(&Value::Bool(false))
    }

    /// How many bytes of text the whole prompt has.
    pub(crate) fn prompt_bytes(&self) -> usize {
        let tools = self.tools.iter().map(|tool| tool.schema.to_string().len() + tool.description.len());
        let messages = self.messages.iter().map(|message| {
            let calls = message.tool_calls.iter().map(|call| call.name.len() + call.arguments.len());
            calls.fold(message.content.len(), usize::saturating_add).saturating_add(MESSAGE_BYTES)
        });
        tools.chain(messages).fold(self.system.len(), usize::saturating_add)
    }
}

/// How a model is asked, the same for all calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether the model may or must call a tool.
    pub tool_choice: ToolChoice,
    /// The most tokens of one answer; without it, the server's own limit.
    pub max_answer_tokens: Option<u32>,
}

/// Whether a model may or must call a tool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ToolChoice {
    /// As it likes.
    #[default]
    Auto,
    /// It must, each time: for red teaming and tests.
    Required,
}

fn tool(tool: &Function) -> Value {
    json!({
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": tool.schema},
    })
}

fn message(message: &ChatMessage) -> Value {
    let mut out = Map::new();
    let role = match message.role {
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    };
    out.insert("role".to_owned(), json!(role));
    out.insert("content".to_owned(), json!(message.content));
    if !message.tool_calls.is_empty() {
        out.insert("tool_calls".to_owned(), message.tool_calls.iter().map(past_call).collect());
    }
    if let Some(id) = &message.tool_call_id {
        out.insert("tool_call_id".to_owned(), json!(id));
    }
    Value::Object(out)
}

/// A call that the model made. Servers parse the arguments of past calls and refuse the whole request
/// when they are not a JSON object, so arguments that are not go as the text that they were, in one.
fn past_call(call: &ToolCall) -> Value {
    let arguments = match serde_json::from_str::<Map<String, Value>>(&call.arguments) {
        Ok(_) => call.arguments.clone(),
        Err(_) => json!({"not_json": call.arguments}).to_string(),
    };
    json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}})
}

/// One event of a stream, or a whole answer: they differ in `delta` and `message` only.
#[derive(Debug, Deserialize)]
pub(crate) struct Chunk {
    #[serde(default, deserialize_with = "few")]
    pub(crate) choices: Option<Vec<Choice>>,
    #[serde(default)]
    pub(crate) usage: Option<Usage>,
    #[serde(default)]
    pub(crate) error: Option<Value>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Choice {
    #[serde(default)]
    pub(crate) index: Option<u64>,
    #[serde(default, alias = "message")]
    pub(crate) delta: Option<Delta>,
    #[serde(default)]
    pub(crate) finish_reason: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Delta {
    #[serde(default)]
    pub(crate) content: Option<String>,
    /// DeepSeek, llama.cpp, older vLLM.
    #[serde(default)]
    pub(crate) reasoning_content: Option<String>,
    /// Ollama, newer vLLM. A server that sends both means the same by them.
    #[serde(default)]
    pub(crate) reasoning: Option<String>,
    #[serde(default, deserialize_with = "few")]
    pub(crate) tool_calls: Option<Vec<CallPart>>,
}

/// A tool call, or a piece of one.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct CallPart {
    #[serde(default)]
    pub(crate) index: Option<u64>,
    #[serde(default)]
    pub(crate) id: Option<String>,
    #[serde(default)]
    pub(crate) function: Option<FunctionPart>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct FunctionPart {
    #[serde(default)]
    pub(crate) name: Option<String>,
    /// Text by the book; some servers send the object itself.
    #[serde(default)]
    pub(crate) arguments: Option<Value>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Usage {
    #[serde(default)]
    pub(crate) prompt_tokens: Option<u64>,
    #[serde(default)]
    pub(crate) completion_tokens: Option<u64>,
}

/// A list of at most [`MAX_LIST`], or `null`.
fn few<'de, D: Deserializer<'de>, T: Deserialize<'de>>(input: D) -> Result<Option<Vec<T>>, D::Error> {
    struct Few<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Few<T> {
        type Value = Option<Vec<T>>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of at most {MAX_LIST}")
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut items = Vec::new();
            while let Some(item) = list.next_element()? {
                if items.len() >= MAX_LIST {
                    return Err(serde::de::Error::invalid_length(MAX_LIST, &self));
                }
                items.push(item);
            }
            Ok(Some(items))
        }
    }
    input.deserialize_any(Few(PhantomData))
}

#[cfg(test)]
mod tests;
