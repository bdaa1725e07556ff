//! `GET /api/v1/approvers`: how much those who approve decide and how long they look; of everybody for administrators,
//! else of the one who asks.

use axum::Json;
use axum::extract::State;
use turn::Budgets;

use super::{Answer, Shared};
use crate::caller::Caller;

pub(crate) async fn list_approvers(State(api): Shared, Caller(person): Caller) -> Answer<Budgets> {
    Ok(Json(api.gateway.budgets(&person).await?))
}
