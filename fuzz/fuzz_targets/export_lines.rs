//! Whatever a path, a policy or a fact is called: a line stays one line, and each form reads back.
#![no_main]

use export::format::syslog::{Carried, write};
use export::format::{View, line};
use export::{Format, Origin};
use journal::read::{Record, RecordedAction};
use journal::{Facts, Ground, Kind};
use libfuzzer_sys::fuzz_target;
use vocab::{Decision, Digest, Layer, Resource, Verb};

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let mut parts = text.splitn(4, '\u{1e}').map(str::to_owned).chain(std::iter::repeat(String::new()));
    let mut next = || parts.next().unwrap_or_default();
    let record = Record {
        action: Some(RecordedAction { verb: Some(Verb::FileRead), resource: Some(Resource::Path(next())) }),
        decision: Some(Decision::Deny),
        reasons: vec![Ground { layer: Layer::Policy, policy: next() }],
        facts: Facts::new().with(&next(), next()),
        ..bare()
    };
    let origin = Origin { host: "gate".into(), version: "0.1.0".into() };
    let one = |format| {
        let mut out = Vec::new();
        line(format, &record, &origin, &mut out).expect("every record has each form");
        let line = String::from_utf8(out).expect("each form is text");
        assert!(!line.contains(['\n', '\r']), "{line:?}");
        line
    };
    for format in [Format::Jsonl, Format::Ocsf] {
        let value: serde_json::Value = serde_json::from_str(&one(format)).expect("JSON");
        assert!(value.is_object());
    }
    let row = one(Format::Csv);
    let mut rows = csv::ReaderBuilder::new().has_headers(false).from_reader(row.as_bytes());
    let cells = rows.records().next().expect("a row").expect("a row that reads");
    assert_eq!(cells.len(), 20);
    assert!(cells.iter().all(|cell| !cell.trim_start().starts_with(['=', '+', '-', '@'])));
    let event = one(Format::Cef);
    assert!(event.starts_with("CEF:0|Bulkhead|Bulkhead|0.1.0|verdict.file.read|verdict.file.read|6|rt="));
    structured(&one(Format::Syslog));
    for carried in [Carried::Json, Carried::Ocsf, Carried::Cef, Carried::Csv] {
        let mut out = Vec::new();
        write(&View::of(&record), &origin, carried, &mut out).expect("every record has each form");
        assert!(!out.contains(&b'\n'));
    }
});

fn bare() -> Record {
    let json = serde_json::json!({
        "seq": 1, "time": "2026-11-21T07:00:00Z", "kind": Kind::Verdict, "reasons": [],
        "prev": Digest::of(b"before"), "hash": Digest::of(b"itself"),
    });
    serde_json::from_value(json).expect("a record")
}

/// The structured data ends where its grammar says, and nowhere before.
fn structured(message: &str) {
    let (_, rest) = message.split_once(" [bulkhead@32473 ").expect("the element");
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in rest.char_indices() {
        match c {
            _ if escaped => {
                assert!(matches!(c, '"' | '\\' | ']'), "{message}");
                escaped = false;
            }
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ']' => {
                assert!(!quoted && rest[at..].starts_with("] \u{feff}"), "{message}");
                return;
            }
            _ => {}
        }
    }
    panic!("it never ends: {message}");
}
