//! `POST /api/v1/tokens/{id}/end`: ends an API token of one's own, or as an administrator anybody's.

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};
use vocab::TokenId;

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::id;

pub(crate) async fn end_token(
    State(api): Shared,
    Caller(person): Caller,
    Path(token): Path<String>,
) -> Answer<Value> {
    let token: TokenId = id(&token)?;
    // For others, somebody else's is none.
    let owner = api.people.owner_of_token(&token).filter(|_| person.administrator);
    let owner = owner.unwrap_or_else(|| person.id.clone());
    api.people.end_token(&token, &owner, &person.id).await?;
    Ok(Json(json!({ "token": token, "ended": true })))
}
