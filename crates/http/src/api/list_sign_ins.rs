//! `GET /api/v1/sign-ins[?person=NAME&after=&limit=]`: the sign-ins of the one who asks; of others for administrators.

use axum::Json;
use axum::extract::State;
use people::SignInView;
use turn::{Page, Place};

use super::{Answer, Of, Shared};
use crate::caller::Who;
use crate::request::Asked;

pub(crate) async fn list_sign_ins(
    State(api): Shared,
    who: Who,
    Asked(of): Asked<Of>,
) -> Answer<Page<SignInView>> {
    let (whose, wanted) = of.person(&api, &who)?;
    let current = who.session().map(|session| &session.id);
    let all = api.people.sign_ins(&whose, current);
    Ok(Json(Page::of(all, &wanted, |sign_in| Place::back(sign_in.seen, sign_in.id.as_str()))))
}
