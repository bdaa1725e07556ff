//! `POST /api/v1/accounts/{id}/remove`: takes an account of the directory away, with all that its person has under way here; for
//! administrators.

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};
use vocab::DirectoryId;

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::id;

pub(crate) async fn remove_account(
    State(api): Shared,
    Caller(person): Caller,
    Path(account): Path<String>,
) -> Answer<Value> {
    api.gateway.administrator(&person, "remove accounts of the organisation's directory")?;
    let account: DirectoryId = id(&account)?;
    let whose = api.people.remove_account(&account, &person.id).await?;
    let turns = api.left(&person, &whose).await;
    Ok(Json(json!({ "account": account, "person": whose, "removed": true, "turns": turns })))
}
