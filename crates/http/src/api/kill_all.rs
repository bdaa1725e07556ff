//! `POST /api/v1/kill`: ends every process of every agent.

use axum::Json;
use axum::extract::State;
use turn::KillReport;

use super::{Answer, Shared};
use crate::caller::Caller;

pub(crate) async fn kill_all(State(api): Shared, Caller(person): Caller) -> Answer<KillReport> {
    Ok(Json(api.gateway.kill(&person, None).await?))
}
