//! The model setting of a new home: whatever answers on the usual ports of this machine.

use std::net::TcpStream;

use bulkhead_tests::alone::is_alone;
use bulkhead_tests::server::{Deed, Request, Server, says, stream, whole};
use bulkhead_tests::{Home, eventually};
use serde_json::{Value, json};

/// A model server: what it is called, its port, and the entry in its list of models as it makes them.
struct Usual {
    name: &'static str,
    port: u16,
    entry: Value,
}

/// In the order in which they are preferred, which is the README's.
fn usual() -> [Usual; 3] {
    let usual = |name, port, entry| Usual { name, port, entry };
    [
        usual("ollama", 11434, json!({"id": "m:latest", "object": "model", "owned_by": "library"})),
        usual("llama.cpp", 8080, json!({"id": "m", "owned_by": "llamacpp", "meta": {"n_ctx": 8192}})),
        usual("vllm", 8000, json!({"id": "m", "owned_by": "vllm", "max_model_len": 8192})),
    ]
}

impl Usual {
    fn starts(&self) -> Server {
        let (name, list) = (self.name, json!({"object": "list", "data": [self.entry]}).to_string());
        Server::at(&format!("127.0.0.1:{}", self.port), move |request: &Request| {
            match request.path.as_str() {
                "/v1/models" => Deed::Say(whole("application/json", list.as_bytes())),
                "/v1/chat/completions" => Deed::Say(stream(&says(&format!("this is {name}")), true)),
                _ => Deed::Say(
                    b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_vec(),
                ),
            }
        })
    }

    /// Ends it, so that its port is nobody's.
    fn ends(&self, server: Server) {
        drop(server);
        eventually("the port is free", || TcpStream::connect(("127.0.0.1", self.port)).is_err());
    }

    fn answers(&self, home: &Home) {
        home.run(&["chat", "helper", "who is there?"]).done().has(&format!("this is {}", self.name));
    }
}

#[test]
fn a_new_home_finds_whatever_answers_on_each_usual_port() {
    if !is_alone("scenarios", "usual::a_new_home_finds_whatever_answers_on_each_usual_port") {
        return;
    }
    let home = Home::new();
    // As `init` makes it.
    home.edit("default = \"rehearsal/scene\"", "default = \"auto\"");
    home.start();
    let none = home.run(&["chat", "helper", "who is there?"]);
    let none = none.fails(4, "no model server answers on this machine");
    for one in usual() {
        assert!(none.err.contains(&format!("http://127.0.0.1:{}/v1", one.port)), "{}", none.err);
        let server = one.starts();
        one.answers(&home);
        assert_eq!(server.requests("/chat/completions").len(), 1);
        one.ends(server);
    }
    // Of several the first counts, and the next one when that is gone, without a restart.
    let mut servers = usual().map(|one| Some(one.starts()));
    for (one, server) in usual().iter().zip(&mut servers) {
        one.answers(&home);
        one.ends(server.take().unwrap());
    }
    home.run(&["chat", "helper", "who is there?"]).fails(4, "no model server answers");
    home.verifies();
}
