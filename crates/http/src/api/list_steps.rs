//! `GET /api/v1/sessions/{id}/steps[?before=&limit=]`: what happened in a conversation on the way to its answers.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use turn::Steps;

use super::show_session::may_look;
use super::{Answer, Shared};
use crate::caller::Who;
use crate::request::{Asked, id};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// What the last page said.
    before: Option<u64>,
    limit: Option<u32>,
}

pub(crate) async fn list_steps(
    State(api): Shared,
    who: Who,
    Path(session): Path<String>,
    Asked(which): Asked<Which>,
) -> Answer<Steps> {
    let session = id(&session)?;
    may_look(&api, &who, &session)?;
    Ok(Json(api.gateway.steps(&who.person, &session, which.before, which.limit).await?))
}
