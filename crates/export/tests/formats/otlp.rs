//! OpenTelemetry's messages, read back by its own types.

use bulkhead_export::Format;
use bulkhead_export::format::Encoder;
use bulkhead_export::format::otlp::{Spans, logs};
use journal::read::Record;
use journal::{Event, Kind, ModelCall};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use proptest::prelude::*;
use prost::Message as _;
use vocab::{Decision, Digest, Resource, Status, Verb};

use crate::made::{any_record, of_proposal, of_turn, origin};

/// A turn that asks a model, is denied a file, asks again and replies.
fn turn() -> Vec<Record> {
    let model = || Resource::Model("box/small".into());
    let mut all = vec![of_turn(1, Kind::Message, "t-1")];
    all[0].event = Some(Event::MessageReceived);
    all.push(of_proposal(2, Kind::Proposal, "p-1", Verb::ModelCall, model()));
    let mut verdict = of_proposal(3, Kind::Verdict, "p-1", Verb::ModelCall, model());
    verdict.decision = Some(Decision::Permit);
    all.push(verdict);
    let mut outcome = of_proposal(4, Kind::Outcome, "p-1", Verb::ModelCall, model());
    outcome.status = Some(Status::Done);
    outcome.call = Some(ModelCall {
        prompt_tokens: 11,
        completion_tokens: 7,
        finish: Some("stop".into()),
        ..ModelCall::new(Digest::of(b""))
    });
    all.push(outcome);
    let file = || Resource::Path("/srv/pay".into());
    all.push(of_proposal(5, Kind::Proposal, "p-2", Verb::FileRead, file()));
    let mut verdict = of_proposal(6, Kind::Verdict, "p-2", Verb::FileRead, file());
    verdict.decision = Some(Decision::Deny);
    all.push(verdict);
    let mut reply = of_proposal(9, Kind::Outcome, "p-3", Verb::Reply, Resource::Person("ann".into()));
    reply.status = Some(Status::Done);
    all.push(reply);
    let mut ended = of_turn(10, Kind::Message, "t-1");
    ended.event = Some(Event::TurnEnded);
    all.push(ended);
    all
}

fn spans(request: ExportTraceServiceRequest) -> Vec<Span> {
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    scopes.flat_map(|scope| scope.spans).collect()
}

fn value(attributes: &[KeyValue], name: &str) -> Option<Value> {
    let mut found = attributes.iter().filter(|pair| pair.key == name);
    let first = found.next()?.value.clone()?.value;
    assert!(found.next().is_none(), "`{name}` stands twice");
    first
}

fn text(attributes: &[KeyValue], name: &str) -> String {
    match value(attributes, name) {
        Some(Value::StringValue(text)) => text,
        other => panic!("`{name}` is {other:?}"),
    }
}

#[test]
fn a_turn_is_a_trace_with_a_span_for_each_call() {
    let records = turn();
    let all = spans(Spans::default().take_in(&records, &origin()));
    let names: Vec<&str> = all.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["chat box/small", "execute_tool file.read", "invoke_agent echo"]);
    let [chat, tool, root] = all.as_slice() else { panic!("{names:?}") };
    let nanos = |seq: usize| u64::try_from(records[seq - 1].time.as_nanosecond()).unwrap();
    assert_eq!((chat.start_time_unix_nano, chat.end_time_unix_nano), (nanos(2), nanos(4)));
    assert_eq!((root.start_time_unix_nano, root.end_time_unix_nano), (nanos(1), nanos(7)));
    assert_eq!((chat.kind(), tool.kind()), (SpanKind::Client, SpanKind::Internal));
    for span in &all {
        assert_eq!((span.trace_id.len(), span.span_id.len()), (16, 8));
        assert_eq!(span.trace_id, root.trace_id);
        assert_eq!(text(&span.attributes, "gen_ai.agent.name"), "echo");
        assert_eq!(text(&span.attributes, "gen_ai.conversation.id"), "s-1");
        assert_eq!(text(&span.attributes, "user.id"), "ann");
    }
    assert!(root.parent_span_id.is_empty());
    assert_eq!((&chat.parent_span_id, &tool.parent_span_id), (&root.span_id, &root.span_id));
    assert_eq!(text(&chat.attributes, "gen_ai.operation.name"), "chat");
    assert_eq!(text(&chat.attributes, "gen_ai.request.model"), "box/small");
    assert_eq!(value(&chat.attributes, "gen_ai.usage.input_tokens"), Some(Value::IntValue(11)));
    assert_eq!(value(&chat.attributes, "gen_ai.usage.output_tokens"), Some(Value::IntValue(7)));
    assert_eq!(chat.events.len(), 1, "the verdict");
    assert_eq!(chat.status.as_ref().unwrap().code(), StatusCode::Unset);
    assert_eq!(tool.status.as_ref().unwrap().code(), StatusCode::Error);
    assert_eq!(text(&tool.attributes, "error.type"), "deny");
    assert_eq!(text(&tool.attributes, "gen_ai.tool.name"), "file.read");
    assert_eq!(text(&root.attributes, "gen_ai.operation.name"), "invoke_agent");
}

