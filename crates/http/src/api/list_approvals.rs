//! `GET /api/v1/approvals[?all=true&after=&limit=]`: the actions that wait for this person, or all that ever did.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use turn::{ApprovalView, Page, Place, Portion};

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::Asked;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    #[serde(default)]
    all: bool,
    after: Option<Place>,
    limit: Option<u32>,
}

pub(crate) async fn list_approvals(
    State(api): Shared,
    Caller(person): Caller,
    Asked(which): Asked<Which>,
) -> Answer<Page<ApprovalView>> {
    let wanted = Portion { after: which.after, limit: which.limit };
    Ok(Json(api.gateway.approvals(&person, which.all, &wanted).await?))
}
