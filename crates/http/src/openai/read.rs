//! A chat request taken apart. What is understood goes on in our own words; what would change nothing is passed
//! over by name; everything else is refused by name, so that no program is left to believe that it was heeded.

use serde_json::{Map, Number, Value, json};
use vocab::{ChatRequest, Function};

use super::message;

/// The most messages of one request.
pub const MAX_MESSAGES: usize = 10_000;

/// The most tools of one request.
pub const MAX_TOOLS: usize = 256;

/// The most texts that end an answer.
pub const MAX_STOPS: usize = 16;

/// The longest name of a tool, in bytes.
const MAX_TOOL_NAME_BYTES: usize = 128;

/// The most characters of a name that an error repeats.
const MAX_SHOWN_CHARS: usize = 64;

/// Whole numbers beyond this are not exact for every reader of JSON.
const MAX_EXACT: u64 = 1 << 53;

/// Parameters that change nothing about an answer here: whom it is accounted to, how a service keeps it, how it is
/// sped up. Clients send them by habit.
const PASSED_OVER: [&str; 15] = [
    "cache_prompt",
    "chat_template_kwargs",
    "enable_thinking",
    "metadata",
    "model",
    "prediction",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "store",
    "thinking",
    "user",
    "verbosity",
];

/// Parameters whose number is handed on as it is.
const NUMBERS: [&str; 8] = [
    "frequency_penalty",
    "min_p",
    "presence_penalty",
    "repetition_penalty",
    "seed",
    "temperature",
    "top_k",
    "top_p",
];

/// A request, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What the model is to be asked.
    pub request: ChatRequest,
    /// Whether the answer goes out as a stream of events.
    pub stream: bool,
    /// Whether such a stream ends with a count of tokens.
    pub usage: bool,
}

/// What is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Wrong {
    /// Which parameter, when it is one.
    pub param: Option<String>,
    /// One sentence.
    pub message: String,
}

impl Wrong {
    pub(super) fn new(param: Option<&str>, message: impl Into<String>) -> Self {
        Self { param: param.map(str::to_owned), message: message.into() }
    }

    /// `param` is not what it must be.
    pub(super) fn form(param: &str, must: &str) -> Self {
        Self::new(Some(param), format!("`{param}` must be {must}"))
    }
}

/// Takes a request's body apart.
///
/// # Errors
/// When it is not JSON, does not fit its form, is over a bound, or asks for what is not done here.
pub fn read(body: &[u8]) -> Result<Asked, Wrong> {
    let body: Value = serde_json::from_slice(body)
        .map_err(|error| Wrong::new(None, format!("the body is not usable JSON: {error}")))?;
    let Value::Object(mut fields) = body else {
        return Err(Wrong::new(None, "the body must be one JSON object"));
    };
    // A parameter that is null is one that was not set.
    fields.retain(|_, value| !value.is_null());
    PASSED_OVER.iter().for_each(|name| drop(fields.remove(*name)));

    let mut request = ChatRequest::default();
    let messages = take_list(&mut fields, "messages", MAX_MESSAGES)?;
    if messages.is_empty() {
        return Err(Wrong::new(Some("messages"), "`messages` is missing or empty"));
    }
    message::read_all(messages, &mut request)?;
    for (nth, tool) in take_list(&mut fields, "tools", MAX_TOOLS)?.into_iter().enumerate() {
        request.tools.push(read_tool(&format!("tools[{nth}]"), tool)?);
    }
    request.options = options(&mut fields, &request.tools)?;
    let stream = take_flag(&mut fields, "stream")?.unwrap_or_default();
    let usage = match fields.remove("stream_options") {
        None => false,
        Some(Value::Object(mut options)) => take_flag(&mut options, "include_usage")?.unwrap_or_default(),
        Some(_) => return Err(Wrong::form("stream_options", "an object")),
    };
    nothing_else(&mut fields)?;
    Ok(Asked { request, stream, usage })
}

/// The parameters that the model server is to have.
fn options(fields: &mut Map<String, Value>, tools: &[Function]) -> Result<Map<String, Value>, Wrong> {
    let mut options = Map::new();
    for name in NUMBERS {
        if let Some(value) = fields.remove(name) {
            let Value::Number(number) = value else { return Err(Wrong::form(name, "a number")) };
            options.insert(name.to_owned(), exact(Value::Number(number)));
        }
    }
    for name in ["max_tokens", "max_completion_tokens"] {
        if let Some(value) = fields.remove(name) {
            let tokens = value.as_u64().filter(|tokens| (1..=u64::from(u32::MAX)).contains(tokens));
            let tokens = tokens.ok_or_else(|| Wrong::form(name, "a whole number from 1 on"))?;
            options.insert("max_tokens".to_owned(), json!(tokens));
        }
    }
    if let Some(value) = fields.remove("stop") {
        let texts = match value {
            Value::String(text) => vec![Value::String(text)],
            Value::Array(texts) if texts.len() <= MAX_STOPS && texts.iter().all(Value::is_string) => texts,
            _ => return Err(Wrong::form("stop", &format!("a text, or a list of at most {MAX_STOPS} texts"))),
        };
        if !texts.is_empty() {
            options.insert("stop".to_owned(), Value::Array(texts));
        }
    }
    if let Some(one) = take_flag(fields, "parallel_tool_calls")? {
        options.insert("parallel_tool_calls".to_owned(), json!(one));
    }
    if let Some(choice) = fields.remove("tool_choice") {
        options.insert("tool_choice".to_owned(), tool_choice(&choice, tools)?);
    }
    if let Some(format) = fields.remove("response_format") {
        let kind = format.get("type").and_then(Value::as_str);
        if !matches!(kind, Some("text" | "json_object" | "json_schema")) {
            let must = "an object whose `type` is `text`, `json_object` or `json_schema`";
            return Err(Wrong::form("response_format", must));
        }
        if kind != Some("text") {
            options.insert("response_format".to_owned(), exact(format));
        }
    }
    if let Some(effort) = fields.remove("reasoning_effort") {
        if !effort.is_string() {
            return Err(Wrong::form("reasoning_effort", "a text"));
        }
        options.insert("reasoning_effort".to_owned(), effort);
    }
    Ok(options)
}

