//! The HTTP side of a model call: one request, its bounds in time, and the few retries that are safe.
//!
//! In: an [`Endpoint`] and a [`Call`]. Out: an [`Answer`] or a [`ModelError`], always within
//! [`Timeouts::whole`]. Dropping the future closes the connection, which stops the server's work too.
//!
//! A call is tried again only where nothing was done: the connection was not made, or the server said
//! 429 or 503 instead of an answer. Once a byte of an answer has come, never.

use std::collections::BTreeSet;
use std::error::Error as _;
use std::time::Duration;

use parking_lot::Mutex;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode, Url};
use secrets::{End, Scrub, Secret, Store};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use vocab::Answer;

use crate::error::{ConfigError, ModelError};
use crate::plain::{MAX_QUOTED_CHARS, plain};
use crate::refusal::{MAX_REFUSAL_BYTES, refused};
use crate::server::Endpoint;
use crate::stream::{Ending, Intake};
use crate::wire::{Call, Style};

/// How often a call is tried in all.
pub const MAX_ATTEMPTS: u32 = 3;

/// The longest that a server's `Retry-After` makes us wait.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(5);

/// How long an answer that is whole waits for its token count.
const AFTER_FINISH: Duration = Duration::from_secs(2);

/// The most models that are known not to mark where their thoughts begin.
const MAX_UNMARKED: usize = 64;

/// The most headers of a response.
const MAX_HEADERS: usize = 64;

/// The largest JSON about a server's models, in bytes. Public services list hundreds.
const MAX_ABOUT_BYTES: usize = 2 * 1024 * 1024;

/// Bounds of a model call in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the connection stands.
    pub connect: Duration,
    /// From there until the first byte of the answer: the model reads the whole conversation meanwhile.
    pub first_byte: Duration,
    /// Between two pieces of the answer.
    pub idle: Duration,
    /// The whole call, with all its attempts.
    pub whole: Duration,
    /// Each question about what a server has.
    pub about: Duration,
    /// Before the second attempt; doubled for the third.
    pub retry_wait: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(300),
            idle: Duration::from_secs(60),
            whole: Duration::from_secs(600),
            about: Duration::from_secs(2),
            retry_wait: Duration::from_millis(250),
        }
    }
}

/// What asks the servers.
#[derive(Debug)]
pub(crate) struct Client {
    plain: reqwest::Client,
    /// Made only when some server needs it: it wants the machine's certificates.
    tls: Option<reqwest::Client>,
    timeouts: Timeouts,
    style: Style,
    secrets: Store,
    /// Models that do not mark where their thoughts begin, by server and name.
    unmarked: Mutex<BTreeSet<(String, String)>>,
}

/// What is heard of an answer while it is still being made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard<'a> {
    /// Lines of its words that have come whole, each with its end.
    Lines(&'a str),
    /// What was heard so far was a thought whose beginning the model does not mark. Nothing is heard after it.
    Thought,
}

