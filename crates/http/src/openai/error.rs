//! A no, as OpenAI's API has it.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use turn::{Refusal, RefusalKind};
use vocab::{ApprovalId, Fault, Layer, Reason, Status};

use super::read::Wrong;

/// The one limit that asking again later meets.
const A_MINUTE: &str = "limit:actions-per-minute";

/// An error of the API. Every one says whether asking again helps, which the common clients heed.
#[derive(Debug)]
pub(crate) struct Error {
    status: StatusCode,
    kind: &'static str,
    code: String,
    param: Option<String>,
    message: String,
    again: bool,
}

impl Error {
    pub(crate) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        let kind = match status {
            StatusCode::UNAUTHORIZED => "authentication_error",
            StatusCode::FORBIDDEN => "permission_error",
            StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
            status if status.is_server_error() => "server_error",
            _ => "invalid_request_error",
        };
        Self { status, kind, code: code.to_owned(), param: None, message: message.into(), again: false }
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        let message =
            format!("the request's body broke off or is over the limit of {limit} bytes; send a shorter one");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", message)
    }

    /// What the monitor or a person refused.
    pub(crate) fn denied(reasons: &[Reason]) -> Self {
        let first = reasons.first();
        let code = first.map_or("denied", |reason| reason.policy.as_str());
        let rate = first.is_some_and(|reason| reason.layer == Layer::Rate);
        let status = if rate { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::FORBIDDEN };
        let again = rate && reasons.iter().all(|reason| reason.policy == A_MINUTE);
        Self { again, ..Self::new(status, code, sentence(reasons)) }
    }

    /// What was tried and did not succeed.
    pub(crate) fn failed(status: Status, fault: Option<Fault>, text: String) -> Self {
        let (http, code) = match (fault, status) {
            (Some(Fault::TooLong), _) => (StatusCode::BAD_REQUEST, "context_length_exceeded"),
            (Some(Fault::Refused), _) => (StatusCode::BAD_REQUEST, "model_refused_request"),
            (Some(Fault::Down), _) => (StatusCode::SERVICE_UNAVAILABLE, "model_unavailable"),
            (Some(Fault::Broken), _) => (StatusCode::BAD_GATEWAY, "model_answer_broken"),
            (None, Status::Denied | Status::Withheld) => (StatusCode::FORBIDDEN, "denied"),
            (None, _) => (StatusCode::SERVICE_UNAVAILABLE, "not_done"),
        };
        Self::new(http, code, text)
    }

    pub(crate) fn waiting(approval: &ApprovalId) -> Self {
        Self::new(StatusCode::FORBIDDEN, "approval_pending", pending(approval))
    }
}

/// What a program is told of something that still waits for a person.
pub(crate) fn pending(approval: &ApprovalId) -> String {
    format!(
        "this has not happened: it waits for a person as approval `{approval}` (`bulkhead approvals show {approval}`); ask for exactly the same again once it is decided"
    )
}

/// The reasons of a denial, in one line.
pub(crate) fn sentence(reasons: &[Reason]) -> String {
    let all: Vec<String> =
        reasons.iter().map(|r| format!("{} ({}: {})", r.message, r.layer, r.policy)).collect();
    format!("denied: {}", all.join("; "))
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let (status, code) = match refusal.kind {
            RefusalKind::Busy => (StatusCode::TOO_MANY_REQUESTS, "too_many_requests"),
            RefusalKind::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            RefusalKind::Forbidden | RefusalKind::Conflict => (StatusCode::FORBIDDEN, "run_over"),
            RefusalKind::Invalid | RefusalKind::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
            }
        };
        Self { again: refusal.kind == RefusalKind::Busy, ..Self::new(status, code, refusal.message) }
    }
}

impl From<Wrong> for Error {
    fn from(wrong: Wrong) -> Self {
        let Wrong { param, message } = wrong;
        Self { param, ..Self::new(StatusCode::BAD_REQUEST, "invalid_request", message) }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let Self { status, kind, code, param, message, again } = self;
        let error = json!({ "message": message, "type": kind, "param": param, "code": code });
        let mut response = (status, Json(json!({ "error": error }))).into_response();
        let headers = response.headers_mut();
        headers.insert("x-should-retry", HeaderValue::from_static(if again { "true" } else { "false" }));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
