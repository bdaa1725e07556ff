//! The console: a web page that talks to the API.

use axum::extract::Request;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use crate::router::nothing;

/// What there is to see where no console was built into this binary.
const UNBUILT: &str = include_str!("console/unbuilt.html");

/// Any page of the console.
pub(crate) async fn serve(request: Request) -> Response {
    let page = matches!(*request.method(), Method::GET | Method::HEAD);
    if !page || request.uri().path().starts_with("/api/") {
        return nothing().await.into_response();
    }
    (StatusCode::OK, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], UNBUILT).into_response()
}