/// Hears an answer while it is still being made. It must not wait.
pub(crate) type Ear<'a> = &'a (dyn Fn(Heard<'_>) + Send + Sync);

/// A server and what goes out to it and must not come back.
struct Line<'a> {
    endpoint: &'a Endpoint,
    key: Option<Secret>,
    scrub: Scrub,
}

impl<'a> Line<'a> {
    fn to(endpoint: &'a Endpoint, secrets: &Store) -> Result<Self, ModelError> {
        let key = endpoint.key(secrets)?;
        let scrub = Scrub::of(&key);
        Ok(Self { endpoint, key, scrub })
    }

    fn name(&self) -> &str {
        self.endpoint.name()
    }

    /// The innermost cause: the outer ones repeat the address.
    fn why(&self, error: &reqwest::Error) -> String {
        let cause = self.scrub.text(innermost(error).to_string(), End::Whole);
        plain(&cause, MAX_QUOTED_CHARS)
    }
}

impl Client {
    pub(crate) fn new(
        timeouts: Timeouts,
        style: Style,
        with_tls: bool,
        secrets: Store,
    ) -> Result<Self, ConfigError> {
        let plain = builder(&timeouts).tls_certs_only([]).build();
        let tls = with_tls.then(|| builder(&timeouts).https_only(true).build()).transpose();
        Ok(Self {
            plain: plain.map_err(|error| ConfigError::Client(unmade(&error)))?,
            tls: tls.map_err(|error| ConfigError::Tls(unmade(&error)))?,
            timeouts,
            style,
            secrets,
            unmarked: Mutex::default(),
        })
    }

    /// The answer of `model` at `endpoint` to `call`; `ear` hears its words as they come, if the model's thoughts can be told
    /// from them.
    pub(crate) async fn chat(
        &self,
        endpoint: &Endpoint,
        model: &str,
        call: &Call,
        ear: Ear<'_>,
    ) -> Result<Answer, ModelError> {
        let line = Line::to(endpoint, &self.secrets)?;
        let of = (endpoint.name().to_owned(), model.to_owned());
        // Noted at once: a call that is given up has noted it, too.
        let noting = |heard: Heard<'_>| {
            if heard == Heard::Thought {
                self.note_unmarked(of.clone());
            }
            ear(heard);
        };
        let ear: Option<Ear<'_>> = (!self.unmarked.lock().contains(&of)).then_some(&noting);
        let body = call.body(model, self.style)?;
        let deadline = Instant::now() + self.timeouts.whole;
        let answer = async {
            let response = self.open(&line, body).await?;
            if !response.status().is_success() {
                return Err(refusal(&line, response, self.timeouts.idle).await);
            }
            self.receive(&line, response, call, ear).await
        };
        timeout_at(deadline, answer).await.unwrap_or_else(|_| {
            Err(ModelError::Endless { server: endpoint.name().to_owned(), after: self.timeouts.whole })
        })
    }

    fn note_unmarked(&self, of: (String, String)) {
        let mut unmarked = self.unmarked.lock();
        if unmarked.len() >= MAX_UNMARKED {
            unmarked.clear();
        }
        unmarked.insert(of);
    }

    /// The JSON at `url`, which says something about `endpoint`.
    pub(crate) async fn about(&self, endpoint: &Endpoint, url: Url) -> Result<Value, ModelError> {
        let line = Line::to(endpoint, &self.secrets)?;
        let asked = async {
            let request = self.request(&line, Method::GET, url);
            let response = request.send().await.map_err(|error| unsent(&line, &error))?;
            if !response.status().is_success() {
                return Err(refusal(&line, response, self.timeouts.about).await);
            }
            let bytes = up_to(response, MAX_ABOUT_BYTES).await;
            let bytes = bytes.map_err(|error| ModelError::half(line.name(), &line.why(&error)))?;
            let bytes = line.scrub.bytes(bytes, End::Cut);
            serde_json::from_slice(&bytes)
                .map_err(|_| ModelError::garbage(endpoint.name(), "its list of models is not JSON"))
        };
        timeout(self.timeouts.about, asked)
            .await
            .unwrap_or_else(|_| Err(slow(endpoint, "its list of models", self.timeouts.about)))
    }

    fn request(&self, line: &Line<'_>, method: Method, url: Url) -> reqwest::RequestBuilder {
        let client =
            if line.endpoint.is_https() { self.tls.as_ref().unwrap_or(&self.plain) } else { &self.plain };
        let request = client.request(method, url);
        let bearer =
            line.key.as_ref().and_then(|key| HeaderValue::from_str(&format!("Bearer {}", key.reveal())).ok());
        match bearer {
            Some(mut bearer) => {
                bearer.set_sensitive(true);
                request.header(AUTHORIZATION, bearer)
            }
            None => request,
        }
    }

    /// A response's head, tried again where nothing was done.
    async fn open(&self, line: &Line<'_>, body: Vec<u8>) -> Result<Response, ModelError> {
        let mut wait = self.timeouts.retry_wait;
        let mut attempt = 1;
        loop {
            let request = self
                .request(line, Method::POST, line.endpoint.api("chat/completions"))
                .header(CONTENT_TYPE, "application/json")
                .header(ACCEPT, "text/event-stream, application/json")
                .body(body.clone());
            let sent = timeout(self.timeouts.first_byte, request.send()).await;
            let sent =
                sent.map_err(|_| slow(line.endpoint, "its answer to begin", self.timeouts.first_byte))?;
            let last = attempt >= MAX_ATTEMPTS;
            match sent {
                Ok(response) if !is_busy(&response) || last => return Ok(response),
                Ok(response) => wait = wait.max(asked_wait(&response)),
                Err(error) if last || !error.is_connect() || error.is_timeout() => {
                    return Err(unsent(line, &error));
                }
                Err(_) => {}
            }
            sleep(wait).await;
            wait = wait.saturating_mul(2);
            attempt = attempt.saturating_add(1);
        }
    }

    async fn receive(
        &self,
        line: &Line<'_>,
        mut response: Response,
        call: &Call,
        ear: Option<Ear<'_>>,
    ) -> Result<Answer, ModelError> {
        let mut intake = Intake::new(line.name(), Scrub::of(&line.key));
        let ending = self.take_in(line, &mut response, &mut intake, ear).await?;
        intake.end(call, &ending)
    }

    async fn take_in(
        &self,
        line: &Line<'_>,
        response: &mut Response,
        intake: &mut Intake,
        mut ear: Option<Ear<'_>>,
    ) -> Result<Ending, ModelError> {
        loop {
            if intake.is_done() {
                return Ok(Ending::Closed);
            }
            let patience = match (intake.is_finished(), intake.has_begun()) {
                (true, _) => AFTER_FINISH.min(self.timeouts.idle),
                (false, true) => self.timeouts.idle,
                (false, false) => self.timeouts.first_byte,
            };
            match timeout(patience, response.chunk()).await {
                Ok(Ok(Some(bytes))) => {
                    intake.take(&bytes)?;
                    if let Some(hears) = ear {
                        if let Some(lines) = intake.lines() {
                            hears(Heard::Lines(&lines));
                        }
                        if intake.was_thought() {
                            hears(Heard::Thought);
                            ear = None;
                        }
                    }
                }
                Ok(Ok(None)) => return Ok(Ending::Closed),
                Ok(Err(error)) => return Ok(Ending::Broken(line.why(&error))),
                Err(_) if intake.is_finished() => return Ok(Ending::Closed),
                Err(_) => return Err(slow(line.endpoint, "the next piece of its answer", patience)),
            }
        }
    }
}

