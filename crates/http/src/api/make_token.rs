//! `POST /api/v1/tokens`: an API token for a program of the one who asks; shown this once.

use axum::extract::State;
use axum::{Extension, Json};
use people::{Scope, Wanted};
use serde_json::{Value, json};

use super::Shared;
use crate::again::Shown;
use crate::caller::Who;
use crate::problem::Problem;
use crate::request::Body;

pub(crate) async fn make_token(
    State(api): Shared,
    who: Who,
    Body(wanted): Body<Wanted>,
) -> Result<(Extension<Shown>, Json<Value>), Problem> {
    // A token is never asked for the password: whoever makes one that reaches what is dangerous is.
    if wanted
        .scopes
        .iter()
        .any(|scope| matches!(scope, Scope::Admin | Scope::Record | Scope::Approve | Scope::Scim))
    {
        who.confirmed()?;
    }
    let made = api.people.make_token(&who.person.id, &wanted).await?;
    let id = &made.view.id;
    let instead = format!(
        "the token `{id}` was made with this key, and is shown once: if it did not reach you, end it with `bulkhead people token end {id}` or in the console, and make another"
    );
    Ok((Extension(Shown { instead }), Json(json!({ "token": made.token.expose(), "made": made.view }))))
}
