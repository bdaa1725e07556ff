//! Requests over HTTP, each with a batch. Whatever a receiver answers with a status of success, it has taken it.

use std::path::PathBuf;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, Response};
use secrets::Store;
use url::Url;

use super::{Batch, CONNECT_TIME, SendError, tls};
use crate::format::Format;
use crate::settings::{Header, Target, shown};

/// How long a receiver may take until it answers with a status.
const ANSWER_TIME: Duration = Duration::from_secs(30);

/// How long the rest of its answer is listened to.
const REST_TIME: Duration = Duration::from_secs(5);

/// How much of that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// What a server answered.
pub(crate) struct Answered {
    pub(crate) status: u16,
    /// Its `Content-Type`.
    pub(crate) kind: Option<String>,
    pub(crate) said: Vec<u8>,
}

/// Requests to one address.
pub(crate) struct Http {
    url: Url,
    format: Format,
    array: bool,
    ca: Option<PathBuf>,
    headers: Vec<(String, Header)>,
    secrets: Store,
    client: Option<Client>,
}

impl Http {
    pub(crate) fn new(url: Url, target: &Target, secrets: Store) -> Self {
        let headers = target.headers.iter().map(|(name, value)| (name.clone(), value.clone()));
        Self {
            url: endpoint(url, target.format),
            format: target.format,
            array: target.array,
            ca: target.ca.clone(),
            headers: headers.collect(),
            secrets,
            client: None,
        }
    }

    /// Sends a batch and comes back when the receiver says that it has it, with how many of it that one will never take.
    /// They must not be sent again (OTLP, "Partial Success").
    pub(crate) async fn send(&mut self, batch: &Batch) -> Result<u64, SendError> {
        let said = self.post(self.body(batch), self.kind()).await?;
        Ok(self.rejected(&said))
    }

    /// Sends a note and gives what comes back, if it is text.
    pub(crate) async fn note(&mut self, text: &str) -> Result<Option<String>, SendError> {
        let said = self.post(text.as_bytes().to_vec(), "text/plain; charset=utf-8").await?;
        Ok(String::from_utf8(said).ok().filter(|said| !said.trim().is_empty()))
    }

    /// Sends JSON, and takes any success for an answer.
    pub(crate) async fn json(&mut self, body: String) -> Result<(), SendError> {
        self.post(body.into_bytes(), "application/json; charset=utf-8").await.map(drop)
    }

