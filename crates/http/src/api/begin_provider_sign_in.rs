//! `POST /api/v1/sign-in/provider/begin`: where a browser goes to sign in at the identity provider. It goes there by itself:
//! nothing here sends a browser anywhere.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::json;

use super::{Shared, cookie};
use crate::problem::Problem;
use crate::request::Credentials;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wish {
    /// Have the provider ask its person anew.
    #[serde(default)]
    again: bool,
}

pub(crate) async fn begin_provider_sign_in(
    State(api): Shared,
    Credentials(wish): Credentials<Wish>,
) -> Result<Response, Problem> {
    let begun = api.people.begin_by_provider(wish.again).await?;
    Ok((cookie::keep_flow(cookie::Flow::SignIn, &begun.browser), Json(json!({ "url": begun.url })))
        .into_response())
}
