//! `POST /api/v1/approvals/{id}/approve`: a person says yes to exactly what they saw.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use turn::{ApprovalView, Choice};
use vocab::Digest;

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::{Body, id};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Yes {
    /// The digest of what the person saw.
    digest: Digest,
}

pub(crate) async fn approve(
    State(api): Shared,
    Caller(person): Caller,
    Path(approval): Path<String>,
    Body(yes): Body<Yes>,
) -> Answer<ApprovalView> {
    let approval = id(&approval)?;
    Ok(Json(api.gateway.decide(&person, &approval, Choice::Approve, Some(yes.digest)).await?))
}
