use serde_json::{Value, json};
use vocab::{ChatMessage, Role};

use super::*;

fn nothing_said() -> Call {
    Call { system: String::new(), tools: Vec::new(), messages: Vec::new(), options: None }
}

fn delta(delta: &Value) -> Chunk {
    serde_json::from_value(json!({"choices": [{"index": 0, "delta": delta, "finish_reason": null}]})).unwrap()
}

fn assembled(pieces: &[Value]) -> Result<Answer, ModelError> {
    let mut assembly = Assembly::new("s");
    for piece in pieces {
        assembly.take(delta(piece))?;
    }
    assembly.whole(&nothing_said())
}

fn calls(pieces: &[Value]) -> Vec<(String, String, String)> {
    let answer = assembled(pieces).unwrap();
    answer.tool_calls.into_iter().map(|call| (call.id, call.name, call.arguments)).collect()
}

fn call(id: &str, name: &str, arguments: &str) -> (String, String, String) {
    (id.into(), name.into(), arguments.into())
}

#[test]
fn fragments_go_where_their_index_says() {
    let found = calls(&[
        json!({"tool_calls": [{"index": 1, "id": "b", "function": {"name": "two", "arguments": ""}}]}),
        json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "one", "arguments": "{\"x\""}}]}),
        json!({"tool_calls": [{"index": 1, "function": {"arguments": "{\"y\":"}}]}),
        json!({"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}, {"index": 1, "function": {"arguments": "2}"}}]}),
    ]);
    assert_eq!(found, [call("a", "one", "{\"x\":1}"), call("b", "two", "{\"y\":2}")]);
}

#[test]
fn whole_calls_under_one_index_stay_apart() {
    let found = calls(&[
        json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "one", "arguments": "{}"}}]}),
        json!({"tool_calls": [{"index": 0, "id": "b", "function": {"name": "one", "arguments": "{\"y\":2}"}}]}),
    ]);
    assert_eq!(found, [call("a", "one", "{}"), call("b", "one", "{\"y\":2}")]);
    let found = calls(&[
        json!({"tool_calls": [{"index": 0, "function": {"name": "one", "arguments": "{}"}}]}),
        json!({"tool_calls": [{"index": 0, "function": {"name": "two", "arguments": {"y": 2}}}]}),
    ]);
    assert_eq!(found, [call("call-0-0", "one", "{}"), call("call-0-1", "two", "{\"y\":2}")]);
}

#[test]
fn pieces_without_index_belong_by_id_or_to_the_last_call() {
    let found = calls(&[
        json!({"tool_calls": [{"id": "a", "function": {"name": "one", "arguments": "{\"x\":"}}]}),
        json!({"tool_calls": [{"function": {"arguments": "1}"}}]}),
        json!({"tool_calls": [{"id": "b", "function": {"name": "two"}}]}),
    ]);
    assert_eq!(found, [call("a", "one", "{\"x\":1}"), call("b", "two", "{}")]);
}

#[test]
fn a_name_said_with_every_piece_is_one_name() {
    let piece = |text: &str| json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "one", "arguments": text}}]});
    assert_eq!(calls(&[piece("{\"x\":"), piece("1"), piece("}")]), [call("a", "one", "{\"x\":1}")]);
    let split = |name: &str| json!({"tool_calls": [{"index": 0, "function": {"name": name}}]});
    assert_eq!(calls(&[split("file-"), split("reader")]), [call("call-0-0", "file-reader", "{}")]);
}

#[test]
fn ids_are_unlike_all_others_of_the_conversation() {
    let past = ToolCall { id: "a".into(), name: "one".into(), arguments: "{}".into() };
    let message = ChatMessage {
        role: Role::Assistant,
        content: String::new(),
        tool_calls: vec![past],
        tool_call_id: None,
    };
    let said = Call { messages: vec![message], ..nothing_said() };
    let mut assembly = Assembly::new("s");
    for (index, id) in ["a", "b", "b", "", "with blank", &"x".repeat(500), "call-1-0"].into_iter().enumerate()
    {
        let piece = json!({"tool_calls": [{"index": index, "id": id, "function": {"name": "one", "arguments": "{}"}}]});
        assembly.take(delta(&piece)).unwrap();
    }
    let ids: Vec<String> =
        assembly.whole(&said).unwrap().tool_calls.into_iter().map(|call| call.id).collect();
    let distinct: std::collections::BTreeSet<&String> = ids.iter().collect();
    assert_eq!((ids.len(), distinct.len()), (7, 7), "{ids:?}");
    assert!(ids.iter().all(|id| is_id(id)) && !ids.contains(&"a".to_owned()) && ids[1] == "b", "{ids:?}");
}

