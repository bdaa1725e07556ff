//! `POST /api/v1/record/verify`: goes through the whole record and says how far it has come, and last what was found.

use axum::extract::State;
use axum::response::Response;
use journal::verify::Note;
use serde::Deserialize;

use super::Shared;
use crate::access::Watch;
use crate::caller::Who;
use crate::problem::{Problem, ProblemKind};
use crate::request::Body;
use crate::stream::{self, Form};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Against {
    /// Signed checkpoints that were kept elsewhere, one after the other with empty lines between.
    checkpoints: Option<String>,
}

pub(crate) async fn verify_record(
    State(api): Shared,
    who: Who,
    form: Form,
    Body(against): Body<Against>,
) -> Result<Response, Problem> {
    let notes = against.checkpoints.as_deref().map_or_else(|| Ok(Vec::new()), Note::all);
    let notes = notes.map_err(|error| Problem::new(ProblemKind::Invalid, error.to_string()))?;
    let told = api.gateway.verify_record(&who.person, notes).await?;
    Ok(stream::verification(&form, told, Watch { api, who, needs: None }))
}
