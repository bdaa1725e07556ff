//! The gateway as a process: start, stop, one on one home, health.

#[cfg(test)]
#[expect(dead_code, reason = "each test binary uses its part of it")]
mod common;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::net::{UnixListener, UnixStream};

use common::wire::{ask, over_socket, post};
use common::{Home, eventually};

const IDLE: &str = "turns: [{say: hello, repeat: true}]";

#[test]
fn it_starts_once_answers_and_stops() {
    let home = Home::running(IDLE);
    home.run(&["gateway", "start"]).fails(4, "already running");
    let status = home.json(&["gateway", "status"]);
    assert_eq!((&status["ready"], &status["containment"]), (&true.into(), &"full".into()));
    let agents = home.json(&["agents", "list"]);
    assert_eq!((&agents[0]["name"], &agents[0]["state"]), (&"echo".into(), &"idle".into()));
    for field in ["role", "version", "sessions", "skills", "last_active", "errors_today", "anomalies"] {
        assert!(agents[0].get(field).is_some(), "{field}");
    }
    home.run(&["agents", "list"]).done().has("NAME").has("helper");
    home.run(&["agents", "show", "nobody"]).fails(2, "there is no agent `nobody`");
    assert_eq!(home.json(&["gateway", "stop"])["stopped"], true);
    assert!(!home.path().join("gateway.sock").exists());
    home.run(&["gateway", "status"]).fails(4, "bulkhead gateway start");
    home.run(&["audit", "verify"]).done().has("the record is whole");
    home.run(&["gateway", "restart"]).done();
    home.run(&["gateway", "restart"]).done();
    assert_eq!(home.json(&["gateway", "status"])["ready"], true);
}

#[test]
fn a_socket_that_was_left_is_no_hindrance() {
    let home = Home::new();
    drop(UnixListener::bind(home.path().join("gateway.sock")).unwrap());
    home.run(&["agents", "list"]).fails(4, "bulkhead gateway start");
    home.run(&["gateway", "start"]).done();
    home.run(&["agents", "list"]).done();
}

#[test]
fn a_gateway_that_was_killed_leaves_nothing_that_hinders() {
    let home = Home::running(IDLE);
    let pid = home.json(&["gateway", "status"])["pid"].as_u64().unwrap();
    let killed = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    assert!(killed.success());
    // Dead, and none of its threads is left: each holds its files, and with them its locks.
    eventually("its process has ended", || {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        status.is_empty() || status.contains("\nState:\tZ") && status.contains("\nThreads:\t1\n")
    });
    home.run(&["gateway", "start"]).done();
    home.run(&["audit", "verify"]).done();
}

#[test]
fn sigterm_stops_it_in_good_order() {
    let home = Home::new();
    home.scene(IDLE);
    let mut child = home.start(&["gateway", "start", "--foreground", "--json"]);
    let mut line = [0; 1];
    child.stdout.as_mut().unwrap().read_exact(&mut line).unwrap();
    home.run(&["agents", "list"]).done();
    let told = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(told.success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(!home.path().join("gateway.sock").exists());
    home.run(&["audit", "verify"]).done();
}

#[test]
fn an_address_that_cannot_be_had_is_one_sentence() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let home = Home::new();
    home.edit("127.0.0.1:0", &taken.local_addr().unwrap().to_string());
    home.run(&["gateway", "start"]).fails(4, "is in use by another program");
    home.edit(&taken.local_addr().unwrap().to_string(), "0.0.0.0:7400");
    home.run(&["gateway", "start"]).fails(2, "is not loopback");
}

#[test]
fn a_journal_that_is_none_is_one_sentence() {
    let home = Home::new();
    fs::write(home.path().join("data/journal.sqlite"), "not a database, whatever it is called").unwrap();
    home.run(&["gateway", "start"]).fails(4, "journal.sqlite");
    home.run(&["audit", "verify"]).fails(1, "is damaged");
}

#[test]
fn health_is_served_by_our_own_name_only_and_the_api_to_nobody_unknown() {
    let home = Home::running(IDLE);
    let address = home.json(&["gateway", "status"])["address"].as_str().unwrap().to_owned();
    assert!(ask(&address, &address, "/healthz").starts_with("HTTP/1.1 200"));
    assert!(ask(&address, "localhost", "/readyz").contains("\"ready\""));
    for host in ["evil.example", "127.0.0.1.evil.example", "", "a, b"] {
        assert!(ask(&address, host, "/healthz").starts_with("HTTP/1.1 403"), "{host}");
    }
    for (path, status) in [("/api/v1/agents", 401), ("/api/v1/kill", 405), ("/api/v2/agents", 404)] {
        assert!(ask(&address, &address, path).starts_with(&format!("HTTP/1.1 {status}")), "{path}");
    }
    assert!(ask(&address, &address, "http://evil.example/healthz").starts_with("HTTP/1.1 403"));
}