#[test]
fn limits_hold() {
    let many: Vec<Value> = (0..=MAX_TOOL_CALLS)
        .map(|index| json!({"tool_calls": [{"index": index, "function": {"name": "one"}}]}))
        .collect();
    assert!(matches!(assembled(&many), Err(ModelError::TooLarge { limit: MAX_TOOL_CALLS, .. })));
    assert!(assembled(&many[1..]).is_ok());

    let half = "x".repeat(MAX_ARGUMENT_BYTES / 2 + 1);
    let piece = json!({"tool_calls": [{"index": 0, "function": {"name": "", "arguments": half}}]});
    assert!(matches!(
        assembled(&[piece.clone(), piece]),
        Err(ModelError::TooLarge { limit: MAX_ARGUMENT_BYTES, .. })
    ));

    let half = "x".repeat(MAX_ANSWER_BYTES / 2 + 1);
    let pieces = [json!({"content": half}), json!({"reasoning": half})];
    assert!(matches!(assembled(&pieces), Err(ModelError::TooLarge { limit: MAX_ANSWER_BYTES, .. })));

    let name = "x".repeat(MAX_TOOL_NAME_BYTES + 1);
    assert!(assembled(&[json!({"tool_calls": [{"index": 0, "function": {"name": name}}]})]).is_err());
    assert!(matches!(assembled(&[json!({"tool_calls": [{"index": 0}]})]), Err(ModelError::Garbage { .. })));
}

#[test]
fn rereading_a_call_has_a_bound() {
    let mut assembly = Assembly::new("s");
    let piece = json!({"tool_calls": [{"index": 0, "function": {"name": "n", "arguments": "{"}}]});
    let fed = (0..100_000).take_while(|_| assembly.take(delta(&piece)).is_ok()).count();
    assert_eq!(fed, 100_000);
    let most = MAX_REREAD_BYTES + MAX_ARGUMENT_BYTES;
    assert!((MAX_REREAD_BYTES..most).contains(&assembly.reread), "{}", assembly.reread);
}

#[test]
fn reasoning_is_kept_apart() {
    let both = [
        json!({"reasoning_content": "a", "reasoning": "a"}),
        json!({"reasoning": "b"}),
        json!({"content": "c"}),
    ];
    let answer = assembled(&both).unwrap();
    assert_eq!((answer.reasoning.as_str(), answer.text.as_str()), ("ab", "c"));
    for (said, reasoning, text) in [
        ("<think>why</think>so", "why", "so"),
        ("\n<think>\nwhy\n</think>\n\nso", "why", "so"),
        ("<think></think>so", "", "so"),
        ("<think>cut off", "cut off", ""),
        ("why\n</think>\n\nso", "why", "so"),
        ("so <think>x</think>", "", "so <think>x</think>"),
        ("a </think> b </think> c", "", "a </think> b </think> c"),
        ("so", "", "so"),
    ] {
        let answer = assembled(&[json!({"content": said})]).unwrap();
        assert_eq!((answer.reasoning.as_str(), answer.text.as_str()), (reasoning, text), "{said:?}");
    }
}

#[test]
fn other_choices_are_not_mixed_in() {
    let chunk = json!({"choices": [{"index": 1, "delta": {"content": "b"}}, {"index": 0, "delta": {"content": "a"}}]});
    let mut assembly = Assembly::new("s");
    assembly.take(serde_json::from_value(chunk).unwrap()).unwrap();
    assert_eq!(assembly.whole(&nothing_said()).unwrap().text, "a");
}
