//! `POST /api/v1/passkeys/finish`: the passkey that a browser made for a challenge.

use axum::Json;
use axum::extract::State;
use people::{MadeKey, PasskeyView};
use serde::Deserialize;

use super::{Answer, Shared};
use crate::caller::Who;
use crate::request::Credentials;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Made {
    pub(super) ticket: String,
    /// What its person calls it.
    pub(super) name: String,
    pub(super) credential: MadeKey,
}

pub(crate) async fn add_passkey(
    State(api): Shared,
    who: Who,
    Credentials(made): Credentials<Made>,
) -> Answer<PasskeyView> {
    let session = who.signed_in()?;
    Ok(Json(api.people.add_passkey(session, &made.ticket, &made.name, &made.credential).await?))
}
