//! `POST /api/v1/content`: the content of records, for whoever may read it. It is no `GET`, since each look is recorded.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use turn::Look;

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::Body;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// The records' numbers.
    records: Vec<u64>,
}

pub(crate) async fn read_content(
    State(api): Shared,
    Caller(person): Caller,
    Body(wanted): Body<Wanted>,
) -> Answer<Vec<Look>> {
    Ok(Json(api.gateway.content(&person, wanted.records).await?))
}
