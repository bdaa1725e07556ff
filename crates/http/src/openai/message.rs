//! The messages of a chat request. Text only: no other content reaches a model in this version.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use vocab::{ChatMessage, ChatRequest, Role, ToolCall};

use super::read::{Wrong, shown, take};

/// The most tool calls of one message.
const MAX_MESSAGE_CALLS: usize = 256;

/// Takes messages apart: a program's system messages become its instructions, all others the conversation.
pub(super) fn read_all(messages: Vec<Value>, request: &mut ChatRequest) -> Result<(), Wrong> {
    let mut called = BTreeSet::new();
    for (nth, message) in messages.into_iter().enumerate() {
        let place = format!("messages[{nth}]");
        let Value::Object(mut fields) = message else { return Err(Wrong::form(&place, "an object")) };
        let content = content(&format!("{place}.content"), fields.remove("content"))?;
        let role = fields.get("role").and_then(Value::as_str).map(str::to_owned);
        let kept = match role.as_deref() {
            Some("system" | "developer") => {
                request.instructions.push(content.unwrap_or_default());
                continue;
            }
            Some("user") => {
                let content = content
                    .ok_or_else(|| Wrong::form(&format!("{place}.content"), "a text, or text parts"))?;
                plain(Role::User, content)
            }
            Some("assistant") => assistant(&place, content, &mut fields, &mut called)?,
            Some("tool") => result(&place, content, &mut fields, &called)?,
            Some(other) => {
                let message = format!(
                    "`{place}.role` is `{}`; use system, developer, user, assistant or tool",
                    shown(other)
                );
                return Err(Wrong::new(Some(&place), message));
            }
            None => return Err(Wrong::form(&format!("{place}.role"), "a text")),
        };
        request.messages.push(kept);
    }
    Ok(())
}

const fn plain(role: Role, content: String) -> ChatMessage {
    ChatMessage { role, content, tool_calls: Vec::new(), tool_call_id: None }
}

fn assistant(
    place: &str,
    content: Option<String>,
    fields: &mut Map<String, Value>,
    called: &mut BTreeSet<String>,
) -> Result<ChatMessage, Wrong> {
    if fields.get("function_call").is_some_and(|call| !call.is_null()) {
        let place = format!("{place}.function_call");
        return Err(Wrong::new(Some(&place), format!("`{place}` is the old form: use `tool_calls`")));
    }
    let refusal = fields.remove("refusal").and_then(|text| text.as_str().map(str::to_owned));
    let mut message = plain(Role::Assistant, content.or(refusal).unwrap_or_default());
    let place = format!("{place}.tool_calls");
    let calls = match fields.remove("tool_calls") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(calls)) if calls.len() <= MAX_MESSAGE_CALLS => calls,
        Some(_) => return Err(Wrong::form(&place, &format!("a list of at most {MAX_MESSAGE_CALLS}"))),
    };
    for (nth, call) in calls.into_iter().enumerate() {
        let call = tool_call(&format!("{place}[{nth}]"), call)?;
        called.insert(call.id.clone());
        message.tool_calls.push(call);
    }
    Ok(message)
}

fn tool_call(place: &str, call: Value) -> Result<ToolCall, Wrong> {
    let must = "a function's call with the texts `id`, `function.name` and `function.arguments`";
    let wrong = || Wrong::form(place, must);
    if call.get("type").is_some_and(|kind| kind != "function") {
        return Err(wrong());
    }
    let id = call.get("id").and_then(Value::as_str).filter(|id| !id.is_empty()).ok_or_else(wrong)?.to_owned();
    let function = take(call, "function").ok_or_else(wrong)?;
    let name = function.get("name").and_then(Value::as_str).ok_or_else(wrong)?.to_owned();
    match take(function, "arguments") {
        Some(Value::String(arguments)) => Ok(ToolCall { id, name, arguments }),
        _ => Err(wrong()),
    }
}

fn result(
    place: &str,
    content: Option<String>,
    fields: &mut Map<String, Value>,
    called: &BTreeSet<String>,
) -> Result<ChatMessage, Wrong> {
    let place = format!("{place}.tool_call_id");
    let Some(Value::String(id)) = fields.remove("tool_call_id") else {
        return Err(Wrong::form(&place, "the id of the call that this answers"));
    };
    if !called.contains(&id) {
        let message =
            format!("`{place}` is `{}`, and no message before it makes a call of that id", shown(&id));
        return Err(Wrong::new(Some(&place), message));
    }
    Ok(ChatMessage { tool_call_id: Some(id), ..plain(Role::Tool, content.unwrap_or_default()) })
}

/// A message's text: a text, or the texts of its parts, a line each.
fn content(place: &str, content: Option<Value>) -> Result<Option<String>, Wrong> {
    let parts = match content {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => return Ok(Some(text)),
        Some(Value::Array(parts)) => parts,
        Some(_) => return Err(Wrong::form(place, "a text, or a list of text parts")),
    };
    let mut texts = Vec::new();
    for (nth, part) in parts.into_iter().enumerate() {
        let kind = part.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        let field = if kind == "refusal" { "refusal" } else { "text" };
        if !matches!(kind.as_str(), "text" | "refusal") {
            let place = format!("{place}[{nth}]");
            let message = format!("`{place}` is of type `{}`; only text is taken here", shown(&kind));
            return Err(Wrong::new(Some(&place), message));
        }
        match take(part, field) {
            Some(Value::String(text)) => texts.push(text),
            _ => return Err(Wrong::form(&format!("{place}[{nth}].{field}"), "a text")),
        }
    }
    Ok(Some(texts.join("\n")))
}
