//! The cookie of a sign-in, as browsers are told of it.

use axum::http::{HeaderName, header};
use people::COOKIE_NAME;

/// What a browser is told to keep of a sign-in: for this gateway alone, out of reach of any script, sent with no request
/// that another site makes.
pub(crate) fn keep(value: &str) -> [(HeaderName, String); 1] {
    [(header::SET_COOKIE, format!("{COOKIE_NAME}={value}; HttpOnly; SameSite=Strict; Path=/"))]
}

/// The same, forgotten.
pub(crate) fn forget() -> [(HeaderName, String); 1] {
    [(header::SET_COOKIE, format!("{COOKIE_NAME}=; Max-Age=0; HttpOnly; SameSite=Strict; Path=/"))]
}
