//! Says in the record which exports there are, whenever that has changed: that records went elsewhere, and that they no
//! longer do, is something that an auditor asks.

use std::collections::BTreeSet;

use journal::{AppendError, Change, Draft, Entry, Event, Facts, Journal, Kind};
use vocab::Digest;

use crate::follower::{CURSOR, Cursor};
use crate::settings::Target;

/// Records which of `targets` are new or others than before, and which are no longer there.
///
/// # Errors
/// When it cannot be recorded; then none is to be started.
pub async fn declare(journal: &Journal, targets: &[Target]) -> Result<(), DeclareError> {
    let mut records = Vec::new();
    let mut rows = Vec::new();
    let kept = journal.states(CURSOR, "")?;
    let row =
        |name: &str| kept.iter().find(|(key, _)| key == name).map(|(_, value)| Cursor::read(value.clone()));
    let cursor = |name: &str| row(name).and_then(Result::ok).unwrap_or_default();
    let unread = targets.iter().filter_map(|target| Some((target.name.as_str(), row(&target.name)?.err()?)));
    records.extend(unread.map(|(name, why)| failed(name, 0, why)));
    let mut tell = |name: &str, change: &str, to: Option<String>, format: Option<&str>, row: &Cursor| {
        let facts = Facts::new()
            .with("export", name)
            .with("change", change)
            .with_some("to", to)
            .with_some("format", format);
        records.push(Draft::of_event(Kind::Admin, Event::ExportChanged, facts));
        rows.push(Change::put(CURSOR, name, row)?);
        Ok::<_, serde_json::Error>(())
    };
    for target in targets {
        let (was, is) = (cursor(&target.name), target.digest());
        if was.what != Some(is) {
            let change = if was.what.is_some() { "changed" } else { "began" };
            let to = target.to().map(|to| to.to_string()).ok();
            let now = Cursor { seq: was.seq, what: Some(is) };
            tell(&target.name, change, to, Some(target.format.as_str()), &now)?;
        }
    }
    let named: BTreeSet<&str> = targets.iter().map(|target| target.name.as_str()).collect();
    for (name, _) in kept.iter().filter(|(name, _)| !named.contains(name.as_str())) {
        let was = cursor(name);
        if was.what.is_some() {
            tell(name, "given up", None, None, &Cursor { seq: was.seq, what: None })?;
        }
    }
    if records.is_empty() {
        return Ok(());
    }
    drop(journal.append(Entry { subject: Digest::of(b"exports"), records, state: rows }).await?);
    Ok(())
}

/// That the export `name`, so many records behind, does not do what it should.
pub(crate) fn failed(name: &str, behind: u64, error: &str) -> Draft {
    let facts = Facts::new().with("export", name).with("behind", behind).with("error", error);
    Draft::of_event(Kind::Alert, Event::ExportFailed, facts)
}

/// Why it could not be said which exports there are.
#[derive(Debug, thiserror::Error)]
pub enum DeclareError {
    /// The rows of state cannot be read.
    #[error(transparent)]
    Read(#[from] journal::ReadError),
    /// The record cannot be written.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// A row has no JSON form.
    #[error("the place of an export in the record cannot be stored: {0}")]
    Form(#[from] serde_json::Error),
}
