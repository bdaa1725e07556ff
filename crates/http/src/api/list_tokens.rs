//! `GET /api/v1/tokens[?person=NAME]`: the API tokens of the one who asks; of others for administrators.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use people::TokenView;

use super::{Answer, Of, Shared};
use crate::caller::Who;

pub(crate) async fn list_tokens(
    State(api): Shared,
    who: Who,
    of: Result<Query<Of>, QueryRejection>,
) -> Answer<Vec<TokenView>> {
    let whose = Of::person(&api, &who, of)?;
    Ok(Json(api.people.tokens(&whose)))
}
