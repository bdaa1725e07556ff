//! `GET /api/v1/health`: what `bulkhead doctor` finds, for who looks after the gateway.

use axum::Json;
use axum::extract::State;
use serde_json::Value;
use turn::Act;

use super::{Answer, Shared};
use crate::caller::Caller;

pub(crate) async fn health(State(api): Shared, Caller(person): Caller) -> Answer<Value> {
    // It names files of the home and addresses of model servers.
    api.gateway.demand(&person, Act::ActivityFollow, None, "see what the gateway finds of itself")?;
    Ok(Json(api.health.look().await?))
}
