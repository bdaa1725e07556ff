//! `POST /api/v1/exports`: says in the record what a person is about to export from it.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::Body;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Export {
    format: String,
    conditions: Vec<String>,
}

pub(crate) async fn export(
    State(api): Shared,
    Caller(person): Caller,
    Body(export): Body<Export>,
) -> Answer<Value> {
    api.gateway.export(&person, &export.format, export.conditions).await?;
    Ok(Json(json!({ "recorded": true })))
}
