//! The skills that the format knows, the grants that each takes, and the form of each grant.

use std::path::Path;

use crate::diagnostic::{Fault, quoted};
use crate::limits::{MAX_GRANT_BYTES, MAX_GRANT_ROWS, MAX_MEMORY_BYTES, MAX_VALUE_BYTES, MIN_MEMORY_BYTES};
use crate::values;

/// What a grant's values look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Paths,
    Size,
    Memory,
    Time,
    Hosts,
    Methods,
    /// Names that mean something to the skill.
    Names,
    /// One such name.
    Name,
    /// The name of a database.
    Database,
    /// The names of collections.
    Collections,
    /// Tables, each with columns in parentheses if it likes.
    Tables,
    /// How many rows.
    Rows,
    /// Bare names of programs, or absolute paths.
    Commands,
    /// A time; a number alone is seconds.
    Seconds,
    /// `kind:destination`.
    Channels,
}

impl Form {
    /// Whether only one value makes sense.
    pub(crate) const fn single(self) -> bool {
        matches!(
            self,
            Self::Size | Self::Memory | Self::Time | Self::Seconds | Self::Rows | Self::Database | Self::Name
        )
    }
}

/// A skill of the format.
#[derive(Debug)]
pub(crate) struct Skill {
    pub(crate) name: &'static str,
    /// Whether this version has it.
    pub(crate) available: bool,
    pub(crate) grants: &'static [(&'static str, Form)],
    /// What applies when no grant is written, for people.
    pub(crate) default: &'static str,
}

/// Every skill that the format knows.
pub(crate) const SKILLS: [Skill; 9] = [
    Skill {
        name: "file-reader",
        available: true,
        grants: &[("paths", Form::Paths), ("max-bytes", Form::Size)],
        default: "it reads only its own workspace",
    },
    Skill {
        name: "file-writer",
        available: true,
        grants: &[("paths", Form::Paths), ("max-bytes", Form::Size)],
        default: "it writes only its own workspace",
    },
    Skill {
        name: "browser",
        available: true,
        grants: &[("hosts", Form::Hosts), ("methods", Form::Methods)],
        default: "it reaches no host until `hosts` names one",
    },
    Skill {
        name: "message",
        available: true,
        grants: &[("channels", Form::Channels)],
        default: "it posts to the channels of `## Channels`",
    },
    Skill {
        name: "sql",
        available: true,
        grants: &[("database", Form::Database), ("tables", Form::Tables), ("max-rows", Form::Rows)],
        default: "it reads no table until `database` and `tables` name them",
    },
    Skill {
        name: "documents",
        available: true,
        grants: &[("collections", Form::Collections)],
        default: "it reaches no collection until `collections` names one",
    },
    Skill {
        name: "exec",
        available: true,
        grants: &[
            ("commands", Form::Commands),
            ("cpu", Form::Seconds),
            ("memory", Form::Memory),
            ("time", Form::Time),
        ],
        default: "it runs no command until `commands` names one",
    },
    Skill {
        name: "mcp",
        available: false,
        grants: &[("server", Form::Name), ("tools", Form::Names)],
        default: "it reaches no server until `server` names one",
    },
    Skill {
        name: "handoff",
        available: false,
        grants: &[("agents", Form::Names)],
        default: "it hands on to no agent until `agents` names one",
    },
];

/// One value in its normal form.
pub(crate) fn value(form: Form, text: &str, workspace: &Path) -> Result<String, Fault> {
    if text.is_empty() {
        return Err(Fault::new("a value was expected and nothing is here", "write it, or delete the comma"));
    }
    if text.len() > MAX_VALUE_BYTES {
        let message = format!("{} is longer than {MAX_VALUE_BYTES} bytes", quoted(text));
        return Err(Fault::new(message, "shorten it"));
    }
    match form {
        // `is_firm` holds for the workspace and the value is text, so the joined path is text.
        Form::Paths => values::path(text, workspace).map(|path| path.to_string_lossy().into_owned()),
        Form::Size => values::size(text, 1, MAX_GRANT_BYTES).map(|n| n.to_string()),
        Form::Memory => values::size(text, MIN_MEMORY_BYTES, MAX_MEMORY_BYTES).map(|n| n.to_string()),
        Form::Time => values::duration(text).map(|time| format!("{} s", time.as_secs())),
        Form::Seconds => values::seconds(text).map(|time| format!("{} s", time.as_secs())),
        Form::Commands => values::command(text),
        Form::Rows => values::count(text, 1, MAX_GRANT_ROWS).map(|n| n.to_string()),
        Form::Database => database(text),
        Form::Collections => collection(text),
        Form::Hosts => values::host(text),
        Form::Methods => method(text),
        Form::Name | Form::Names => name(text),
        Form::Tables => table(text),
        Form::Channels => channel(text),
    }
}

