//! `POST /api/v1/agents/{name}/messages`: a message of a person; its turn's events come back as they happen.

use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;
use turn::Message;
use vocab::SessionId;

use super::Shared;
use crate::access::Watch;
use crate::again::Begun;
use crate::caller::Who;
use crate::problem::Problem;
use crate::request::{Body, id};
use crate::stream::{self, Form};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Said {
    text: String,
    #[serde(default)]
    session: Option<SessionId>,
}

/// The turn is the gateway's: the caller's going away does not stop it.
pub(crate) async fn send_message(
    State(api): Shared,
    who: Who,
    form: Form,
    Path(name): Path<String>,
    Body(said): Body<Said>,
) -> Result<Response, Problem> {
    let message =
        Message { person: who.person.clone(), agent: id(&name)?, session: said.session, text: said.text };
    let accepted = api.gateway.accept(message).await?;
    let begun = Begun { turn: accepted.turn, since: accepted.events.before() };
    let mut response = stream::events(&form, accepted.events, Watch { api, who, needs: None });
    response.extensions_mut().insert(begun);
    Ok(response)
}
