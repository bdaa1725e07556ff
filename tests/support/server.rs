//! A server on a free loopback port that does exactly what a test says: a model server, or a web page.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

/// The most bytes of one request's body.
const MAX_BODY_BYTES: u64 = 16 * 1024 * 1024;

/// The most pieces of an answer, and the most answers, that a test has ready before they are taken.
const MAX_AHEAD: usize = 1024;

/// A request.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its path.
    pub path: String,
    /// Its headers, a line each.
    pub head: String,
    /// Its body.
    pub body: Vec<u8>,
}

/// What is done with a connection once its request was read.
pub enum Deed {
    /// These bytes, then a close.
    Say(Vec<u8>),
    /// Nothing, until the client goes.
    Hang,
    /// These pieces, one at a time; then nothing, until the client goes.
    Stall(Vec<Vec<u8>>),
    /// These bytes, then these others a little at a time, until the client goes.
    Endless(Vec<u8>, Vec<u8>),
    /// What comes of these, as it comes, then a close.
    Relay(Receiver<Vec<u8>>),
}

/// An answer of a model that a test makes as it goes.
pub struct Words(SyncSender<Vec<u8>>);

impl Words {
    /// Says this much of it. A gateway that no longer listens is no fault.
    pub fn say(&self, text: &str) {
        self.event(&json!({"choices": [{"index": 0, "delta": {"content": text}}]}));
    }

    /// Calls a skill.
    pub fn call(&self, skill: &str, arguments: &Value) {
        let function = json!({"name": skill, "arguments": arguments.to_string()});
        let call = json!([{"index": 0, "id": "c", "function": function}]);
        self.event(&json!({"choices": [{"index": 0, "delta": {"tool_calls": call}}]}));
    }

    /// Ends it.
    pub fn end(self) {
        self.event(&json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}));
        self.bytes("data: [DONE]\n\n");
    }

    fn event(&self, event: &Value) {
        self.bytes(&format!("data: {event}\n\n"));
    }

    fn bytes(&self, text: &str) {
        // The other side is gone once the gateway is.
        drop(self.0.send(text.as_bytes().to_vec()));
    }
}

/// A model that says what a test has it say, answer after answer.
pub struct Speaker {
    /// The server that it is at.
    pub server: Server,
    answers: SyncSender<Receiver<Vec<u8>>>,
}

impl Speaker {
    /// Its next answer, to a call that may have come already.
    ///
    /// # Panics
    /// When the server is gone.
    #[must_use]
    pub fn answer(&self) -> Words {
        let (words, told) = sync_channel(MAX_AHEAD);
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        words.send(head.as_bytes().to_vec()).unwrap();
        self.answers.send(told).unwrap();
        Words(words)
    }
}

/// How long a server takes from one piece to the next.
const PIECE_EVERY: Duration = Duration::from_millis(50);

/// The server, until it is dropped.
pub struct Server {
    /// `127.0.0.1:PORT`.
    pub address: String,
    requests: Arc<Mutex<Vec<Request>>>,
    listener: TcpListener,
}

impl Server {
    /// Serves what `deed` says for each request.
    #[must_use]
    pub fn new(deed: impl Fn(&Request) -> Deed + Send + Sync + 'static) -> Self {
        Self::at("127.0.0.1:0", deed)
    }

