//! `POST /api/v1/sign-in/code`: a one-time code and a new password for a sign-in.

use axum::extract::State;
use axum::response::Response;
use people::Password;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::Shared;
use super::sign_in::welcome;
use crate::caller::Visitor;
use crate::problem::Problem;
use crate::request::Credentials;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Claim {
    code: SecretString,
    password: Password,
}

pub(crate) async fn sign_in_by_code(
    State(api): Shared,
    Visitor(came): Visitor,
    Credentials(claim): Credentials<Claim>,
) -> Result<Response, Problem> {
    let known = |id: &vocab::PersonId| api.gateway.person_named(id).is_some();
    let code = claim.code.expose_secret();
    Ok(welcome(&api.people.sign_in_by_code(code, claim.password, &came, known).await?))
}
