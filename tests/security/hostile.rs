//! Bodies that no well-behaved client sends, to the routes that read, erase and hold content: each is answered with one
//! problem of one sentence, and the gateway goes on.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use bulkhead_tests::{Home, PATIENCE};

/// Each of them with a body that it takes, of records and erasures that are not there.
const ROUTES: [(&str, &str); 7] = [
    ("content", r#"{"records":[4000000]}"#),
    ("content/search", r#"{"text":"nobody said this"}"#),
    ("erasures", r#"{"of":{"session":"s-none"},"reason":"x"}"#),
    ("erasures/e-none/consent", "{}"),
    ("erasures/e-none/refuse", r#"{"reason":"x"}"#),
    ("holds", r#"{"of":{"person":"nobody"},"reason":"x"}"#),
    ("holds/h-none/remove", r#"{"reason":"x"}"#),
];

/// What does not fit whatever the route.
const NOWHERE: [&[u8]; 16] = [
    b"",
    b"null",
    b"true",
    b"7",
    b"\"text\"",
    b"[]x",
    b"{",
    b"{\"records\":[1],\"sudo\":true}",
    b"{\"reason\":\"x\",\"reason\":\"x\",\"text\":\"x\",\"text\":\"x\",\"records\":[1],\"records\":[1]}",
    b"{\"reason\":7,\"text\":7,\"records\":7}",
    b"{\"reason\":null,\"records\":null,\"text\":[]}",
    b"{\"reason\":\"\xff\xfe\",\"text\":\"\xc3\x28\",\"records\":[\"\x80\"]}",
    b"{\"reason\":\"\x01\x1b[2J\",\"text\":\"\x00\",\"records\":[\x07]}",
    b"{\"reason\":\"\\ud800\",\"text\":\"\\ud800\",\"records\":\"\\ud800\"}",
    b"\xef\xbb\xbf{}",
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
];

/// What fits the form of one route and means nothing that could be.
const ABSURD: [(&str, &str); 23] = [
    ("content", r#"{"records":[]}"#),
    ("content", r#"{"records":[-1]}"#),
    ("content", r#"{"records":[1.5]}"#),
    ("content", r#"{"records":[1e400]}"#),
    ("content", r#"{"records":[18446744073709551616]}"#),
    ("content", r#"{"records":[18446744073709551615]}"#),
    ("content", r#"{"records":{"0":1}}"#),
    ("content/search", r#"{"text":""}"#),
    ("content/search", r#"{"limit":-1}"#),
    ("content/search", r#"{"limit":4294967296}"#),
    ("content/search", r#"{"after":1e99}"#),
    ("content/search", r#"{"since":"99999-01-01T00:00:00Z"}"#),
    ("content/search", r#"{"agent":"../../etc"}"#),
    ("content/search", r#"{"kind":"everything"}"#),
    ("erasures", r#"{"of":{"records":[0,0]},"reason":"x"}"#),
    ("erasures", r#"{"of":{"records":[1,99999999999999999999]},"reason":"x"}"#),
    ("erasures", r#"{"of":{"records":[1,2,3]},"reason":"x"}"#),
    ("erasures", r#"{"of":{"session":"\u0000"},"reason":"x"}"#),
    ("erasures", r#"{"of":"person","reason":"x"}"#),
    ("erasures", r#"{"of":{"person":"nobody"},"reason":"\u0000\u001b[2J"}"#),
    ("holds", r#"{"of":{"label":"\u0000"},"reason":"x"}"#),
    ("holds", r#"{"of":{"since":"2026-01-01T00:00:00Z","until":"2025-01-01T00:00:00Z"},"reason":"x"}"#),
    ("holds", r#"{"of":{"since":-1},"reason":"x"}"#),
];

/// What is sent of a body that is too large, in bytes.
const LARGE: usize = 10 * 1024 * 1024;

/// Sends a body; the whole answer. A gateway that has heard enough closes the connection before all is sent.
fn post(home: &Home, path: &str, body: &[u8]) -> String {
    let mut stream = UnixStream::connect(home.at("gateway.sock")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
    let head = format!(
        "POST /api/v1/{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    drop(stream.write_all(body));
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    String::from_utf8(answer).unwrap()
}

/// It is a problem that the caller made, in one sentence, with nothing in it that moves a terminal.
#[track_caller]
fn is_problem(path: &str, body: &[u8], answer: &str) {
    let what = String::from_utf8_lossy(&body[..body.len().min(120)]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 4"), "{path} {what}: {answer}");
    assert!(answer.contains("application/problem+json"), "{path} {what}: {answer}");
    let (_, problem) = answer.split_once("\r\n\r\n").unwrap();
    let problem: serde_json::Value = serde_json::from_str(problem).unwrap();
    let detail = problem["detail"].as_str().unwrap();
    assert!(!detail.is_empty() && detail.lines().count() == 1, "{path} {what}: {detail}");
    assert!(!detail.contains('\u{1b}') && detail.len() < 1_000, "{path} {what}: {detail}");
}

#[test]
fn bodies_that_fit_nothing_are_problems_and_the_gateway_goes_on() {
    let home = Home::playing("turns: [{say: hello, repeat: true}]");
    for (path, taken) in ROUTES {
        for body in NOWHERE {
            is_problem(path, body, &post(&home, path, body));
        }
        let unknown = taken.replacen('{', "{\"sudo\":true,", 1).replace(",}", "}");
        is_problem(path, unknown.as_bytes(), &post(&home, path, unknown.as_bytes()));
        let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
        is_problem(path, &deep, &post(&home, path, &deep));
        let large = format!("{{\"reason\":\"{0}\",\"text\":\"{0}\"}}", "x".repeat(LARGE / 2));
        is_problem(path, large.as_bytes(), &post(&home, path, large.as_bytes()));
        let answer = post(&home, path, taken.as_bytes());
        assert!(!answer.starts_with("HTTP/1.1 5"), "{path}: {answer}");
    }
    for (path, body) in ABSURD {
        is_problem(path, body.as_bytes(), &post(&home, path, body.as_bytes()));
    }
    home.run(&["chat", "helper", "hi"]).done().has("hello");
    home.verifies();
}
