//! `POST /api/v1/turns/{id}/stop`: ends a turn of the caller's own; any, for administrators, whose token needs the scope for
//! that, too.

use axum::Json;
use axum::extract::{Path, State};
use people::Scope;
use turn::StoppedTurn;
use vocab::Person;

use super::{Answer, Shared};
use crate::caller::Who;
use crate::request::id;

pub(crate) async fn stop_turn(State(api): Shared, who: Who, Path(turn): Path<String>) -> Answer<StoppedTurn> {
    let administrator = who.person.administrator && who.within(Scope::Admin).is_ok();
    let person = Person { administrator, ..who.person };
    Ok(Json(api.gateway.stop_turn(&person, &id(&turn)?).await?))
}
