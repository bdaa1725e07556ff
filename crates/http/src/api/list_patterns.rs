//! `GET /api/v1/patterns[?after=&limit=]`: what may happen again without another look, as far as it concerns this person.

use axum::Json;
use axum::extract::State;
use turn::{Page, PatternView, Place, Portion};

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::Asked;

pub(crate) async fn list_patterns(
    State(api): Shared,
    Caller(person): Caller,
    Asked(wanted): Asked<Portion>,
) -> Answer<Page<PatternView>> {
    let all = api.gateway.patterns(&person)?;
    Ok(Json(Page::of(all, &wanted, |pattern| Place::at(pattern.expires, pattern.id.as_str()))))
}
