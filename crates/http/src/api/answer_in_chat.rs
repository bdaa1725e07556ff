//! `POST /api/v1/chat/answer`: the slash command of the chat, signed as Slack signs, by which somebody answers what was posted there.

use axum::Json;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use people::{MAX_SLACK_BYTES, NoKind};
use serde_json::{Value, json};

use super::{Answer, Shared};
use crate::caller;
use crate::problem::{Problem, ProblemKind};

/// The form of the body.
const FORM: &str = "application/x-www-form-urlencoded";

pub(crate) async fn answer_in_chat(State(api): Shared, request: Request) -> Answer<Value> {
    let none = "there is no chat here: an administrator names one as `[chat]` in bulkhead.toml";
    let chat = api.chat.as_ref().ok_or_else(|| Problem::new(ProblemKind::NotFound, none))?;
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_SLACK_BYTES).await.map_err(|_| {
        let message = format!("the request's body broke off or is over the limit of {MAX_SLACK_BYTES} bytes");
        Problem::new(ProblemKind::TooLarge, message)
    })?;
    let all = |name| parts.headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let came = caller::came(&parts.extensions, &parts.headers)?;
    let heard = chat.hear(all("x-slack-request-timestamp"), all("x-slack-signature"), &body);
    let said = match heard {
        Ok(said) => said,
        Err(no) => {
            if matches!(no.kind, NoKind::Unidentified | NoKind::Conflict) {
                api.people.strange_chat(&came).await;
            }
            return Err(no.into());
        }
    };
    let kind = parts.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if kind.and_then(|kind| kind.split(';').next()).map(str::trim) != Some(FORM) {
        let message = format!("the request needs the header `content-type: {FORM}`");
        return Err(Problem::new(ProblemKind::Invalid, message));
    }
    if !api.gateway.knows_in_chat(&said.user) {
        api.people.strange_chat(&came).await;
    }
    // The chat shows its person what is answered with 200, and nothing else; so a no is said in words.
    let told = api.gateway.answer_in_chat(&said.user, &said.text).await;
    let text = told.unwrap_or_else(|refusal| format!("Not done: {}.", refusal.message));
    Ok(Json(json!({ "response_type": "ephemeral", "text": text })))
}
