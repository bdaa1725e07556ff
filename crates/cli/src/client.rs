//! The gateway's API, over the socket in the home.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bulkhead_http::{Problem, stop};
use reqwest::{Method, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use turn::{KillReport, MAX_PAGE, Page};

use crate::failure::{Exit, Failure, exit_of};
use crate::home::Home;

/// How long the gateway may take to answer; a stream may go on for longer.
const ANSWER_TIME: Duration = Duration::from_secs(60);

/// The largest answer that is not a stream, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// The longest line of a stream, in bytes.
const MAX_LINE_BYTES: usize = 8 * 1024 * 1024;

/// The most pages of one list.
const MAX_PAGES: usize = 500;

/// The name that stands in requests; the socket decides where they go.
const AUTHORITY: &str = "http://localhost";

/// A way to the gateway of one home.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    root: PathBuf,
}

impl Client {
    /// For the gateway of `home`, whether or not it runs.
    ///
    /// # Errors
    /// When the HTTP library cannot be set up.
    pub(crate) fn new(home: &Home) -> Result<Self, Failure> {
        let http = reqwest::Client::builder()
            .unix_socket(home.socket())
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            // Nothing goes over TLS here; reading the machine's certificates would cost most of a command's time.
            .tls_certs_only([])
            .build()
            .map_err(|error| Failure::internal(format!("the HTTP client cannot be made: {error}")))?;
        Ok(Self { http, root: home.root().to_owned() })
    }

    /// Asks for `path`.
    ///
    /// # Errors
    /// When the gateway is not there or says no.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.answer(self.send(Method::GET, path, None::<&()>).await?).await
    }

    /// Sends `body` to `path`.
    ///
    /// # Errors
    /// When the gateway is not there or says no.
    pub(crate) async fn post<B: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<T, Failure> {
        self.answer(self.send(Method::POST, path, Some(body)).await?).await
    }

    /// A whole list, page by page.
    ///
    /// # Errors
    /// When the gateway is not there or says no, or the list does not end.
    pub(crate) async fn list<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, Failure> {
        let whole: Page<T> = self.whole(path, |page| page).await?;
        Ok(whole.items)
    }

    /// A whole list that has something beside it, page by page; `page` is where the list stands in it.
    ///
    /// # Errors
    /// As [`Client::list`].
    pub(crate) async fn whole<T: DeserializeOwned, I>(
        &self,
        path: &str,
        page: impl Fn(&mut T) -> &mut Page<I>,
    ) -> Result<T, Failure> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let mut whole: T = self.get(&format!("{path}{joint}limit={MAX_PAGE}")).await?;
        for _ in 0..MAX_PAGES {
            let Some(place) = page(&mut whole).after.take() else { return Ok(whole) };
            let mut next: T = self.get(&format!("{path}{joint}limit={MAX_PAGE}&after={place}")).await?;
            let (next, all) = (page(&mut next), page(&mut whole));
            all.items.append(&mut next.items);
            all.after = next.after.take();
        }
        Err(Failure::internal(format!("the gateway's list has more than {MAX_PAGES} pages")))
    }

    /// Sends `body` to `path` and follows what comes back, line by line.
    ///
    /// # Errors
    /// When the gateway is not there or says no.
    pub(crate) async fn follow<B: Serialize>(&self, path: &str, body: &B) -> Result<Lines, Failure> {
        let response = self.send(Method::POST, path, Some(body)).await?;
        Ok(Lines { response, held: Vec::new(), searched: 0 })
    }

    /// Whether a gateway answers, whatever it says.
    pub(crate) async fn answers(&self) -> bool {
        self.http.get(format!("{AUTHORITY}/api/v1/status")).timeout(ANSWER_TIME).send().await.is_ok()
    }

    async fn send<B: Serialize>(
        &self,
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Result<Response, Failure> {
        let mut request = self.http.request(method, format!("{AUTHORITY}/api/v1/{path}"));
        if let Some(body) = body {
            request = request.json(body);
        }
        let sent = tokio::time::timeout(ANSWER_TIME, request.send()).await;
        let response = match sent {
            Ok(Ok(response)) => response,
            Ok(Err(error)) if error.is_connect() => return Err(self.nobody(&error)),
            Ok(Err(error)) => return Err(self.broken(&error)),
            Err(_) => {
                let seconds = ANSWER_TIME.as_secs();
                return Err(Failure::unreachable(format!(
                    "the gateway does not answer within {seconds} s; `bulkhead gateway restart` starts it again"
                )));
            }
        };
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let bytes = self.bytes(response).await?;
        Err(match serde_json::from_slice::<Problem>(&bytes) {
            Ok(problem) => Failure::new(exit_of(problem.kind), problem.detail),
            Err(_) => Failure::internal(format!("the gateway answered {status} without saying why")),
        })
    }

    async fn answer<T: DeserializeOwned>(&self, response: Response) -> Result<T, Failure> {
        let bytes = self.bytes(response).await?;
        serde_json::from_slice(&bytes).map_err(|error| {
            Failure::internal(format!(
                "the gateway's answer does not fit its form ({error}): is it of another version? `bulkhead gateway restart`"
            ))
        })
    }

    async fn bytes(&self, mut response: Response) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.broken(&error))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MAX_ANSWER_BYTES {
                return Err(Failure::internal(format!(
                    "the gateway's answer is over {MAX_ANSWER_BYTES} bytes"
                )));
            }
        }
        Ok(bytes)
    }

    fn nobody(&self, error: &reqwest::Error) -> Failure {
        nobody(&self.root, cause(error).unwrap_or(ErrorKind::Other))
    }

    fn broken(&self, error: &reqwest::Error) -> Failure {
        let why = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
        Failure::unreachable(format!(
            "the connection to the gateway of `{}` broke: {why}; `bulkhead gateway status` says how it is",
            self.root.display()
        ))
    }
}

