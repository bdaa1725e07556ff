//! OpenTelemetry into a recording endpoint that reads it with the project's own types.

use bulkhead_tests::server::{Deed, Server, whole};
use journal::{Draft, Entry, Event, Kind};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use vocab::{AgentName, Decision, Digest, PersonId, ProposalId, Resource, SessionId, Status, TurnId, Verb};

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

/// A record of one turn of `echo`, about the proposal `proposal` where there is one.
fn of_turn(kind: Kind, proposal: Option<(&str, Verb, Resource)>) -> Draft {
    let mut draft = Draft::new(kind);
    draft.agent = AgentName::new("echo").ok();
    draft.person = PersonId::new("ann").ok();
    draft.session = SessionId::new("s-1").ok();
    draft.turn = TurnId::new("t-1").ok();
    if let Some((id, verb, resource)) = proposal {
        draft.proposal = ProposalId::new(id).ok();
        draft.verb = Some(verb);
        draft.resource = Some(resource);
    }
    draft.decision = (kind == Kind::Verdict).then_some(Decision::Permit);
    draft.status = (kind == Kind::Outcome).then_some(Status::Done);
    draft
}

async fn add(stage: &Stage, drafts: Vec<Draft>) {
    for draft in drafts {
        let entry = Entry { subject: Digest::of(b"turn"), records: vec![draft], state: Vec::new() };
        drop(stage.journal.append(entry).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_arrives_as_one_trace_though_the_gateway_is_started_anew_in_the_middle_of_a_call() {
    for stage in Stage::both("export::otlp::a_turn_arrives_as_one_trace") {
        let server = collector();
        let to = format!("name = \"traces\"\nformat = \"otlp-traces\"\nto = \"http://{}\"", server.address);
        let call = || Some(("p-1", Verb::ModelCall, Resource::Model("box/small".into())));
        let read = || Some(("p-2", Verb::FileRead, Resource::Path("/srv/a".into())));
        let mut came = of_turn(Kind::Message, None);
        came.event = Some(Event::MessageReceived);
        let mut ended = of_turn(Kind::Message, None);
        ended.event = Some(Event::TurnEnded);
        add(&stage, vec![came, of_turn(Kind::Proposal, call()), of_turn(Kind::Verdict, call())]).await;
        let following = stage.follow(&to);
        following.until(3).await;
        following.end().await;

        let stage = stage.reopen().await;
        let tool = [Kind::Proposal, Kind::Verdict, Kind::Outcome].map(|kind| of_turn(kind, read()));
        let rest = [of_turn(Kind::Outcome, call())].into_iter().chain(tool).chain([ended]);
        add(&stage, rest.collect()).await;
        let following = stage.follow(&to);
        following.until(8).await;
        following.end().await;

        let requests = server.requests("/v1/traces").into_iter();
        let sent = requests.map(|one| ExportTraceServiceRequest::decode(one.body.as_slice()).unwrap());
        let scopes = sent.flat_map(|sent| sent.resource_spans).flat_map(|resource| resource.scope_spans);
        let spans: Vec<Span> = scopes.flat_map(|scope| scope.spans).collect();
        let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
        assert_eq!(names, ["chat box/small", "execute_tool file.read", "invoke_agent echo"]);
        let root = &spans[2];
        assert!(root.parent_span_id.is_empty() && root.trace_id.len() == 16);
        for span in &spans[..2] {
            assert_eq!((&span.trace_id, &span.parent_span_id), (&root.trace_id, &root.span_id));
            // The verdict on the call came before the restart, and is told with it all the same.
            assert_eq!(span.events.len(), 1, "{span:?}");
        }
    }
}
