use tokio::net::{TcpSocket, TcpStream};
use vocab::limits::{MAX_ARGUMENT_BYTES, MAX_TOOL_CALLS};
use vocab::{ChatMessage, Role};

use super::*;
use crate::client::hostile::{Deed, Hostile, response, stream, unended};
use crate::server::Server;

const HI: &str = r#"{"choices":[{"index":0,"delta":{"content":"hi"}}]}"#;
const STOP: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;

/// Nothing here takes seconds, and a test that waits for a timeout waits for one that must come.
fn patient() -> Timeouts {
    Timeouts { retry_wait: Duration::from_millis(1), ..Timeouts::default() }
}

/// Soon over, and far longer than it takes until a request is with its server.
fn hasty() -> Timeouts {
    let soon = Duration::from_millis(500);
    Timeouts { first_byte: soon, idle: soon, about: soon, ..patient() }
}

fn call() -> Call {
    let message =
        ChatMessage { role: Role::User, content: "hello".into(), tool_calls: vec![], tool_call_id: None };
    Call { system: "rules".into(), tools: vec![], messages: vec![message], options: None }
}

fn endpoint(url: &str) -> Endpoint {
    let server = Server { name: "s".into(), url: url.into(), api_key: None, context_tokens: None };
    Endpoint::configured(&server).unwrap()
}

async fn ask(server: &Hostile, timeouts: Timeouts) -> Result<Answer, ModelError> {
    let client = Client::new(timeouts, Style::default(), false, Store::default()).unwrap();
    client.chat(&endpoint(&server.url), "m", &call(), &|_| ()).await
}

async fn asked(deed: Deed) -> Result<Answer, ModelError> {
    ask(&Hostile::new(vec![deed]).await, patient()).await
}

#[tokio::test]
async fn a_stream_is_an_answer_however_it_is_cut() {
    let bytes = stream(&[HI, HI, STOP, "[DONE]"]);
    assert_eq!(asked(Deed::Say(bytes.clone())).await.unwrap().text, "hihi");
    for size in [1, 2, 7] {
        assert_eq!(asked(Deed::Dribble(bytes.clone(), size)).await.unwrap().text, "hihi");
    }
    let mut chunked = unended(&[HI, STOP]);
    chunked.extend_from_slice(b"0\r\n\r\n");
    assert_eq!(asked(Deed::Dribble(chunked, 3)).await.unwrap().text, "hi");
}

#[tokio::test]
async fn an_answer_in_one_piece_and_under_a_wrong_type_will_do() {
    let json = r#"{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}"#;
    for kind in ["application/json", "text/event-stream", "image/png"] {
        assert_eq!(asked(Deed::Say(response("200 OK", kind, json))).await.unwrap().text, "hi", "{kind}");
        let events = format!("data: {HI}\n\ndata: {STOP}\n\n");
        assert_eq!(asked(Deed::Say(response("200 OK", kind, &events))).await.unwrap().text, "hi", "{kind}");
    }
}

#[tokio::test]
async fn a_server_that_is_down_is_named_with_its_address() {
    // A port that is held and not listened at refuses whoever comes, and is nobody else's meanwhile.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}/v1", socket.local_addr().unwrap());
    let client = Client::new(patient(), Style::default(), false, Store::default()).unwrap();
    let error = client.chat(&endpoint(&url), "m", &call(), &|_| ()).await.unwrap_err();
    assert!(matches!(error, ModelError::Down { .. }));
    assert!(error.to_string().contains(&url) && error.to_string().contains("refused"), "{error}");
    let error = client.chat(&endpoint("http://name.invalid/"), "m", &call(), &|_| ()).await.unwrap_err();
    assert!(matches!(error, ModelError::Down { .. }), "{error}");
}

