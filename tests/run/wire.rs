//! A served run, and requests to it as they go over the wire.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use turn::Run;

pub(crate) const KEY: &str = "the-key-of-this-run";

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// An error's sentence, which must be in OpenAI's form.
    pub(crate) fn error(&self) -> String {
        let error = self.json()["error"].clone();
        assert!(error["type"].is_string() && error.get("param").is_some(), "{error}");
        error["message"].as_str().unwrap().to_owned()
    }

    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap().to_owned()
    }
}

/// Serves the run on a port of this machine's own.
pub(crate) fn serve(run: &Arc<Run>) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let run = Arc::clone(run);
    tokio::spawn(async move {
        bulkhead_http::serve_run(listener, run, KEY, CancellationToken::new()).await.unwrap();
    });
    address
}

/// Sends bytes, and reads until the other end closes.
pub(crate) async fn raw(address: SocketAddr, bytes: Vec<u8>) -> Answer {
    let (mut reading, mut writing) = TcpStream::connect(address).await.unwrap().into_split();
    let sending = tokio::spawn(async move {
        // A server that has seen enough may close.
        drop(writing.write_all(&bytes).await);
        writing
    });
    let mut answer = Vec::new();
    drop(reading.read_to_end(&mut answer).await);
    drop(sending.await);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, text) = answer.split_once("\r\n\r\n").unwrap_or((answer.as_str(), ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { status, head: head.to_owned(), text: unchunked(head, text) }
}

fn unchunked(head: &str, text: &str) -> String {
    if !head.to_lowercase().contains("transfer-encoding: chunked") {
        return text.to_owned();
    }
    let (mut rest, mut whole) = (text, String::new());
    while let Some((size, more)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        whole.push_str(&more[..size]);
        rest = more[size..].trim_start_matches("\r\n");
    }
    whole
}

/// A request with the usual headers, and these beside or instead.
pub(crate) async fn ask(address: SocketAddr, line: &str, body: &[u8], headers: &[(&str, &str)]) -> Answer {
    let key = format!("Bearer {KEY}");
    let host = address.to_string();
    let length = body.len().to_string();
    let mut all = vec![
        ("host", host.as_str()),
        ("authorization", &key),
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("content-length", &length),
        ("connection", "close"),
    ];
    all.retain(|(name, _)| !headers.iter().any(|(other, _)| other == name));
    all.extend(headers.iter().filter(|(_, value)| !value.is_empty()));
    let head: String = all.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let mut bytes = format!("{line} HTTP/1.1\r\n{head}\r\n").into_bytes();
    bytes.extend_from_slice(body);
    raw(address, bytes).await
}

pub(crate) async fn chat(address: SocketAddr, body: &Value) -> Answer {
    ask(address, "POST /v1/chat/completions", body.to_string().as_bytes(), &[]).await
}
