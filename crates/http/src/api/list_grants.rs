//! `GET /api/v1/grants`: each resource that is granted, and the groups that have it; for administrators.

use axum::Json;
use axum::extract::State;
use turn::Grants;

use super::{Answer, Shared};
use crate::caller::Caller;

pub(crate) async fn list_grants(State(api): Shared, Caller(person): Caller) -> Answer<Grants> {
    Ok(Json(api.gateway.grants(&person)?))
}