#[tokio::test]
async fn a_server_that_comes_up_a_moment_later_is_asked_again_and_answers() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let endpoint = endpoint(&format!("http://{}/v1", socket.local_addr().unwrap()));
    let wait = Duration::from_millis(500);
    let client =
        Client::new(Timeouts { retry_wait: wait, ..patient() }, Style::default(), false, Store::default());
    let client = client.unwrap();
    let call = call();
    let up = async {
        sleep(wait / 5).await;
        Hostile::at(socket.listen(1).unwrap(), vec![Deed::Say(stream(&[HI, STOP]))])
    };
    let (answer, server) = tokio::join!(client.chat(&endpoint, "m", &call, &|_| ()), up);
    assert_eq!(answer.unwrap().text, "hi");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_server_that_no_connection_comes_to_is_given_up_soon_and_said() {
    // Linux leaves whoever comes to a full queue waiting, as a firewall does that drops what it does not let through.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let _listener = socket.listen(0).unwrap();
    let _first = TcpStream::connect(address).await.unwrap();
    // Far beyond one wait for a connection, and far below what the machine itself would take.
    let (connect, whole) = (Duration::from_millis(200), Duration::from_secs(15));
    let client =
        Client::new(Timeouts { connect, whole, ..patient() }, Style::default(), false, Store::default());
    let endpoint = endpoint(&format!("http://{address}/v1"));
    let error = client.unwrap().chat(&endpoint, "m", &call(), &|_| ()).await.unwrap_err();
    assert!(matches!(error, ModelError::Down { .. }), "{error}");
    let said = error.to_string();
    assert!(
        said.contains(&format!("http://{address}/v1")) && said.contains("no connection in time"),
        "{said}"
    );
}

#[tokio::test]
async fn a_server_that_is_silent_is_slow() {
    for said in [Vec::new(), b"HTTP/1.1 200 OK\r\n".to_vec(), stream(&[]), unended(&[HI])] {
        let server = Hostile::new(vec![Deed::Hang(said)]).await;
        assert!(matches!(ask(&server, hasty()).await, Err(ModelError::Slow { .. })));
        // The server may read it only now.
        server.asked().await;
        assert_eq!(server.requests().len(), 1, "a call that may have been taken up is not tried again");
    }
}

#[tokio::test]
async fn a_server_that_never_comes_to_an_end_is_ended() {
    let mut timeouts = patient();
    timeouts.whole = Duration::from_millis(200);
    let server = Hostile::new(vec![Deed::Flood(stream(&[HI]), b": ping\n\n".to_vec())]).await;
    let error = ask(&server, timeouts).await.unwrap_err();
    // A fast machine reaches the bound in bytes before the one in time.
    assert!(matches!(error, ModelError::Endless { .. } | ModelError::TooLarge { .. }), "{error}");
}

#[tokio::test]
async fn after_the_finish_nothing_is_waited_for_long() {
    let server = Hostile::new(vec![Deed::Hang(unended(&[HI, STOP]))]).await;
    let once_begun = Timeouts { idle: hasty().idle, ..patient() };
    assert_eq!(ask(&server, once_begun).await.unwrap().text, "hi");
    let server = Hostile::new(vec![Deed::Hang(unended(&[HI, STOP, "[DONE]"]))]).await;
    assert_eq!(ask(&server, patient()).await.unwrap().text, "hi");
}

