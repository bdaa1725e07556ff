//! `GET /api/v1/sessions/{id}/passages/{proposal}`: what an action of a conversation read.

use axum::Json;
use axum::extract::{Path, State};
use turn::ReadPassage;

use super::show_session::may_look;
use super::{Answer, Shared};
use crate::caller::Who;
use crate::request::id;

pub(crate) async fn show_passage(
    State(api): Shared,
    who: Who,
    Path((session, proposal)): Path<(String, String)>,
) -> Answer<ReadPassage> {
    let (session, proposal) = (id(&session)?, id(&proposal)?);
    may_look(&api, &who, &session)?;
    Ok(Json(api.gateway.passage(&who.person, &session, &proposal).await?))
}
