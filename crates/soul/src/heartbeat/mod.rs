//! HEARTBEAT.md: what an agent did lately, for people and for scripts that grep.
//!
//! It is a view; the journal is the record. What comes in are actions, already without anything above
//! `internal`; what goes out is text, and the time at which it should be written. Every text that
//! an agent or a person can influence is made safe here: one line, bounded, and unable to pass for
//! another line or to carry the words that scripts look for.

mod file;
mod line;
mod parse;

use std::collections::VecDeque;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

pub use file::{remove_drafts, replace, write_atomically};
pub use line::{Action, What};
pub use parse::{HeartbeatError, MAX_HEARTBEAT_BYTES};

/// The most actions that are kept, the newest.
pub const MAX_ACTIONS: usize = 200;

/// The longest name or role, in characters.
pub const MAX_NAME_CHARS: usize = 80;

/// The least time between two writes that are not urgent.
pub const WRITE_INTERVAL: SignedDuration = SignedDuration::from_secs(1);

/// One agent's heartbeat.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    name: String,
    role: String,
    last_active: Option<Timestamp>,
    actions: VecDeque<Action>,
    status: Status,
    pending: Pending,
    written: Option<Timestamp>,
}

/// The numbers at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Status {
    /// Turns that run or wait.
    pub active_tasks: u32,
    /// Tasks completed this UTC day.
    pub completed_today: u32,
    /// Errors this UTC day.
    pub errors: u32,
    /// Anomalies this UTC day; 0 is written `None`.
    pub anomalies: u32,
}

/// What has not been written yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pending {
    Nothing,
    /// Something that may wait for the interval.
    Change,
    /// A denial, an error or a kill.
    Urgent,
}

/// Equal in what they say; what has been written of it does not count.
impl PartialEq for Heartbeat {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, &self.role, self.last_active, &self.actions, self.status)
            == (&other.name, &other.role, other.last_active, &other.actions, other.status)
    }
}

impl Heartbeat {
    /// An agent that has done nothing yet. `name` and `role` are for people.
    #[must_use]
    pub fn new(name: &str, role: &str) -> Self {
        Self {
            name: Some(line::safe_name(name, MAX_NAME_CHARS))
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| "unnamed".to_owned()),
            role: line::safe_name(role, MAX_NAME_CHARS),
            last_active: None,
            actions: VecDeque::new(),
            status: Status::default(),
            pending: Pending::Change,
            written: None,
        }
    }

    /// Adds an action at `now`. Texts in it must already be without what is above `internal`; they
    /// are made safe here. The oldest action goes when there are more than [`MAX_ACTIONS`].
    pub fn add(&mut self, now: Timestamp, what: What) {
        self.begin_day(now);
        match &what {
            What::Completed { .. } => bump(&mut self.status.completed_today),
            What::Error { .. } => bump(&mut self.status.errors),
            _ => {}
        }
        let urgent = matches!(what, What::Denied { .. } | What::Error { .. } | What::Killed { .. });
        self.actions.push_back(Action::at(now, what));
        while self.actions.len() > MAX_ACTIONS {
            self.actions.pop_front();
        }
        self.last_active = self.last_active.max(Some(truncated(now)));
        self.change(urgent);
    }

    /// Takes away what was done, for words that were erased. The numbers stay.
    pub fn forget(&mut self) {
        self.actions.clear();
        self.change(true);
    }

    /// Sets how many turns run or wait.
    pub fn set_active_tasks(&mut self, tasks: u32) {
        if self.status.active_tasks != tasks {
            self.status.active_tasks = tasks;
            self.change(false);
        }
    }

    /// Counts an anomaly at `now`.
    pub fn add_anomaly(&mut self, now: Timestamp) {
        self.begin_day(now);
        bump(&mut self.status.anomalies);
        self.change(true);
    }

    /// Starts the day's numbers anew when `now` is on a later UTC day than the last action.
    pub fn begin_day(&mut self, now: Timestamp) {
        if self.last_active.is_some_and(|last| day(last) < day(now)) {
            let Status { active_tasks, .. } = self.status;
            let fresh = Status { active_tasks, ..Status::default() };
            if fresh != self.status {
                self.status = fresh;
                self.change(false);
            }
        }
    }

    /// The agent's name; `unnamed` when nothing of it could be kept.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The agent's role; empty when there is none.
    #[must_use]
    pub fn role(&self) -> &str {
        &self.role
    }

    /// When the agent last did something.
    #[must_use]
    pub const fn last_active(&self) -> Option<Timestamp> {
        self.last_active
    }

    /// The kept actions, oldest first.
    pub fn actions(&self) -> impl ExactSizeIterator<Item = &Action> {
        self.actions.iter()
    }

    /// The numbers as of the last action.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }

    /// Whether it should be written now: at once after a denial, an error, an anomaly or a kill, else at
    /// most once in [`WRITE_INTERVAL`].
    #[must_use]
    pub fn due(&self, now: Timestamp) -> bool {
        self.due_at().is_some_and(|at| at <= now)
            // After the clock was set back, waiting for the old time could take for ever.
            || (self.pending != Pending::Nothing && self.written.is_some_and(|written| now < written))
    }

    /// From when on it should be written; `None` while nothing changed.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        match (self.pending, self.written) {
            (Pending::Nothing, _) => None,
            (Pending::Urgent, _) | (Pending::Change, None) => Some(Timestamp::MIN),
            (Pending::Change, Some(written)) => {
                Some(written.checked_add(WRITE_INTERVAL).unwrap_or(Timestamp::MAX))
            }
        }
    }

    /// Notes that it was written at `now`.
    pub fn written(&mut self, now: Timestamp) {
        self.pending = Pending::Nothing;
        self.written = Some(now);
    }

    /// The file's text.
    #[must_use]
    pub fn render(&self) -> String {
        let Status { active_tasks, completed_today, errors, anomalies } = self.status;
        let role = if self.role.is_empty() { String::new() } else { format!(" ({})", self.role) };
        let last = self.last_active.map_or_else(|| parse::NEVER.to_owned(), |last| last.to_string());
        let anomalies = if anomalies == 0 { parse::NONE.to_owned() } else { anomalies.to_string() };
        let mut out =
            format!("# Heartbeat - {}{role}\n## Last Active\n{last}\n## Recent Actions\n", self.name);
        for action in &self.actions {
            out.push_str(&action.to_string());
            out.push('\n');
        }
        out.push_str(&format!(
            "## Status\n- Active tasks: {active_tasks}\n- Completed today: {completed_today}\n\
             - Errors: {errors}\n- Anomalies: {anomalies}\n"
        ));
        out
    }

    /// Reads a file back, so that a restart carries on where it stopped.
    ///
    /// # Errors
    /// When it is too large or not in the form; the error names the line.
    pub fn parse(text: &str) -> Result<Self, HeartbeatError> {
        parse::parse(text)
    }

    fn change(&mut self, urgent: bool) {
        self.pending =
            if urgent || self.pending == Pending::Urgent { Pending::Urgent } else { Pending::Change };
    }
}

fn bump(count: &mut u32) {
    *count = count.saturating_add(1);
}

fn day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// Whole seconds, as the file shows them.
fn truncated(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

#[cfg(test)]
mod tests;
