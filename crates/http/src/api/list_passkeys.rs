//! `GET /api/v1/passkeys`: one's own passkeys, or as an administrator somebody's.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use people::PasskeyView;

use super::{Answer, Of, Shared};
use crate::caller::Who;

pub(crate) async fn list_passkeys(
    State(api): Shared,
    who: Who,
    of: Result<Query<Of>, QueryRejection>,
) -> Answer<Vec<PasskeyView>> {
    let person = Of::person(&api, &who, of)?;
    Ok(Json(api.people.passkeys(&person)))
}
