//! From a permit to an outcome.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use monitor::{Permit, Refused};
use parking_lot::Mutex;
use secrets::Store;
use tokio::time::Instant;
use vocab::{Action, Answer, Body, Outcome, Status, Timestamp};

use crate::client::{Client, Ear, Heard, Timeouts};
use crate::error::{ConfigError, ModelError};
use crate::find::{self, Found, Name, REHEARSAL_CONTEXT_TOKENS};
use crate::plain::plain;
use crate::rehearsal::{self, Scenario};
use crate::server::{Endpoint, MAX_SERVERS, REHEARSAL, Server, USUAL};
use crate::wire::{Call, Style};

/// The most characters of a model's name that a description shows.
const MAX_SHOWN_NAME: usize = 128;

/// How long a model's context window is taken for what it was.
const WINDOW_LIFETIME: Duration = Duration::from_secs(30);

/// The most models whose context window is kept.
const MAX_WINDOWS: usize = 64;

/// What this room is told.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The servers that an administrator names. One named like a usual one stands in for it.
    pub servers: Vec<Server>,
    /// The folder with the scenarios, `NAME.yaml` each.
    pub rehearsal_dir: PathBuf,
    /// Bounds in time.
    pub timeouts: Timeouts,
    /// How models are asked.
    pub style: Style,
    /// Where the servers' keys are.
    pub secrets: Store,
}

/// The models that can be asked.
#[derive(Debug)]
pub struct Models {
    client: Client,
    configured: Vec<Endpoint>,
    usual: Vec<Endpoint>,
    rehearsal_dir: PathBuf,
    windows: Mutex<BTreeMap<String, (Instant, Found)>>,
}

