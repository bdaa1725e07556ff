//! `GET /api/v1/status`: what the gateway says about itself.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::{Answer, Shared};
use crate::caller::Caller;

pub(crate) async fn status(State(api): Shared, Caller(person): Caller) -> Answer<Value> {
    let ready = api.gateway.ready();
    Ok(Json(json!({
        "version": api.about.version,
        "pid": api.about.pid,
        "address": api.about.address,
        "origin": api.about.origin,
        "containment": api.about.containment,
        "ready": ready.is_ok(),
        "why": ready.err(),
        "exports": (api.exports)(),
        "unpublished": api.notary.unpublished(),
        // While the settings do not hold, `why` of every act says so.
        "short": api.gateway.short_of_deciders(&person).unwrap_or_default(),
        "person": person.id,
    })))
}
