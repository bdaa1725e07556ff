//! What a program is served, and what it may throw at it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bulkhead_tests::PATIENCE;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use turn::{Gateway, Pending, Run};

use crate::driver::{CUT_OFF, SLOW};
use crate::house::{House, SOUL, begin, echo, person};
use crate::wire::{KEY, ask, chat, raw, serve};

const TALK: &str = "
turns:
  - say: Let me look.
    calls: [{skill: shell, arguments: {command: ls}}]
    prompt_tokens: 11
    completion_tokens: 7
  - say: Done.
    repeat: true
";

fn hello() -> Value {
    json!({ "model": "gpt-4o", "messages": [{ "role": "user", "content": "hi" }] })
}

/// A run of a program in `house`, and where it is served.
async fn served(house: &House) -> (Arc<Gateway>, Arc<Run>, SocketAddr) {
    let gateway = house.open().await;
    let run = Arc::new(begin(&gateway).await);
    let address = serve(&run);
    (gateway, run, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_comes_whole_or_as_events_with_its_calls_and_its_tokens() {
    let house = House::new(TALK);
    let (gateway, _run, address) = served(&house).await;
    let answer = chat(address, &hello()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    assert_eq!(body["model"], "rehearsal/scene");
    assert_eq!(body["usage"]["total_tokens"], 18);
    let choice = &body["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    assert_eq!(choice["message"]["content"], "[rehearsal] Let me look.");
    assert_eq!(choice["message"]["tool_calls"][0]["function"]["arguments"], r#"{"command":"ls"}"#);

    let mut streamed = hello();
    streamed["stream"] = json!(true);
    streamed["stream_options"] = json!({ "include_usage": true });
    let answer = chat(address, &streamed).await;
    assert!(answer.head.to_lowercase().contains("content-type: text/event-stream"), "{answer:?}");
    let events: Vec<&str> =
        answer.text.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).collect();
    let (done, chunks) = events.split_last().unwrap();
    assert_eq!(*done, "[DONE]");
    let chunks: Vec<Value> = chunks.iter().map(|chunk| serde_json::from_str(chunk).unwrap()).collect();
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(chunks[2]["choices"][0]["delta"]["tool_calls"][0]["function"]["name"], "shell");
    assert_eq!(chunks[3]["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(chunks[4]["usage"]["prompt_tokens"], 11);

    let models = ask(address, "GET /v1/models", b"", &[]).await.json();
    assert_eq!(models["data"][0]["id"], "bulkhead/echo");
    assert_eq!(ask(address, "GET /v1/models/bulkhead/echo", b"", &[]).await.status, 200);
    for missing in
        ["GET /v1/models/gpt-4o", "POST /v1/embeddings", "POST /v1/responses", "GET /", "GET /healthz"]
    {
        let answer = ask(address, missing, b"{}", &[]).await;
        assert_eq!(answer.status, 404, "{missing}");
        assert!(!answer.error().is_empty());
    }
    assert_eq!(ask(address, "GET /v1/chat/completions", b"", &[]).await.status, 405);
    gateway.shutdown(None, Pending::Cancel).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_served_without_the_key_or_by_another_name() {
    let house = House::new(TALK);
    let (gateway, _run, address) = served(&house).await;
    let wrong = [
        "".to_owned(),
        KEY.to_owned(),
        format!("Bearer {KEY}x"),
        format!("Bearer {}", &KEY[1..]),
        "Bearer ".to_owned(),
        format!("Basic {KEY}"),
    ];
    for line in ["POST /v1/chat/completions", "GET /v1/models", "POST /mcp", "GET /mcp", "GET /nothing"] {
        for key in &wrong {
            let answer = ask(address, line, b"{}", &[("authorization", key)]).await;
            assert_eq!((answer.status, answer.code().as_str()), (401, "invalid_api_key"), "{line} {key}");
        }
        for (name, value) in [
            ("host", "evil.example"),
            ("host", "127.0.0.1.evil.example"),
            ("host", "evil.example@127.0.0.1"),
            ("origin", "http://evil.example"),
            ("origin", "null"),
            ("origin", "http://127.0.0.1@evil.example"),
        ] {
            let answer = ask(address, line, b"{}", &[(name, value)]).await;
            assert_eq!((answer.status, answer.code().as_str()), (403, "wrong_host"), "{line} {value}");
        }
    }
    let twice = format!(
        "GET /v1/models HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer x\r\nauthorization: Bearer {KEY}\r\nconnection: close\r\n\r\n"
    );
    assert_eq!(raw(address, twice.into_bytes()).await.status, 401);
    // Nothing of it was proposed.
    assert_eq!(house.story(), ["run.started"]);
    gateway.shutdown(None, Pending::Cancel).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_bodies_are_refused_and_the_run_goes_on() {
    let house = House::new(TALK);
    let (gateway, _run, address) = served(&house).await;
    let tool = json!({ "type": "function", "function": { "name": "f" } });
    let mut tools = hello();
    tools["tools"] = Value::Array(vec![tool; 5000]);
    let deep = format!("{{\"messages\":{}", "[".repeat(1_000_000));
    let mut unanswered = hello();
    unanswered["messages"] = json!([{ "role": "tool", "content": "x" }]);
    let bodies: Vec<Vec<u8>> = vec![
        vec![],
        b"\xff\xfe\x00".to_vec(),
        b"{\"messages\":[{\"role\":\"user\",\"content\":\"\xff\"}]}".to_vec(),
        deep.into_bytes(),
        tools.to_string().into_bytes(),
        unanswered.to_string().into_bytes(),
        br#"{"messages":[{"role":"root","content":"x"}]}"#.to_vec(),
        br#"{"messages":"hi"}"#.to_vec(),
        b"[]".to_vec(),
    ];
    for body in bodies {
        let answer = ask(address, "POST /v1/chat/completions", &body, &[]).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(answer.error().len() < 400);
    }
    let large = format!("{{\"messages\":[{{\"role\":\"user\",\"content\":\"{}\"}}]}}", "x".repeat(10 << 20));
    for line in ["POST /v1/chat/completions", "POST /mcp"] {
        assert_eq!(ask(address, line, large.as_bytes(), &[]).await.status, 413, "{line}");
    }
    for body in [&b"{"[..], b"\xff", b"[]", br#"{"jsonrpc":"2.0","id":1,"method":"no/such"}"#] {
        let answer = ask(address, "POST /mcp", body, &[]).await;
        assert!(answer.status < 500, "{answer:?}");
    }
    assert_eq!(chat(address, &hello()).await.status, 200);
    gateway.shutdown(None, Pending::Cancel).await.unwrap();
}

/// What a person would approve must be what was asked for, to the last digit.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_not_everybody_reads_alike_makes_no_action_over_mcp_either() {
    let house = House::new(TALK);
    let (gateway, _run, address) = served(&house).await;
    for number in ["9007199254740993", "-9007199254740993", "123456789012345678901234567890", "1e300"] {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"message","arguments":{{"channel":"board:forum","text":"hi","account":{number}}}}}}}"#
        );
        let answer = ask(address, "POST /mcp", body.as_bytes(), &[]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.text.contains("beyond 2^53; write it as text"), "{number}: {answer:?}");
    }
    // Each was judged and refused, on the record; none is an action of the skill.
    let story = house.story();
    assert_eq!(story.iter().filter(|line| line.starts_with("skill.call deny")).count(), 4, "{story:?}");
    assert!(!story.iter().any(|line| line.starts_with("message.post")), "{story:?}");
    gateway.shutdown(None, Pending::Cancel).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_requests_at_once_are_taken_one_after_another() {
    let house = House::new("turns:\n  - say: Hello.\n    delay_ms: 100\n    repeat: true\n");
    let (gateway, run, address) = served(&house).await;
    let (hello, hello_too) = (hello(), hello());
    let (one, two) = tokio::join!(chat(address, &hello), chat(address, &hello_too));
    assert_eq!((one.status, two.status), (200, 200));
    run.close("exited with 0").await;
    let story = house.story();
    let calls: Vec<usize> = (0..story.len()).filter(|at| story[*at] == "model.call").collect();
    assert_eq!(calls, [1, 7], "{story:?}");
    // Over is over: the listener is closed.
    let closed = async {
        while tokio::net::TcpStream::connect(address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, closed).await.expect("nothing is served any more");
    gateway.shutdown(None, Pending::Cancel).await.unwrap();
}

/// Waits until the model call has an end that is no answer.
async fn is_cut_off(house: &House) {
    let ended = |story: &[String]| story.iter().any(|told| CUT_OFF.contains(&told.as_str()));
    house.until("the call has an end", ended).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_in_the_middle_of_a_call_delivers_nothing() {
    let house = House::new(SLOW);
    let (gateway, _run, address) = served(&house).await;
    let asking = tokio::spawn(async move { chat(address, &hello()).await });
    house.tells("model.call permit").await;
    gateway.kill(&person("root", true), Some(&echo())).await.unwrap();
    let answer = asking.await.unwrap();
    assert!(answer.status != 200 && !answer.text.contains("Too late"), "{answer:?}");
    is_cut_off(&house).await;
    gateway.shutdown(None, Pending::Cancel).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_closes_what_a_program_is_served_and_its_key_is_good_for_nothing() {
    let house = House::new(TALK);
    let (gateway, run, address) = served(&house).await;
    assert_eq!(chat(address, &hello()).await.status, 200);
    // One connection is open already when the stop comes.
    let mut open = tokio::net::TcpStream::connect(address).await.unwrap();
    gateway.kill(&person("root", true), Some(&echo())).await.unwrap();
    let late = format!(
        "GET /v1/models HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {KEY}\r\nconnection: close\r\n\r\n"
    );
    let mut heard = Vec::new();
    // It may be closed before or behind the request: then nothing is heard at all.
    if open.write_all(late.as_bytes()).await.is_ok() {
        drop(open.read_to_end(&mut heard).await);
    }
    assert!(!String::from_utf8_lossy(&heard).contains("200 OK"), "{}", String::from_utf8_lossy(&heard));
    let closed = async {
        while tokio::net::TcpStream::connect(address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, closed).await.expect("nothing is served any more");

    // Another run of the same agent has a listener of its own, and the old one stays closed.
    run.ended().await;
    gateway.resume(&person("root", true), &echo()).await.unwrap();
    let again = Arc::new(begin(&gateway).await);
    let other = serve(&again);
    assert_eq!(chat(other, &hello()).await.status, 200);
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "{address} is open again");
    gateway.shutdown(None, Pending::Cancel).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_goes_away_ends_its_model_call() {
    let house = House::new(SLOW);
    let (gateway, _run, address) = served(&house).await;
    let asking = tokio::spawn(async move { chat(address, &hello()).await });
    house.tells("model.call permit").await;
    asking.abort();
    is_cut_off(&house).await;
    gateway.shutdown(None, Pending::Cancel).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_has_its_status_and_its_sentence() {
    let house = House::new("turns:\n  - say: Anna's card is 4111 1111 1111 1111.\n    repeat: true\n");
    house.soul(&format!("{SOUL}## Limits\n- actions-per-turn: 3\n"));
    let (gateway, run, address) = served(&house).await;
    let answer = chat(address, &hello()).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    assert!(answer.error().starts_with("denied: ") && !answer.text.contains("4111"), "{answer:?}");
    std::fs::remove_file(house.at("rehearsal/scene.yaml")).unwrap();
    let answer = chat(address, &hello()).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "model_unavailable"));
    let answer = chat(address, &hello()).await;
    assert_eq!((answer.status, answer.code().as_str()), (429, "limit:actions-per-turn"));
    assert!(answer.head.to_lowercase().contains("x-should-retry: false"));
    tokio::time::timeout(Duration::from_secs(60), run.close("exited with 1")).await.unwrap();
    gateway.shutdown(None, Pending::Cancel).await.unwrap();
}
