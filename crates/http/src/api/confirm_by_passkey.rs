//! `POST /api/v1/confirm/passkey/finish`: the passkey once more, before something dangerous.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::sign_in_by_passkey::Answered;
use super::{Answer, Shared};
use crate::caller::{Visitor, Who};
use crate::request::Credentials;

pub(crate) async fn confirm_by_passkey(
    State(api): Shared,
    who: Who,
    Visitor(came): Visitor,
    Credentials(answered): Credentials<Answered>,
) -> Answer<Value> {
    let Answered { ticket, credential } = answered;
    let until = api.people.confirm_by_passkey(who.signed_in()?, &ticket, &credential, &came).await?;
    Ok(Json(json!({ "confirmed_until": until })))
}
