//! `GET /api/v1/records/{seq}/proof`: that a record is under the newest checkpoint, as a file to take along.

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};

use super::Shared;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::request::id;

pub(crate) async fn prove_record(
    State(api): Shared,
    Caller(person): Caller,
    Path(seq): Path<String>,
) -> Result<Response, Problem> {
    let seq: u64 = id(&seq)?;
    let proof = api.gateway.proof(&person, seq).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{seq}.tlog-proof\"")),
    ];
    Ok((headers, proof).into_response())
}