#[test]
fn a_trace_is_the_same_whenever_and_in_whatever_pieces_it_is_sent() {
    let records = turn();
    let whole = spans(Spans::default().take_in(&records, &origin()));
    let mut pieces = Spans::default();
    let sent: Vec<Span> =
        records.chunks(1).flat_map(|piece| spans(pieces.take_in(piece, &origin()))).collect();
    assert_eq!(sent, whole);
}

#[test]
fn a_log_record_belongs_to_the_span_of_its_proposal() {
    let records = turn();
    let sent =
        ExportLogsServiceRequest::decode(logs(&records, &origin()).encode_to_vec().as_slice()).unwrap();
    let resource = &sent.resource_logs[0];
    assert_eq!(text(&resource.resource.as_ref().unwrap().attributes, "service.name"), "bulkhead");
    let sent = &resource.scope_logs[0].log_records;
    assert_eq!(sent.len(), records.len());
    let all = spans(Spans::default().take_in(&records, &origin()));
    assert_eq!((&sent[1].trace_id, &sent[1].span_id), (&all[0].trace_id, &all[0].span_id));
    assert_eq!(sent[0].span_id, all[2].span_id);
    assert_eq!(sent[5].severity_text, "WARN");
    assert_eq!(sent[0].event_name, "bulkhead.message.received");
    assert_eq!(value(&sent[3].attributes, "bulkhead.seq"), Some(Value::IntValue(4)));
}

#[test]
fn a_file_of_messages_is_a_line_of_their_json_each() {
    for (format, lines) in [(Format::OtlpLogs, 2), (Format::OtlpTraces, 1)] {
        let mut encoder = Encoder::new(format, origin());
        let mut out = Vec::new();
        encoder.lines(&turn()[..3], &mut out).unwrap();
        encoder.lines(&turn()[3..], &mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert_eq!(out.lines().count(), lines, "{out}");
        for line in out.lines() {
            match format {
                Format::OtlpLogs => drop(serde_json::from_str::<ExportLogsServiceRequest>(line).unwrap()),
                _ => drop(serde_json::from_str::<ExportTraceServiceRequest>(line).unwrap()),
            }
        }
    }
}

proptest! {
    #[test]
    fn any_records_are_messages(records in prop::collection::vec(any_record(), 1..8)) {
        let bytes = logs(&records, &origin()).encode_to_vec();
        let read = ExportLogsServiceRequest::decode(bytes.as_slice()).unwrap();
        prop_assert_eq!(read.resource_logs[0].scope_logs[0].log_records.len(), records.len());
        for log in &read.resource_logs[0].scope_logs[0].log_records {
            let mut names: Vec<&str> = log.attributes.iter().map(|pair| pair.key.as_str()).collect();
            let all = names.len();
            names.sort_unstable();
            names.dedup();
            prop_assert_eq!(names.len(), all);
        }
        let traces = Spans::default().take_in(&records, &origin()).encode_to_vec();
        prop_assert!(ExportTraceServiceRequest::decode(traces.as_slice()).is_ok());
    }
}
