//! What a request carries, taken apart, with a sentence for each way in which it may not fit.

use std::fmt::Display;
use std::str::FromStr;

use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::header;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde::de::DeserializeOwned;

use crate::bounds::{MAX_BODY_BYTES, MAX_CREDENTIALS_BYTES, MAX_QUERY_BYTES, REQUEST_TIME};
use crate::problem::{Problem, ProblemKind};

/// A JSON body.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        json(request, MAX_BODY_BYTES).await.map(Self)
    }
}

/// What stands behind the `?` of the address.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        if parts.uri.query().is_some_and(|query| query.len() > MAX_QUERY_BYTES) {
            let message = format!("what stands behind the `?` is over the limit of {MAX_QUERY_BYTES} bytes");
            return Err(Problem::new(ProblemKind::Invalid, message));
        }
        let asked = Query::<T>::try_from_uri(&parts.uri);
        asked
            .map(|Query(asked)| Self(asked))
            .map_err(|error| Problem::new(ProblemKind::Invalid, error.body_text()))
    }
}

/// A JSON body with a password or a code in it, which somebody sent of whom nothing is known yet: a small one.
pub(crate) struct Credentials<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Credentials<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let read = json(request, MAX_CREDENTIALS_BYTES).await;
        // The parser quotes what does not fit, and what was sent here is not to be shown again.
        read.map(Self).map_err(|problem| match problem.kind {
            ProblemKind::Invalid => {
                Problem::new(ProblemKind::Invalid, "the request's body does not fit its form: see the guide")
            }
            _ => problem,
        })
    }
}

async fn json<T: DeserializeOwned>(request: Request, most: usize) -> Result<T, Problem> {
    let announced = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    // Demanding the type keeps a web page's form, which cannot send it, from being taken for a request.
    if announced.and_then(|kind| kind.split(';').next()) != Some("application/json") {
        return Err(Problem::new(
            ProblemKind::Invalid,
            "the request needs a JSON body and the header `content-type: application/json`",
        ));
    }
    let bytes = to_bytes(request.into_body(), most).await.map_err(|_| {
        Problem::new(
            ProblemKind::TooLarge,
            format!("the request's body broke off or is over the limit of {most} bytes"),
        )
    })?;
    // serde takes a list of values for an object with these fields in this order, which nobody means.
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        let message = "the request's body does not fit its form: it is a JSON object";
        return Err(Problem::new(ProblemKind::Invalid, message));
    }
    serde_json::from_slice(&bytes).map_err(|error| {
        Problem::new(ProblemKind::Invalid, format!("the request's body does not fit its form: {error}"))
    })
}

/// The identifier that stands in a path.
pub(crate) fn id<T>(text: &str) -> Result<T, Problem>
where
    T: FromStr,
    T::Err: Display,
{
    text.parse().map_err(|error: T::Err| Problem::new(ProblemKind::Invalid, error.to_string()))
}

/// Answers a request whose own answer does not begin in time. What was begun is carried on to its end, here
/// as when the caller goes away: half of a kill or of a decision would be worse than an answer nobody reads.
pub(crate) async fn in_time(request: Request, next: Next) -> Response {
    let answer = tokio::spawn(next.run(request));
    match tokio::time::timeout(REQUEST_TIME, answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => {
            tracing::error!("a request was not carried to its end: {error}");
            Problem::new(ProblemKind::Internal, "a fault of the gateway; its log has more").into_response()
        }
        Err(_) => Problem::new(
            ProblemKind::Timeout,
            format!("the request was not answered within {} s", REQUEST_TIME.as_secs()),
        )
        .into_response(),
    }
}
