//! A real llama.cpp server, where `tests/model-server/run build` has made one.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::server::{Deed, Server};
use crate::{Port, eventually, skipped};

/// The longest answer that is asked for, in tokens: the model speaks nonsense, and little of it will do.
const MAX_TOKENS: u32 = 512;

/// The server, until it is dropped.
pub struct Llama {
    child: Child,
    address: String,
    _port: Port,
}

impl Drop for Llama {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Llama {
    /// Starts it, or says loudly that `test` is skipped.
    #[must_use]
    pub fn start(test: &str) -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let dir = std::env::var_os("BULKHEAD_MODEL_SERVER")
            .map_or_else(|| root.join(".tools/model-server"), PathBuf::from);
        if !dir.join("ready").is_file() {
            skipped(
                test,
                &format!("no model server in {} (run tests/model-server/run build)", dir.display()),
            );
            return None;
        }
        let port = Port::held();
        let child = Command::new(root.join("tests/model-server/run"))
            .args(["start", &port.number.to_string()])
            .arg(&dir)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let llama = Self { child, address: port.address(), _port: port };
        eventually("the model server is up", || {
            ask(&llama.address, "GET", "/health", b"").is_some_and(|said| said.starts_with(b"HTTP/1.1 200"))
        });
        Some(llama)
    }

    /// A way to it that keeps every answer short and, when `tools` is so, has it call a tool each time.
    #[must_use]
    pub fn pressed(&self, tools: bool) -> Server {
        let upstream = self.address.clone();
        Server::new(move |request| {
            let mut body = request.body.clone();
            let mut method = "GET";
            if request.path.ends_with("/chat/completions") {
                method = "POST";
                let mut call: Value = serde_json::from_slice(&body).unwrap();
                call["max_tokens"] = json!(MAX_TOKENS);
                if tools && call["tools"].is_array() {
                    call["tool_choice"] = json!("required");
                }
                body = call.to_string().into_bytes();
            }
            Deed::Say(ask(&upstream, method, &request.path, &body).unwrap_or_default())
        })
    }
}

/// Asks a server and gives all that it says; nothing when it is not there.
fn ask(address: &str, method: &str, path: &str, body: &[u8]) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(address).ok()?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()?;
    let mut said = Vec::new();
    stream.read_to_end(&mut said).ok()?;
    Some(said)
}
