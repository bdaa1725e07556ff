//! One line of `## Recent Actions`, both ways, and what makes its texts safe.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The longest text in a line, in characters.
pub(super) const MAX_TEXT_CHARS: usize = 160;

/// Words that scripts count. In a text they are written in lower case, so that only a real denial,
/// error, kill or use counts.
const MARKS: [(&str, &str); 4] =
    [("DENIED", "denied"), ("ERROR", "error"), ("KILLED", "killed"), ("Used skill:", "used skill")];

/// What happened. Texts in an [`Action`] are safe; those that come in need not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A person asked for something.
    Received {
        /// The task in short.
        task: String,
    },
    /// A skill was used.
    Used {
        /// The skill.
        skill: String,
        /// What for.
        detail: Option<String>,
    },
    /// A task was completed.
    Completed {
        /// Where the output went.
        destination: Option<String>,
    },
    /// Something was not allowed.
    Denied {
        /// What was tried: a skill or an action.
        subject: String,
        /// Why.
        detail: Option<String>,
    },
    /// Something failed.
    Error {
        /// What was tried.
        subject: String,
        /// How it failed.
        detail: Option<String>,
    },
    /// The agent was stopped.
    Killed {
        /// By whom or why.
        detail: Option<String>,
    },
    /// Anything else.
    Note(String),
}

/// Something that happened, with its time of day in UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    hour: i8,
    minute: i8,
    what: What,
}

impl Action {
    /// `what` at `now`, its texts made safe.
    pub(super) fn at(now: Timestamp, what: What) -> Self {
        let time = now.to_zoned(TimeZone::UTC).time();
        Self { hour: time.hour(), minute: time.minute(), what: what.safe() }
    }

    /// The time of day, UTC: hour and minute.
    #[must_use]
    pub const fn time(&self) -> (i8, i8) {
        (self.hour, self.minute)
    }

    /// What happened.
    #[must_use]
    pub const fn what(&self) -> &What {
        &self.what
    }

    /// Reads a line such as `- [10:15] Used skill: browser (searched "x")`.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let (time, text) = line.trim().strip_prefix("- [")?.split_once("] ")?;
        let (hour, minute) = time.split_once(':')?;
        let number = |text: &str, below: i8| {
            let two_digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
            text.parse::<i8>().ok().filter(|n| two_digits && *n < below)
        };
        Some(Self { hour: number(hour, 24)?, minute: number(minute, 60)?, what: What::parse(text.trim()) })
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "- [{:02}:{:02}] {}", self.hour, self.minute, self.what)
    }
}

impl What {
    /// The same with every text on one line, bounded and harmless. Doing it again changes nothing.
    fn safe(self) -> Self {
        let detail =
            |detail: Option<String>| detail.map(|text| safe_text(&text)).filter(|text| !text.is_empty());
        match self {
            Self::Received { task } => Self::Received { task: safe_text(&task) },
            Self::Used { skill, detail: d } => Self::Used { skill: safe_word(&skill), detail: detail(d) },
            Self::Completed { destination } => Self::Completed { destination: detail(destination) },
            Self::Denied { subject, detail: d } => {
                Self::Denied { subject: safe_word(&subject), detail: detail(d) }
            }
            Self::Error { subject, detail: d } => {
                Self::Error { subject: safe_word(&subject), detail: detail(d) }
            }
            Self::Killed { detail: d } => Self::Killed { detail: detail(d) },
            Self::Note(text) => {
                let text = safe_text(&text);
                // A note that reads like another line is kept apart from it by its first word.
                match Self::parse_known(&text) {
                    None if !text.is_empty() => Self::Note(text),
                    _ => Self::Note(safe_text(&format!("Note {text}"))),
                }
            }
        }
    }

    fn parse(text: &str) -> Self {
        Self::parse_known(text).unwrap_or_else(|| Self::Note(text.to_owned())).safe()
    }

