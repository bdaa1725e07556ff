//! Requests as bytes, for those that no well-behaved client would send.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

use super::Home;

/// Asks for `path` as a client would that was told this name.
pub(crate) fn ask(address: &str, host: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Sends `request` over the home's socket.
pub(crate) fn over_socket(home: &Home, request: &str) -> String {
    let mut stream = UnixStream::connect(home.path().join("gateway.sock")).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Posts `body` over the home's socket.
pub(crate) fn post(home: &Home, path: &str, kind: &str, body: &str) -> String {
    let length = body.len();
    over_socket(
        home,
        &format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}"
        ),
    )
}
