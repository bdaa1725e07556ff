//! `GET /api/v1/agents[?after=&limit=]`: the agents that this person may ask or manage, and how they are.

use axum::Json;
use axum::extract::State;
use turn::{AgentView, Page, Place, Portion};

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::Asked;

pub(crate) async fn list_agents(
    State(api): Shared,
    Caller(person): Caller,
    Asked(wanted): Asked<Portion>,
) -> Answer<Page<AgentView>> {
    let all = api.gateway.agents(&person)?;
    Ok(Json(Page::of(all, &wanted, |agent| Place::named(agent.name.as_str()))))
}
