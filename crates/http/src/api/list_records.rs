//! `GET /api/v1/records[?agent=&person=&...]`: the record's metadata, page by page.

use axum::Json;
use axum::extract::State;
use turn::Records;

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::conditions::Conditions;
use crate::request::Asked;

pub(crate) async fn list_records(
    State(api): Shared,
    Caller(person): Caller,
    Asked(which): Asked<Conditions>,
) -> Answer<Records> {
    Ok(Json(api.gateway.records(&person, which.of_metadata()?).await?))
}
