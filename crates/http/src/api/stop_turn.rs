//! `POST /api/v1/turns/{id}/stop`: ends a turn of the caller's own; any, for administrators.

use axum::Json;
use axum::extract::{Path, State};
use turn::StoppedTurn;

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::id;

pub(crate) async fn stop_turn(
    State(api): Shared,
    Caller(person): Caller,
    Path(turn): Path<String>,
) -> Answer<StoppedTurn> {
    Ok(Json(api.gateway.stop_turn(&person, &id(&turn)?).await?))
}
