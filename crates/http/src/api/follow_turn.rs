//! `GET /api/v1/turns/{id}/events`: what happens in one turn from now on, as JSON Lines.

use axum::extract::{Path, State};
use axum::response::Response;

use super::Shared;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::request::id;
use crate::stream;

pub(crate) async fn follow_turn(
    State(api): Shared,
    Caller(person): Caller,
    Path(turn): Path<String>,
) -> Result<Response, Problem> {
    Ok(stream::lines(api.gateway.follow_turn(&person, &id(&turn)?)?))
}