    /// The same at this address.
    #[must_use]
    pub fn at(address: &str, deed: impl Fn(&Request) -> Deed + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, heard, deed) = (Arc::clone(&requests), listener.try_clone().unwrap(), Arc::new(deed));
        std::thread::spawn(move || {
            // Where the server was dropped, this is an error.
            for stream in heard.incoming().map_while(Result::ok) {
                let (seen, deed) = (Arc::clone(&seen), Arc::clone(&deed));
                std::thread::spawn(move || serve(stream, &seen, deed.as_ref()));
            }
        });
        Self { address, requests, listener }
    }

    /// A model server that answers each call with what `deed` makes of its body.
    #[must_use]
    pub fn model(deed: impl Fn(Value) -> Deed + Send + Sync + 'static) -> Self {
        Self::new(move |request| {
            if request.path.ends_with("/chat/completions") {
                return deed(serde_json::from_slice(&request.body).unwrap());
            }
            Deed::Say(whole("application/json", json!({"data": [{"id": "m"}]}).to_string().as_bytes()))
        })
    }

    /// A model server that says what the test has it say.
    #[must_use]
    pub fn speaker() -> Speaker {
        let (answers, next) = sync_channel(MAX_AHEAD);
        let next = Mutex::new(next);
        let server = Self::model(move |_| {
            let next: Result<Receiver<Vec<u8>>, _> = next.lock().unwrap().recv();
            next.map_or(Deed::Hang, Deed::Relay)
        });
        Speaker { server, answers }
    }

    /// The requests that it has got whose path ends so.
    #[must_use]
    pub fn requests(&self, path: &str) -> Vec<Request> {
        let requests = self.requests.lock().unwrap();
        requests.iter().filter(|request| request.path.ends_with(path)).cloned().collect()
    }

    /// The requests that it has got whose path begins so.
    #[must_use]
    pub fn requests_beneath(&self, path: &str) -> Vec<Request> {
        let requests = self.requests.lock().unwrap();
        requests.iter().filter(|request| request.path.starts_with(path)).cloned().collect()
    }

    /// The settings that name it as the model server `box`.
    #[must_use]
    pub fn settings(&self) -> String {
        format!("[[models.server]]\nname = \"box\"\nurl = \"http://{}/v1\"\n", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nobody is let in from here on, whoever still has a copy: a thread, or the child that another test starts just now.
        rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both).unwrap();
    }
}

fn serve(mut stream: TcpStream, seen: &Mutex<Vec<Request>>, deed: &dyn Fn(&Request) -> Deed) {
    // A client may go at any time, which is its right: then there is nothing more to do here.
    let Some(request) = read(&stream) else { return };
    seen.lock().unwrap().push(request.clone());
    match deed(&request) {
        Deed::Say(bytes) => {
            if stream.write_all(&bytes).is_ok() {
                finish(&stream);
            }
        }
        Deed::Hang => drop(stream.read(&mut [0])),
        Deed::Stall(pieces) => {
            if pieces.iter().all(|piece| slowly(&mut stream, piece)) {
                drop(stream.read(&mut [0]));
            }
        }
        Deed::Endless(first, again) => {
            let mut goes = slowly(&mut stream, &first);
            while goes {
                goes = slowly(&mut stream, &again);
            }
        }
        Deed::Relay(told) => {
            if told.into_iter().all(|bytes| stream.write_all(&bytes).is_ok()) {
                finish(&stream);
            }
        }
    }
}

/// Sends a piece after a while, and says whether the client took it.
fn slowly(stream: &mut TcpStream, piece: &[u8]) -> bool {
    std::thread::sleep(PIECE_EVERY);
    stream.write_all(piece).is_ok()
}

/// Closes without a reset, which would take the answer with it: the other side closes first.
fn finish(mut stream: &TcpStream) {
    if stream.shutdown(Shutdown::Write).is_ok()
        && stream.set_read_timeout(Some(Duration::from_secs(5))).is_ok()
    {
        drop(stream.read(&mut [0]));
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let (mut length, mut head) = (0, String::new());
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        if header.trim().is_empty() {
            break;
        }
        head.push_str(&header);
        let header = header.trim().to_lowercase();
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = Vec::new();
    reader.take(length.min(MAX_BODY_BYTES)).read_to_end(&mut body).ok()?;
    Some(Request { path, head, body })
}

/// A whole answer.
#[must_use]
pub fn whole(kind: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// A stream of these events, whole with its end, or broken off before it.
#[must_use]
pub fn stream(events: &[Value], ends: bool) -> Vec<u8> {
    let mut body: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    if ends {
        body.push_str("data: [DONE]\n\n");
    }
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    [head.as_bytes(), body.as_bytes()].concat()
}

/// The events of an answer that is this text.
#[must_use]
pub fn says(text: &str) -> Vec<Value> {
    vec![
        json!({"choices": [{"index": 0, "delta": {"content": text}}]}),
        json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
    ]
}
