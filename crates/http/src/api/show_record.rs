//! `GET /api/v1/records/{seq}`: the metadata of one record.

use axum::Json;
use axum::extract::{Path, State};
use journal::read::Record;

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::id;

pub(crate) async fn show_record(
    State(api): Shared,
    Caller(person): Caller,
    Path(seq): Path<String>,
) -> Answer<Record> {
    Ok(Json(api.gateway.record_at(&person, id(&seq)?).await?))
}
