//! `POST /api/v1/sign-in/passkey/begin`: a challenge for whoever wants in with a passkey.

use axum::Json;
use axum::extract::State;
use people::Challenge;

use super::{Answer, Shared};

pub(crate) async fn begin_passkey_sign_in(State(api): Shared) -> Answer<Challenge> {
    Ok(Json(api.people.begin_sign_in_by_passkey()?))
}
