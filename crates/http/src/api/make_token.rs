//! `POST /api/v1/tokens`: an API token for a program of the one who asks; shown this once.

use axum::Json;
use axum::extract::State;
use people::{Scope, Wanted};
use serde_json::{Value, json};

use super::{Answer, Shared};
use crate::caller::Who;
use crate::request::Body;

pub(crate) async fn make_token(State(api): Shared, who: Who, Body(wanted): Body<Wanted>) -> Answer<Value> {
    // A token is never asked for the password: whoever makes one that reaches what is dangerous is.
    if wanted
        .scopes
        .iter()
        .any(|scope| matches!(scope, Scope::Admin | Scope::Record | Scope::Approve | Scope::Scim))
    {
        who.confirmed()?;
    }
    let made = api.people.make_token(&who.person.id, &wanted).await?;
    Ok(Json(json!({ "token": made.token.expose(), "made": made.view })))
}
