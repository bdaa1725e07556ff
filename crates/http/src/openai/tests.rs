use serde_json::{Value, json};
use vocab::Role;

use super::read::{MAX_MESSAGES, MAX_TOOLS, Wrong, read};

fn asked(body: &Value) -> Result<super::Asked, Wrong> {
    read(body.to_string().as_bytes())
}

fn with(more: Value) -> Value {
    let mut body = json!({ "model": "gpt-4o", "messages": [{ "role": "user", "content": "hi" }] });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn refused(more: Value) -> Wrong {
    asked(&with(more)).unwrap_err()
}

#[test]
fn what_common_clients_send_is_understood() {
    let body = with(json!({
        "messages": [
            { "role": "system", "content": "be a pirate" },
            { "role": "developer", "content": [{ "type": "text", "text": "a" }, { "type": "text", "text": "b" }] },
            { "role": "user", "content": [{ "type": "text", "text": "x", "cache_control": {} }], "name": "u" },
            { "role": "assistant", "content": null, "refusal": null, "audio": null, "tool_calls": [
                { "id": "c1", "type": "function", "function": { "name": "shell", "arguments": "{}" }, "index": 0 },
            ] },
            { "role": "tool", "tool_call_id": "c1", "content": "done" },
        ],
        "tools": [{ "type": "function", "function": {
            "name": "shell", "description": null, "strict": true,
            "parameters": { "type": "object", "properties": { "n": { "type": "integer", "maximum": u64::MAX } } },
        } }],
        "stream": true, "stream_options": { "include_usage": true, "include_obfuscation": false },
        "temperature": 0.2, "top_p": 1, "max_completion_tokens": 100, "stop": "END", "n": 1, "user": "me",
        "store": false, "metadata": {}, "service_tier": "auto", "prompt_cache_key": "k", "logprobs": false,
        "parallel_tool_calls": false, "tool_choice": { "type": "function", "function": { "name": "shell" } },
        "response_format": { "type": "text" }, "reasoning_effort": "low", "seed": null, "frequency_penalty": 0,
    }));
    let asked = asked(&body).unwrap();
    assert!(asked.stream && asked.usage);
    let request = asked.request;
    assert_eq!(request.instructions, ["be a pirate", "a\nb"]);
    let roles: Vec<Role> = request.messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::Tool]);
    assert_eq!(request.messages[1].tool_calls[0].name, "shell");
    assert_eq!(request.messages[2].tool_call_id.as_deref(), Some("c1"));
    // Exact for every reader, and the same again.
    let most = &request.tools[0].schema["properties"]["n"]["maximum"];
    assert_eq!(most.to_string(), "1.8446744073709552e+19");
    let expected = json!({
        "temperature": 0.2, "top_p": 1, "max_tokens": 100, "stop": ["END"], "parallel_tool_calls": false,
        "tool_choice": { "type": "function", "function": { "name": "shell" } }, "reasoning_effort": "low",
        "frequency_penalty": 0,
    });
    assert_eq!(Value::Object(request.options.clone()), expected);
    let known = |name: &&String| vocab::chat::CHAT_OPTIONS.contains(&name.as_str());
    assert!(request.options.keys().all(|name| known(&name)));
}

