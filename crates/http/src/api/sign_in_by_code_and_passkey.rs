//! `POST /api/v1/sign-in/code/passkey/finish`: the passkey that a browser made for a one-time code, for a sign-in.

use axum::extract::State;
use axum::response::Response;

use super::Shared;
use super::add_passkey::Made;
use super::sign_in::welcome;
use crate::caller::Visitor;
use crate::problem::Problem;
use crate::request::Credentials;

pub(crate) async fn sign_in_by_code_and_passkey(
    State(api): Shared,
    Visitor(came): Visitor,
    Credentials(made): Credentials<Made>,
) -> Result<Response, Problem> {
    let known = |id: &vocab::PersonId| api.gateway.person_named(id).is_some();
    let Made { ticket, name, credential } = made;
    let people = &api.people;
    Ok(welcome(&people.sign_in_by_code_and_passkey(&ticket, &name, &credential, &came, known).await?))
}
