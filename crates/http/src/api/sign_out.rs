//! `POST /api/v1/sign-out`: ends the sign-in that this is asked with.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::{Shared, cookie};
use crate::caller::Who;
use crate::problem::Problem;

pub(crate) async fn sign_out(State(api): Shared, who: Who) -> Result<Response, Problem> {
    if let Some(session) = who.session() {
        api.people.end_sign_in(&session.id, &who.person.id, &who.person.id).await?;
    }
    Ok((cookie::forget(), Json(json!({ "signed_out": true }))).into_response())
}
