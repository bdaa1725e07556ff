//! What judgements depend on, read again whenever it changes.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bulkhead_http::House;
use monitor::PolicyText;
use people::{People, Vouched};
use toml::Spanned;
use turn::{Files, Policies, SettingsFile};
use vocab::{Digest, Person};

use super::{Settings, collections, databases};
use crate::home::Home;
use crate::souls::text_of;

/// The largest guardrail file, in bytes.
const MAX_GUARDRAIL_BYTES: u64 = 1024 * 1024;

/// The most guardrail files.
const MAX_GUARDRAILS: usize = 256;

/// The largest file of a role, in bytes.
const MAX_ROLE_BYTES: u64 = 64 * 1024;

/// The most files of roles.
const MAX_ROLE_FILES: usize = 256;

/// The settings and guardrails of a home.
#[derive(Clone)]
pub(crate) struct HomePolicies {
    home: Home,
    /// Whom the organisation's directory names beside the settings.
    people: Arc<People>,
    /// What the gateway was wired with. It is judged by those settings only as long as they are still these.
    wired: Digest,
}

impl HomePolicies {
    pub(crate) fn new(home: Home, settings: &Settings, people: Arc<People>) -> Self {
        Self { home, people, wired: settings.wired }
    }

    /// What whoever signs people in asks the settings.
    pub(crate) fn house(&self, settings: &Settings) -> House {
        let (one, other) = (self.home.clone(), self.home.clone());
        House {
            local: Arc::new(move |id| Settings::load(&one).map_or(true, |settings| settings.has_person(id))),
            mapped: Arc::new(move |groups| {
                Settings::load(&other).is_ok_and(|settings| settings.maps(groups))
            }),
            provisions: settings.provisions(),
        }
    }
}

impl Policies for HomePolicies {
    fn fingerprint(&self) -> Result<Digest, String> {
        let path = self.home.settings();
        let settings =
            fs::read(&path).map_err(|error| format!("`{}` cannot be read: {error}", path.display()))?;
        let guardrails = guardrails(&self.home.guardrails())?;
        let directory = self.people.directory_version().to_le_bytes();
        let mut parts = vec![settings.as_slice(), &directory];
        let roles = roles(&self.home.roles())?;
        // How many of the files are guardrails, so that none that is moved passes for what it was.
        let count = (guardrails.len() as u64).to_le_bytes();
        parts.push(&count);
        for file in guardrails.iter().chain(&roles) {
            parts.extend([file.name.as_bytes(), file.text.as_bytes()]);
        }
        Ok(Digest::of_parts(&parts))
    }

    fn files(&self) -> Result<Files, String> {
        let path = self.home.settings();
        let unreadable =
            |error: &dyn std::fmt::Display| format!("`{}` cannot be read: {error}", path.display());
        let text = fs::read_to_string(&path).map_err(|error| unreadable(&error))?;
        let sections: toml::Table = toml::from_str(&text).map_err(|error| unreadable(&error.message()))?;
        let section =
            |(name, value): (&String, &toml::Value)| (name.clone(), Digest::of(value.to_string().as_bytes()));
        let settings = SettingsFile {
            path: path.display().to_string(),
            digest: Digest::of(text.as_bytes()),
            sections: sections.iter().map(section).collect(),
        };
        let folder = self.home.guardrails();
        let guardrail = |file: &PolicyText| {
            (folder.join(&file.name).display().to_string(), Digest::of(file.text.as_bytes()))
        };
        let mut guardrails: BTreeMap<_, _> = guardrails(&folder)?.iter().map(guardrail).collect();
        let folder = self.home.roles();
        let role = |file: &PolicyText| {
            (folder.join(&file.name).display().to_string(), Digest::of(file.text.as_bytes()))
        };
        guardrails.extend(roles(&folder)?.iter().map(role));
        Ok(Files { settings: Some(settings), guardrails })
    }

    fn load(&self) -> Result<monitor::Config, String> {
        let settings = Settings::load(&self.home).map_err(|error| error.to_string())?;
        if settings.wired != self.wired {
            return Err("bulkhead.toml has changed in what counts from a start on (all but people, groups, roles, queues, labels, destinations, databases, collections and the \
                        default model); `bulkhead gateway restart` takes it up"
                .to_owned());
        }
        settings.judged_by(&self.home, &self.people.vouched())
    }
}

/// The sections that every judgement looks up anew. Whatever else is in the file, a gateway is wired with when it starts.
const JUDGED: [&str; 9] =
    ["person", "group", "role", "queue", "directory", "label", "destination", "databases", "collections"];

