//! `GET /api/v1/approvals/{id}`: one action that waits or waited for a person, whole.

use axum::Json;
use axum::extract::{Path, State};
use turn::ApprovalView;

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::id;

pub(crate) async fn show_approval(
    State(api): Shared,
    Caller(person): Caller,
    Path(approval): Path<String>,
) -> Answer<ApprovalView> {
    Ok(Json(api.gateway.approval(&person, &id(&approval)?).await?))
}
