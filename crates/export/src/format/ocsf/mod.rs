//! Events of the Open Cybersecurity Schema Framework (schema.ocsf.io), version 1.8, an object a line.
//!
//! Which class a record belongs to is said in `class.rs`, what each class holds in `body.rs`. A test validates every
//! class, with its profiles, against the schema as its makers export it.

mod body;
mod class;

use serde_json::{Map, Value, json};
use vocab::Decision;

use super::Origin;
use super::view::{Severity, View};
use class::{Class, Kind};

/// The version of the schema.
pub const VERSION: &str = "1.8.0";

/// Adds a record, without a line break.
pub(super) fn write(view: &View<'_>, origin: &Origin, out: &mut Vec<u8>) -> serde_json::Result<()> {
    serde_json::to_writer(out, &event(view, origin))
}

/// Whether a record is of a change of somebody's account, or of their ways in.
pub(super) fn is_account_change(view: &View<'_>) -> bool {
    matches!(Class::of(view).kind, Kind::AccountChange)
}

/// The event of a record.
fn event(view: &View<'_>, origin: &Origin) -> Value {
    let class = Class::of(view);
    let mut event = Map::new();
    let mut add = |name: &str, value: Value| {
        if !value.is_null() {
            event.insert(name.to_owned(), value);
        }
    };
    let (uid, category) = class.kind.numbers();
    let (severity, severity_name) = severity(view.severity());
    add("class_uid", uid.into());
    add("class_name", class.kind.name().into());
    add("category_uid", category.into());
    add("activity_id", class.activity.into());
    add("activity_name", class.activity_name.into());
    add("type_uid", (uid * 100 + u64::from(class.activity)).into());
    add("time", view.millis().into());
    add("severity_id", severity.into());
    add("severity", severity_name.into());
    add("message", view.sentence().into());
    add("metadata", metadata(view, origin, class.kind));
    add("unmapped", unmapped(view));
    for (name, value) in body::security(view) {
        add(name, value);
    }
    for (name, value) in body::of(view, &class, origin) {
        add(name, value);
    }
    Value::Object(event)
}

fn metadata(view: &View<'_>, origin: &Origin, kind: Kind) -> Value {
    let mut metadata = json!({
        "version": VERSION,
        "product": { "name": "Bulkhead", "vendor_name": "Bulkhead", "version": origin.version },
        "profiles": kind.profiles(),
        "uid": view.hash,
        "log_name": "record",
        "log_provider": origin.host,
        "event_code": view.name(),
        "sequence": view.seq,
        "original_time": view.time.to_string(),
    });
    if let Some(turn) = view.turn {
        body::put(&mut metadata, "correlation_uid", json!(turn));
    }
    if let Some(labels) = view.labels {
        body::put(&mut metadata, "labels", json!(labels));
    }
    metadata
}

/// What the schema has no field for, under our own names.
fn unmapped(view: &View<'_>) -> Value {
    json!({
        "kind": view.kind,
        "event": view.event,
        "turn": view.turn,
        "proposal": view.proposal,
        "facts": view.facts,
        "call": view.call,
        "policy_version": view.policy_version,
        "prev": view.prev,
    })
}

const fn severity(severity: Severity) -> (u8, &'static str) {
    match severity {
        Severity::Info => (1, "Informational"),
        Severity::Notice => (2, "Low"),
        Severity::Warning => (3, "Medium"),
        Severity::High => (4, "High"),
        Severity::Critical => (5, "Critical"),
    }
}

/// The security control's own answer: action and disposition, with their names.
const fn disposition(decision: Decision) -> (u8, &'static str, u8, &'static str) {
    match decision {
        Decision::Permit => (1, "Allowed", 1, "Allowed"),
        Decision::Ask => (3, "Observed", 14, "Delayed"),
        Decision::Deny => (2, "Denied", 2, "Blocked"),
        Decision::Kill => (2, "Denied", 24, "Access Revoked"),
    }
}