/// What a gateway is wired with, as the file says it; places in the text and comments are no part of it.
pub(super) fn wired(mut sections: toml::Table) -> Digest {
    for name in JUDGED {
        sections.remove(name);
    }
    if let Some(toml::Value::Table(models)) = sections.get_mut("models") {
        models.remove("default");
    }
    sections.retain(|_, section| !section.as_table().is_some_and(toml::Table::is_empty));
    Digest::of(sections.to_string().as_bytes())
}

impl Settings {
    /// What the monitor is told; `vouched` are those whom the organisation's directory names.
    ///
    /// # Errors
    /// One sentence, when the guardrails cannot be read, or one of those is in the file as well.
    pub(crate) fn judged_by(&self, home: &Home, vouched: &[Vouched]) -> Result<monitor::Config, String> {
        let mut people: Vec<Person> = self.person.iter().map(|person| person.get_ref().clone()).collect();
        people.extend(self.vouched(vouched)?);
        let mut guardrails = guardrails(&home.guardrails())?;
        let mut own: Vec<PathBuf> = home.own().iter().flat_map(|own| every_name(own)).collect();
        own.extend(self.gateway.key());
        guardrails.push(monitor::protecting(&own, &home.agents()));
        Ok(monitor::Config {
            guardrails,
            people,
            groups: self.group.iter().map(|group| group.get_ref().clone()).collect(),
            sources: self.label.iter().filter_map(|label| label.get_ref().source()).collect(),
            databases: databases::apart(&self.databases, &own)?,
            collections: collections::apart(&self.collections, &own, &home.agents())?,
            table_labels: self.label.iter().filter_map(|label| label.get_ref().table()).collect(),
            sinks: self.destination.iter().map(Spanned::get_ref).flat_map(|d| d.sinks()).collect(),
            skills: skills::specs(),
            agents_dir: home.agents(),
            default_model: self.models.default.clone(),
            remote_models: self.models.remote(),
            role_files: roles(&home.roles())?,
            roles: self.role.iter().map(|role| role.get_ref().holders()).collect(),
            queues: self.queue.iter().map(|queue| queue.get_ref().queue()).collect(),
        })
    }
}

/// A path as it was written, and without the links that it leads through, where that is another: what is kept from agents is
/// by neither name theirs. What is not there yet has the name that it will have.
pub(super) fn every_name(path: &Path) -> Vec<PathBuf> {
    let real = path.ancestors().find_map(|above| {
        let beneath = path.strip_prefix(above).ok()?;
        Some(fs::canonicalize(above).ok()?.components().chain(beneath.components()).collect::<PathBuf>())
    });
    let other = real.filter(|real| real != path);
    std::iter::once(path.to_owned()).chain(other).collect()
}

/// The guardrails in `folder`, by name. A folder that is not there is an error: a guardrail that silently
/// is missing protects nobody.
///
/// # Errors
/// One sentence, when they cannot be read.
fn guardrails(folder: &Path) -> Result<Vec<PolicyText>, String> {
    policies(folder, "guardrails", MAX_GUARDRAILS, MAX_GUARDRAIL_BYTES)
}

/// The roles in `folder`, by name. Without the folder there are none; one that is given and not there the monitor refuses.
///
/// # Errors
/// One sentence, when they cannot be read.
fn roles(folder: &Path) -> Result<Vec<PolicyText>, String> {
    match fs::symlink_metadata(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        _ => policies(folder, "roles", MAX_ROLE_FILES, MAX_ROLE_BYTES),
    }
}

/// The `.cedar` files in `folder`, by name; `kind` is named in errors.
fn policies(folder: &Path, kind: &str, most: usize, most_bytes: u64) -> Result<Vec<PolicyText>, String> {
    let unreadable = |path: &Path, error: &dyn std::fmt::Display| {
        format!("the {kind} in `{}` cannot be read: {error}", path.display())
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, &error))? {
        let path = entry.map_err(|error| unreadable(folder, &error))?.path();
        if path.extension().is_none_or(|extension| extension != "cedar") {
            continue;
        }
        let size = fs::metadata(&path).map_err(|error| unreadable(&path, &error))?.len();
        if size > most_bytes || files.len() >= most {
            return Err(format!(
                "the {kind} in `{}` are over {most} files or one is over {most_bytes} bytes",
                folder.display()
            ));
        }
        let bytes = fs::read(&path).map_err(|error| unreadable(&path, &error))?;
        let text = text_of(&path, bytes).map_err(|why| format!("the {kind} in {why}"))?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        files.push(PolicyText { name, text });
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}
