//! `GET /api/v1/erasures[?all=true&after=&limit=]`: the erasures that wait or go on, or all that were asked for.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use turn::{ErasureView, Page, Place, Portion};

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

pub(crate) async fn list_erasures(
    State(api): Shared,
    Caller(person): Caller,
    Asked(which): Asked<Which>,
) -> Answer<Page<ErasureView>> {
    let wanted = Portion { after: which.after, limit: which.limit };
    let all = api.gateway.list_erasures(&person, which.all)?;
    Ok(Json(Page::of(all, &wanted, |view| Place::at(view.asked, view.id.as_str()))))
}
