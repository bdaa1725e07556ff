//! `GET /api/v1/patterns`: what may happen again without another look, as far as it concerns this person.

use axum::Json;
use axum::extract::State;
use turn::PatternView;

use super::{Answer, Shared};
use crate::caller::Caller;

pub(crate) async fn list_patterns(State(api): Shared, Caller(person): Caller) -> Answer<Vec<PatternView>> {
    Ok(Json(api.gateway.patterns(&person)?))
}
