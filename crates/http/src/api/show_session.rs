//! `GET /api/v1/sessions/{id}`: what was said in a conversation of this person, or in one whose content they may read.

use axum::Json;
use axum::extract::{Path, State};
use people::Scope;
use turn::Conversation;

use super::{Answer, Shared};
use crate::caller::Who;
use crate::request::id;

pub(crate) async fn show_session(
    State(api): Shared,
    who: Who,
    Path(session): Path<String>,
) -> Answer<Conversation> {
    let (person, session) = (&who.person, id(&session)?);
    // Whether there is such a conversation of somebody else must not be told by what is asked for here.
    if !api.gateway.is_own(person, &session)? && api.gateway.reads_others(person)? {
        who.within(Scope::Record)?;
        who.confirmed()?;
    }
    Ok(Json(api.gateway.conversation(person, &session).await?))
}
