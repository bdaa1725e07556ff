//! `GET /api/v1/holds`: the legal holds that there are.

use axum::Json;
use axum::extract::State;
use turn::Hold;

use super::{Answer, Shared};
use crate::caller::Caller;

pub(crate) async fn list_holds(State(api): Shared, Caller(person): Caller) -> Answer<Vec<Hold>> {
    Ok(Json(api.gateway.list_holds(&person)?))
}
