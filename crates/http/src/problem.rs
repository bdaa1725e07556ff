//! A no, as RFC 9457 (problem details) has it.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use people::{No, NoKind};
use serde::{Deserialize, Serialize};
use turn::{Refusal, RefusalKind};

/// What kind of no it is. The HTTP status and the command's exit code follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// There is no such thing, or this person may not know of it.
    NotFound,
    /// It is not known who asks, or it is not they any more: sign in.
    Unidentified,
    /// The person who asks has to show again that it is they: `POST /api/v1/confirm`, then the same again.
    Unconfirmed,
    /// This person has no right to it.
    Forbidden,
    /// It cannot be done in the state that things are in.
    Conflict,
    /// Too much is going on.
    Busy,
    /// What was sent does not fit its form.
    Invalid,
    /// The key of the request was used for another one.
    Reused,
    /// It was done with the same key, and the secret in its answer is shown once.
    Shown,
    /// What was sent is too large.
    TooLarge,
    /// The verb does not go with this address.
    Method,
    /// It took too long.
    Timeout,
    /// Something that the gateway needs is not there.
    Unavailable,
    /// A fault of the gateway.
    Internal,
}

impl ProblemKind {
    fn status(self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Unidentified => StatusCode::UNAUTHORIZED,
            Self::Unconfirmed | Self::Forbidden => StatusCode::FORBIDDEN,
            Self::Conflict | Self::Shown => StatusCode::CONFLICT,
            Self::Busy => StatusCode::TOO_MANY_REQUESTS,
            Self::Invalid => StatusCode::BAD_REQUEST,
            Self::Reused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<RefusalKind> for ProblemKind {
    fn from(kind: RefusalKind) -> Self {
        match kind {
            RefusalKind::NotFound => Self::NotFound,
            RefusalKind::Forbidden => Self::Forbidden,
            RefusalKind::Conflict => Self::Conflict,
            RefusalKind::Busy => Self::Busy,
            RefusalKind::Invalid => Self::Invalid,
            RefusalKind::Unavailable => Self::Unavailable,
        }
    }
}

/// A problem document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Always `about:blank`: the status says what kind of problem it is.
    #[serde(rename = "type")]
    pub reference: String,
    /// The status's own words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// One sentence: what was wrong, where, and the way out.
    pub detail: String,
    /// What kind of no it is.
    pub kind: ProblemKind,
    /// What is wrong in a text that was sent: each with its `line`, `column`, `message` and `help`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<serde_json::Value>,
}

impl Problem {
    pub(crate) fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        let status = kind.status();
        Self {
            reference: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            kind,
            errors: Vec::new(),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.kind.into(), refusal.message)
    }
}

impl From<No> for Problem {
    fn from(no: No) -> Self {
        let kind = match no.kind {
            NoKind::Unidentified => ProblemKind::Unidentified,
            NoKind::NotFound => ProblemKind::NotFound,
            NoKind::Conflict => ProblemKind::Conflict,
            NoKind::Busy => ProblemKind::Busy,
            NoKind::Invalid => ProblemKind::Invalid,
            NoKind::Unavailable => ProblemKind::Unavailable,
        };
        Self::new(kind, no.message)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.kind.status(), axum::Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.kind == ProblemKind::Unidentified {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"bulkhead\""));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_keeps_its_sentence_and_has_a_status_of_its_own() {
        let kinds = [
            (RefusalKind::NotFound, 404),
            (RefusalKind::Forbidden, 403),
            (RefusalKind::Conflict, 409),
            (RefusalKind::Busy, 429),
            (RefusalKind::Invalid, 400),
            (RefusalKind::Unavailable, 503),
        ];
        for (kind, status) in kinds {
            let problem = Problem::from(Refusal { kind, message: "a sentence".into() });
            assert_eq!((problem.status, problem.detail.as_str()), (status, "a sentence"));
            let response = problem.clone().into_response();
            assert_eq!(response.status().as_u16(), status);
            assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
            let text = serde_json::to_string(&problem).unwrap();
            assert!(text.contains(r#""type":"about:blank""#), "{text}");
            assert_eq!(serde_json::from_str::<Problem>(&text).unwrap(), problem);
        }
    }
}
