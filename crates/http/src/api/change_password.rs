//! `POST /api/v1/me/password`: another password for the one who is signed in; every other sign-in of theirs ends.

use axum::extract::State;
use axum::response::Response;
use people::Password;
use serde::Deserialize;

use super::Shared;
use super::sign_in::welcome;
use crate::caller::{Visitor, Who};
use crate::problem::{Problem, ProblemKind};
use crate::request::Credentials;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    old: Password,
    new: Password,
}

pub(crate) async fn change_password(
    State(api): Shared,
    who: Who,
    Visitor(came): Visitor,
    Credentials(change): Credentials<Change>,
) -> Result<Response, Problem> {
    let session = who.session().ok_or_else(|| Problem::new(ProblemKind::Unidentified, "sign in first"))?;
    Ok(welcome(&api.people.change_password(session, change.old, change.new, &came).await?))
}
