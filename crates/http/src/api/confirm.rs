//! `POST /api/v1/confirm`: the password once more, before something dangerous.

use axum::Json;
use axum::extract::State;
use people::Password;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Shared};
use crate::caller::{Visitor, Who};
use crate::request::Credentials;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Again {
    password: Password,
}

pub(crate) async fn confirm(
    State(api): Shared,
    who: Who,
    Visitor(came): Visitor,
    Credentials(again): Credentials<Again>,
) -> Answer<Value> {
    let until = api.people.confirm(who.signed_in()?, again.password, &came).await?;
    Ok(Json(json!({ "confirmed_until": until })))
}
