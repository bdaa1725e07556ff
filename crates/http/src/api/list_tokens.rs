//! `GET /api/v1/tokens[?person=NAME&after=&limit=]`: the API tokens of the one who asks; of others for administrators.

use axum::Json;
use axum::extract::State;
use people::TokenView;
use turn::{Page, Place};

use super::{Answer, Of, Shared};
use crate::caller::Who;
use crate::request::Asked;

pub(crate) async fn list_tokens(
    State(api): Shared,
    who: Who,
    Asked(of): Asked<Of>,
) -> Answer<Page<TokenView>> {
    let (whose, wanted) = of.person(&api, &who)?;
    let all = api.people.tokens(&whose);
    Ok(Json(Page::of(all, &wanted, |token| Place::back(token.created, token.id.as_str()))))
}
