use proptest::prelude::*;
use vocab::limits::MAX_ANSWER_BYTES;

use super::*;

const FINISHED: &str =
    "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}\n\n";

fn call() -> Call {
    Call { system: String::new(), tools: Vec::new(), messages: Vec::new(), options: None }
}

fn received(bytes: &[u8], ending: &Ending) -> Result<Answer, ModelError> {
    let mut intake = Intake::new("s", Scrub::of([&crate::server::tests::sesame()]));
    intake.take(bytes)?;
    intake.end(&call(), ending)
}

fn closed(text: &str) -> Result<Answer, ModelError> {
    received(text.as_bytes(), &Ending::Closed)
}

#[test]
fn a_stream_is_whole_with_its_finish_and_half_without() {
    assert_eq!(closed(FINISHED).unwrap().text, "hi");
    assert_eq!(closed(&format!("{FINISHED}data: [DONE]\n\nrubbish")).unwrap().finish, "stop");
    assert_eq!(received(FINISHED.as_bytes(), &Ending::Broken("reset".into())).unwrap().text, "hi");
    let cut = FINISHED.get(..FINISHED.len() - 20).unwrap();
    assert!(matches!(closed(cut), Err(ModelError::Garbage { .. } | ModelError::Half { .. })));
    let open = "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n";
    assert!(matches!(closed(open), Err(ModelError::Half { .. })));
    assert!(matches!(
        received(open.as_bytes(), &Ending::Broken("reset".into())),
        Err(ModelError::Half { .. })
    ));
    assert!(matches!(closed(&format!("{open}data: {{\"cho")), Err(ModelError::Half { .. })));
    assert!(matches!(closed(""), Err(ModelError::Half { .. })));
}

#[test]
fn usage_and_the_last_event_count_even_without_an_empty_line() {
    let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":7}}";
    let answer = closed(&format!("{FINISHED}{usage}")).unwrap();
    assert_eq!((answer.prompt_tokens, answer.completion_tokens), (5, 7));
}

#[test]
fn one_piece_of_json_will_do() {
    let json = r#" {"choices":[{"index":0,"message":{"role":"assistant","content":"hi","tool_calls":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
    let answer = closed(json).unwrap();
    assert_eq!((answer.text.as_str(), answer.completion_tokens), ("hi", 2));
    assert!(matches!(closed(json.get(..40).unwrap()), Err(ModelError::Half { .. })));
    assert!(matches!(closed("{\"choices\":[]}"), Err(ModelError::Garbage { .. })));
    assert!(matches!(closed("{\"choices\":7}"), Err(ModelError::Garbage { .. })));
    assert!(matches!(closed("{}}"), Err(ModelError::Garbage { .. })));
}

#[test]
fn an_error_within_a_stream_is_the_servers_own() {
    let error = closed("data: {\"error\":{\"message\":\"out of sk-sesame memory\",\"code\":500}}\n\n")
        .unwrap_err()
        .to_string();
    assert!(error.contains("500: out of (secret) memory"), "{error}");
    let error = closed("error: {\"error\":{\"message\":\"too much\"}}\n\n").unwrap_err().to_string();
    assert!(error.contains("too much"), "{error}");
    let full =
        "data: {\"error\":{\"type\":\"exceed_context_size_error\",\"message\":\"full\",\"code\":400}}\n\n";
    assert!(matches!(closed(full), Err(ModelError::ContextTooLong { .. })));
    assert!(matches!(closed("{\"error\":\"no\"}"), Err(ModelError::Refused { .. })));
}

#[test]
fn garbage_is_named_and_not_quoted() {
    for text in [
        "<html>sesame",
        "data: sesame\n\n",
        "sesame\n\n",
        "data: [\"sesame\"]\n\n",
        "data: {\"choices\":[{\"index\":\"sesame\"}]}\n\n",
    ] {
        let error = closed(text).unwrap_err();
        assert!(
            matches!(error, ModelError::Garbage { .. }) && !error.to_string().contains("sesame"),
            "{text}: {error}"
        );
    }
    assert!(matches!(
        received(b"data: {\"a\":\"\xff\xfe\"}\n\n", &Ending::Closed),
        Err(ModelError::Garbage { .. })
    ));
}

