//! `GET /api/v1/records[?agent=&person=&...]`: the record's metadata, page by page.

use axum::Json;
use axum::extract::State;
use journal::read::Query;
use journal::{Event, Kind};
use serde::Deserialize;
use turn::Records;
use vocab::{AgentName, Decision, Labels, PersonId, SessionId, Timestamp, Verb};

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::problem::{Problem, ProblemKind};
use crate::request::Asked;

/// The conditions of `bulkhead audit query`, without a text.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    agent: Option<AgentName>,
    person: Option<PersonId>,
    session: Option<SessionId>,
    kind: Option<Kind>,
    event: Option<Event>,
    decision: Option<Decision>,
    action: Option<Verb>,
    label: Option<String>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    /// Oldest first, from there on.
    after: Option<u64>,
    /// Newest first, from there back; without both, from the end.
    before: Option<u64>,
    #[serde(default)]
    limit: u32,
}

pub(crate) async fn list_records(
    State(api): Shared,
    Caller(person): Caller,
    Asked(which): Asked<Which>,
) -> Answer<Records> {
    if let Some(label) = &which.label {
        Labels::from_names([label.as_str()])
            .map_err(|error| Problem::new(ProblemKind::Invalid, error.to_string()))?;
    }
    let query = Query {
        agent: which.agent,
        person: which.person,
        session: which.session,
        kind: which.kind,
        event: which.event,
        decision: which.decision,
        verb: which.action,
        label: which.label,
        since: which.since,
        until: which.until,
        after: which.after,
        before: which.before,
        limit: which.limit,
        ..Query::default()
    };
    Ok(Json(api.gateway.records(&person, query).await?))
}
