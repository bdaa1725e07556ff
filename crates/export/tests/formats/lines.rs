//! Forms of lines, read back by parsers of their own.

use bulkhead_export::Format;
use bulkhead_export::format::syslog::{Carried, write};
use bulkhead_export::format::{Encoder, View, line};
use journal::read::Record;
use journal::{Event, Facts, Kind};
use proptest::prelude::*;
use serde_json::Value;
use vocab::{Decision, Labels, Resource, Verb};

use crate::made::{any_record, of_proposal, origin, record};

const LINES: [Format; 5] = [Format::Jsonl, Format::Csv, Format::Ocsf, Format::Cef, Format::Syslog];

fn one(format: Format, record: &Record) -> String {
    let mut out = Vec::new();
    line(format, record, &origin(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// A path that means something to each form.
fn nasty() -> Record {
    let path = "/srv/=1|2\\\"]\n\rGET / HTTP/1.1\u{2028}é";
    let mut record = of_proposal(3, Kind::Verdict, "p-1", Verb::FileRead, Resource::Path(path.into()));
    record.decision = Some(Decision::Deny);
    record.labels = Labels::from_names(["restricted"]).ok();
    record
}

#[test]
fn each_form_writes_a_nasty_path_as_its_rules_have_it() {
    let record = nasty();
    let cef = one(Format::Cef, &record);
    assert!(
        cef.starts_with("CEF:0|Bulkhead|Bulkhead|0.1.0|verdict.file.read|verdict.file.read|6|rt="),
        "{cef}"
    );
    assert!(cef.contains(r#" filePath=/srv/\=1|2\\"]\\u{a}\\u{d}GET / HTTP/1.1\\u{2028}é "#), "{cef}");
    let syslog = one(Format::Syslog, &record);
    assert!(
        syslog.starts_with(
            "<108>1 2026-09-21T14:13:23.000000Z gate.example.org bulkhead - verdict.file.read [bulkhead@32473 seq=\"3\""
        ),
        "{syslog}"
    );
    assert!(syslog.contains(r#" resource="path:/srv/=1|2\\\"\]\\u{a}\\u{d}GET"#), "{syslog}");
    assert!(syslog.contains("] \u{feff}verdict.file.read deny path:/srv/"), "{syslog}");
    let csv = one(Format::Csv, &record);
    assert!(csv.starts_with("3,2026-09-21T14:13:23Z,verdict,,echo,ann,file.read,\"path:/srv/=1"), "{csv}");
    let json: Value = serde_json::from_str(&one(Format::Jsonl, &record)).unwrap();
    assert_eq!(json["resource"]["name"], "/srv/=1|2\\\"]\n\rGET / HTTP/1.1\u{2028}é");
}

#[test]
fn who_changed_an_account_and_whose_it_is_are_told_apart() {
    let mut record = record(1, Kind::Admin);
    record.event = Some(Event::InviteMade);
    record.person = vocab::PersonId::new("alice").ok();
    record.facts = Facts::new().with("by", "bob");
    let told = one(Format::Cef, &record);
    assert!(told.contains(" suser=bob duser=alice "), "{told}");
    record.facts = Facts::new();
    let told = one(Format::Cef, &record);
    assert!(!told.contains("suser=") && told.contains(" duser=alice"), "{told}");
}

#[test]
fn a_file_of_comma_separated_values_has_its_names_once() {
    let mut encoder = Encoder::new(Format::Csv, origin());
    let mut out = Vec::new();
    encoder.lines(&[nasty()], &mut out).unwrap();
    encoder.lines(&[nasty()], &mut out).unwrap();
    let mut rows = csv::Reader::from_reader(out.as_slice());
    assert_eq!(rows.headers().unwrap().iter().next(), Some("seq"));
    assert_eq!(rows.records().map(|row| row.unwrap().len()).collect::<Vec<_>>(), [20, 20]);
}

/// A header of RFC 5424, its structured data as pairs, and the message; by the grammar, letter by letter.
fn syslog(message: &str) -> (String, Vec<(String, String)>, String) {
    let (head, rest) = message.split_at(message.match_indices(' ').nth(5).unwrap().0);
    let rest = rest.strip_prefix(' ').unwrap();
    if let Some(rest) = rest.strip_prefix("- ") {
        return (head.into(), Vec::new(), rest.into());
    }
    let (id, mut rest) = rest.strip_prefix('[').unwrap().split_once(' ').unwrap();
    assert_eq!(id, "bulkhead@32473");
    let mut pairs = Vec::new();
    loop {
        let (name, after) = rest.split_once("=\"").unwrap();
        let mut value = String::new();
        let mut chars = after.char_indices();
        let end = loop {
            match chars.next().unwrap() {
                (_, '\\') => {
                    let (_, escaped) = chars.next().unwrap();
                    assert!(matches!(escaped, '"' | '\\' | ']'), "{message}");
                    value.push(escaped);
                }
                (at, '"') => break at,
                (_, ']') => panic!("a bracket that is not escaped: {message}"),
                (_, c) => value.push(c),
            }
        };
        pairs.push((name.trim_start().to_owned(), value));
        rest = &after[end + 1..];
        if let Some(said) = rest.strip_prefix("] ") {
            return (head.into(), pairs, said.into());
        }
    }
}

/// An event of CEF: the seven parts of its header, and its pairs.
fn cef(event: &str) -> (Vec<String>, Vec<(String, String)>) {
    let mut parts = vec![String::new()];
    let mut chars = event.chars();
    while parts.len() < 8 {
        match chars.next().unwrap() {
            '\\' => {
                let escaped = chars.next().unwrap();
                assert!(matches!(escaped, '\\' | '|'), "{event}");
                parts.last_mut().unwrap().push(escaped);
            }
            '|' => parts.push(String::new()),
            c => parts.last_mut().unwrap().push(c),
        }
    }
    parts.pop();
    // An equals sign that is not escaped ends a key, which begins behind the last blank before it.
    let (mut pairs, mut text): (Vec<(String, String)>, String) = (Vec::new(), String::new());
    let mut all: Vec<String> = Vec::new();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                let escaped = chars.next().unwrap();
                assert!(matches!(escaped, '\\' | '='), "{event}");
                text.push(escaped);
            }
            '=' => all.push(std::mem::take(&mut text)),
            c => text.push(c),
        }
    }
    all.push(text);
    for pair in all.windows(2) {
        let key = pair[0].rsplit(' ').next().unwrap().to_owned();
        assert!(!key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric()), "{key:?} in {event}");
        let value = pair[1].rsplit_once(' ').map_or(pair[1].as_str(), |(value, _)| value);
        pairs.push((key, value.to_owned()));
    }
    (parts, pairs)
}

fn breaks(text: &str) -> bool {
    text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
}

proptest! {
    #[test]
    fn no_record_breaks_a_line(record in any_record()) {
        for format in LINES {
            let text = one(format, &record);
            prop_assert!(!text.contains(['\n', '\r']), "{}: {text:?}", format.as_str());
        }
    }

    #[test]
    fn json_reads_back_as_what_was_recorded(record in any_record()) {
        let read: Value = serde_json::from_str(&one(Format::Jsonl, &record)).unwrap();
        let whole = serde_json::to_value(&record).unwrap();
        for name in ["seq", "time", "kind", "turn", "agent", "person", "decision", "status", "hash", "prev"] {
            prop_assert_eq!(read.get(name).unwrap_or(&Value::Null), &whole[name], "{}", name);
        }
        let resource = record.action.as_ref().and_then(|action| action.resource.as_ref());
        let read = read.get("resource").map(|value| serde_json::from_value::<Resource>(value.clone()).unwrap());
        prop_assert_eq!(read.as_ref(), resource);
    }

    #[test]
    fn a_row_has_its_cells_and_none_is_a_formula(record in any_record()) {
        let text = one(Format::Csv, &record);
        let mut rows = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
        let row = rows.records().next().unwrap().unwrap();
        prop_assert_eq!(row.len(), 20);
        prop_assert_eq!(row.get(0).unwrap(), record.seq.to_string());
        prop_assert_eq!(row.get(19).unwrap(), record.hash.to_string());
        for cell in &row {
            prop_assert!(!breaks(cell), "{cell:?}");
            prop_assert!(!cell.trim_start().starts_with(['=', '+', '-', '@', '\t', '＝', '＋', '－', '＠']), "{cell:?}");
        }
        prop_assert!(rows.records().next().is_none());
    }

    #[test]
    fn an_event_of_cef_has_its_parts_and_pairs(record in any_record()) {
        let text = one(Format::Cef, &record);
        let (parts, pairs) = cef(&text);
        prop_assert_eq!(parts.len(), 7);
        prop_assert_eq!(&parts[0], "CEF:0");
        prop_assert!(parts[6].parse::<u8>().unwrap() <= 10);
        prop_assert!(!breaks(&text), "{text:?}");
        let value = |key: &str| pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
        let seq = record.seq.to_string();
        prop_assert_eq!(value("externalId"), Some(seq.as_str()));
        prop_assert_eq!(value("act"), record.decision.map(Decision::as_str));
        let event: Value = serde_json::from_str(&one(Format::Ocsf, &record)).unwrap();
        // Of a change of an account the person is whose it is, and who did it stands in the facts.
        let whose = if event["class_uid"] == 3001 { "duser" } else { "suser" };
        prop_assert_eq!(value(whose), record.person.as_ref().map(|person| person.as_str()));
        let mut keys: Vec<&String> = pairs.iter().map(|(key, _)| key).collect();
        keys.sort();
        let all = keys.len();
        keys.dedup();
        prop_assert_eq!(keys.len(), all, "a key stands twice: {}", text);
    }

    #[test]
    fn a_message_of_syslog_has_its_header_and_structured_data(record in any_record()) {
        let text = one(Format::Syslog, &record);
        let (head, pairs, said) = syslog(&text);
        let head: Vec<&str> = head.split(' ').collect();
        prop_assert!(head[0].starts_with("<1") && head[0].ends_with(">1"), "{head:?}");
        prop_assert_eq!((head[2], head[3], head[4]), ("gate.example.org", "bulkhead", "-"));
        prop_assert!(head[5].len() <= 32 && head[5].chars().all(|c| c.is_ascii_graphic()));
        prop_assert_eq!(&pairs[0], &("seq".to_owned(), record.seq.to_string()));
        prop_assert!(said.starts_with('\u{feff}') && !breaks(&said), "{said:?}");
        prop_assert!(text.len() < 64 * 1024);
        for carried in [Carried::Json, Carried::Ocsf, Carried::Cef, Carried::Csv] {
            let mut out = Vec::new();
            write(&View::of(&record), &origin(), carried, &mut out).unwrap();
            let (_, pairs, said) = syslog(std::str::from_utf8(&out).unwrap());
            prop_assert!(pairs.is_empty() && !said.contains(['\n', '\r']));
            if matches!(carried, Carried::Json | Carried::Ocsf) {
                prop_assert!(serde_json::from_str::<Value>(&said).unwrap().is_object());
            }
        }
    }
}
