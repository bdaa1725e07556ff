//! `GET /api/v1/events`: everything that happens from now on, as JSON Lines or server-sent events.

use axum::extract::State;
use axum::response::Response;
use turn::Act;

use super::Shared;
use crate::access::Watch;
use crate::caller::Who;
use crate::problem::Problem;
use crate::stream::{self, Form};

pub(crate) async fn follow_events(State(api): Shared, who: Who, form: Form) -> Result<Response, Problem> {
    let events = api.gateway.follow_all(&who.person, form.since())?;
    Ok(stream::events(&form, events, Watch { api, who, needs: Some(Act::ActivityFollow) }))
}
