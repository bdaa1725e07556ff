//! `GET /api/v1/events`: everything that happens from now on, as JSON Lines.

use axum::extract::State;
use axum::response::Response;

use super::Shared;
use crate::access::Watch;
use crate::caller::Who;
use crate::problem::Problem;
use crate::stream;

pub(crate) async fn follow_events(State(api): Shared, who: Who) -> Result<Response, Problem> {
    let events = api.gateway.follow_all(&who.person)?;
    Ok(stream::lines(events, Watch { api, who }))
}
