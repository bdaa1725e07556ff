//! A browser's part in a test: requests over TCP to the gateway's address, byte for byte as the test wants them.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};

use crate::{Home, PATIENCE};

/// A password that is good enough.
pub const PASSWORD: &str = "correct horse battery";

/// What the gateway answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body; of a stream nothing.
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// A header; empty without one.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }

    /// The value of the cookie that it sets, if it sets one.
    #[must_use]
    pub fn cookie(&self) -> Option<String> {
        let pair = self.header("set-cookie").split(';').next()?;
        pair.strip_prefix("bulkhead=").filter(|value| !value.is_empty()).map(str::to_owned)
    }

    /// It has this status.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }
}

/// A stream that goes on, line by line.
#[derive(Debug)]
pub struct Stream {
    reader: BufReader<TcpStream>,
    /// Its status.
    pub status: u16,
    /// The headers, with names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Stream {
    /// What comes next up to and with a line that has `word`, chunks and all.
    #[must_use]
    pub fn until(&mut self, word: &str) -> String {
        let mut text = String::new();
        while !text.contains(word) {
            assert_ne!(self.reader.read_line(&mut text).unwrap(), 0, "`{word}` never came: {text}");
        }
        text
    }

    /// What still comes of it until it ends, chunks and all.
    #[must_use]
    pub fn rest(mut self) -> String {
        let mut text = String::new();
        self.reader.read_to_string(&mut text).unwrap();
        text
    }
}

/// A browser, or a program with a token, at the gateway's address.
#[derive(Debug, Clone)]
pub struct Browser {
    /// Where the gateway is, as `host:port`.
    pub address: String,
    /// The cookie of its sign-in.
    pub cookie: Option<String>,
    /// Its token.
    pub token: Option<String>,
}

impl Browser {
    /// At the address of a home's gateway, as nobody.
    #[must_use]
    pub fn at(home: &Home) -> Self {
        let status = home.json(&["gateway", "status"]);
        let address = status["address"].as_str().unwrap().to_owned();
        Self { address, cookie: None, token: None }
    }

