//! `GET /api/v1/holds[?after=&limit=]`: the legal holds that there are.

use axum::Json;
use axum::extract::State;
use turn::{Hold, Page, Place, Portion};

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::Asked;

pub(crate) async fn list_holds(
    State(api): Shared,
    Caller(person): Caller,
    Asked(wanted): Asked<Portion>,
) -> Answer<Page<Hold>> {
    let all = api.gateway.list_holds(&person).await?;
    Ok(Json(Page::of(all, &wanted, |hold| Place::at(hold.since, hold.id.as_str()))))
}
