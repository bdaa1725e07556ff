//! `GET /api/v1/grants[?after=&limit=]`: each resource that is granted, and the groups that have it; for administrators.

use axum::Json;
use axum::extract::State;
use turn::{Granted, Page, Place, Portion};

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::Asked;

pub(crate) async fn list_grants(
    State(api): Shared,
    Caller(person): Caller,
    Asked(wanted): Asked<Portion>,
) -> Answer<Granted> {
    let table = api.gateway.grants(&person)?;
    let grants = Page::of(table.grants, &wanted, |one| Place::of_two(&one.right, &one.resource));
    Ok(Json(Granted { groups: table.groups, grants }))
}
