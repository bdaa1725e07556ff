//! `GET /api/v1/sign-in/ways`: with what somebody can sign in here. Says nothing of who is here.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::{Answer, Shared};

pub(crate) async fn sign_in_ways(State(api): Shared) -> Answer<Value> {
    // Passkeys work at one name of the gateway's and at no other.
    let passkeys = api.people.passkeys_at().map(ToString::to_string);
    Ok(Json(json!({ "password": true, "passkeys": passkeys, "provider": api.people.provider() })))
}
