//! Says in the record which exports there are, whenever that has changed: that records went elsewhere, and that they no
//! longer do, is something that an auditor asks.

use journal::{AppendError, Change, Draft, Entry, Event, Facts, Journal, Kind};
use vocab::Digest;

use crate::follower::{CURSOR, Cursor};
use crate::settings::Target;

/// The most rows that are looked through for exports that were given up; one for each name that there ever was.
const MAX_NAMES: usize = 10_000;

/// Records which of `targets` are new or others than before, and which are no longer there.
///
/// # Errors
/// When it cannot be recorded; then none is to be started.
pub async fn declare(journal: &Journal, targets: &[Target]) -> Result<(), DeclareError> {
    let (mut records, mut rows) = (Vec::new(), Vec::new());
    let (mut given_up, mut unread) = (Vec::new(), Vec::new());
    for name in journal.last_keys(CURSOR, "", None, MAX_NAMES)? {
        let named = targets.iter().any(|target| target.name == name);
        if !named && let Some(Ok(cursor)) = Cursor::read(journal, &name)? {
            given_up.push((name, cursor));
        }
    }
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
        let is = target.digest();
        let was = match Cursor::read(journal, &target.name)?.transpose() {
            Ok(was) => was.unwrap_or_default(),
            Err(why) => {
                unread.push(failed(&target.name, 0, why));
                Cursor::default()
            }
        };
        if was.what != Some(is) {
            let change = if was.what.is_some() { "changed" } else { "began" };
            let to = target.to().map(|to| to.to_string()).ok();
            let now = Cursor { seq: was.seq, what: Some(is) };
            tell(&target.name, change, to, Some(target.format.as_str()), &now)?;
        }
    }
    for (name, was) in given_up.iter().filter(|(_, was)| was.what.is_some()) {
        tell(name, "given up", None, None, &Cursor { seq: was.seq, what: None })?;
    }
    records.append(&mut unread);
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
