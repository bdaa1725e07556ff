//! The forms in which records leave, each a file.

pub mod cef;
pub mod csv;
pub mod jsonl;
pub mod ocsf;
pub mod otlp;
pub mod syslog;
mod text;
mod view;

use journal::read::Record;
use serde::{Deserialize, Serialize};

pub use view::{Severity, View};

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// A JSON object a line, with the names that `audit query --json` has.
    Jsonl,
    /// Comma-separated values (RFC 4180) with a line of names first.
    Csv,
    /// An event of the Open Cybersecurity Schema Framework, version 1.8, a line.
    Ocsf,
    /// Common Event Format, an event a line.
    Cef,
    /// Syslog as of RFC 5424, with structured data.
    Syslog,
    /// OpenTelemetry log records.
    OtlpLogs,
    /// OpenTelemetry spans: a turn is a trace.
    OtlpTraces,
}

impl Format {
    /// All forms.
    pub const ALL: [Self; 7] =
        [Self::Jsonl, Self::Csv, Self::Ocsf, Self::Cef, Self::Syslog, Self::OtlpLogs, Self::OtlpTraces];

    /// The form's name, as settings and commands write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Ocsf => "ocsf",
            Self::Cef => "cef",
            Self::Syslog => "syslog",
            Self::OtlpLogs => "otlp-logs",
            Self::OtlpTraces => "otlp-traces",
        }
    }

    /// The form of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }

    /// Whether it goes out in OpenTelemetry's own messages instead of lines.
    #[must_use]
    pub const fn is_otlp(self) -> bool {
        matches!(self, Self::OtlpLogs | Self::OtlpTraces)
    }
}

/// Where records come from, as they say it themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The machine's name.
    pub host: String,
    /// The gateway's version.
    pub version: String,
}

impl Origin {
    /// This machine, and a gateway of `version`.
    #[must_use]
    pub fn here(version: &str) -> Self {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Self { host, version: version.to_owned() }
    }
}

/// Makes lines of records, one after another, in one of the forms.
#[derive(Debug)]
pub struct Encoder {
    format: Format,
    origin: Origin,
    spans: otlp::Spans,
    begun: bool,
}

impl Encoder {
    /// For a file in `format`.
    #[must_use]
    pub fn new(format: Format, origin: Origin) -> Self {
        Self { format, origin, spans: otlp::Spans::default(), begun: false }
    }

    /// Adds `records`, which come after those that it was given before, to `out`: whole lines, each with its break.
    ///
    /// # Errors
    /// When a record has no such form; nothing that a gateway writes is like that.
    pub fn lines(&mut self, records: &[Record], out: &mut Vec<u8>) -> Result<(), FormatError> {
        let first = !std::mem::replace(&mut self.begun, true);
        if self.format == Format::Csv && first {
            csv_header(out)?;
        }
        match self.format {
            Format::OtlpLogs => json(&otlp::logs(records, &self.origin), out),
            Format::OtlpTraces => {
                let request = self.spans.take_in(records, &self.origin);
                if request.resource_spans.is_empty() { Ok(()) } else { json(&request, out) }
            }
            _ => records.iter().try_for_each(|record| {
                line(self.format, record, &self.origin, out)?;
                out.push(b'\n');
                Ok(())
            }),
        }
    }
}

/// Adds one record to `out` in a form of lines, without a break; there is none in it.
///
/// # Errors
/// When it has no such form.
pub fn line(format: Format, record: &Record, origin: &Origin, out: &mut Vec<u8>) -> Result<(), FormatError> {
    let view = View::of(record);
    match format {
        Format::Jsonl => jsonl::write(&view, out)?,
        Format::Csv => csv::write(&view, out)?,
        Format::Ocsf => ocsf::write(&view, origin, out)?,
        Format::Cef => cef::write(&view, origin, out),
        Format::Syslog => syslog::write(&view, origin, syslog::Carried::Fields, out)?,
        Format::OtlpLogs | Format::OtlpTraces => return Err(FormatError::NoLine(format.as_str())),
    }
    Ok(())
}

fn json<T: Serialize>(request: &T, out: &mut Vec<u8>) -> Result<(), FormatError> {
    serde_json::to_writer(&mut *out, request)?;
    out.push(b'\n');
    Ok(())
}

/// Adds the line of names of [`Format::Csv`], with its break.
///
/// # Errors
/// Never, with these names.
pub(crate) fn csv_header(out: &mut Vec<u8>) -> Result<(), FormatError> {
    csv::header(out)?;
    out.push(b'\n');
    Ok(())
}

/// Why a record cannot be put into a form.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// No JSON form.
    #[error("a record has no JSON form: {0}")]
    Json(#[from] serde_json::Error),
    /// No comma-separated form.
    #[error("a record has no form of comma-separated values: {0}")]
    Csv(#[from] ::csv::Error),
    /// Messages are no lines.
    #[error("`{0}` is a form of messages and has no lines")]
    NoLine(&'static str),
}
