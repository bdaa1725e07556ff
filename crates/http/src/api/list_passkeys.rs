//! `GET /api/v1/passkeys[?person=NAME&after=&limit=]`: one's own passkeys, or as an administrator somebody's.

use axum::Json;
use axum::extract::State;
use people::PasskeyView;
use turn::{Page, Place};

use super::{Answer, Of, Shared};
use crate::caller::Who;
use crate::request::Asked;

pub(crate) async fn list_passkeys(
    State(api): Shared,
    who: Who,
    Asked(of): Asked<Of>,
) -> Answer<Page<PasskeyView>> {
    let (whose, wanted) = of.person(&api, &who)?;
    let all = api.people.passkeys(&whose);
    Ok(Json(Page::of(all, &wanted, |passkey| Place::at(passkey.created, passkey.id.as_str()))))
}
