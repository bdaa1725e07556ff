//! `GET /api/v1/me`: who asks, and what they may.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::{Answer, Shared};
use crate::caller::{Through, Who};

pub(crate) async fn me(State(api): Shared, who: Who) -> Answer<Value> {
    let person = &who.person;
    let through = match &who.through {
        Through::Socket => "socket",
        Through::SignIn(_) => "sign-in",
        Through::Token { .. } => "token",
    };
    Ok(Json(json!({
        "person": person.id,
        "groups": person.groups,
        "administrator": person.administrator,
        "clearance": person.clearance,
        "roles": api.gateway.roles(person),
        "may": api.gateway.may(person)?,
        "through": through,
        "passkey": api.people.has_passkey(&person.id),
        // With what this person confirms; nothing where there is no signing in.
        "confirms": api.people.confirms_with(&person.id)?.iter().map(|how| how.as_str()).collect::<Vec<_>>(),
        "confirmed_until": who.session().and_then(|session| session.confirmed_until),
        "containment": api.about.containment,
        "version": api.about.version,
        "solo": api.gateway.is_solo(person),
    })))
}