    /// The same with a token and no cookie.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), cookie: None, ..self.clone() }
    }

    /// The same with a cookie and no token.
    #[must_use]
    pub fn with_cookie(&self, cookie: &str) -> Self {
        Self { cookie: Some(cookie.to_owned()), token: None, ..self.clone() }
    }

    /// Signed in as a person whom the settings name, by a code that an administrator made.
    #[must_use]
    pub fn signed_in(home: &Home, person: &str) -> Self {
        let nobody = Self::at(home);
        let code = home.json(&["people", "invite", person])["code"].as_str().unwrap().to_owned();
        let answer = nobody.post("sign-in/code", &json!({ "code": code, "password": PASSWORD })).is(200);
        nobody.with_cookie(&answer.cookie().unwrap())
    }

    /// Asks for a path of the API.
    #[must_use]
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", &format!("/api/v1/{path}"), &self.headers(), b"")
    }

    /// Sends JSON to a path of the API, as the gateway's own page does.
    #[must_use]
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send_json("POST", path, body)
    }

    /// The same with another method.
    #[must_use]
    pub fn send_json(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.send_with(method, path, &[], body)
    }

    /// Sends JSON to a path of the API with further headers.
    #[must_use]
    pub fn post_with(&self, path: &str, more: &[(&str, &str)], body: &Value) -> Answer {
        self.send_with("POST", path, more, body)
    }

    fn send_with(&self, method: &str, path: &str, more: &[(&str, &str)], body: &Value) -> Answer {
        let origin = format!("http://{}", self.address);
        let own = [("content-type", "application/json"), ("origin", origin.as_str())];
        let more = [&own, more].concat();
        let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let headers: Vec<_> = self.headers().into_iter().chain(more).collect();
        self.send(method, &format!("/api/v1/{path}"), &headers, body.to_string().as_bytes())
    }

    /// Follows a path of the API.
    #[must_use]
    pub fn follow(&self, path: &str) -> Stream {
        self.open("GET", path, &[], b"")
    }

    /// Follows a path of the API as server-sent events, after the one with the id `last` if there is one.
    #[must_use]
    pub fn follow_sse(&self, path: &str, last: Option<&str>) -> Stream {
        let last = last.map(|last| ("last-event-id", last));
        let accept = [("accept", "text/event-stream")];
        self.open("GET", path, &accept.into_iter().chain(last).collect::<Vec<_>>(), b"")
    }

    /// Sends JSON to a path of the API whose answer goes on.
    #[must_use]
    pub fn post_stream(&self, path: &str, more: &[(&str, &str)], body: &Value) -> Stream {
        let origin = format!("http://{}", self.address);
        let own = [("content-type", "application/json"), ("origin", origin.as_str())];
        self.open("POST", path, &[&own, more].concat(), body.to_string().as_bytes())
    }

    fn open(&self, method: &str, path: &str, more: &[(&str, &str)], body: &[u8]) -> Stream {
        let mut headers = self.headers();
        // Else the connection outlives the stream, and whoever reads to its end waits for the gateway to tire of it.
        headers.push(("connection".to_owned(), "close".to_owned()));
        headers.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let mut reader = self.begin(method, &format!("/api/v1/{path}"), &headers, body);
        let (status, headers) = head(&mut reader);
        Stream { reader, status, headers }
    }

    /// The headers that say who it is, and where it goes.
    #[must_use]
    pub fn headers(&self) -> Vec<(String, String)> {
        let mut headers = vec![("host".to_owned(), self.address.clone())];
        headers.extend(self.cookie.iter().map(|cookie| ("cookie".to_owned(), format!("bulkhead={cookie}"))));
        headers
            .extend(self.token.iter().map(|token| ("authorization".to_owned(), format!("Bearer {token}"))));
        headers
    }

    /// Sends exactly this and no more, and hears the answer to its end. Of a stream only the head is heard.
    #[must_use]
    pub fn send(&self, method: &str, path: &str, headers: &[(String, String)], body: &[u8]) -> Answer {
        let mut reader = self.begin(method, path, headers, body);
        let (status, headers) = head(&mut reader);
        let mut answer = Answer { status, headers, body: String::new() };
        if matches!(answer.header("content-type"), "application/jsonl" | "text/event-stream")
            || method == "HEAD"
            || status == 204
        {
            return answer;
        }
        let length: usize = answer.header("content-length").parse().unwrap();
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        answer.body = String::from_utf8(body).unwrap();
        answer
    }

    fn begin(
        &self,
        method: &str,
        path: &str,
        headers: &[(String, String)],
        body: &[u8],
    ) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        stream.write_all(head.as_bytes()).unwrap();
        // One that says no to the head may close before it has the body.
        drop(stream.write_all(body));
        BufReader::new(stream)
    }
}

/// Asks for a path of the API on the local socket, as the operating-system user that this runs as.
#[must_use]
pub fn on_socket(home: &Home, method: &str, path: &str, body: &Value) -> Answer {
    let mut stream = UnixStream::connect(home.at("gateway.sock")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let body = body.to_string();
    let kind = "host: x\r\nconnection: close\r\ncontent-type: application/json";
    let length = body.len();
    let asked = format!("{method} /api/v1/{path} HTTP/1.1\r\n{kind}\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(asked.as_bytes()).unwrap();
    // One that says no to the head may close before it has the body.
    drop(stream.write_all(body.as_bytes()));
    let mut reader = BufReader::new(stream);
    let (status, headers) = head(&mut reader);
    let mut answer = Answer { status, headers, body: String::new() };
    // No further than its end, behind which it may be told that not all of what was sent was read.
    let mut body = vec![0; answer.header("content-length").parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    answer.body = String::from_utf8(body).unwrap();
    answer
}

fn head(reader: &mut impl BufRead) -> (u16, Vec<(String, String)>) {
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no status line: {line:?}"));
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(':') else { return (status, headers) };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}
