//! `POST /api/v1/sign-in`: a name and a password for a sign-in, whose cookie the browser keeps.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use people::{Password, SignedIn};
use serde::Deserialize;
use serde_json::json;
use vocab::PersonId;

use super::{Shared, cookie};
use crate::caller::Visitor;
use crate::problem::Problem;
use crate::request::Credentials;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Claim {
    person: String,
    password: Password,
}

pub(crate) async fn sign_in(
    State(api): Shared,
    Visitor(came): Visitor,
    Credentials(claim): Credentials<Claim>,
) -> Result<Response, Problem> {
    let known = PersonId::new(&claim.person).is_ok_and(|id| api.gateway.person_named(&id).is_some());
    Ok(welcome(&api.people.sign_in(&claim.person, known, claim.password, &came).await?))
}

/// The answer to whoever came in.
pub(super) fn welcome(signed_in: &SignedIn) -> Response {
    let said = Json(json!({ "person": signed_in.person, "expires": signed_in.expires }));
    (cookie::keep(&signed_in.cookie.expose()), said).into_response()
}