#[tokio::test]
async fn half_a_stream_is_no_answer() {
    for deed in [
        Deed::Say(stream(&[HI])),
        Deed::Say(unended(&[HI])),
        Deed::Reset(unended(&[HI])),
        Deed::Say(stream(&[HI, r#"{"choices":[{"del"#]).strip_suffix(b"\n\n").unwrap().to_vec()),
        Deed::Say(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"choices\":[".to_vec()),
        Deed::Say(Vec::new()),
        Deed::Reset(Vec::new()),
    ] {
        let server = Hostile::new(vec![deed]).await;
        let error = ask(&server, patient()).await.unwrap_err();
        assert!(matches!(error, ModelError::Half { .. }), "{error:?}");
        assert_eq!(server.requests().len(), 1, "never tried again");
    }
}

#[tokio::test]
async fn garbage_is_named() {
    for said in [
        b"\xff\xfe\x00garbage\r\n\r\n".to_vec(),
        b"SSH-2.0-OpenSSH_9.6\r\n".to_vec(),
        response("200 OK", "text/html", "<!doctype html><title>Router</title>"),
        response("200 OK", "text/event-stream", "not a stream at all\n"),
        stream(&["{\"choices\":\"no\"}"]),
        [stream(&[HI]), b"data: \xff\xfe\n\n".to_vec()].concat(),
    ] {
        let error = asked(Deed::Say(said)).await.unwrap_err();
        assert!(matches!(error, ModelError::Garbage { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn what_is_too_large_is_cut_off() {
    let argument = |text: &str| {
        format!(
            r#"{{"choices":[{{"delta":{{"tool_calls":[{{"index":0,"id":"a","function":{{"name":"n","arguments":"{text}"}}}}]}}}}]}}"#
        )
    };
    let whole = asked(Deed::Say(stream(&[&argument(&"x".repeat(10_000_000))]))).await;
    assert!(matches!(whole, Err(ModelError::TooLarge { .. })), "{whole:?}");
    let piece = format!("data: {}\n\n", argument(&"x".repeat(4096))).into_bytes();
    let pieces = asked(Deed::Flood(stream(&[]), piece)).await;
    assert!(matches!(pieces, Err(ModelError::TooLarge { limit: MAX_ARGUMENT_BYTES, .. })), "{pieces:?}");
    let line = asked(Deed::Flood(stream(&[HI]), vec![b'x'; 65536])).await;
    assert!(matches!(line, Err(ModelError::TooLarge { .. })), "{line:?}");
    let calls: Vec<String> = (0..100)
        .map(|index| format!(r#"{{"choices":[{{"delta":{{"tool_calls":[{{"index":{index},"function":{{"name":"n","arguments":"{{}}"}}}}]}}}}]}}"#))
        .collect();
    let calls: Vec<&str> = calls.iter().map(String::as_str).collect();
    let calls = asked(Deed::Say(stream(&calls))).await;
    assert!(matches!(calls, Err(ModelError::TooLarge { limit: MAX_TOOL_CALLS, .. })), "{calls:?}");
    let headers = asked(Deed::Flood(b"HTTP/1.1 200 OK\r\n".to_vec(), b"x-a: b\r\n".repeat(1000))).await;
    assert!(headers.is_err());
    let refusal = asked(Deed::Flood(response("400 No", "text/plain", ""), vec![b'x'; 65536])).await;
    assert!(refusal.unwrap_err().to_string().len() < 1000);
}

#[tokio::test]
async fn fragments_out_of_order_come_together() {
    let events = [
        r#"{"choices":[{"delta":{"tool_calls":[{"index":1,"id":"b","function":{"name":"two","arguments":"{\"y\""}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"one","arguments":"{"}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":1,"function":{"arguments":":2}"}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"}"}}]},"finish_reason":"tool_calls"}]}"#,
        r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}"#,
    ];
    let answer = asked(Deed::Say(stream(&events))).await.unwrap();
    let calls: Vec<_> =
        answer.tool_calls.iter().map(|call| (call.name.as_str(), call.arguments.as_str())).collect();
    assert_eq!(calls, [("one", "{}"), ("two", "{\"y\":2}")]);
    assert_eq!((answer.prompt_tokens, answer.completion_tokens), (3, 4));
}

#[tokio::test]
async fn refusals_carry_the_servers_words() {
    let said = response("500 Oops", "text/html", "<html>secrets</html>");
    let error = asked(Deed::Say(said)).await.unwrap_err().to_string();
    assert!(error.contains("status 500: a page of HTML"), "{error}");
    let said = response("404 No", "application/json", r#"{"error":{"message":"model 'm' not found"}}"#);
    let error = asked(Deed::Say(said)).await.unwrap_err().to_string();
    assert!(error.contains("model 'm' not found"), "{error}");
    let said = response(
        "400 No",
        "application/json",
        r#"{"error":{"type":"exceed_context_size_error","message":"too long"}}"#,
    );
    assert!(matches!(asked(Deed::Say(said)).await, Err(ModelError::ContextTooLong { .. })));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Hostile::new(vec![Deed::Say(stream(&[HI, STOP]))]).await;
    let head = format!(
        "HTTP/1.1 307 There\r\nlocation: {}/chat/completions\r\ncontent-length: 0\r\n\r\n",
        elsewhere.url
    );
    let error = asked(Deed::Say(head.into_bytes())).await.unwrap_err().to_string();
    assert!(error.contains("307") && error.contains("not followed"), "{error}");
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn only_what_was_not_begun_is_tried_again_and_not_for_ever() {
    let busy =
        || Deed::Say(response("503 Busy", "application/json", r#"{"error":{"message":"Loading model"}}"#));
    let server = Hostile::new(vec![
        busy(),
        Deed::Say(response("429 Slow", "text/plain", "")),
        Deed::Say(stream(&[HI, STOP])),
    ])
    .await;
    assert_eq!(ask(&server, patient()).await.unwrap().text, "hi");
    assert_eq!(server.requests().len(), 3);

    let server = Hostile::new(vec![busy()]).await;
    let error = ask(&server, patient()).await.unwrap_err().to_string();
    assert!(error.contains("Loading model") && error.contains("ask again later"), "{error}");
    assert_eq!(server.requests().len(), MAX_ATTEMPTS as usize);

    let server = Hostile::new(vec![Deed::Say(response("500 Oops", "text/plain", "x"))]).await;
    ask(&server, patient()).await.unwrap_err();
    assert_eq!(server.requests().len(), 1);
}

/// The endpoint at `url` with the key `sk-sesame`, and a client that has it.
fn keyed(url: &str, folder: &std::path::Path) -> (Endpoint, Client) {
    let store = crate::server::tests::keep(folder, "sk-sesame");
    let reference = secrets::Reference::parse("secret:box").unwrap();
    let named = Server { name: "s".into(), url: url.into(), api_key: Some(reference), context_tokens: None };
    (Endpoint::configured(&named).unwrap(), Client::new(patient(), Style::default(), false, store).unwrap())
}

#[tokio::test]
async fn a_key_goes_out_and_never_comes_back_in_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let said = r#"{"error":{"message":"wrong key: Bearer sk-sesame"}}"#;
    let server = Hostile::new(vec![Deed::Say(response("401 No", "application/json", said))]).await;
    let (endpoint, client) = keyed(&server.url, dir.path());
    let error = client.chat(&endpoint, "m", &call(), &|_| ()).await.unwrap_err();
    assert!(error.to_string().contains("wrong key") && error.to_string().contains("api-key"), "{error}");
    assert!(!format!("{error} {error:?} {client:?} {endpoint:?}").contains("sesame"));
    assert!(server.requests()[0].contains("authorization: Bearer sk-sesame"));
}

#[tokio::test]
async fn a_key_never_comes_back_in_an_answer_however_it_is_written_and_cut() {
    let dir = tempfile::tempdir().unwrap();
    let said = |delta: Value, finish: &str| {
        serde_json::json!({"choices": [{"delta": delta, "finish_reason": finish}]}).to_string()
    };
    let tool = |arguments: &str| {
        let function = serde_json::json!({"name": "n-sk-sesame", "arguments": arguments});
        serde_json::json!({"tool_calls": [{"index": 0, "id": "id-sk-sesame", "function": function}]})
    };
    let in_pieces: Vec<String> = "it is sk-sesame!"
        .chars()
        .map(|c| serde_json::json!({"choices": [{"delta": {"content": c.to_string()}}]}).to_string())
        .collect();
    let mut pieces: Vec<&str> = in_pieces.iter().map(String::as_str).collect();
    pieces.push(STOP);
    let reasoning = serde_json::json!({"reasoning": "c2stc2VzYW1l", "content": "736B2D736573616d65"});
    for events in [
        pieces.clone(),
        vec![said(tool(r#"{"a": "sk\u002dsesame"}"#), "tool_calls").as_str()],
        vec![said(reasoning, "sk-sesame").as_str()],
    ] {
        let server = Hostile::new(vec![Deed::Say(stream(&events))]).await;
        let (endpoint, client) = keyed(&server.url, dir.path());
        let answer = client.chat(&endpoint, "m", &call(), &|_| ()).await.unwrap();
        let shown = format!("{answer:?}").to_lowercase();
        for form in ["sesame", "c2stc2vzyw1l", "736b2d", "u002d"] {
            assert!(!shown.contains(form), "{form}: {answer:?}");
        }
        assert!(shown.contains("(secret"), "{answer:?}");
    }
    let list = r#"{"data": [{"id": "model-sk-sesame"}]}"#;
    let server = Hostile::new(vec![Deed::Say(response("200 OK", "application/json", list))]).await;
    let (endpoint, client) = keyed(&server.url, dir.path());
    let about = client.about(&endpoint, endpoint.api("models")).await.unwrap();
    assert_eq!(about["data"][0]["id"], "model-(secret)");
}

#[tokio::test]
async fn the_request_is_what_servers_expect() {
    let server = Hostile::new(vec![Deed::Say(stream(&[HI, STOP]))]).await;
    ask(&server, patient()).await.unwrap();
    let request = server.requests().remove(0);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("user-agent: bulkhead/") && !head.contains("authorization"), "{head}");
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["messages"][0]["role"], "system");
    assert_eq!(body["messages"][1]["content"], "hello");
}

#[tokio::test]
async fn questions_about_a_server_are_bounded_too() {
    let client = Client::new(hasty(), Style::default(), false, Store::default()).unwrap();
    for deed in [
        Deed::Hang(Vec::new()),
        Deed::Hang(response("200 OK", "application/json", "{")),
        Deed::Flood(response("200 OK", "application/json", "{"), vec![b' '; 65536]),
        Deed::Say(response("200 OK", "application/json", "[")),
        Deed::Reset(Vec::new()),
    ] {
        let server = Hostile::new(vec![deed]).await;
        let endpoint = endpoint(&server.url);
        assert!(client.about(&endpoint, endpoint.api("models")).await.is_err());
    }
}

/// What is heard of an answer while it is made.
async fn heard(client: &Client, bytes: Vec<u8>, size: usize) -> (Vec<String>, Result<Answer, ModelError>) {
    let server = Hostile::new(vec![Deed::Dribble(bytes, size)]).await;
    let lines = std::sync::Mutex::new(Vec::new());
    let ear = |heard: Heard<'_>| {
        if let Heard::Lines(some) = heard {
            lines.lock().unwrap().push(some.to_owned());
        }
    };
    let answer = client.chat(&endpoint(&server.url), "m", &call(), &ear).await;
    (lines.into_inner().unwrap(), answer)
}

fn says(text: &str) -> String {
    serde_json::json!({"choices": [{"index": 0, "delta": {"content": text}}]}).to_string()
}

#[tokio::test]
async fn words_are_heard_in_lines_as_they_come_and_reasoning_is_not() {
    let client = Client::new(patient(), Style::default(), false, Store::default()).unwrap();
    let thought = r#"{"choices":[{"index":0,"delta":{"reasoning_content":"hm\n\n"}}]}"#;
    let events =
        [thought.to_owned(), says("one\ntw"), says("o\n\nthree"), STOP.to_owned(), "[DONE]".to_owned()];
    let events: Vec<&str> = events.iter().map(String::as_str).collect();
    for size in [1, 7, 10_000] {
        let (lines, answer) = heard(&client, stream(&events), size).await;
        assert_eq!(lines.concat(), "one\ntwo\n\n");
        assert_eq!(answer.unwrap().text, "one\ntwo\n\nthree");
    }
    // What breaks off was heard, and is no answer.
    let (lines, answer) = heard(&client, stream(&events[..2]), 10_000).await;
    assert_eq!(lines.concat(), "one\n");
    assert!(matches!(answer, Err(ModelError::Half { .. })), "{answer:?}");
}

#[tokio::test]
async fn a_model_that_does_not_mark_its_thoughts_is_heard_no_more() {
    let client = Client::new(patient(), Style::default(), false, Store::default()).unwrap();
    let events = [says("hm\n"), says("well\n</think>\none\n"), STOP.to_owned()];
    let events: Vec<&str> = events.iter().map(String::as_str).collect();
    let (lines, answer) = heard(&client, stream(&events), 10_000).await;
    assert!(!lines.concat().contains("one"), "{lines:?}");
    assert_eq!(answer.unwrap().text.trim(), "one");
    let (lines, answer) = heard(&client, stream(&events), 1).await;
    assert_eq!((lines.len(), answer.unwrap().text.trim()), (0, "one"));
}

#[tokio::test]
async fn that_a_thought_was_heard_is_said_at_once_and_known_though_the_call_is_given_up() {
    let client = Client::new(patient(), Style::default(), false, Store::default()).unwrap();
    let events = [says("hm\n\n"), says("well\n</think>\none\n")];
    let events: Vec<&str> = events.iter().map(String::as_str).collect();
    let server = Hostile::new(vec![Deed::Hang(unended(&events))]).await;
    let known = tokio::sync::Notify::new();
    let ear = |heard: Heard<'_>| {
        if heard == Heard::Thought {
            known.notify_one();
        }
    };
    let (endpoint, call) = (endpoint(&server.url), call());
    tokio::select! {
        answer = client.chat(&endpoint, "m", &call, &ear) => panic!("the server says no more: {answer:?}"),
        () = known.notified() => {}
    }
    // The server's name is the same.
    let events = [says("hm\n\n"), says("well\n</think>\none\n"), STOP.to_owned()];
    let events: Vec<&str> = events.iter().map(String::as_str).collect();
    let (lines, answer) = heard(&client, stream(&events), 1).await;
    assert_eq!((lines.len(), answer.unwrap().text.trim()), (0, "one"));
}