impl Models {
    /// Checks the settings. Asks no server.
    ///
    /// # Errors
    /// When a server's name or address is no use, or the machine lacks what `https` needs.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        if config.servers.len() > MAX_SERVERS {
            return Err(ConfigError::TooMany(MAX_SERVERS));
        }
        let mut configured: Vec<Endpoint> = Vec::new();
        for server in &config.servers {
            if configured.iter().any(|other| other.name() == server.name) {
                return Err(ConfigError::Twice(plain(&server.name, MAX_SHOWN_NAME)));
            }
            configured.push(Endpoint::configured(server)?);
        }
        let usual: Result<Vec<_>, _> =
            USUAL.into_iter().map(|(name, url)| Endpoint::usual(name, url)).collect();
        let with_tls = configured.iter().any(Endpoint::is_https);
        Ok(Self {
            client: Client::new(config.timeouts, config.style, with_tls, config.secrets)?,
            configured,
            usual: usual?,
            rehearsal_dir: config.rehearsal_dir,
            windows: Mutex::default(),
        })
    }

    /// Asks the model that the permit names. A call that fails is an outcome that says why. Dropping the
    /// future ends the call.
    ///
    /// # Errors
    /// When the permit does not hold (any more): nothing was done then.
    pub async fn perform(&self, permit: Permit, now: Timestamp) -> Result<Outcome, Refused> {
        self.perform_heard(permit, now, &|_| ()).await
    }

    /// The same. Meanwhile `ear` is given what has come of the answer's words, whole lines at a time and never a thought of
    /// which the model marks the beginning. It must not wait; what it is given has been judged by nobody.
    ///
    /// # Errors
    /// When the permit does not hold (any more): nothing was done then.
    pub async fn perform_heard(
        &self,
        permit: Permit,
        now: Timestamp,
        ear: &(dyn Fn(Heard<'_>) + Send + Sync),
    ) -> Result<Outcome, Refused> {
        let granted = permit.redeem(now)?;
        let (status, body) = match self.answer(&granted.action, ear).await {
            Ok(answer) => (Status::Done, Body::Answer { answer }),
            Err(error) => (Status::Failed, Body::Fault { fault: error.fault(), text: error.to_string() }),
        };
        Ok(Outcome { proposal: granted.proposal, status, labels: granted.labels, body })
    }

    async fn answer(&self, action: &Action, ear: Ear<'_>) -> Result<Answer, ModelError> {
        let (model, call) = Call::of(action)?;
        if call.options.is_some() {
            self.fits(model, &call).await?;
        }
        let mut answer = self.answer_of(model, &call, ear).await?;
        if call.one_call_only() {
            answer.tool_calls.truncate(1);
        }
        Ok(answer)
    }

    /// A program keeps its own conversation, so nothing of it is left out: it fits, or it is refused.
    async fn fits(&self, model: &str, call: &Call) -> Result<(), ModelError> {
        let found = self.window_of(model).await?;
        let (tokens, window) = found.fit(call.prompt_bytes());
        if tokens <= window {
            return Ok(());
        }
        Err(ModelError::Window { tokens, window, known: found.context_known })
    }

    /// What [`Models::find`] says, asked again after [`WINDOW_LIFETIME`] only: it costs a question to the server.
    async fn window_of(&self, model: &str) -> Result<Found, ModelError> {
        let known = self.windows.lock().get(model).cloned();
        if let Some((when, found)) = known
            && when.elapsed() < WINDOW_LIFETIME
        {
            return Ok(found);
        }
        let found = self.find(model).await?;
        let mut windows = self.windows.lock();
        if windows.len() >= MAX_WINDOWS {
            windows.clear();
        }
        windows.insert(model.to_owned(), (Instant::now(), found.clone()));
        Ok(found)
    }

    async fn answer_of(&self, model: &str, call: &Call, ear: Ear<'_>) -> Result<Answer, ModelError> {
        match Name::of(model) {
            Name::Rehearsal(name) => {
                let answer = Scenario::load(&self.rehearsal_dir, name).await?.play(call).await?;
                Ok(Answer { model: format!("{REHEARSAL}/{name}"), ..answer })
            }
            Name::Auto => {
                let (endpoint, found) = find::auto(&self.client, &self.usual).await?;
                self.ask(endpoint, &found.model, call, ear).await
            }
            Name::Server(name, Some(model)) => self.ask(self.endpoint(name)?, model, call, ear).await,
            Name::Server(name, None) => {
                let endpoint = self.endpoint(name)?;
                let found = find::at(&self.client, endpoint, None).await?;
                self.ask(endpoint, &found.model, call, ear).await
            }
        }
    }

    async fn ask(
        &self,
        endpoint: &Endpoint,
        model: &str,
        call: &Call,
        ear: Ear<'_>,
    ) -> Result<Answer, ModelError> {
        let answer = self.client.chat(endpoint, model, call, ear).await?;
        Ok(Answer { model: format!("{}/{}", endpoint.name(), plain(model, MAX_SHOWN_NAME)), ..answer })
    }

    /// Which server and model `model` stands for now, and how much it takes.
    ///
    /// # Errors
    /// When there is no such server or scenario, or it does not answer.
    pub async fn find(&self, model: &str) -> Result<Found, ModelError> {
        match Name::of(model) {
            Name::Auto => find::auto(&self.client, &self.usual).await.map(|(_, found)| found),
            Name::Server(name, wanted) => find::at(&self.client, self.endpoint(name)?, wanted).await,
            Name::Rehearsal(name) => {
                Scenario::load(&self.rehearsal_dir, name).await?;
                Ok(Found {
                    server: REHEARSAL.to_owned(),
                    url: String::new(),
                    model: name.to_owned(),
                    context_tokens: REHEARSAL_CONTEXT_TOKENS,
                    context_known: true,
                    local: true,
                })
            }
        }
    }

    /// What `model` is, in words for a person. Asks nobody.
    #[must_use]
    pub fn describe(&self, model: &str) -> String {
        let shown = plain(model, MAX_SHOWN_NAME);
        match Name::of(model) {
            Name::Rehearsal(_) => rehearsal::DESCRIPTION.to_owned(),
            Name::Auto => "whichever model server answers on this machine".to_owned(),
            Name::Server(name, wanted) => match self.endpoint(name) {
                Ok(endpoint) => {
                    let place = if endpoint.is_local() { "on this machine" } else { "on another machine" };
                    let what = wanted
                        .map_or_else(|| "its first model".to_owned(), |model| plain(model, MAX_SHOWN_NAME));
                    format!("{what} at `{name}`, {} ({place})", endpoint.shown())
                }
                Err(_) => format!("`{shown}`, which no model server here has"),
            },
        }
    }

    fn endpoint(&self, name: &str) -> Result<&Endpoint, ModelError> {
        let all = || self.configured.iter().chain(&self.usual);
        all().find(|endpoint| endpoint.name() == name).ok_or_else(|| {
            let known: Vec<String> = all().map(|endpoint| format!("`{}`", endpoint.name())).collect();
            ModelError::NoServer { name: plain(name, MAX_SHOWN_NAME), known: known.join(", ") }
        })
    }
}

#[cfg(test)]
mod llama;
#[cfg(test)]
mod tests;
