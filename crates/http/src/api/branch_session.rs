//! `POST /api/v1/sessions/{id}/branches`: begins a conversation that goes on from one of the caller's own.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use turn::{Branched, Point};
use vocab::TurnId;

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::{Body, id};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// Up to the end of which turn, or up to its beginning.
    turn: TurnId,
    #[serde(default)]
    before: bool,
}

pub(crate) async fn branch_session(
    State(api): Shared,
    Caller(person): Caller,
    Path(session): Path<String>,
    Body(wanted): Body<Wanted>,
) -> Answer<Branched> {
    let Wanted { turn, before } = wanted;
    let point = if before { Point::Before(turn) } else { Point::After(turn) };
    Ok(Json(api.gateway.branch(&person, &id(&session)?, point).await?))
}
