//! Common Event Format, version 0: `CEF:0|vendor|product|version|signature|name|severity|key=value ...`.
//!
//! In the header a backslash and a pipe are escaped, in the extension a backslash and an equals sign; a line break is
//! nowhere (ArcSight Common Event Format, "Character Encoding"). No crate that is kept does this; it is two rules.

use vocab::Resource;

use super::view::{Severity, View};
use super::{Origin, text};

/// The longest value of the extension, in bytes: the format's own limit for its custom strings.
const MAX_VALUE_BYTES: usize = 4_000;

/// The longest name and signature, in bytes.
const MAX_HEADER_BYTES: usize = 512;

/// Adds a record, without a line break.
pub(super) fn write(view: &View<'_>, origin: &Origin, out: &mut Vec<u8>) {
    let name = view.name();
    let head = ["Bulkhead", "Bulkhead", &origin.version, &name, &name];
    out.extend_from_slice(b"CEF:0");
    for part in head {
        out.push(b'|');
        out.extend_from_slice(header(part).as_bytes());
    }
    let rest = format!("|{}|", severity(view.severity()));
    out.extend_from_slice(rest.as_bytes());
    let pairs = extension(view, origin);
    let pairs: Vec<String> = pairs
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| format!("{key}={}", escaped(&value)))
        .collect();
    out.extend_from_slice(pairs.join(" ").as_bytes());
}

/// The keys of the format's own dictionary where one fits, and its custom strings, each with its label.
fn extension(view: &View<'_>, origin: &Origin) -> Vec<(&'static str, String)> {
    let mut pairs = vec![
        ("rt", view.millis().to_string()),
        ("externalId", view.seq.to_string()),
        ("dvchost", origin.host.clone()),
        ("cat", view.kind.as_str().to_owned()),
        ("msg", view.sentence()),
    ];
    let fields = view.fields(MAX_VALUE_BYTES);
    let field = |name: &str| {
        let found = fields.iter().find(|(field, _)| *field == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    // Of a change of somebody's account the person is whose it is.
    let account = super::ocsf::is_account_change(view);
    if account {
        pairs.push(("suser", view.changed_by().unwrap_or_default().to_owned()));
        pairs.push(("duser", field("person")));
    } else {
        pairs.push(("suser", field("person")));
    }
    pairs.push(("act", field("decision")));
    pairs.push(("outcome", field("status")));
    pairs.push(("deviceFacility", field("verb")));
    match view.resource {
        Some(Resource::Path(path)) => pairs.push(("filePath", path.clone())),
        Some(Resource::Host(host)) => pairs.push(("dhost", host.clone())),
        Some(Resource::Person(person)) if !account => pairs.push(("duser", person.clone())),
        Some(Resource::Command(command)) => pairs.push(("dproc", command.clone())),
        Some(other) => pairs.push(("destinationServiceName", other.to_string())),
        None => {}
    }
    let custom = [
        ("cs1", "cs1Label", "agent"),
        ("cs2", "cs2Label", "session"),
        ("cs3", "cs3Label", "labels"),
        ("cs4", "cs4Label", "reasons"),
        ("cs5", "cs5Label", "facts"),
        ("cs6", "cs6Label", "hash"),
        ("flexString1", "flexString1Label", "turn"),
        ("flexString2", "flexString2Label", "proposal"),
    ];
    for (key, label, name) in custom {
        let value = field(name);
        if !value.is_empty() {
            pairs.push((label, name.to_owned()));
            pairs.push((key, value));
        }
    }
    if let Some(call) = view.call {
        pairs.push(("cn1Label", "prompt tokens".to_owned()));
        pairs.push(("cn1", call.prompt_tokens.to_string()));
        pairs.push(("cn2Label", "completion tokens".to_owned()));
        pairs.push(("cn2", call.completion_tokens.to_string()));
    }
    pairs
}

fn header(part: &str) -> String {
    text::plain(part, MAX_HEADER_BYTES).replace('\\', r"\\").replace('|', r"\|")
}

fn escaped(value: &str) -> String {
    text::plain(value, MAX_VALUE_BYTES).replace('\\', r"\\").replace('=', r"\=")
}

/// From 0 to 10.
const fn severity(severity: Severity) -> u8 {
    match severity {
        Severity::Info => 1,
        Severity::Notice => 3,
        Severity::Warning => 6,
        Severity::High => 8,
        Severity::Critical => 10,
    }
}