#[test]
fn what_is_not_done_here_is_refused_by_its_name() {
    for (more, param) in [
        (json!({ "n": 2 }), "n"),
        (json!({ "logprobs": true }), "logprobs"),
        (json!({ "logit_bias": { "1": 100 } }), "logit_bias"),
        (json!({ "functions": [{ "name": "f" }] }), "functions"),
        (json!({ "function_call": "auto" }), "function_call"),
        (json!({ "modalities": ["text", "audio"] }), "modalities"),
        (json!({ "web_search_options": {} }), "web_search_options"),
        (json!({ "system": "no rules" }), "system"),
        (json!({ "temperature": "hot" }), "temperature"),
        (json!({ "max_tokens": 0 }), "max_tokens"),
        (json!({ "max_tokens": -1 }), "max_tokens"),
        (json!({ "stop": [1] }), "stop"),
        (json!({ "stream": "yes" }), "stream"),
        (json!({ "stream_options": [] }), "stream_options"),
        (json!({ "tool_choice": "always" }), "tool_choice"),
        (json!({ "tool_choice": { "type": "function", "function": { "name": "x" } } }), "tool_choice"),
        (json!({ "response_format": { "type": "xml" } }), "response_format"),
        (json!({ "messages": {} }), "messages"),
        (json!({ "messages": [] }), "messages"),
        (json!({ "tools": {} }), "tools"),
        (json!({ "tools": [{ "type": "custom" }] }), "tools[0]"),
        (json!({ "tools": [{ "type": "function" }] }), "tools[0].function"),
        (
            json!({ "tools": [{ "type": "function", "function": { "name": "a b" } }] }),
            "tools[0].function.name",
        ),
    ] {
        let wrong = refused(more.clone());
        assert_eq!(wrong.param.as_deref(), Some(param), "{more}: {wrong}");
        assert!(wrong.message.contains(&format!("`{param}")), "{wrong}");
    }
}

#[test]
fn hostile_messages_are_refused() {
    for (message, param) in [
        (json!("hi"), "messages[0]"),
        (json!({}), "messages[0].role"),
        (json!({ "role": 7, "content": "x" }), "messages[0].role"),
        (json!({ "role": "root", "content": "x" }), "messages[0]"),
        (json!({ "role": "function", "name": "f", "content": "x" }), "messages[0]"),
        (json!({ "role": "user" }), "messages[0].content"),
        (json!({ "role": "user", "content": 7 }), "messages[0].content"),
        (json!({ "role": "user", "content": ["x"] }), "messages[0].content[0]"),
        (json!({ "role": "user", "content": [{ "type": "image_url" }] }), "messages[0].content[0]"),
        (json!({ "role": "user", "content": [{ "type": "text" }] }), "messages[0].content[0].text"),
        (json!({ "role": "tool", "content": "x" }), "messages[0].tool_call_id"),
        (json!({ "role": "tool", "tool_call_id": "c", "content": "x" }), "messages[0].tool_call_id"),
        (json!({ "role": "assistant", "function_call": {} }), "messages[0].function_call"),
        (json!({ "role": "assistant", "tool_calls": 7 }), "messages[0].tool_calls"),
        (json!({ "role": "assistant", "tool_calls": [{}] }), "messages[0].tool_calls[0]"),
        (
            json!({ "role": "assistant", "tool_calls": [{ "id": "c", "function": { "name": "f", "arguments": {} } }] }),
            "messages[0].tool_calls[0]",
        ),
    ] {
        let wrong = refused(json!({ "messages": [message] }));
        assert_eq!(wrong.param.as_deref(), Some(param), "{message}: {wrong}");
        assert!(wrong.message.len() < 300);
    }
    let strange = refused(json!({ "messages": [{ "role": "\u{1b}[2J\u{202e}".repeat(1000) }] }));
    assert!(strange.message.len() < 300 && strange.message.is_ascii(), "{strange}");
}

#[test]
fn what_is_no_request_is_refused_whatever_it_is() {
    for body in [&b""[..], b"{", b"[]", b"null", b"\xff\xfe", b"{\"messages\": \"\xc3\x28\"}", b"{} {}"] {
        assert!(read(body).is_err());
    }
    let deep = format!("{{\"messages\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(read(deep.as_bytes()).unwrap_err().message.contains("recursion limit"));
    let message = json!({ "role": "user", "content": "x" });
    let many = asked(&json!({ "messages": vec![message; MAX_MESSAGES + 1] })).unwrap_err();
    assert_eq!(many.param.as_deref(), Some("messages"));
    let tool = json!({ "type": "function", "function": { "name": "f" } });
    assert_eq!(refused(json!({ "tools": vec![tool; MAX_TOOLS + 1] })).param.as_deref(), Some("tools"));
}
