//! Syslog as of RFC 5424: a header, structured data, and a message.
//!
//! The crates for it write to `/dev/log` or to a logger's own records, with a time of their own and RFC 3164's form;
//! none takes a whole record with its own time and structured data and says nothing of the transport. Three rules of
//! escaping are written out here and tested against a real receiver.

use std::fmt::Write as _;

use vocab::Timestamp;

use super::view::{FIELDS, Severity, View};
use super::{FormatError, Origin, jsonl, ocsf, text};

/// The facility "log audit".
const FACILITY: u8 = 13;

/// The structured data's name. RFC 5424 wants the number of an enterprise in it and this project has none; RFC 5612 sets
/// this one aside for examples in documents, so it is nobody's, and stands here until there is one of our own.
const ELEMENT: &str = "bulkhead@32473";

/// The longest name of a host (RFC 5424, section 6).
const MAX_HOST_BYTES: usize = 255;

/// The longest name of a message's kind (the same).
const MAX_MESSAGE_ID_BYTES: usize = 32;

/// The longest value in the structured data, in bytes.
const MAX_PARAMETER_BYTES: usize = 1_024;

/// The longest message for people, in bytes.
const MAX_SENTENCE_BYTES: usize = 2_048;

/// The longest message that has the fields, in bytes. What is escaped is twice as long at most.
pub(crate) const MAX_FIELDS_BYTES: usize =
    FIELDS.len() * (MAX_NAME_BYTES + 2 * MAX_PARAMETER_BYTES) + MAX_SENTENCE_BYTES + MAX_HEAD_BYTES;

/// The longest name of a field with what stands around its value, in bytes.
const MAX_NAME_BYTES: usize = 32;

/// The longest header, with the names of the element and the mark; generous.
const MAX_HEAD_BYTES: usize = MAX_HOST_BYTES + MAX_MESSAGE_ID_BYTES + 256;

/// The byte order mark, which says that the message is UTF-8 (RFC 5424, section 6.4).
const MARK: &[u8] = b"\xef\xbb\xbf";

/// What is carried in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carried {
    /// The fields as structured data, and a line for people.
    Fields,
    /// An object of JSON with the fields.
    Json,
    /// An event of OCSF.
    Ocsf,
    /// An event of CEF.
    Cef,
    /// Comma-separated values.
    Csv,
}

/// Adds a record as one message, without framing.
///
/// # Errors
/// When what is carried has no form.
pub fn write(
    view: &View<'_>,
    origin: &Origin,
    carried: Carried,
    out: &mut Vec<u8>,
) -> Result<(), FormatError> {
    head(view.severity(), &format!("{:.6}", view.time), &view.name(), origin, out);
    match carried {
        Carried::Fields => {
            out.extend_from_slice(element(view).as_bytes());
            out.push(b' ');
            out.extend_from_slice(MARK);
            out.extend_from_slice(text::plain(&view.sentence(), MAX_SENTENCE_BYTES).as_bytes());
        }
        // Readers of these look for their own first character, so that no mark may stand before it.
        Carried::Json => {
            out.extend_from_slice(b"- ");
            jsonl::write(view, out)?;
        }
        Carried::Ocsf => {
            out.extend_from_slice(b"- ");
            ocsf::write(view, origin, out)?;
        }
        Carried::Cef => {
            out.extend_from_slice(b"- ");
            super::cef::write(view, origin, out);
        }
        Carried::Csv => {
            out.extend_from_slice(b"- ");
            super::csv::write(view, out)?;
        }
    }
    Ok(())
}

/// Adds a checkpoint as a message: an object of JSON whose `checkpoint` is the signed note, so that its lines stay its
/// own.
pub(crate) fn checkpoint(
    note: &str,
    time: Timestamp,
    origin: &Origin,
    out: &mut Vec<u8>,
) -> Result<(), FormatError> {
    head(Severity::Notice, &format!("{time:.6}"), "checkpoint", origin, out);
    out.extend_from_slice(b"- ");
    serde_json::to_writer(out, &serde_json::json!({ "checkpoint": note }))?;
    Ok(())
}

/// `<PRIORITY>1 TIME HOST APPLICATION - MESSAGE-ID `.
fn head(severity: Severity, time: &str, name: &str, origin: &Origin, out: &mut Vec<u8>) {
    let priority = u32::from(FACILITY) * 8 + u32::from(number(severity));
    let head = format!(
        "<{priority}>1 {time} {} bulkhead - {} ",
        printable(&origin.host, MAX_HOST_BYTES),
        printable(name, MAX_MESSAGE_ID_BYTES)
    );
    out.extend_from_slice(head.as_bytes());
}

/// The fields as one element of structured data.
fn element(view: &View<'_>) -> String {
    let mut element = format!("[{ELEMENT}");
    for (name, value) in view.fields(MAX_PARAMETER_BYTES) {
        if !value.is_empty() {
            // Writing to a `String` cannot fail.
            let _infallible = write!(element, " {name}=\"{}\"", escaped(&value)).is_ok();
        }
    }
    element.push(']');
    element
}

/// RFC 5424, section 6.3.3: these three, and nothing else.
fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace(']', r"\]")
}

/// A field of the header: visible ASCII, at most `max` bytes, `-` for nothing.
fn printable(text: &str, max: usize) -> String {
    let text: String = text.chars().filter(char::is_ascii_graphic).take(max).collect();
    if text.is_empty() { "-".to_owned() } else { text }
}

const fn number(severity: Severity) -> u8 {
    match severity {
        Severity::Critical => 2,
        Severity::High => 3,
        Severity::Warning => 4,
        Severity::Notice => 5,
        Severity::Info => 6,
    }
}