fn builder(timeouts: &Timeouts) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!("bulkhead/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(timeouts.connect)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .tcp_nodelay(true)
        .http1_only()
        .http1_max_headers(MAX_HEADERS)
        // A kept connection that the server closes meanwhile fails in a way that does not say whether
        // the request was read. A fresh one costs nothing beside a model's answer.
        .pool_max_idle_per_host(0)
}

fn is_busy(response: &Response) -> bool {
    matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
}

/// What the server asks us to wait, within our bound.
fn asked_wait(response: &Response) -> Duration {
    let header = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let seconds = header.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    Duration::from_secs(seconds).min(MAX_RETRY_AFTER)
}

fn slow(endpoint: &Endpoint, what: &'static str, after: Duration) -> ModelError {
    ModelError::Slow { server: endpoint.name().to_owned(), what, after }
}

/// A request that did not come to a response.
fn unsent(line: &Line<'_>, error: &reqwest::Error) -> ModelError {
    if error.is_connect() {
        return ModelError::Down {
            server: line.name().to_owned(),
            url: line.endpoint.shown(),
            why: if error.is_timeout() { "no connection in time".to_owned() } else { line.why(error) },
        };
    }
    if is_not_http(error) {
        return ModelError::garbage(line.name(), "not HTTP");
    }
    ModelError::half(line.name(), &line.why(error))
}

fn is_not_http(error: &reqwest::Error) -> bool {
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(http) = inner.downcast_ref::<hyper::Error>() {
            return http.is_parse();
        }
        source = inner.source();
    }
    false
}

fn innermost(error: &reqwest::Error) -> &dyn std::error::Error {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause
}

/// Why there is no client. Nothing has been sent or received yet.
fn unmade(error: &reqwest::Error) -> String {
    plain(&innermost(error).to_string(), MAX_QUOTED_CHARS)
}

/// What a response other than a success says. Its body is read within `patience` and a bound, or not at all.
async fn refusal(line: &Line<'_>, response: Response, patience: Duration) -> ModelError {
    let status = response.status().as_u16();
    let body = timeout(patience, up_to(response, MAX_REFUSAL_BYTES)).await;
    let body = match body {
        Ok(Ok(body)) => body,
        Ok(Err(_)) | Err(_) => Vec::new(),
    };
    refused(line.name(), status, &body, &line.scrub)
}

/// At most `limit` bytes of a body; the rest is not read.
async fn up_to(mut response: Response, limit: usize) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(bytes) = response.chunk().await? {
        let room = limit.saturating_sub(body.len());
        body.extend(bytes.iter().take(room));
        if bytes.len() > room {
            break;
        }
    }
    Ok(body)
}

#[cfg(test)]
pub(crate) mod hostile;
#[cfg(test)]
mod tests;