/// Has the gateway of `home` stop something, within [`ANSWER_TIME`]. Blocks and needs no runtime: what a program of an agent's
/// can use up of what this user may have does not keep it from being stopped.
///
/// # Errors
/// When the gateway is not there or says no.
pub(crate) fn have_stopped(home: &Home, word: &stop::Word) -> Result<KillReport, Failure> {
    have_stopped_within(home, word, ANSWER_TIME)
}

/// The same, within `time`.
///
/// # Errors
/// As above.
pub(crate) fn have_stopped_within(
    home: &Home,
    word: &stop::Word,
    time: Duration,
) -> Result<KillReport, Failure> {
    stop::ask(&home.stop_socket(), word, time).map_err(|error| match error {
        stop::AskError::Nobody(error) => nobody(home.root(), error.kind()),
        stop::AskError::No(problem) => Failure::new(exit_of(problem.kind), problem.detail),
        stop::AskError::Broken(error) => Failure::unreachable(format!(
            "what became of it is not known, as the connection to the gateway of `{}` broke ({error}): ask again",
            home.root().display()
        )),
    })
}

/// Why the gateway of the home at `root` cannot be reached.
pub(crate) fn nobody(root: &Path, why: ErrorKind) -> Failure {
    let root = root.display();
    if why == ErrorKind::PermissionDenied {
        return Failure::new(
            Exit::Refused,
            format!(
                "the gateway of `{root}` is not open to you: ask its administrator, or name your own home with `--home`"
            ),
        );
    }
    Failure::unreachable(format!(
        "no gateway is running for `{root}`: start it with `bulkhead gateway start`"
    ))
}

/// The operating system's word on why a connection failed.
fn cause(error: &reqwest::Error) -> Option<ErrorKind> {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return Some(error.kind());
        }
        source = error.source();
    }
    None
}

impl Lines {
    /// Whether the agent that these come from may run without a layer of containment.
    pub(crate) fn reduced(&self) -> bool {
        self.response.headers().get(bulkhead_http::CONTAINMENT).is_some_and(|value| value == "reduced")
    }
}

/// The lines of a stream.
pub(crate) struct Lines {
    response: Response,
    held: Vec<u8>,
    /// How much of `held` is known to have no line break.
    searched: usize,
}

impl Lines {
    /// The next line without its break; `None` at the end.
    ///
    /// # Errors
    /// When the connection breaks or a line is too long.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        loop {
            let fresh = self.held.get(self.searched..).unwrap_or_default();
            if let Some(at) = fresh.iter().position(|byte| *byte == b'\n') {
                let rest = self.held.split_off(self.searched + at + 1);
                let mut line = std::mem::replace(&mut self.held, rest);
                self.searched = 0;
                line.pop();
                return Ok(Some(line));
            }
            self.searched = self.held.len();
            if self.held.len() > MAX_LINE_BYTES {
                return Err(Failure::internal(format!(
                    "a line of the gateway is over {MAX_LINE_BYTES} bytes"
                )));
            }
            match self.response.chunk().await {
                Ok(Some(chunk)) => self.held.extend_from_slice(&chunk),
                Ok(None) => return Ok(None),
                Err(_) => {
                    return Err(Failure::unreachable(
                        "the gateway went away while it was followed; `bulkhead gateway status` says how it is",
                    ));
                }
            }
        }
    }
}
