//! `GET /api/v1/waiting`: how many actions wait for this person, in all and of each agent. It shows none of them, and is no use
//! of a sign-in.

use axum::Json;
use axum::extract::State;
use turn::HowMany;

use super::{Answer, Shared};
use crate::caller::Caller;

pub(crate) async fn count_waiting(State(api): Shared, Caller(person): Caller) -> Answer<HowMany> {
    Ok(Json(api.gateway.count_waiting(&person).await?))
}
