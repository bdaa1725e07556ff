//! What is missing or unsafe here, each thing tried or looked at itself, with what mends it.
//!
//! In: a home, which need not be there. Out: findings. Nothing is changed, nothing is decided, and no
//! gateway is needed; one that runs looks with the same eyes, for the console. Each file has the checks of one
//! kind; each check can fail, and a test makes it.

mod agents;
mod chat;
mod disk;
mod exports;
mod files;
mod gateway;
mod layers;
mod models;
mod record;
mod witnesses;

use serde::Serialize;
use serde_json::Value;

use crate::failure::{Exit, Failure};
use crate::home::Home;
use crate::settings::Settings;

/// How one thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// As it should be.
    Ok,
    /// It works, and somebody should know.
    Warning,
    /// Something that is needed is not there, or does not hold.
    Missing,
    /// Something lets others in, or holds less than it seems to.
    Unsafe,
}

impl State {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Missing => "missing",
            Self::Unsafe => "unsafe",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was looked at: a layer's name, or one of the words of the guide.
    pub(crate) check: String,
    pub(crate) state: State,
    /// One sentence.
    pub(crate) message: String,
    /// What to do; empty when nothing is to be done.
    pub(crate) mend: String,
}

impl Finding {
    fn ok(check: &str, message: impl Into<String>) -> Self {
        Self { check: check.into(), state: State::Ok, message: message.into(), mend: String::new() }
    }

    fn of(check: &str, state: State, message: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { check: check.into(), state, message: message.into(), mend: mend.into() }
    }
}

/// Everything that was found, and what it comes to.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Whether nothing is missing or unsafe.
    pub(crate) ok: bool,
    pub(crate) findings: Vec<Finding>,
    #[serde(skip)]
    pub(crate) exit: Exit,
}

impl Report {
    fn new(findings: Vec<Finding>, home: Result<(), Failure>) -> Self {
        let ok = findings.iter().all(|finding| matches!(finding.state, State::Ok | State::Warning));
        let exit = match home {
            Err(failure) => failure.exit,
            Ok(()) if ok => Exit::Done,
            Ok(()) => Exit::Found,
        };
        Self { ok, findings, exit }
    }
}

/// Looks at the machine, and at the home if there is one.
pub(crate) async fn examine(home: &Home) -> Report {
    over(home, gateway::look(home)).await
}

/// The same from within the gateway of that home, which says of itself what `status` is. It looks at disks and waits for model
/// servers on the thread that asks.
pub(crate) async fn examine_from_within(home: &Home, status: &Value) -> Report {
    over(home, async { gateway::of_itself(status) }).await
}

async fn over(home: &Home, gateway: impl Future<Output = Vec<Finding>>) -> Report {
    let mut findings = layers::look().await;
    let there = home.must_exist();
    if let Err(failure) = &there {
        let mend = "`bulkhead init` makes a home; `--home` says where one is";
        findings.push(Finding::of("home", State::Missing, failure.sentence.clone(), mend));
        return Report::new(findings, there);
    }
    findings.push(Finding::ok("home", format!("there is a home at `{}`", home.root().display())));
    let settings = Settings::load(home);
    let several = settings.as_ref().map_or(true, |settings| settings.solo().is_none());
    findings.extend(files::look(home, several));
    match settings {
        Ok(settings) => {
            settled(home, &settings, &mut findings).await;
            match settings.record(home) {
                Ok(place) => {
                    findings.extend(record::look(home, &place));
                    findings.extend(witnesses::look(&settings, &place));
                }
                Err(failure) => {
                    let mend = "mend `[record]` in bulkhead.toml, or what it names";
                    findings.push(Finding::of("record", State::Missing, failure.sentence, mend));
                }
            }
        }
        Err(error) => {
            let mend = "mend that place in bulkhead.toml; what depends on the settings was not looked at";
            findings.push(Finding::of("settings", State::Missing, error.to_string(), mend));
        }
    }
    findings.push(disk::look(home));
    findings.extend(gateway.await);
    Report::new(findings, there)
}

/// What can be looked at once the settings are read.
async fn settled(home: &Home, settings: &Settings, findings: &mut Vec<Finding>) {
    findings.push(Finding::ok("settings", "bulkhead.toml holds"));
    findings.push(gateway::exposure(settings));
    findings.extend(exports::named(settings));
    findings.extend(chat::look(home, settings));
    let layers = findings.iter().filter(|finding| finding.check.starts_with(layers::PREFIX));
    let lacking = layers.filter(|finding| finding.state == State::Missing).count();
    findings.push(layers::demanded(settings.containment, lacking));
    let mut names = agents::look(home, findings);
    names.extend(settings.named_models());
    findings.extend(models::look(home, settings, &names).await);
}
