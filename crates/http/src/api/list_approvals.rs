//! `GET /api/v1/approvals[?all=true]`: the actions that wait for this person, or all that ever did.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Deserialize;
use turn::ApprovalView;

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::problem::{Problem, ProblemKind};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    #[serde(default)]
    all: bool,
}

pub(crate) async fn list_approvals(
    State(api): Shared,
    Caller(person): Caller,
    which: Result<Query<Which>, QueryRejection>,
) -> Answer<Vec<ApprovalView>> {
    let Query(which) = which.map_err(|error| Problem::new(ProblemKind::Invalid, error.body_text()))?;
    Ok(Json(api.gateway.approvals(&person, which.all).await?))
}
