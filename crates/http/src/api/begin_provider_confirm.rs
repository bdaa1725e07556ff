//! `POST /api/v1/confirm/provider/begin`: where a browser goes for its person to show again that it is they, at the identity
//! provider. It goes there by itself: nothing here sends a browser anywhere.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::Shared;
use super::cookie::{self, Flow};
use crate::caller::Who;
use crate::problem::Problem;

pub(crate) async fn begin_provider_confirm(State(api): Shared, who: Who) -> Result<Response, Problem> {
    let begun = api.people.begin_confirm_by_provider(who.signed_in()?).await?;
    let kept = cookie::keep_flow(Flow::Confirm, &begun.browser);
    Ok((kept, Json(json!({ "url": begun.url }))).into_response())
}
