//! The attributes of a record, by the conventions' names where there is one and by our own where there is none.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};
use vocab::{Resource, Verb};

use super::super::view::{View, fact_text};
use super::names;

/// The attributes that every log record and every span of a record have.
pub(super) fn of(view: &View<'_>) -> Vec<KeyValue> {
    let mut all = vec![
        number("bulkhead.seq", view.seq),
        text("bulkhead.hash", &view.hash.to_string()),
        text("bulkhead.kind", view.kind.as_str()),
    ];
    if let Some(operation) = operation(view) {
        all.push(text(names::OPERATION_NAME, operation));
        all.push(text(names::PROVIDER_NAME, names::PROVIDER));
    }
    if let Some(agent) = view.agent {
        all.push(text(names::AGENT_NAME, agent.as_str()));
        all.push(text(names::AGENT_ID, agent.as_str()));
    }
    if let Some(session) = view.session {
        all.push(text(names::CONVERSATION_ID, session.as_str()));
    }
    if let Some(person) = view.person {
        all.push(text(names::USER_ID, person.as_str()));
    }
    match view.resource {
        Some(Resource::Model(model)) => all.push(text(names::REQUEST_MODEL, model)),
        Some(resource) => all.push(text("bulkhead.resource", &resource.to_string())),
        None => {}
    }
    if let Some(tool) = tool(view) {
        all.push(text(names::TOOL_NAME, tool));
        all.push(text(names::TOOL_TYPE, "function"));
    }
    all.extend(call(view));
    all.extend(own(view));
    all
}

/// What the conventions have no name for.
fn own(view: &View<'_>) -> Vec<KeyValue> {
    let mut all = Vec::new();
    let named = [
        ("bulkhead.event", view.event.map(|event| event.as_str().to_owned())),
        ("bulkhead.verb", view.verb.map(|verb| verb.as_str().to_owned())),
        ("bulkhead.decision", view.decision.map(|decision| decision.as_str().to_owned())),
        ("bulkhead.status", view.status.map(|status| status.as_str().to_owned())),
        ("bulkhead.turn", view.turn.map(ToString::to_string)),
        ("bulkhead.proposal", view.proposal.map(ToString::to_string)),
        ("bulkhead.policy_version", view.policy_version.map(ToString::to_string)),
    ];
    all.extend(named.iter().filter_map(|(name, value)| Some(text(name, value.as_deref()?))));
    if let Some(labels) = view.labels {
        all.push(list("bulkhead.labels", labels.names()));
    }
    if !view.reasons.is_empty() {
        let reasons = view.reasons.iter().map(|reason| format!("{}: {}", reason.layer, reason.policy));
        all.push(list("bulkhead.reasons", reasons.collect()));
    }
    all.extend(
        view.facts.iter().map(|(name, fact)| text(&format!("bulkhead.fact.{name}"), &fact_text(fact))),
    );
    all
}

fn call(view: &View<'_>) -> Vec<KeyValue> {
    let Some(call) = view.call else { return Vec::new() };
    let mut all = vec![
        number(names::USAGE_INPUT_TOKENS, call.prompt_tokens),
        number(names::USAGE_OUTPUT_TOKENS, call.completion_tokens),
    ];
    if let Some(finish) = &call.finish {
        all.push(list(names::RESPONSE_FINISH_REASONS, vec![finish.clone()]));
    }
    let options = [
        ("temperature", names::REQUEST_TEMPERATURE),
        ("top_p", names::REQUEST_TOP_P),
        ("frequency_penalty", names::REQUEST_FREQUENCY_PENALTY),
        ("presence_penalty", names::REQUEST_PRESENCE_PENALTY),
    ];
    for (option, name) in options {
        if let Some(value) = call.options.get(option).and_then(serde_json::Value::as_f64) {
            all.push(pair(name, Value::DoubleValue(value)));
        }
    }
    for (option, name) in [("max_tokens", names::REQUEST_MAX_TOKENS), ("seed", names::REQUEST_SEED)] {
        if let Some(value) = call.options.get(option).and_then(serde_json::Value::as_u64) {
            all.push(number(name, value));
        }
    }
    all
}

/// The operation, as the conventions name it.
pub(super) fn operation(view: &View<'_>) -> Option<&'static str> {
    match view.verb {
        Some(Verb::ModelCall) => Some(names::CHAT),
        Some(Verb::Reply | Verb::ReplyPart) => Some(names::INVOKE_AGENT),
        Some(_) => Some(names::EXECUTE_TOOL),
        None => None,
    }
}

/// The tool that is executed: its verb, or the name of one that is not there.
pub(super) fn tool<'a>(view: &View<'a>) -> Option<&'a str> {
    match (view.verb, view.resource) {
        (Some(Verb::ModelCall | Verb::Reply | Verb::ReplyPart) | None, _) => None,
        (Some(Verb::SkillCall), Some(Resource::Skill(name))) => Some(name),
        (Some(verb), _) => Some(verb.as_str()),
    }
}

pub(super) fn text(name: &str, value: &str) -> KeyValue {
    pair(name, Value::StringValue(value.to_owned()))
}

pub(super) fn number(name: &str, value: u64) -> KeyValue {
    pair(name, Value::IntValue(i64::try_from(value).unwrap_or(i64::MAX)))
}

fn list(name: &str, values: Vec<String>) -> KeyValue {
    let values = values.into_iter().map(|value| AnyValue { value: Some(Value::StringValue(value)) });
    pair(name, Value::ArrayValue(ArrayValue { values: values.collect() }))
}

fn pair(name: &str, value: Value) -> KeyValue {
    KeyValue { key: name.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}
