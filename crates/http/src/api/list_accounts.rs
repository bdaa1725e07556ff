//! `GET /api/v1/accounts`: whom the organisation's directory names here; for administrators.

use axum::Json;
use axum::extract::State;
use people::AccountView;

use super::{Answer, Shared};
use crate::caller::Caller;

pub(crate) async fn list_accounts(State(api): Shared, Caller(person): Caller) -> Answer<Vec<AccountView>> {
    api.gateway.administrator(&person, "see the organisation's directory")?;
    Ok(Json(api.people.accounts()))
}
