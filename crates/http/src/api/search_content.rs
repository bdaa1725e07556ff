//! `POST /api/v1/content/search`: records with their content, all or those with some words, for whoever may read it.

use axum::Json;
use axum::extract::State;
use journal::read::Query;
use journal::{Event, Kind};
use serde::Deserialize;
use turn::Found;
use vocab::{AgentName, Decision, PersonId, SessionId, Timestamp, Verb};

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::Body;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// The words; all content without.
    text: Option<String>,
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
    after: Option<u64>,
    #[serde(default)]
    limit: u32,
}

pub(crate) async fn search_content(
    State(api): Shared,
    Caller(person): Caller,
    Body(wanted): Body<Wanted>,
) -> Answer<Found> {
    let query = Query {
        agent: wanted.agent,
        person: wanted.person,
        session: wanted.session,
        kind: wanted.kind,
        event: wanted.event,
        decision: wanted.decision,
        verb: wanted.action,
        label: wanted.label,
        since: wanted.since,
        until: wanted.until,
        after: wanted.after,
        limit: wanted.limit,
        ..Query::default()
    };
    Ok(Json(api.gateway.search_content(&person, query, wanted.text).await?))
}
