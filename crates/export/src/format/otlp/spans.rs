//! A turn as a trace: a span for the whole of it, and one for each model call and each call of a skill.

use std::collections::{BTreeMap, VecDeque};

use journal::Event;
use journal::read::Record;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::span::{Event as SpanEvent, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status as SpanStatus};
use vocab::{Decision, Status, TurnId, Verb};

use super::names::{self, SCHEMA_URL};
use super::{Origin, attributes, resource_of, root_id, scope, span_id, trace_id};
use crate::format::view::View;

/// The most turns and proposals that are remembered until they end. One more forgets the oldest, whose span is then
/// as short as its last record.
const MAX_OPEN: usize = 10_000;

/// Makes spans of records as these come by: a span begins with one record and is sent with the one that ends it.
#[derive(Debug, Default)]
pub struct Spans {
    begun: BTreeMap<String, Begun>,
    order: VecDeque<String>,
}

/// What is remembered of a span that has begun.
#[derive(Debug, Clone)]
struct Begun {
    nanos: u64,
    events: Vec<SpanEvent>,
    /// It has been sent, and what comes after is not another span.
    over: bool,
}

/// The most events within one span.
const MAX_EVENTS: usize = 16;

impl Spans {
    /// Takes in `records`, which come after those before, and gives the spans that end with them.
    #[must_use]
    pub fn take_in(&mut self, records: &[Record], origin: &Origin) -> ExportTraceServiceRequest {
        let spans: Vec<Span> = records.iter().filter_map(|record| self.next(&View::of(record))).collect();
        if spans.is_empty() {
            return ExportTraceServiceRequest::default();
        }
        let spans = ScopeSpans { scope: Some(scope(origin)), spans, schema_url: SCHEMA_URL.to_owned() };
        ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource: Some(resource_of(origin)),
                scope_spans: vec![spans],
                schema_url: SCHEMA_URL.to_owned(),
            }],
        }
    }

    fn next(&mut self, view: &View<'_>) -> Option<Span> {
        let turn = view.turn?;
        self.begin(turn.as_str(), view);
        let ended = view.status.is_some() || matches!(view.decision, Some(Decision::Deny | Decision::Kill));
        match (view.proposal, view.verb) {
            // A reply ends its turn, and the turn's own span tells of it.
            (Some(_), Some(Verb::Reply)) if view.status == Some(Status::Done) => self.root(turn, view),
            // Its parts come before it, while the model is still asked.
            (Some(_), Some(Verb::Reply | Verb::ReplyPart)) => None,
            (Some(proposal), _) => {
                self.begin(proposal.as_str(), view);
                if ended {
                    return Some(self.call(proposal, turn, view));
                }
                self.tell(proposal.as_str(), view);
                None
            }
            (None, _) if view.event == Some(Event::TurnEnded) => self.root(turn, view),
            (None, _) => None,
        }
    }

    /// Remembers when the turn or proposal `name` was first heard of.
    fn begin(&mut self, name: &str, view: &View<'_>) {
        if self.begun.contains_key(name) {
            return;
        }
        while self.order.len() >= MAX_OPEN
            && let Some(oldest) = self.order.pop_front()
        {
            self.begun.remove(&oldest);
        }
        self.order.push_back(name.to_owned());
        self.begun.insert(name.to_owned(), Begun { nanos: view.nanos(), events: Vec::new(), over: false });
    }

    /// Remembers a verdict within the span `name`.
    fn tell(&mut self, name: &str, view: &View<'_>) {
        if let Some(begun) = self.begun.get_mut(name)
            && view.decision.is_some()
            && begun.events.len() < MAX_EVENTS
        {
            begun.events.push(SpanEvent {
                time_unix_nano: view.nanos(),
                name: format!("bulkhead.{}", view.name()),
                attributes: attributes::of(view),
                ..SpanEvent::default()
            });
        }
    }

    /// What was remembered of `name`, which has ended.
    fn end(&mut self, name: &str, view: &View<'_>) -> Begun {
        let begun = self.begun.remove(name);
        // Almost always among the newest, so that this looks at few.
        if let Some(at) = self.order.iter().rposition(|open| open == name) {
            self.order.remove(at);
        }
        begun.unwrap_or_else(|| Begun { nanos: view.nanos(), events: Vec::new(), over: false })
    }

    /// The span of a model call or a call of a skill.
    fn call(&mut self, proposal: &vocab::ProposalId, turn: &TurnId, view: &View<'_>) -> Span {
        let begun = self.end(proposal.as_str(), view);
        let (name, kind) = match (attributes::operation(view), attributes::tool(view), view.resource) {
            (Some(operation), Some(tool), _) => (format!("{operation} {tool}"), SpanKind::Internal),
            (Some(operation), None, Some(model)) => {
                (format!("{operation} {}", model.name()), SpanKind::Client)
            }
            (operation, ..) => (operation.unwrap_or("proposal").to_owned(), SpanKind::Internal),
        };
        Span {
            parent_span_id: root_id(turn),
            span_id: span_id(proposal),
            ..span(name, kind, turn, begun, view)
        }
    }

    /// The span of a whole turn, once.
    fn root(&mut self, turn: &TurnId, view: &View<'_>) -> Option<Span> {
        let begun = self.begun.get_mut(turn.as_str()).filter(|begun| !begun.over)?;
        begun.over = true;
        let begun = Begun { events: std::mem::take(&mut begun.events), ..*begun };
        let agent = view.agent.map_or("agent", vocab::AgentName::as_str);
        let mut span =
            span(format!("{} {agent}", names::INVOKE_AGENT), SpanKind::Internal, turn, begun, view);
        span.span_id = root_id(turn);
        let named = |name: &str| span.attributes.iter().any(|pair| pair.key == name);
        if !named(names::OPERATION_NAME) {
            span.attributes.push(attributes::text(names::OPERATION_NAME, names::INVOKE_AGENT));
        }
        Some(span)
    }
}

fn span(name: String, kind: SpanKind, turn: &TurnId, begun: Begun, view: &View<'_>) -> Span {
    let mut attributes = attributes::of(view);
    let error = error(view);
    if let Some(error) = error {
        attributes.push(attributes::text(names::ERROR_TYPE, error));
    }
    let status = error.map(|error| SpanStatus { message: error.to_owned(), code: StatusCode::Error.into() });
    Span {
        trace_id: trace_id(turn),
        name,
        kind: kind.into(),
        start_time_unix_nano: begun.nanos.min(view.nanos()),
        end_time_unix_nano: view.nanos(),
        attributes,
        events: begun.events,
        status: Some(status.unwrap_or_default()),
        ..Span::default()
    }
}

/// Why the span is one of an error.
fn error(view: &View<'_>) -> Option<&'static str> {
    match (view.decision, view.status) {
        (Some(decision @ (Decision::Deny | Decision::Kill)), _) => Some(decision.as_str()),
        (_, Some(Status::Done) | None) => None,
        (_, Some(status)) => Some(status.as_str()),
    }
}
