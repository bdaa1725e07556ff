//! `GET /api/v1/sessions[?agent=&before=&limit=]`: the caller's own conversations, the newest first.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use turn::Conversations;
use vocab::AgentName;

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::Asked;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    agent: Option<AgentName>,
    /// What the last list said.
    before: Option<String>,
    limit: Option<u32>,
}

pub(crate) async fn list_sessions(
    State(api): Shared,
    Caller(person): Caller,
    Asked(which): Asked<Which>,
) -> Answer<Conversations> {
    Ok(Json(api.gateway.conversations(&person, which.agent, which.before, which.limit).await?))
}
