//! What the events of each class hold beyond what all have.

use serde_json::{Value, json};
use vocab::{Decision, Resource, Status};

use super::class::{Class, Kind};
use super::{Origin, View, disposition};

/// A field of an event.
type Field = (&'static str, Value);

/// The fields of the class.
pub(super) fn of(view: &View<'_>, class: &Class, origin: &Origin) -> Vec<Field> {
    match class.kind {
        Kind::Api => api(view, origin),
        Kind::Authentication => authentication(view, origin),
        Kind::AccountChange => account(view),
        Kind::Lifecycle => lifecycle(view, origin),
        Kind::Datastore => datastore(view, origin),
        Kind::Finding => finding(view),
    }
}

/// What the monitor or a person answered, in the fields of the profile `security_control`.
pub(super) fn security(view: &View<'_>) -> Vec<Field> {
    let mut fields = Vec::new();
    if let Some(decision) = view.decision {
        let (action, action_name, disposed, disposed_name) = disposition(decision);
        fields.push(("action_id", action.into()));
        fields.push(("action", action_name.into()));
        fields.push(("disposition_id", disposed.into()));
        fields.push(("disposition", disposed_name.into()));
        fields.push(("is_alert", (decision == Decision::Kill).into()));
    }
    let reasons = view.reasons.iter().map(|reason| {
        json!({
            "decision": view.decision.map_or("withheld", Decision::as_str),
            "policy": { "uid": reason.policy, "type": reason.layer.to_string() },
        })
    });
    let reasons: Vec<Value> = reasons.collect();
    if !reasons.is_empty() {
        fields.push(("authorizations", reasons.into()));
    }
    fields
}

fn api(view: &View<'_>, origin: &Origin) -> Vec<Field> {
    let operation = view.verb.map_or_else(|| view.name(), |verb| verb.as_str().to_owned());
    let mut api = json!({ "operation": operation, "service": { "name": "bulkhead" } });
    if let Some(proposal) = view.proposal {
        put(&mut api, "request", json!({ "uid": proposal }));
    }
    let mut fields = vec![
        ("api", api),
        ("actor", actor(view)),
        ("src_endpoint", endpoint(origin)),
        ("message_context", context(view)),
    ];
    fields.extend(status(view));
    if let Some(resource) = view.resource {
        fields.push(("resources", json!([resource_of(view, resource)])));
        if let Resource::Host(host) = resource {
            fields.push(("dst_endpoint", json!({ "name": host })));
        }
        if let Resource::Model(model) = resource {
            let provider = model.split_once('/').map_or("local", |(server, _)| server);
            fields.push(("ai_model", json!({ "name": model, "ai_provider": provider })));
        }
    }
    fields
}

fn authentication(view: &View<'_>, origin: &Origin) -> Vec<Field> {
    use journal::Event as E;
    let came = [E::SignedIn, E::SignedOut, E::SignInConfirmed, E::TokenUsed];
    let refused = !view.event.is_some_and(|event| came.contains(&event));
    let (id, name) = if refused { (2, "Failure") } else { (1, "Success") };
    vec![
        ("user", user(view)),
        ("actor", actor(view)),
        ("service", json!({ "name": "bulkhead" })),
        ("dst_endpoint", endpoint(origin)),
        ("status_id", id.into()),
        ("status", name.into()),
    ]
}

/// The person or group that was changed is the record's person or in its facts; who changed it is the actor, where that is known.
fn account(view: &View<'_>) -> Vec<Field> {
    let changed = ["person", "group", "name"].iter().find_map(|name| view.facts.text(name));
    let user = changed.map_or_else(|| user(view), |name| json!({ "uid": name, "name": name }));
    let mut actor = json!({ "app_name": "bulkhead" });
    if let Some(by) = view.changed_by() {
        put(&mut actor, "user", json!({ "uid": by, "name": by, "type_id": 1, "type": "User" }));
    }
    vec![("user", user), ("actor", actor), ("status_id", 1.into()), ("status", "Success".into())]
}

fn lifecycle(view: &View<'_>, origin: &Origin) -> Vec<Field> {
    let app = match view.agent {
        Some(agent) => json!({ "name": agent, "vendor_name": "Bulkhead", "feature": { "name": "agent" } }),
        None => json!({ "name": "bulkhead", "vendor_name": "Bulkhead", "version": origin.version }),
    };
    vec![("app", app), ("status_id", 1.into()), ("status", "Success".into())]
}

fn datastore(view: &View<'_>, origin: &Origin) -> Vec<Field> {
    let refused = matches!(view.event, Some(journal::Event::ContentRefused | journal::Event::ErasureRefused));
    let (id, name) = if refused { (2, "Failure") } else { (1, "Success") };
    vec![
        ("actor", actor(view)),
        ("src_endpoint", endpoint(origin)),
        ("database", json!({ "name": "record", "type_id": 1, "type": "Relational" })),
        ("type_id", 1.into()),
        ("type", "Database".into()),
        ("status_id", id.into()),
        ("status", name.into()),
    ]
}

fn finding(view: &View<'_>) -> Vec<Field> {
    let mut information = json!({
        "uid": view.hash,
        "title": view.name(),
        "desc": view.sentence(),
        "created_time": view.millis(),
        "types": [view.name()],
    });
    if let Some(reason) = view.reasons.first() {
        put(
            &mut information,
            "analytic",
            json!({ "uid": reason.policy, "category": reason.layer.to_string(), "type_id": 1, "type": "Rule" }),
        );
    }
    let mut fields = vec![
        ("finding_info", information),
        ("status_id", 1.into()),
        ("status", "New".into()),
        ("evidences", json!([{ "actor": actor(view) }])),
    ];
    if let Some(resource) = view.resource {
        fields.push(("resources", json!([resource_of(view, resource)])));
    }
    fields
}

/// Whoever acts: the agent, for the person who asked.
fn actor(view: &View<'_>) -> Value {
    let mut actor = match view.agent {
        Some(agent) => json!({ "app_name": agent, "app_uid": agent }),
        None => json!({ "app_name": "bulkhead" }),
    };
    if view.person.is_some() {
        put(&mut actor, "user", user(view));
    }
    if let Some(session) = view.session {
        put(&mut actor, "session", json!({ "uid": session }));
    }
    actor
}

fn user(view: &View<'_>) -> Value {
    let told = ["os_user", "user", "uid"].iter().find_map(|name| view.facts.text(name));
    match (view.person, told) {
        (Some(person), _) => json!({ "uid": person, "name": person, "type_id": 1, "type": "User" }),
        (None, Some(name)) => json!({ "name": name, "type_id": 0, "type": "Unknown" }),
        (None, None) => json!({ "name": "unknown", "type_id": 0, "type": "Unknown" }),
    }
}

fn endpoint(origin: &Origin) -> Value {
    json!({ "name": origin.host, "svc_name": "bulkhead" })
}

fn resource_of(view: &View<'_>, resource: &Resource) -> Value {
    let mut value =
        json!({ "name": resource.name(), "type": resource.kind(), "role_id": 1, "role": "Target" });
    if let Some(labels) = view.labels {
        put(&mut value, "labels", json!(labels));
    }
    value
}

/// Whether a person did it in a conversation of theirs.
const fn is_persons(event: journal::Event) -> bool {
    matches!(event, journal::Event::MessageReceived | journal::Event::ConversationBranched)
}

/// The part in the conversation, with the tokens of a model call.
fn context(view: &View<'_>) -> Value {
    let (role, name) = match view.verb {
        Some(vocab::Verb::ModelCall | vocab::Verb::Reply | vocab::Verb::ReplyPart) => (2, "Assistant"),
        Some(_) => (3, "Tool"),
        None if view.event.is_some_and(is_persons) => (1, "User"),
        None => (4, "Agent"),
    };
    let app = view.agent.map_or("bulkhead", vocab::AgentName::as_str);
    let mut context = json!({ "application": { "name": app }, "ai_role_id": role, "ai_role": name });
    if let Some(session) = view.session {
        put(&mut context, "uid", json!(session));
    }
    if let Some(call) = view.call {
        put(&mut context, "prompt_tokens", call.prompt_tokens.into());
        put(&mut context, "completion_tokens", call.completion_tokens.into());
        put(&mut context, "total_tokens", call.prompt_tokens.saturating_add(call.completion_tokens).into());
    }
    context
}

fn status(view: &View<'_>) -> Vec<Field> {
    let Some(status) = view.status else { return Vec::new() };
    let (id, name) = match status {
        Status::Done => (1, "Success"),
        Status::Unknown => (0, "Unknown"),
        Status::Failed | Status::Denied | Status::Withheld | Status::Late => (2, "Failure"),
    };
    vec![("status_id", id.into()), ("status", name.into()), ("status_code", status.as_str().into())]
}

/// Puts a field into an object.
pub(super) fn put(object: &mut Value, name: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(name.to_owned(), value);
    }
}
