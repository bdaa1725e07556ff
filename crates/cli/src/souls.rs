//! SOUL.md files: where they are, how they are read, what they compile to, and the samples to begin with.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueEnum;
use monitor::{Compartment, Config, Monitor, PolicyText};
use soul::{Charter, Diagnostic};
use vocab::limits::MAX_SOUL_BYTES;
use vocab::{AgentName, IdError};

use crate::failure::{Exit, Failure};
use crate::home::Home;
use crate::settings::Settings;

/// A SOUL.md to begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Template {
    /// Writes drafts and announces them; outputs are reviewed before publishing
    Echo,
    /// Answers questions from the home's handbook
    Helper,
}

impl Template {
    /// Those that `init` makes agents of.
    pub(crate) const SAMPLES: [Self; 2] = [Self::Echo, Self::Helper];

    /// The agent that `init` makes of it.
    ///
    /// # Errors
    /// Never, as long as the names here are good ones.
    pub(crate) fn agent(self) -> Result<AgentName, IdError> {
        AgentName::new(match self {
            Self::Echo => "echo",
            Self::Helper => "helper",
        })
    }

    /// The SOUL.md of an agent of that name.
    pub(crate) fn soul(self, name: &AgentName, home: &Home) -> String {
        let text = match self {
            Self::Echo => include_str!("init/samples/echo.md"),
            Self::Helper => include_str!("init/samples/helper.md"),
        };
        let handbook = home.handbook().display().to_string();
        text.replace("{{name}}", name.as_str()).replace("{{handbook}}", &handbook)
    }
}

/// What the settings say about every agent.
pub(crate) struct Rules {
    pub(crate) monitor: Monitor,
    agents: PathBuf,
}

impl Rules {
    /// The home's, or what ships when there is no home.
    ///
    /// # Errors
    /// When the settings or guardrails do not hold.
    pub(crate) fn of(home: &Home) -> Result<Self, Failure> {
        let config = if home.settings().exists() {
            Settings::load(home)?.judged_by(home, &[]).map_err(Failure::usage)?
        } else {
            let text =
                |(name, text): &(&str, &str)| PolicyText { name: (*name).into(), text: (*text).into() };
            Config {
                guardrails: monitor::SHIPPED_GUARDRAILS.iter().map(text).collect(),
                skills: skills::specs(),
                agents_dir: home.agents(),
                default_model: "auto".to_owned(),
                ..Config::default()
            }
        };
        let monitor = Monitor::new(config).map_err(|error| Failure::usage(error.to_string()))?;
        Ok(Self { monitor, agents: home.agents() })
    }

    /// Compiles the SOUL.md at `path`, and its policies against the guardrails' schema.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn check(&self, path: &Path) -> Result<Checked, Failure> {
        let source = read(path)?;
        let folder = path.parent().unwrap_or(Path::new("/"));
        let owner = (folder.parent() == Some(self.agents.as_path()))
            .then(|| folder.file_name()?.to_str().and_then(|name| AgentName::new(name).ok()))
            .flatten();
        let workspace = folder.join("workspace");
        let compiled = turn::check(&source, &workspace, owner.as_ref(), &self.monitor)
            .map(|(charter, compartment)| Loaded { charter, compartment });
        Ok(Checked { path: path.to_owned(), owner, source, compiled })
    }
}

/// A SOUL.md that runs.
pub(crate) struct Loaded {
    pub(crate) charter: Arc<Charter>,
    pub(crate) compartment: Compartment,
}

/// What became of a SOUL.md.
pub(crate) struct Checked {
    pub(crate) path: PathBuf,
    /// The agent whose folder it lies in.
    pub(crate) owner: Option<AgentName>,
    pub(crate) source: String,
    pub(crate) compiled: Result<Loaded, Vec<Diagnostic>>,
}

/// Every agent's SOUL.md in a home, by name.
///
/// # Errors
/// When the agents' folder cannot be read.
pub(crate) fn all(home: &Home) -> Result<Vec<PathBuf>, Failure> {
    home.must_exist()?;
    let dir = home.agents();
    let unreadable =
        |error: std::io::Error| Failure::unreachable(format!("`{}` cannot be read: {error}", dir.display()));
    let mut souls = Vec::new();
    for entry in fs::read_dir(&dir).map_err(unreadable)? {
        let soul = entry.map_err(unreadable)?.path().join("SOUL.md");
        if soul.is_file() {
            souls.push(soul);
        }
    }
    souls.sort();
    Ok(souls)
}

/// The SOUL.md that is meant by an agent's name, a file or a folder.
///
/// # Errors
/// When there is none.
pub(crate) fn find(home: &Home, what: &str) -> Result<PathBuf, Failure> {
    if let Ok(name) = AgentName::new(what) {
        let soul = home.agents().join(name.as_str()).join("SOUL.md");
        if soul.is_file() {
            return Ok(soul);
        }
    }
    let path =
        std::path::absolute(what).map_err(|error| Failure::usage(format!("`{what}` is no path: {error}")))?;
    let soul = if path.is_dir() { path.join("SOUL.md") } else { path };
    if soul.is_file() {
        return Ok(soul);
    }
    Err(Failure::usage(format!(
        "`{what}` is neither an agent of `{}` nor a SOUL.md: name an agent, a file or a folder",
        home.root().display()
    )))
}

/// The text of a SOUL.md.
///
/// # Errors
/// When it cannot be read, is too large or is not UTF-8.
pub(crate) fn read(path: &Path) -> Result<String, Failure> {
    let unreadable =
        |error: std::io::Error| Failure::usage(format!("`{}` cannot be read: {error}", path.display()));
    let limit = MAX_SOUL_BYTES as u64;
    let mut bytes = Vec::new();
    fs::File::open(path).map_err(unreadable)?.take(limit + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > limit {
        let large = format!("`{}` is over the limit of {limit} bytes; make it shorter", path.display());
        return Err(Failure::new(Exit::Found, large));
    }
    text_of(path, bytes).map_err(|sentence| Failure::new(Exit::Found, sentence))
}

/// The text of `path`.
///
/// # Errors
/// One sentence with the line, when it is not UTF-8.
pub(crate) fn text_of(path: &Path, bytes: Vec<u8>) -> Result<String, String> {
    vocab::text(bytes).map_err(|error| format!("`{}` {error}", path.display()))
}
