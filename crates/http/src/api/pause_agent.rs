//! `POST /api/v1/agents/{name}/pause`: the agent takes up nothing new until it is resumed.

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};
use vocab::AgentName;

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::id;

pub(crate) async fn pause_agent(
    State(api): Shared,
    Caller(person): Caller,
    Path(name): Path<String>,
) -> Answer<Value> {
    let name: AgentName = id(&name)?;
    api.gateway.pause(&person, &name).await?;
    Ok(Json(json!({ "agent": name, "paused": true })))
}
