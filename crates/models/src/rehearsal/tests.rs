use serde_json::json;
use vocab::ChatMessage;

use super::*;

const SCRIPT: &str = r#"
model: incident
turns:
  - say: I will look.
    reasoning: hm
    calls:
      - {skill: file-reader, arguments: {path: /srv/a}}
      - {skill: file-reader, raw: '{"path": '}
  - when: denied
    say: That was denied.
  - expect: hello
    say: Done.
    prompt_tokens: 7
"#;

fn message(role: Role, content: &str) -> ChatMessage {
    ChatMessage { role, content: content.into(), tool_calls: Vec::new(), tool_call_id: None }
}

/// A conversation: a person's and the script's messages, taking turns.
fn said(texts: &[&str]) -> Call {
    let roles = [Role::User, Role::Assistant].into_iter().cycle();
    let messages = roles.zip(texts).map(|(role, text)| message(role, text)).collect();
    Call { system: String::new(), tools: Vec::new(), messages, options: None }
}

async fn text(scenario: &Scenario, texts: &[&str]) -> String {
    scenario.play(&said(texts)).await.unwrap().text
}

#[tokio::test]
async fn turns_are_played_in_order_each_marked() {
    let scenario = Scenario::parse(SCRIPT).unwrap();
    let first = scenario.play(&said(&["hi"])).await.unwrap();
    assert_eq!((first.text.as_str(), first.reasoning.as_str()), ("[rehearsal] I will look.", "hm"));
    assert_eq!(first.finish, "tool_calls");
    assert_eq!(first.tool_calls[0].arguments, json!({"path": "/srv/a"}).to_string());
    assert_eq!(first.tool_calls[1].arguments, "{\"path\": ");
    assert_ne!(first.tool_calls[0].id, first.tool_calls[1].id);

    assert_eq!(text(&scenario, &["hi", "", "was denied"]).await, "[rehearsal] That was denied.");
    assert_eq!(text(&scenario, &["hi", "", "was denied", "", "hello"]).await, "[rehearsal] Done.");
    // The second turn was passed over, then and when the place is worked out again.
    assert_eq!(text(&scenario, &["hi", "", "hello"]).await, "[rehearsal] Done.");
    assert!(text(&scenario, &["hi", "", "hello", "", "denied"]).await.contains("no further turn"));
    assert!(text(&scenario, &["hi", "", "other"]).await.contains("went astray"));
    assert_eq!(scenario.play(&said(&["hi", "", "hello"])).await.unwrap().prompt_tokens, 7);
}

#[tokio::test]
async fn the_last_turn_may_repeat_for_ever_with_fresh_ids() {
    let scenario =
        Scenario::parse("turns: [{say: a}, {repeat: true, calls: [{skill: s, arguments: {}}]}]").unwrap();
    let one = scenario.play(&said(&["x", "a", "x"])).await.unwrap();
    let many = scenario.play(&said(&["x"; 101])).await.unwrap();
    assert_eq!(one.text, MARK);
    assert_eq!(one.tool_calls[0].name, many.tool_calls[0].name);
    assert_ne!(one.tool_calls[0].id, many.tool_calls[0].id);
}

#[tokio::test]
async fn no_script_can_hide_the_mark() {
    for say in ["'<think>x</think>y'", "'x</think>y'", "''", "\"\\n\\n\"", "'[rehearsal'"] {
        let scenario = Scenario::parse(&format!("turns: [{{say: {say}}}]")).unwrap();
        assert!(text(&scenario, &["hi"]).await.starts_with(MARK), "{say}");
    }
}

#[tokio::test]
async fn a_script_is_under_the_limits_of_any_model() {
    let calls = "{skill: s, arguments: {}}, ".repeat(vocab::limits::MAX_TOOL_CALLS + 1);
    let scenario = Scenario::parse(&format!("turns: [{{calls: [{calls}]}}]")).unwrap();
    assert!(matches!(scenario.play(&said(&["hi"])).await, Err(ModelError::TooLarge { .. })));
}

#[test]
fn what_is_no_script_is_refused() {
    for (text, expected) in [
        ("", ""),
        ("turns: []", "1 to 1000 turns"),
        ("turns: [{say: a, repeat: true}, {say: b}]", "only the last turn"),
        ("turns: [{delay_ms: 600001}]", "delay_ms"),
        ("turns: [{calls: [{skill: s}]}]", "either `arguments` or `raw`"),
        ("turns: [{calls: [{skill: s, raw: x, arguments: {}}]}]", "either `arguments` or `raw`"),
        ("turns: [{sya: a}]", "sya"),
        ("turns: [{say: &a x}, {say: *a}]", ""),
    ] {
        let error = Scenario::parse(text).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let deep = format!(
        "turns: [{{calls: [{{skill: s, arguments: {{a: {}{}}}}}]}}]",
        "[".repeat(1000),
        "]".repeat(1000)
    );
    assert!(Scenario::parse(&deep).is_err());
    assert!(Scenario::parse(&" ".repeat(MAX_SCENARIO_BYTES + 1)).is_err());
}

#[tokio::test]
async fn a_script_is_read_from_its_folder_alone() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.yaml"), "turns: [{say: a}]").unwrap();
    std::fs::create_dir(dir.path().join("d.yaml")).unwrap();
    assert!(Scenario::load(dir.path(), "a").await.is_ok());
    for name in ["", "..", "../a", "a/../a", "A", "a\0", "d", "missing", &"a".repeat(65)] {
        let error = Scenario::load(dir.path(), name).await.unwrap_err().to_string();
        assert!(error.contains("cannot be played"), "{name}: {error}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_text_is_said_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    for (bytes, said) in [
        (
            b"turns:\n- say: \xff\xfe".to_vec(),
            "a.yaml` line 2: this is not UTF-8 text; save the file as UTF-8",
        ),
        // The bound is in the middle of a letter.
        ("\u{e4}".repeat(MAX_SCENARIO_BYTES).into_bytes(), "a.yaml` is larger than"),
    ] {
        std::fs::write(dir.path().join("a.yaml"), bytes).unwrap();
        let error = Scenario::load(dir.path(), "a").await.unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}") {
        if let Ok(scenario) = Scenario::parse(&text) {
            assert!(!scenario.turns.is_empty());
        }
    }
}
