//! `POST /api/v1/people/{id}/invite`: a one-time code with which somebody sets a password; shown this once.

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};
use turn::Refusal;
use vocab::PersonId;

use super::{Answer, Shared};
use crate::caller::{Through, Who};
use crate::request::id;

/// An administrator may for anybody. On the local socket, which the operating system vouches for, all may for themselves; in
/// a browser they know their password or need a new one from somebody else.
pub(crate) async fn invite(State(api): Shared, who: Who, Path(whom): Path<String>) -> Answer<Value> {
    let whom: PersonId = id(&whom)?;
    let themselves = matches!(who.through, Through::Socket) && who.person.id == whom;
    if !themselves {
        api.gateway.administrator(&who.person, "invite people")?;
    }
    if api.gateway.person_named(&whom).is_none() {
        return Err(Refusal::nobody(&whom).into());
    }
    let invite = api.people.invite(&whom, &who.person.id).await?;
    Ok(Json(json!({ "person": whom, "code": invite.code.expose(), "expires": invite.expires })))
}
