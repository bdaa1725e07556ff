//! `GET /api/v1/turns/{id}/events`: what happens in one turn from now on, as JSON Lines or server-sent events.

use axum::extract::{Path, State};
use axum::response::Response;

use super::Shared;
use crate::access::Watch;
use crate::caller::Who;
use crate::problem::Problem;
use crate::request::id;
use crate::stream::{self, Form};

pub(crate) async fn follow_turn(
    State(api): Shared,
    who: Who,
    form: Form,
    Path(turn): Path<String>,
) -> Result<Response, Problem> {
    let events = api.gateway.follow_turn(&who.person, &id(&turn)?, form.since())?;
    Ok(stream::events(&form, events, Watch { api, who, needs: None }))
}
