//! `GET /v1/models` and `GET /v1/models/NAME`: the one model that a program has, its agent.

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::Error;
use crate::guest::Guest;

pub(crate) async fn list_models(State(guest): State<Guest>) -> Json<Value> {
    Json(json!({ "object": "list", "data": [model(&guest)] }))
}

pub(crate) async fn show_model(
    State(guest): State<Guest>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Error> {
    let model = model(&guest);
    if model.get("id").is_some_and(|id| *id == name) {
        return Ok(Json(model));
    }
    Err(Error::not_found(format!(
        "there is one model here, `bulkhead/{}`; a chat may name any, and gets this one",
        guest.run.agent()
    )))
}

fn model(guest: &Guest) -> Value {
    let id = format!("bulkhead/{}", guest.run.agent());
    json!({ "id": id, "object": "model", "created": guest.begun, "owned_by": "bulkhead" })
}