    /// Asks for something and gives the whole answer, whatever its status is.
    pub(crate) async fn ask(&mut self, question: String) -> Result<Answered, SendError> {
        let (client, answer) = self.request(question.into_bytes(), "text/plain; charset=utf-8").await?;
        let status = answer.status().as_u16();
        let kind = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).map(str::to_owned);
        let said = whole(answer, &self.to()).await?;
        self.client = Some(client);
        Ok(Answered { status, kind, said })
    }

    /// Sends a body and gives the beginning of the answer.
    async fn post(&mut self, body: Vec<u8>, kind: &str) -> Result<Vec<u8>, SendError> {
        let (client, answer) = self.request(body, kind).await?;
        let status = answer.status();
        let said = beginning(answer).await;
        if !status.is_success() {
            return Err(SendError::Refused { to: self.to(), status: status.as_u16() });
        }
        self.client = Some(client);
        Ok(said)
    }

    /// Sends a body and comes back when there is a status, with the client, which is to be kept when all went well.
    async fn request(&mut self, body: Vec<u8>, kind: &str) -> Result<(Client, Response), SendError> {
        let to = self.to();
        // After a failure there is a new one, with the certificates as they are then.
        let client = match self.client.take() {
            Some(client) => client,
            None => self.connect()?,
        };
        let request =
            client.post(self.url.clone()).headers(self.filled()?).header(CONTENT_TYPE, kind).body(body);
        let answered = tokio::time::timeout(ANSWER_TIME, request.send()).await;
        let answered =
            answered.map_err(|_| SendError::Slow { to: to.clone(), seconds: ANSWER_TIME.as_secs() })?;
        answered.map_err(|error| unsent(&to, &error)).map(|answer| (client, answer))
    }

    fn to(&self) -> String {
        shown(&self.url)
    }

    fn connect(&self) -> Result<Client, SendError> {
        let failed = |why: String| SendError::Tls { to: self.to(), why };
        let builder = Client::builder()
            .connect_timeout(CONNECT_TIME)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none());
        let builder = match (&self.ca, self.url.scheme()) {
            (Some(ca), _) => {
                let found = tls::certificates(ca).map_err(failed)?;
                let found: Result<Vec<_>, _> = found.iter().map(|one| Certificate::from_der(one)).collect();
                builder.tls_certs_only(found.map_err(|error| failed(error.to_string()))?).https_only(true)
            }
            (None, "https") => builder.https_only(true),
            // Reading the machine's certificates takes memory and is of no use here.
            (None, _) => builder.tls_certs_only([]),
        };
        builder.build().map_err(|error| failed(error.to_string()))
    }

    /// The headers with their secrets, which are read anew for each request.
    fn filled(&self) -> Result<HeaderMap, SendError> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let bad = || {
                SendError::Secret(format!("the header `{name}` is not sent: no header can carry its value"))
            };
            let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
            let mut value = match value {
                Header::Plain(text) => HeaderValue::from_str(text).map_err(|_| bad())?,
                Header::Secret(template) => {
                    let filled =
                        template.fill(&self.secrets).map_err(|error| SendError::Secret(error.to_string()))?;
                    HeaderValue::from_str(filled.0.reveal()).map_err(|_| bad())?
                }
            };
            value.set_sensitive(true);
            headers.insert(key, value);
        }
        Ok(headers)
    }

    const fn kind(&self) -> &'static str {
        match self.format {
            Format::Jsonl | Format::Ocsf if self.array => "application/json",
            Format::Jsonl | Format::Ocsf => "application/x-ndjson",
            Format::Csv => "text/csv; charset=utf-8; header=absent",
            Format::Cef | Format::Syslog => "text/plain; charset=utf-8",
            Format::OtlpLogs | Format::OtlpTraces => "application/x-protobuf",
        }
    }

    fn body(&self, batch: &Batch) -> Vec<u8> {
        let pieces = match batch {
            Batch::Whole(bytes) => return bytes.clone(),
            Batch::Nothing => return Vec::new(),
            Batch::Pieces(pieces) => pieces,
        };
        let size = pieces.iter().map(|piece| piece.len() + 1).sum::<usize>() + 2;
        let mut body = Vec::with_capacity(size);
        if self.array {
            body.push(b'[');
            body.extend_from_slice(&pieces.join(&b','));
            body.push(b']');
            return body;
        }
        for piece in pieces {
            body.extend_from_slice(piece);
            body.push(b'\n');
        }
        body
    }

    /// How many of an OTLP batch the receiver says that it will never take.
    fn rejected(&self, said: &[u8]) -> u64 {
        let count = match self.format {
            Format::OtlpLogs => ExportLogsServiceResponse::decode(said)
                .ok()
                .and_then(|answer| answer.partial_success)
                .map(|partial| partial.rejected_log_records),
            Format::OtlpTraces => ExportTraceServiceResponse::decode(said)
                .ok()
                .and_then(|answer| answer.partial_success)
                .map(|partial| partial.rejected_spans),
            _ => None,
        };
        count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0)
    }
}

/// OTLP has a path of its own where the settings name none.
fn endpoint(mut url: Url, format: Format) -> Url {
    let path = match format {
        Format::OtlpLogs => "/v1/logs",
        Format::OtlpTraces => "/v1/traces",
        _ => return url,
    };
    if matches!(url.path(), "" | "/") {
        url.set_path(path);
    }
    url
}

/// The beginning of an answer. That it breaks off, or never ends, changes nothing: the status was said.
async fn beginning(mut answer: Response) -> Vec<u8> {
    let mut said = Vec::new();
    let reading = async {
        while said.len() < MAX_ANSWER_BYTES
            && let Ok(Some(chunk)) = answer.chunk().await
        {
            said.extend_from_slice(&chunk);
        }
    };
    if tokio::time::timeout(REST_TIME, reading).await.is_err() {
        tracing::debug!("the rest of an answer was not waited for");
    }
    said
}

/// The whole of an answer, which must not be longer than [`MAX_ANSWER_BYTES`].
async fn whole(mut answer: Response, to: &str) -> Result<Vec<u8>, SendError> {
    let mut said = Vec::new();
    let reading = async {
        while let Some(chunk) = answer.chunk().await.map_err(|error| unsent(to, &error))? {
            if said.len().saturating_add(chunk.len()) > MAX_ANSWER_BYTES {
                return Err(SendError::TooLong { to: to.to_owned(), limit: MAX_ANSWER_BYTES });
            }
            said.extend_from_slice(&chunk);
        }
        Ok(())
    };
    let slow = |_| SendError::Slow { to: to.to_owned(), seconds: REST_TIME.as_secs() };
    tokio::time::timeout(REST_TIME, reading).await.map_err(slow)??;
    Ok(said)
}

fn unsent(to: &str, error: &reqwest::Error) -> SendError {
    let mut why = "the request could not be sent".to_owned();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        why = cause.to_string();
        source = cause.source();
    }
    if error.is_connect() {
        SendError::Unreachable { to: to.to_owned(), why }
    } else {
        SendError::Broken { to: to.to_owned(), why }
    }
}