#[test]
fn bad_requests_to_erase_or_hold_are_problems_with_a_sentence() {
    let home = Home::running(IDLE);
    for (path, body, status, words) in [
        ("erasures", r#"{"of":{"person":"a"}}"#, 400, "reason"),
        ("erasures", r#"{"of":{"everything":1},"reason":"x"}"#, 400, "everything"),
        ("erasures", r#"{"of":{"person":"a","session":"b"},"reason":"x"}"#, 400, "does not fit its form"),
        ("erasures", r#"{"of":{"person":"A/"},"reason":"x"}"#, 400, "not a valid person"),
        ("erasures", r#"{"of":{"records":[5]},"reason":"x"}"#, 400, "does not fit"),
        ("erasures", r#"{"of":{"records":[5,4]},"reason":"x"}"#, 400, "from 1 on"),
        ("erasures", r#"{"of":{"records":[-1,4]},"reason":"x"}"#, 400, "does not fit"),
        ("erasures/..%2f/consent", "{}", 400, "not a valid erasure"),
        ("erasures/e-none/consent", "{}", 404, "e-none"),
        ("erasures/e-none/refuse", "{}", 400, "reason"),
        ("holds", r#"{"of":{},"reason":"x"}"#, 400, "names what it holds"),
        ("holds", r#"{"of":{"sudo":1},"reason":"x"}"#, 400, "sudo"),
        ("holds", r#"{"of":{"since":"soon"},"reason":"x"}"#, 400, "does not fit"),
        ("holds/h-none/remove", r#"{"reason":"x"}"#, 404, "h-none"),
    ] {
        let answer = post(&home, &format!("/api/v1/{path}"), "application/json", body);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{words}: {answer}");
        assert!(answer.contains("application/problem+json") && answer.contains(words), "{words}: {answer}");
    }
}

#[test]
fn bad_requests_are_problems_with_a_sentence() {
    let home = Home::running(IDLE);
    let messages = "/api/v1/agents/echo/messages";
    let json = "application/json";
    for (answer, status, words) in [
        (post(&home, "/nowhere", json, "{}"), 404, "nothing at this address"),
        (
            over_socket(&home, "GET /api/v1/kill HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"),
            405,
            "verb",
        ),
        (post(&home, messages, "text/plain", "{}"), 400, "content-type"),
        (post(&home, messages, json, "{"), 400, "does not fit its form"),
        (post(&home, messages, json, "{\"text\":\"x\",\"sudo\":1}"), 400, "sudo"),
        (post(&home, messages, json, "{\"text\":\"\"}"), 400, "a message has"),
        (post(&home, messages, json, "{\"text\":\"\u{1}\"}"), 400, "does not fit"),
        (
            post(&home, "/api/v1/agents/..%2f/messages", json, "{\"text\":\"x\"}"),
            400,
            "not a valid agent name",
        ),
        (post(&home, "/api/v1/approvals/a-1/approve", json, "{}"), 400, "digest"),
        (
            over_socket(
                &home,
                "GET /api/v1/approvals?all=maybe HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
            ),
            400,
            "all",
        ),
        (
            over_socket(
                &home,
                "GET /api/v1/turns/t-none/events HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
            ),
            404,
            "t-none",
        ),
        (
            over_socket(
                &home,
                "GET /api/v1/sessions/s-none HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
            ),
            404,
            "s-none",
        ),
    ] {
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{words}: {answer}");
        assert!(answer.contains("application/problem+json") && answer.contains(words), "{words}: {answer}");
    }
    let over = "x".repeat(10_000_000);
    let length = over.len();
    let mut stream = UnixStream::connect(home.path().join("gateway.sock")).unwrap();
    write!(
        stream,
        "POST {messages} HTTP/1.1\r\nhost: x\r\ncontent-type: {json}\r\ncontent-length: {length}\r\n\r\n"
    )
    .unwrap();
    // The gateway may answer and hang up before it has all of it.
    match stream.write_all(over.as_bytes()) {
        Ok(()) | Err(_) => {}
    }
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 413");
}

#[test]
fn a_user_who_is_nobody_here_gets_nothing() {
    let home = Home::running(IDLE);
    let settings = fs::read_to_string(home.settings()).unwrap();
    let line = settings.lines().find(|line| line.starts_with("os-user")).unwrap().to_owned();
    home.edit(&line, "os-user = \"somebody-else\"");
    for args in [
        vec!["agents", "list"],
        vec!["chat", "echo", "hi"],
        vec!["agents", "kill", "--all"],
        vec!["gateway", "status"],
    ] {
        home.run(&args).fails(3, "is nobody here");
    }
    home.run(&["gateway", "stop"]).fails(3, "is nobody here");
    home.edit("os-user = \"somebody-else\"", &line);
    home.run(&["agents", "list"]).done();
    home.edit("administrator = true", "administrator = false");
    home.run(&["agents", "kill", "--all"]).fails(3, "may not stop the gateway or agents");
    home.run(&["gateway", "stop"]).fails(3, "may not stop the gateway or agents");
    home.edit("administrator = false", "administrator = true");
}
