//! OpenTelemetry into a recording endpoint that reads it with the project's own types.

use bulkhead_tests::server::{Deed, Server, whole};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;

use crate::stage::Stage;

fn collector() -> Server {
    Server::new(|_| Deed::Say(whole("application/x-protobuf", b"")))
}

#[tokio::test(flavor = "multi_thread")]
async fn log_records_arrive_at_a_collector() {
    let server = collector();
    let stage = Stage::new();
    stage.grow(5).await;
    let to = format!("name = \"logs\"\nformat = \"otlp-logs\"\nto = \"http://{}\"", server.address);
    let following = stage.follow(&to);
    following.until(5).await;
    let requests = server.requests("/v1/logs");
    let sent = ExportLogsServiceRequest::decode(requests[0].body.as_slice()).unwrap();
    assert_eq!(sent.resource_logs[0].scope_logs[0].log_records.len(), 5);
    assert!(requests[0].head.to_lowercase().contains("content-type: application/x-protobuf"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_collector_refuses_for_good_is_not_sent_again() {
    let partial = ExportLogsPartialSuccess { rejected_log_records: 2, error_message: "no".into() };
    let answer = ExportLogsServiceResponse { partial_success: Some(partial) }.encode_to_vec();
    let server = Server::new(move |_| Deed::Say(whole("application/x-protobuf", &answer)));
    let stage = Stage::new();
    stage.grow(5).await;
    let to = format!("name = \"logs\"\nformat = \"otlp-logs\"\nto = \"http://{}\"", server.address);
    let following = stage.follow(&to);
    following.until(5).await;
    assert_eq!(following.standing().refused, 2);
    // It is told of, and what comes within a minute is told together.
    stage.grow(1).await;
    following.until(7).await;
    assert!(following.standing().refused >= 4);
    following.end().await;
    let alerts = stage.alerts().await;
    assert_eq!(alerts[0].event, Some(journal::Event::ExportFailed));
    assert_eq!(alerts[0].facts.text("error"), Some("it refuses 2 records for good"));
    let sent = server.requests("/v1/logs").into_iter().map(|request| {
        let sent = ExportLogsServiceRequest::decode(request.body.as_slice()).unwrap();
        sent.resource_logs[0].scope_logs[0].log_records.len()
    });
    // The alert is a record too, and that it is refused is none.
    assert!(sent.sum::<usize>() >= 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_without_a_turn_are_no_spans_and_hold_nothing_up() {
    let server = collector();
    let stage = Stage::new();
    stage.grow(5).await;
    let to =
        format!("name = \"traces\"\nformat = \"otlp-traces\"\nto = \"http://{}/own/path\"", server.address);
    let following = stage.follow(&to);
    following.until(5).await;
    following.end().await;
    for request in server.requests("/own/path") {
        let sent = ExportTraceServiceRequest::decode(request.body.as_slice()).unwrap();
        let mut scopes = sent.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
        assert!(scopes.all(|scope| scope.spans.is_empty()), "{sent:?}");
    }
}
