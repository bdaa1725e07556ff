//! `POST /api/v1/agents/{name}/resume`: the agent takes up messages again.

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};
use vocab::AgentName;

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::id;

pub(crate) async fn resume_agent(
    State(api): Shared,
    Caller(person): Caller,
    Path(name): Path<String>,
) -> Answer<Value> {
    let name: AgentName = id(&name)?;
    api.gateway.resume(&person, &name).await?;
    Ok(Json(json!({ "agent": name, "resumed": true })))
}
