//! `GET /api/v1/sign-in/ways`: with what somebody can sign in here, and whether this browser carries a sign-in at all. Says
//! nothing of whose, or whether it still holds: that is for `GET /api/v1/me`.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use serde_json::{Value, json};

use super::{Answer, Shared};

pub(crate) async fn sign_in_ways(State(api): Shared, headers: HeaderMap) -> Answer<Value> {
    // Passkeys work at one name of the gateway's and at no other.
    let passkeys = api.people.passkeys_at().map(ToString::to_string);
    // No script sees the cookie. A page that is told of it asks who is there only where somebody may be.
    let cookies = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes);
    let carried = !matches!(people::cookie(cookies), Ok(None));
    let provider = api.people.provider();
    Ok(Json(json!({ "password": true, "passkeys": passkeys, "provider": provider, "carried": carried })))
}
