//! `POST /api/v1/sign-in/passkey/finish`: what a passkey answered for a sign-in, whose cookie the browser keeps.

use axum::extract::State;
use axum::response::Response;
use people::KeyAnswer;
use serde::Deserialize;

use super::Shared;
use super::sign_in::welcome;
use crate::caller::Visitor;
use crate::problem::Problem;
use crate::request::Credentials;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answered {
    pub(super) ticket: String,
    pub(super) credential: KeyAnswer,
}

pub(crate) async fn sign_in_by_passkey(
    State(api): Shared,
    Visitor(came): Visitor,
    Credentials(answered): Credentials<Answered>,
) -> Result<Response, Problem> {
    let known = |id: &vocab::PersonId| api.gateway.person_named(id).is_some();
    let Answered { ticket, credential } = answered;
    Ok(welcome(&api.people.sign_in_by_passkey(&ticket, &credential, &came, known).await?))
}
