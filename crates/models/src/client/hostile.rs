//! A server that does with each connection exactly what a test says, over a bare socket.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The most bytes of one request.
const MAX_REQUEST_BYTES: usize = 1024 * 1024;

/// How long is waited for a request that must come, and between two looks.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What is done with one connection, after its request has been read.
#[derive(Clone)]
pub(crate) enum Deed {
    /// These bytes, then a close.
    Say(Vec<u8>),
    /// These bytes, a few at a time, then a close.
    Dribble(Vec<u8>, usize),
    /// These bytes, then nothing, for ever.
    Hang(Vec<u8>),
    /// These bytes, then the second ones until the client goes.
    Flood(Vec<u8>, Vec<u8>),
    /// These bytes, then a reset.
    Reset(Vec<u8>),
}

/// The server: its address, and the requests that it has got.
pub(crate) struct Hostile {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Hostile {
    /// Serves `deeds`, one a connection; the last one for all that follow.
    pub(crate) async fn new(deeds: Vec<Deed>) -> Self {
        Self::at(TcpListener::bind("127.0.0.1:0").await.unwrap(), deeds)
    }

    /// The same, where somebody listens already.
    pub(crate) fn at(listener: TcpListener, deeds: Vec<Deed>) -> Self {
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            for number in 0.. {
                let (socket, _) = listener.accept().await.unwrap();
                let deed = deeds.get(number).or(deeds.last()).unwrap().clone();
                let seen = Arc::clone(&seen);
                tokio::spawn(async move {
                    let mut socket = socket;
                    let request = read(&mut socket).await;
                    seen.lock().unwrap().push(request);
                    deed.done(socket).await;
                });
            }
        });
        Self { url, requests }
    }

    /// Waits until a request has come.
    pub(crate) async fn asked(&self) {
        let come = async {
            while self.requests().is_empty() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::time::timeout(PATIENCE, come).await.unwrap();
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

impl Deed {
    async fn done(self, mut socket: TcpStream) {
        // A client that has had enough goes; that is not the server's failure.
        let gone = match self {
            Self::Say(bytes) => socket.write_all(&bytes).await,
            Self::Dribble(bytes, size) => dribble(&mut socket, &bytes, size).await,
            Self::Hang(bytes) => {
                let said = socket.write_all(&bytes).await;
                socket.read_to_end(&mut Vec::new()).await.map(|_| ()).and(said)
            }
            Self::Flood(first, again) => {
                let mut said = socket.write_all(&first).await;
                while said.is_ok() {
                    said = socket.write_all(&again).await;
                }
                said
            }
            Self::Reset(bytes) => {
                let said = socket.write_all(&bytes).await;
                socket.set_zero_linger().unwrap();
                said
            }
        };
        drop(gone);
    }
}

async fn dribble(socket: &mut TcpStream, bytes: &[u8], size: usize) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    for piece in bytes.chunks(size) {
        socket.write_all(piece).await?;
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// A request with its body, as text.
async fn read(socket: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let length =
            text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        if let Some((_, body)) = text.split_once("\r\n\r\n")
            && body.len() >= length.unwrap_or(0)
        {
            return text;
        }
        let read = socket.read(&mut buffer).await.unwrap_or(0);
        if read == 0 || bytes.len() > MAX_REQUEST_BYTES {
            return text;
        }
        bytes.extend_from_slice(&buffer[..read]);
    }
}

/// A response with a body that ends when the connection does.
pub(crate) fn response(status: &str, content_type: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\nconnection: close\r\n\r\n{body}")
        .into_bytes()
}

/// A good stream with these events.
pub(crate) fn stream(events: &[&str]) -> Vec<u8> {
    let events: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    response("200 OK", "text/event-stream", &events)
}

/// The same in HTTP's chunked form, without the end that says that it is whole.
pub(crate) fn unended(events: &[&str]) -> Vec<u8> {
    let events: String = events
        .iter()
        .map(|event| format!("data: {event}\n\n"))
        .map(|event| format!("{:x}\r\n{event}\r\n", event.len()))
        .collect();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n{events}"
    )
    .into_bytes()
}