fn tool_choice(choice: &Value, tools: &[Function]) -> Result<Value, Wrong> {
    if let Some(word @ ("none" | "auto" | "required")) = choice.as_str() {
        return Ok(json!(word));
    }
    let named = choice.pointer("/function/name").and_then(Value::as_str);
    match named.filter(|_| choice.get("type").is_some_and(|kind| kind == "function")) {
        Some(name) if tools.iter().any(|tool| tool.name == name) => {
            Ok(json!({ "type": "function", "function": { "name": name } }))
        }
        Some(name) => {
            let message = format!("`tool_choice` names `{}`, which is not among `tools`", shown(name));
            Err(Wrong::new(Some("tool_choice"), message))
        }
        None => Err(Wrong::form("tool_choice", "`none`, `auto`, `required` or a function by its name")),
    }
}

fn read_tool(place: &str, tool: Value) -> Result<Function, Wrong> {
    if tool.get("type").is_none_or(|kind| kind != "function") {
        return Err(Wrong::new(
            Some(place),
            format!("`{place}` must have the type `function`; no other is here"),
        ));
    }
    let Some(Value::Object(mut function)) = take(tool, "function") else {
        return Err(Wrong::form(&format!("{place}.function"), "an object"));
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let name = match function.remove("name") {
        Some(Value::String(name))
            if (1..=MAX_TOOL_NAME_BYTES).contains(&name.len()) && name.chars().all(allowed) =>
        {
            name
        }
        _ => {
            let must = format!("1 to {MAX_TOOL_NAME_BYTES} of a-z, A-Z, 0-9, `_`, `-` and `.`");
            return Err(Wrong::form(&format!("{place}.function.name"), &must));
        }
    };
    let description = match function.remove("description") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text,
        Some(_) => return Err(Wrong::form(&format!("{place}.function.description"), "a text")),
    };
    let schema = match function.remove("parameters") {
        None | Some(Value::Null) => json!({ "type": "object", "properties": {} }),
        Some(schema @ Value::Object(_)) => exact(schema),
        Some(_) => return Err(Wrong::form(&format!("{place}.function.parameters"), "a JSON Schema")),
    };
    Ok(Function { name, description, schema })
}

/// Refuses what is left, by its name.
fn nothing_else(fields: &mut Map<String, Value>) -> Result<(), Wrong> {
    // What asks for nothing beyond the usual is no request for anything.
    let usual = |name: &str, value: &Value| match name {
        "n" => value.as_u64() == Some(1),
        "logprobs" => *value == json!(false),
        "top_logprobs" => value.as_u64() == Some(0),
        "logit_bias" => value.as_object().is_some_and(Map::is_empty),
        "modalities" => *value == json!(["text"]),
        "functions" => value.as_array().is_some_and(Vec::is_empty),
        _ => false,
    };
    fields.retain(|name, value| !usual(name, value));
    let Some(name) = fields.keys().next() else { return Ok(()) };
    let name = shown(name);
    let why = match name.as_str() {
        "n" => "one answer is given to a request: leave `n` out".to_owned(),
        "functions" | "function_call" => {
            format!("`{name}` is the old form, which is not taken: use `tools` and `tool_choice`")
        }
        _ => format!("`{name}` is not supported here: leave it out"),
    };
    Err(Wrong::new(Some(&name), why))
}

/// A field's value out of an object.
pub(super) fn take(value: Value, name: &str) -> Option<Value> {
    match value {
        Value::Object(mut fields) => fields.remove(name),
        _ => None,
    }
}

fn take_list(fields: &mut Map<String, Value>, name: &str, most: usize) -> Result<Vec<Value>, Wrong> {
    match fields.remove(name) {
        None => Ok(Vec::new()),
        Some(Value::Array(items)) if items.len() <= most => Ok(items),
        Some(_) => Err(Wrong::form(name, &format!("a list of at most {most}"))),
    }
}

fn take_flag(fields: &mut Map<String, Value>, name: &str) -> Result<Option<bool>, Wrong> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(flag)),
        Some(_) => Err(Wrong::form(name, "true or false")),
    }
}

/// `value` with every whole number that not every reader keeps exact as the nearest one that all read the same.
/// Schemas made from 64-bit types are full of such bounds; two requests that read alike are then alike.
fn exact(value: Value) -> Value {
    match value {
        Value::Number(number) => {
            let beyond = number.as_u64().is_some_and(|n| n > MAX_EXACT)
                || number.as_i64().is_some_and(|n| n.unsigned_abs() > MAX_EXACT);
            let nearest = number.as_f64().filter(|_| beyond).and_then(Number::from_f64);
            Value::Number(nearest.unwrap_or(number))
        }
        Value::Array(items) => Value::Array(items.into_iter().map(exact).collect()),
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(name, value)| (name, exact(value))).collect())
        }
        Value::Null | Value::Bool(_) | Value::String(_) => value,
    }
}

/// A stranger's name, fit for a sentence.
pub(super) fn shown(name: &str) -> String {
    let fit = |c: char| if c.is_ascii_graphic() { c } else { '?' };
    name.chars().take(MAX_SHOWN_CHARS).map(fit).collect()
}
