//! An answer as OpenAI's API has it, whole or as a stream of events. Either way it was judged whole before.

use axum::Json;
use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};
use turn::Stamp;
use vocab::{Answer, ToolCall};

/// What every piece of an answer says.
#[derive(Debug)]
pub(super) struct Head {
    /// The model that answered, which need not be the one that was asked for.
    pub(super) model: String,
    pub(super) stamp: Stamp,
}

impl Head {
    fn around(&self, object: &str, choices: Value) -> Map<String, Value> {
        Map::from_iter([
            ("id".to_owned(), json!(format!("chatcmpl-{}", self.stamp.id))),
            ("object".to_owned(), json!(object)),
            ("created".to_owned(), json!(self.stamp.seconds)),
            ("model".to_owned(), json!(self.model)),
            ("choices".to_owned(), choices),
        ])
    }
}

pub(super) fn whole(head: &Head, answer: &Answer) -> Response {
    let mut message = Map::from_iter([
        ("role".to_owned(), json!("assistant")),
        ("content".to_owned(), content(answer)),
        ("refusal".to_owned(), Value::Null),
    ]);
    if !answer.tool_calls.is_empty() {
        message.insert("tool_calls".to_owned(), answer.tool_calls.iter().map(call).collect());
    }
    let choice = json!({ "index": 0, "message": message, "logprobs": null, "finish_reason": finish(answer) });
    let mut body = head.around("chat.completion", json!([choice]));
    body.insert("usage".to_owned(), usage(answer));
    Json(body).into_response()
}

/// The answer as server-sent events: who speaks, the words, the calls, why it stopped, and the count of
/// tokens where it was asked for.
pub(super) fn stream(head: &Head, answer: &Answer, with_usage: bool) -> Response {
    let mut deltas = vec![json!({ "role": "assistant", "content": "", "refusal": null })];
    if !answer.text.is_empty() {
        deltas.push(json!({ "content": answer.text }));
    }
    for (index, one) in answer.tool_calls.iter().enumerate() {
        let mut piece = call(one);
        if let Some(fields) = piece.as_object_mut() {
            fields.insert("index".to_owned(), json!(index));
        }
        deltas.push(json!({ "tool_calls": [piece] }));
    }
    let mut chunks: Vec<Value> = deltas
        .into_iter()
        .map(|delta| json!([{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": null }]))
        .collect();
    chunks.push(json!([{ "index": 0, "delta": {}, "logprobs": null, "finish_reason": finish(answer) }]));
    let mut events = String::new();
    for choices in chunks {
        let mut chunk = head.around("chat.completion.chunk", choices);
        if with_usage {
            chunk.insert("usage".to_owned(), Value::Null);
        }
        push(&mut events, chunk);
    }
    if with_usage {
        let mut last = head.around("chat.completion.chunk", json!([]));
        last.insert("usage".to_owned(), usage(answer));
        push(&mut events, last);
    }
    events.push_str("data: [DONE]\n\n");
    let mut response = Body::from(events).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn push(events: &mut String, chunk: Map<String, Value>) {
    events.push_str("data: ");
    events.push_str(&Value::Object(chunk).to_string());
    events.push_str("\n\n");
}

fn content(answer: &Answer) -> Value {
    if answer.text.is_empty() && !answer.tool_calls.is_empty() { Value::Null } else { json!(answer.text) }
}

fn call(call: &ToolCall) -> Value {
    json!({
        "id": call.id, "type": "function",
        "function": { "name": call.name, "arguments": call.arguments },
    })
}

/// Why the model stopped, in the words of the API, whatever its server called it.
fn finish(answer: &Answer) -> &'static str {
    match answer.finish.as_str() {
        _ if !answer.tool_calls.is_empty() => "tool_calls",
        "length" => "length",
        "content_filter" => "content_filter",
        _ => "stop",
    }
}

fn usage(answer: &Answer) -> Value {
    let (prompt, completion) = (answer.prompt_tokens, answer.completion_tokens);
    json!({
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt.saturating_add(completion),
    })
}
