//! `GET /api/v1/erasures[?all=true]`: the erasures that wait or go on, or all that were asked for.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Deserialize;
use turn::ErasureView;

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::problem::{Problem, ProblemKind};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    #[serde(default)]
    all: bool,
}

pub(crate) async fn list_erasures(
    State(api): Shared,
    Caller(person): Caller,
    which: Result<Query<Which>, QueryRejection>,
) -> Answer<Vec<ErasureView>> {
    let Query(which) = which.map_err(|error| Problem::new(ProblemKind::Invalid, error.body_text()))?;
    Ok(Json(api.gateway.list_erasures(&person, which.all)?))
}