#[test]
fn what_never_ends_is_ended() {
    let feed = |piece: &[u8]| {
        let mut intake = Intake::new("s", Scrub::default());
        (0..100_000).find_map(|_| intake.take(piece).err())
    };
    assert!(matches!(feed(&[b'x'; 4096]), Some(ModelError::Garbage { .. })));
    assert!(matches!(feed(b": ping\n\n".repeat(100).as_slice()), Some(ModelError::Garbage { .. })));
    let mut line = Intake::new("s", Scrub::default());
    line.take(b"data: ").unwrap();
    assert!(matches!((0..).find_map(|_| line.take(&[b'x'; 65536]).err()), Some(ModelError::TooLarge { .. })));
    assert!(matches!(feed(b"{\"a\":[\"x".repeat(1000).as_slice()), Some(ModelError::TooLarge { .. })));
    let empty = "data: {\"choices\":[]}\n\n".repeat(1000);
    assert!(matches!(feed(empty.as_bytes()), Some(ModelError::TooLarge { limit: MAX_WIRE_BYTES, .. })));
    let text =
        format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{}\"}}}}]}}\n\n", "y".repeat(10_000));
    assert!(matches!(feed(text.as_bytes()), Some(ModelError::TooLarge { limit: MAX_ANSWER_BYTES, .. })));
}

#[test]
fn deep_json_does_not_overflow_the_stack() {
    let deep = format!("data: {{\"error\":{}\n\n", "[".repeat(200_000));
    assert!(matches!(closed(&deep), Err(ModelError::Garbage { .. })));
}

/// Pieces that streams are made of, in any order, and bytes that they are not.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40),
        "(data|error|event|id)?:? ?".prop_map(String::into_bytes),
        "[\r\n]{1,3}".prop_map(String::into_bytes),
        Just(b"[DONE]".to_vec()),
        Just(FINISHED.as_bytes().to_vec()),
        "[a-z<>/{}\"]{0,12}".prop_map(|text| {
            let delta = serde_json::json!({"content": text, "reasoning": text});
            format!("data: {}\n\n", serde_json::json!({"choices": [{"delta": delta}]})).into_bytes()
        }),
        (proptest::option::of(0_u64..4), "[ab]?", "[nm]?", "[{}\":1]{0,4}").prop_map(|(index, id, name, arguments)| {
            let call = serde_json::json!({"index": index, "id": id, "function": {"name": name, "arguments": arguments}});
            format!("data: {}\n\n", serde_json::json!({"choices": [{"delta": {"tool_calls": [call]}}]})).into_bytes()
        }),
    ]
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_and_cutting_them_changes_nothing(
        pieces in proptest::collection::vec(piece(), 0..24),
        cut in 1_usize..32,
    ) {
        let bytes = pieces.concat();
        let at_once = received(&bytes, &Ending::Closed);
        let mut intake = Intake::new("s", Scrub::default());
        let cut = bytes.chunks(cut).try_for_each(|chunk| intake.take(chunk)).and_then(|()| intake.end(&call(), &Ending::Closed));
        prop_assert_eq!(&at_once, &cut);
        if let Ok(answer) = at_once {
            let ids: std::collections::BTreeSet<_> = answer.tool_calls.iter().map(|call| &call.id).collect();
            prop_assert_eq!(ids.len(), answer.tool_calls.len());
            prop_assert!(answer.tool_calls.iter().all(|call| !call.name.is_empty() && !call.id.is_empty()));
            prop_assert!(answer.text.len() + answer.reasoning.len() <= bytes.len() + 24);
        }
    }
}
