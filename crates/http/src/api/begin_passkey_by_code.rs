//! `POST /api/v1/sign-in/code/passkey/begin`: a challenge with which the browser of somebody who has a one-time code makes a passkey.

use axum::Json;
use axum::extract::State;
use people::Challenge;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::{Answer, Shared};
use crate::caller::Visitor;
use crate::request::Credentials;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Claim {
    code: SecretString,
}

pub(crate) async fn begin_passkey_by_code(
    State(api): Shared,
    Visitor(came): Visitor,
    Credentials(claim): Credentials<Claim>,
) -> Answer<Challenge> {
    let known = |id: &vocab::PersonId| api.gateway.person_named(id).is_some();
    Ok(Json(api.people.begin_passkey_by_code(claim.code.expose_secret(), &came, known).await?))
}
