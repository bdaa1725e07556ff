//! `POST /api/v1/content/search`: records with their content, all or those with some words, for whoever may read it.

use axum::Json;
use axum::extract::State;
use turn::Found;

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::conditions::Conditions;
use crate::request::Body;

pub(crate) async fn search_content(
    State(api): Shared,
    Caller(person): Caller,
    Body(which): Body<Conditions>,
) -> Answer<Found> {
    let (query, text) = which.of_content()?;
    Ok(Json(api.gateway.search_content(&person, query, text).await?))
}
