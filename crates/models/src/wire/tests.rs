use super::*;

fn call() -> Call {
    serde_json::from_value(json!({
        "system": "rules",
        "tools": [{"name": "file-reader", "description": "reads", "schema": {"type": "object"}}],
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "", "tool_calls": [
                {"id": "a", "name": "file-reader", "arguments": "{\"path\":\"/x\"}"},
                {"id": "b", "name": "file-reader", "arguments": "{broken"},
                {"id": "c", "name": "file-reader", "arguments": "[1]"},
            ]},
            {"role": "tool", "content": "text", "tool_call_id": "a"},
        ],
    }))
    .unwrap()
}

#[test]
fn a_request_has_the_system_message_first_and_only_json_objects_as_arguments() {
    let style = Style { tool_choice: ToolChoice::Required, max_answer_tokens: Some(7) };
    let body: Value = serde_json::from_slice(&call().body("m", style).unwrap()).unwrap();
    assert_eq!(body["model"], "m");
    assert_eq!(body["stream"], true);
    assert_eq!(body["stream_options"]["include_usage"], true);
    assert_eq!(body["tool_choice"], "required");
    assert_eq!(body["max_tokens"], 7);
    assert_eq!(body["messages"][0], json!({"role": "system", "content": "rules"}));
    assert_eq!(body["messages"][3]["tool_call_id"], "a");
    assert_eq!(body["tools"][0]["function"]["parameters"], json!({"type": "object"}));
    let calls = body["messages"][2]["tool_calls"].as_array().unwrap();
    assert_eq!(calls[0]["function"]["arguments"], "{\"path\":\"/x\"}");
    for past in calls {
        let text = past["function"]["arguments"].as_str().unwrap();
        assert!(serde_json::from_str::<Map<String, Value>>(text).is_ok(), "{text}");
    }
    assert!(calls[1]["function"]["arguments"].as_str().unwrap().contains("{broken"));
}

#[test]
fn without_tools_nothing_of_tools_is_sent() {
    let mut call = call();
    call.tools.clear();
    let style = Style { tool_choice: ToolChoice::Required, max_answer_tokens: None };
    let body: Value = serde_json::from_slice(&call.body("m", style).unwrap()).unwrap();
    assert!(
        body.get("tools").is_none() && body.get("tool_choice").is_none() && body.get("max_tokens").is_none()
    );
}

#[test]
fn another_action_is_not_a_model_call() {
    let mut action =
        Action { verb: Verb::FileRead, resource: vocab::Resource::Model("m".into()), args: Map::new() };
    assert!(Call::of(&action).is_err());
    action.verb = Verb::ModelCall;
    assert!(Call::of(&action).unwrap_err().to_string().contains("system"));
    action.args = json!({"system": "", "messages": []}).as_object().unwrap().clone();
    assert_eq!(Call::of(&action).unwrap().0, "m");
    action.resource = vocab::Resource::Host("h".into());
    assert!(Call::of(&action).is_err());
}

#[test]
fn a_list_cannot_outgrow_its_bound() {
    let many = format!("{{\"choices\":[{}{{}}]}}", "{},".repeat(100_000));
    assert!(serde_json::from_str::<Chunk>(&many).is_err());
    assert!(serde_json::from_str::<Chunk>("{\"choices\":null,\"usage\":null}").unwrap().choices.is_none());
}
