//! `GET /api/v1/sessions/{id}`: what was said in a conversation of this person, or in one whose content they may read.

use axum::Json;
use axum::extract::{Path, State};
use people::Scope;
use turn::Conversation;
use vocab::SessionId;

use super::{Answer, Shared};
use crate::Api;
use crate::caller::Who;
use crate::problem::Problem;
use crate::request::id;

pub(crate) async fn show_session(
    State(api): Shared,
    who: Who,
    Path(session): Path<String>,
) -> Answer<Conversation> {
    let session = id(&session)?;
    may_look(&api, &who, &session)?;
    Ok(Json(api.gateway.conversation(&who.person, &session).await?))
}

/// What looking into a conversation of somebody else takes beside the right to it.
pub(super) fn may_look(api: &Api, who: &Who, session: &SessionId) -> Result<(), Problem> {
    if api.gateway.looks_at_others(&who.person, session)? {
        who.within(Scope::Record)?;
        who.confirmed()?;
    }
    Ok(())
}
