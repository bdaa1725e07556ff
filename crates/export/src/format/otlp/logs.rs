//! A log record for each record, tied to the trace of its turn.

use journal::read::Record;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber};

use super::names::SCHEMA_URL;
use super::{Origin, attributes, resource_of, root_id, scope, span_id, trace_id};
use crate::format::view::{Severity, View};

/// The message that carries `records`.
#[must_use]
pub fn logs(records: &[Record], origin: &Origin) -> ExportLogsServiceRequest {
    let logs = ScopeLogs {
        scope: Some(scope(origin)),
        log_records: records.iter().map(|record| log(&View::of(record))).collect(),
        schema_url: SCHEMA_URL.to_owned(),
    };
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: Some(resource_of(origin)),
            scope_logs: vec![logs],
            schema_url: SCHEMA_URL.to_owned(),
        }],
    }
}

fn log(view: &View<'_>) -> LogRecord {
    let (number, name) = severity(view.severity());
    LogRecord {
        time_unix_nano: view.nanos(),
        observed_time_unix_nano: view.nanos(),
        severity_number: number.into(),
        severity_text: name.to_owned(),
        body: Some(AnyValue { value: Some(Value::StringValue(view.sentence())) }),
        attributes: attributes::of(view),
        event_name: format!("bulkhead.{}", view.name()),
        trace_id: view.turn.map(trace_id).unwrap_or_default(),
        span_id: view.proposal.map(span_id).or_else(|| view.turn.map(root_id)).unwrap_or_default(),
        ..LogRecord::default()
    }
}

const fn severity(severity: Severity) -> (SeverityNumber, &'static str) {
    match severity {
        Severity::Info => (SeverityNumber::Info, "INFO"),
        Severity::Notice => (SeverityNumber::Info2, "NOTICE"),
        Severity::Warning => (SeverityNumber::Warn, "WARN"),
        Severity::High => (SeverityNumber::Error, "ERROR"),
        Severity::Critical => (SeverityNumber::Error3, "CRITICAL"),
    }
}
