//! `GET /api/v1/sign-ins[?person=NAME]`: the sign-ins of the one who asks; of others for administrators.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use people::SignInView;

use super::{Answer, Of, Shared};
use crate::caller::Who;

pub(crate) async fn list_sign_ins(
    State(api): Shared,
    who: Who,
    of: Result<Query<Of>, QueryRejection>,
) -> Answer<Vec<SignInView>> {
    let whose = Of::person(&api, &who, of)?;
    let current = who.session().map(|session| &session.id);
    Ok(Json(api.people.sign_ins(&whose, current)))
}
