//! `GET /api/v1/sessions/{id}`: what was said in a conversation of this person, or in one whose content they may read.

use axum::Json;
use axum::extract::{Path, State};
use turn::Conversation;

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::id;

pub(crate) async fn show_session(
    State(api): Shared,
    Caller(person): Caller,
    Path(session): Path<String>,
) -> Answer<Conversation> {
    Ok(Json(api.gateway.conversation(&person, &id(&session)?).await?))
}