fn method(text: &str) -> Result<String, Fault> {
    const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
    let method = text.to_ascii_uppercase();
    if METHODS.contains(&method.as_str()) {
        return Ok(method);
    }
    let message = format!("an HTTP method was expected, not {}", quoted(text));
    Err(Fault::new(message, format!("use one of: {}", METHODS.join(", "))))
}

fn name(text: &str) -> Result<String, Fault> {
    let fits = |c: char| c.is_alphanumeric() || "-_./:@+".contains(c);
    if text.chars().all(fits) {
        return Ok(text.to_owned());
    }
    let message = format!("a name was expected, not {}", quoted(text));
    Err(Fault::new(message, "use letters, digits and `-_./:@+`, without blanks; part names by commas"))
}

/// `orders` or `orders(id, total)`.
fn table(text: &str) -> Result<String, Fault> {
    let (table, columns) = match text.split_once('(') {
        None => (text, None),
        Some((table, rest)) => match rest.strip_suffix(')') {
            Some(columns) => (table, Some(columns)),
            None => {
                let message = format!("{} has no closing parenthesis", quoted(text));
                return Err(Fault::new(message, "write it as in `orders(id, total)`"));
            }
        },
    };
    let table = table_name(table.trim())?;
    let Some(columns) = columns else { return Ok(table) };
    let mut named: Vec<String> = Vec::new();
    for column in columns.split(',') {
        let column = table_name(column.trim())?;
        if !named.contains(&column) {
            named.push(column);
        }
    }
    Ok(format!("{table}({})", named.join(", ")))
}

fn table_name(name: &str) -> Result<String, Fault> {
    vocab::table::table(name).map_err(|error| {
        Fault::new(format!("{} {error}", quoted(name)), "write it as in `orders(id, total)`")
    })
}

fn database(name: &str) -> Result<String, Fault> {
    match vocab::table::database(name) {
        Ok(()) => Ok(name.to_owned()),
        Err(error) => {
            let help = "write the name that `[databases.NAME]` in bulkhead.toml gives it";
            Err(Fault::new(format!("{} {error}", quoted(name)), help))
        }
    }
}

fn collection(name: &str) -> Result<String, Fault> {
    match vocab::collection::collection(name) {
        Ok(()) => Ok(name.to_owned()),
        Err(error) => {
            let help = "write the name that `[collections.NAME]` in bulkhead.toml gives it";
            Err(Fault::new(format!("{} {error}", quoted(name)), help))
        }
    }
}

/// A table in the form that [`value`] gives, as its name and its columns.
pub(crate) fn parted(value: &str) -> (String, Option<Vec<String>>) {
    match value.strip_suffix(')').and_then(|value| value.split_once('(')) {
        Some((table, columns)) => (table.to_owned(), Some(columns.split(", ").map(str::to_owned).collect())),
        None => (value.to_owned(), None),
    }
}

fn channel(text: &str) -> Result<String, Fault> {
    match text.split_once(':') {
        Some((kind, destination)) if !kind.trim().is_empty() && !destination.trim().is_empty() => {
            let destination = destination.trim();
            let destination = destination.strip_prefix('#').unwrap_or(destination).trim();
            Ok(format!("{}:{destination}", kind.trim().to_lowercase()))
        }
        _ => {
            let message = format!("a channel was expected, not {}", quoted(text));
            Err(Fault::new(message, "write it as in `## Channels`, such as `board:forum`"))
        }
    }
}
