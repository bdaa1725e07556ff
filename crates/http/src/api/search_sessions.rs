//! `POST /api/v1/sessions/search`: what was said in the caller's own conversations and has some words, the newest first. It is
//! no `GET`, since each search is recorded, and words do not belong into an address.

use axum::Json;
use axum::extract::State;
use turn::{Recall, Recalled};

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::Body;

pub(crate) async fn search_sessions(
    State(api): Shared,
    Caller(person): Caller,
    Body(wanted): Body<Recall>,
) -> Answer<Recalled> {
    Ok(Json(api.gateway.recall(&person, wanted).await?))
}
