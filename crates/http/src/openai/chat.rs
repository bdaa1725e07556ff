//! `POST /v1/chat/completions`: one model call, judged, done, its answer judged whole and then delivered.

use axum::extract::{Request, State};
use axum::response::Response;
use turn::Came;
use vocab::Intent;

use super::read::{Asked, Wrong, read};
use super::{Error, write};
use crate::bounds::MAX_CHAT_BYTES;
use crate::guest::{Guest, whole_body};

pub(crate) async fn chat(State(guest): State<Guest>, request: Request) -> Result<Response, Error> {
    let reading = guest.reading.acquire().await;
    let body = whole_body(request, MAX_CHAT_BYTES).await.ok_or_else(|| Error::too_large(MAX_CHAT_BYTES))?;
    // Taking apart megabytes of JSON must not hold up what else this thread serves.
    let asked = tokio::task::spawn_blocking(move || read(&body)).await;
    let Asked { request, stream, usage } = asked.map_err(|error| {
        tracing::error!("a chat request could not be read: {error}");
        Wrong::new(None, "the body cannot be read")
    })??;
    drop(reading);
    let head = write::Head { model: guest.run.model().unwrap_or_default(), stamp: guest.run.stamp() };
    match guest.run.propose(Intent::ProgramCall { request }).await? {
        Came::Answer(answer) if stream => Ok(write::stream(&head, &answer, usage)),
        Came::Answer(answer) => Ok(write::whole(&head, &answer)),
        Came::Denied(reasons) => Err(Error::denied(&reasons)),
        Came::Failed { status, fault, text } => Err(Error::failed(status, fault, text)),
        Came::Waiting(approval) => Err(Error::waiting(&approval)),
        Came::Text(text) => Err(Error::failed(vocab::Status::Failed, Some(vocab::Fault::Broken), text)),
    }
}
