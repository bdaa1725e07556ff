//! `POST /api/v1/passkeys/{id}/remove`: takes a passkey of one's own away, or as an administrator anybody's.

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};
use vocab::PasskeyId;

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::id;

pub(crate) async fn remove_passkey(
    State(api): Shared,
    Caller(person): Caller,
    Path(passkey): Path<String>,
) -> Answer<Value> {
    let passkey: PasskeyId = id(&passkey)?;
    // For others, somebody else's is none.
    let owner = api.people.owner_of_passkey(&passkey).filter(|_| person.administrator);
    let owner = owner.unwrap_or_else(|| person.id.clone());
    api.people.remove_passkey(&passkey, &owner, &person.id).await?;
    Ok(Json(json!({ "passkey": passkey, "removed": true })))
}
