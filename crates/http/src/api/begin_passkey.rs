//! `POST /api/v1/passkeys/begin`: a challenge with which a browser makes a passkey.

use axum::Json;
use axum::extract::State;
use people::Challenge;

use super::{Answer, Shared};
use crate::caller::Who;

pub(crate) async fn begin_passkey(State(api): Shared, who: Who) -> Answer<Challenge> {
    Ok(Json(api.people.begin_passkey(who.signed_in()?)?))
}
