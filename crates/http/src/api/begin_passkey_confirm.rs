//! `POST /api/v1/confirm/passkey/begin`: a challenge for a passkey of the one who is signed in.

use axum::Json;
use axum::extract::State;
use people::Challenge;

use super::{Answer, Shared};
use crate::caller::Who;

pub(crate) async fn begin_passkey_confirm(State(api): Shared, who: Who) -> Answer<Challenge> {
    Ok(Json(api.people.begin_confirm_by_passkey(who.signed_in()?)?))
}