    fn parse_known(text: &str) -> Option<Self> {
        let quoted = |text: &str| Some(text.strip_prefix('"')?.strip_suffix('"')?.to_owned());
        if let Some(task) = text.strip_prefix("Received task: ") {
            return quoted(task).map(|task| Self::Received { task });
        }
        if text == "Completed task" {
            return Some(Self::Completed { destination: None });
        }
        if let Some(destination) = text.strip_prefix("Completed task, output sent to ") {
            return Some(Self::Completed { destination: Some(destination.to_owned()) });
        }
        if text == "KILLED" {
            return Some(Self::Killed { detail: None });
        }
        if let Some(text) = text.strip_prefix("KILLED (") {
            return text.strip_suffix(')').map(|detail| Self::Killed { detail: Some(detail.to_owned()) });
        }
        let subject = |text: &str| match text.split_once(" (") {
            None => Some((text.to_owned(), None)),
            Some((word, detail)) => detail.strip_suffix(')').map(|d| (word.to_owned(), Some(d.to_owned()))),
        };
        let fits = |(word, _): &(String, Option<String>)| safe_word(word) == *word;
        if let Some((skill, detail)) = text.strip_prefix("Used skill: ").and_then(subject).filter(fits) {
            return Some(Self::Used { skill, detail });
        }
        if let Some((subject, detail)) = text.strip_prefix("DENIED: ").and_then(subject).filter(fits) {
            return Some(Self::Denied { subject, detail });
        }
        let (subject, detail) = text.strip_prefix("ERROR: ").and_then(subject).filter(fits)?;
        Some(Self::Error { subject, detail })
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (head, detail) = match self {
            Self::Received { task } => return write!(f, "Received task: \"{task}\""),
            Self::Completed { destination: None } => return f.write_str("Completed task"),
            Self::Completed { destination: Some(destination) } => {
                return write!(f, "Completed task, output sent to {destination}");
            }
            Self::Note(text) => return f.write_str(text),
            Self::Used { skill, detail } => (format!("Used skill: {skill}"), detail),
            Self::Denied { subject, detail } => (format!("DENIED: {subject}"), detail),
            Self::Error { subject, detail } => (format!("ERROR: {subject}"), detail),
            Self::Killed { detail } => ("KILLED".to_owned(), detail),
        };
        f.write_str(&head)?;
        detail.as_ref().map_or(Ok(()), |detail| write!(f, " ({detail})"))
    }
}

/// A text on one line, without control, invisible and Markdown characters or the words of [`MARKS`],
/// at most [`MAX_TEXT_CHARS`] long.
pub(super) fn safe_text(text: &str) -> String {
    let plain: String = text
        .chars()
        .filter(|c| !crate::source::is_hidden(*c))
        .map(|c| match c {
            '<' => '‹',
            '>' => '›',
            '[' => '(',
            ']' => ')',
            '`' => '\'',
            '\\' => '/',
            c if c.is_control() => ' ',
            c => c,
        })
        .collect();
    let mut out = plain.split_whitespace().collect::<Vec<&str>>().join(" ");
    for (mark, harmless) in MARKS {
        out = out.replace(mark, harmless);
    }
    if out.chars().count() > MAX_TEXT_CHARS {
        let kept: String = out.chars().take(MAX_TEXT_CHARS.saturating_sub(1)).collect();
        out = format!("{}…", kept.trim_end());
    }
    out
}

/// A name as one word of letters, digits and `-_.:/`.
fn safe_word(text: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.:/".contains(c);
    let word: String =
        text.chars().map(|c| if fits(c) { c } else { '-' }).take(super::MAX_NAME_CHARS).collect();
    let word = MARKS.iter().fold(word, |word, (mark, harmless)| word.replace(mark, harmless));
    if word.is_empty() { "unnamed".to_owned() } else { word }
}

/// A name or role on one line without parentheses, which part the two in the heading.
pub(super) fn safe_name(text: &str, most: usize) -> String {
    let text = safe_text(text).replace(['(', ')'], " ");
    let short: String = text.split_whitespace().collect::<Vec<&str>>().join(" ").chars().take(most).collect();
    short.trim().to_owned()
}
