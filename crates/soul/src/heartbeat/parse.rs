//! Reading a HEARTBEAT.md back.

use jiff::Timestamp;

use super::{Action, Heartbeat, Status};

/// The largest HEARTBEAT.md that is read, in bytes.
pub const MAX_HEARTBEAT_BYTES: usize = 256 * 1024;

/// What stands for "not yet" and for no anomalies.
pub(super) const NEVER: &str = "never";
pub(super) const NONE: &str = "None";

/// A file that is not a HEARTBEAT.md.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeartbeatError {
    /// Over [`MAX_HEARTBEAT_BYTES`].
    #[error(
        "a HEARTBEAT.md of {0} bytes is over the limit of {MAX_HEARTBEAT_BYTES}; remove it, and a new one is begun"
    )]
    TooLarge(usize),
    /// A line of another form.
    #[error(
        "line {line} of HEARTBEAT.md: {expected} was expected; mend it, or remove the file, and a new one is begun"
    )]
    Line {
        /// The line, from 1; one behind the last when something is missing.
        line: usize,
        /// What was expected there.
        expected: &'static str,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Title,
    LastActive,
    Actions,
    Status,
}

pub(super) fn parse(text: &str) -> Result<Heartbeat, HeartbeatError> {
    if text.len() > MAX_HEARTBEAT_BYTES {
        return Err(HeartbeatError::TooLarge(text.len()));
    }
    let mut part = Part::Title;
    let mut heartbeat: Option<Heartbeat> = None;
    let mut last_line = 0;
    for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        last_line = number.saturating_add(1);
        let fault = |expected| HeartbeatError::Line { line: last_line, expected };
        if line.is_empty() {
            continue;
        }
        let Some(heartbeat) = &mut heartbeat else {
            heartbeat = Some(title(line).ok_or_else(|| fault("`# Heartbeat - NAME (ROLE)`"))?);
            continue;
        };
        part = match line {
            "## Last Active" => Part::LastActive,
            "## Recent Actions" => Part::Actions,
            "## Status" => Part::Status,
            _ => {
                entry(heartbeat, part, line).map_err(fault)?;
                part
            }
        };
    }
    let mut heartbeat = heartbeat.ok_or(HeartbeatError::Line {
        line: last_line.saturating_add(1),
        expected: "`# Heartbeat - NAME (ROLE)`",
    })?;
    while heartbeat.actions.len() > super::MAX_ACTIONS {
        heartbeat.actions.pop_front();
    }
    Ok(heartbeat)
}

fn title(line: &str) -> Option<Heartbeat> {
    let rest = line.strip_prefix("# Heartbeat - ")?;
    let (name, role) = match rest.split_once(" (") {
        Some((name, role)) => (name, role.strip_suffix(')')?),
        None => (rest, ""),
    };
    let mut heartbeat = Heartbeat::new(name, role);
    heartbeat.pending = super::Pending::Nothing;
    Some(heartbeat)
}

fn entry(heartbeat: &mut Heartbeat, part: Part, line: &str) -> Result<(), &'static str> {
    match part {
        Part::Title => Err("`## Last Active`"),
        Part::LastActive if line == NEVER => {
            heartbeat.last_active = None;
            Ok(())
        }
        Part::LastActive => {
            let at: Timestamp = line.parse().map_err(|_| "a time such as `2026-03-27T10:15:00Z`")?;
            heartbeat.last_active = Some(super::truncated(at));
            Ok(())
        }
        Part::Actions => {
            heartbeat.actions.push_back(Action::parse(line).ok_or("an action such as `- [10:15] ...`")?);
            Ok(())
        }
        Part::Status => status(&mut heartbeat.status, line).ok_or("a number such as `- Errors: 0`"),
    }
}

fn status(status: &mut Status, line: &str) -> Option<()> {
    let (name, value) = line.strip_prefix("- ")?.split_once(": ")?;
    let number = if name == "Anomalies" && value == NONE { 0 } else { value.parse().ok()? };
    match name {
        "Active tasks" => status.active_tasks = number,
        "Completed today" => status.completed_today = number,
        "Errors" => status.errors = number,
        "Anomalies" => status.anomalies = number,
        _ => return None,
    }
    Some(())
}
