//! `GET /api/v1/openapi.json`: the API, as OpenAPI describes it.

use std::sync::LazyLock;

use axum::body::Bytes;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};

use crate::openapi;
use crate::problem::{Problem, ProblemKind};

/// It is the same for everybody as long as the gateway runs.
static TEXT: LazyLock<Result<Bytes, String>> = LazyLock::new(|| {
    let text = openapi::document().to_json().map_err(|error| error.to_string())?;
    Ok(Bytes::from(text))
});

pub(crate) async fn describe() -> Result<Response, Problem> {
    match &*TEXT {
        Ok(text) => Ok(([(header::CONTENT_TYPE, "application/json")], text.clone()).into_response()),
        Err(why) => Err(Problem::new(ProblemKind::Internal, format!("the API cannot be described: {why}"))),
    }
}
