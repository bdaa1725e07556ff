//! `GET /api/v1/agents`: the agents that this person may ask or manage, and how they are.

use axum::Json;
use axum::extract::State;
use turn::AgentView;

use super::{Answer, Shared};
use crate::caller::Caller;

pub(crate) async fn list_agents(State(api): Shared, Caller(person): Caller) -> Answer<Vec<AgentView>> {
    Ok(Json(api.gateway.agents(&person)?))
}
