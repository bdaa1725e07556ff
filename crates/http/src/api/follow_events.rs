//! `GET /api/v1/events`: everything that happens from now on, as JSON Lines.

use axum::extract::State;
use axum::response::Response;

use super::Shared;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::stream;

pub(crate) async fn follow_events(State(api): Shared, Caller(person): Caller) -> Result<Response, Problem> {
    Ok(stream::lines(api.gateway.follow_all(&person)?))
}
