//! `POST /api/v1/turns/{id}/stop`: ends a turn of the caller's own; any of an agent that the caller may stop, whose token needs the scope for
//! that, too.

use axum::Json;
use axum::extract::{Path, State};
use people::Scope;
use turn::StoppedTurn;

use super::{Answer, Shared};
use crate::caller::Who;
use crate::request::id;

pub(crate) async fn stop_turn(State(api): Shared, who: Who, Path(turn): Path<String>) -> Answer<StoppedTurn> {
    let own_only = who.within(Scope::Admin).is_err();
    Ok(Json(api.gateway.stop_turn(&who.person, &id(&turn)?, own_only).await?))
}
