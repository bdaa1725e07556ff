//! `POST /api/v1/approvals/{id}/deny`: a person says no.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use turn::{ApprovalView, Choice};

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::{Body, id};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct No {
    /// Why, for the one who asked and for the record.
    #[serde(default)]
    reason: String,
}

pub(crate) async fn deny(
    State(api): Shared,
    Caller(person): Caller,
    Path(approval): Path<String>,
    Body(no): Body<No>,
) -> Answer<ApprovalView> {
    let approval = id(&approval)?;
    Ok(Json(api.gateway.decide(&person, &approval, Choice::Deny { reason: no.reason }, None).await?))
}
