//! `POST /api/v1/sign-ins/{id}/end`: ends a sign-in of one's own, or as an administrator anybody's.

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};
use vocab::SignInId;

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::id;

pub(crate) async fn end_sign_in(
    State(api): Shared,
    Caller(person): Caller,
    Path(sign_in): Path<String>,
) -> Answer<Value> {
    let sign_in: SignInId = id(&sign_in)?;
    // For others, somebody else's is none.
    let owner = api.people.owner_of_sign_in(&sign_in).filter(|_| person.administrator);
    let owner = owner.unwrap_or_else(|| person.id.clone());
    api.people.end_sign_in(&sign_in, &owner, &person.id).await?;
    Ok(Json(json!({ "sign_in": sign_in, "ended": true })))
}
