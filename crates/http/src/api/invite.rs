//! `POST /api/v1/people/{id}/invite`: a one-time code with which somebody sets a password; shown this once.

use axum::extract::{Path, State};
use axum::{Extension, Json};
use serde_json::{Value, json};
use turn::Refusal;
use vocab::PersonId;

use super::Shared;
use crate::again::Shown;
use crate::caller::{Through, Who};
use crate::problem::Problem;
use crate::request::id;

/// An administrator may for anybody. On the local socket, which the operating system vouches for, all may for themselves; in
/// a browser they know their password or need a new one from somebody else.
pub(crate) async fn invite(
    State(api): Shared,
    who: Who,
    Path(whom): Path<String>,
) -> Result<(Extension<Shown>, Json<Value>), Problem> {
    let whom: PersonId = id(&whom)?;
    let themselves = matches!(who.through, Through::Socket) && who.person.id == whom;
    if !themselves {
        api.gateway.administrator(&who.person, "invite people")?;
    }
    if api.gateway.person_named(&whom).is_none() {
        return Err(Refusal::nobody(&whom).into());
    }
    let invite = api.people.invite(&whom, &who.person.id).await?;
    let instead = format!(
        "a code for `{whom}` was made with this key, and is shown once: if it did not reach you, invite them again with another key, and the new code takes its place"
    );
    let told = json!({ "person": whom, "code": invite.code.expose(), "expires": invite.expires });
    Ok((Extension(Shown { instead }), Json(told)))
}
