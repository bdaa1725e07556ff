//! The cookie of a sign-in, as browsers are told of it.

use axum::http::{HeaderName, header};
use people::{COOKIE_NAME, FLOW_COOKIE_NAME};

/// What a browser is told to keep of a sign-in: for this gateway alone, out of reach of any script, sent with no request
/// that another site makes.
pub(crate) fn keep(value: &str) -> [(HeaderName, String); 1] {
    [(header::SET_COOKIE, format!("{COOKIE_NAME}={value}; HttpOnly; SameSite=Strict; Path=/"))]
}

/// The same, forgotten.
pub(crate) fn forget() -> [(HeaderName, String); 1] {
    [(header::SET_COOKIE, format!("{COOKIE_NAME}=; Max-Age=0; HttpOnly; SameSite=Strict; Path=/"))]
}

/// Where alone the cookie of a sign-in at the identity provider is sent.
const FLOW_PATH: &str = "/api/v1/sign-in/provider";

/// What a browser keeps while its person is at the identity provider, so that nobody else's sign-in there ends in it.
pub(crate) fn keep_flow(value: &str) -> [(HeaderName, String); 1] {
    let kept =
        format!("{FLOW_COOKIE_NAME}={value}; Max-Age=600; HttpOnly; SameSite=Strict; Path={FLOW_PATH}");
    [(header::SET_COOKIE, kept)]
}

/// The same, forgotten.
pub(crate) fn forget_flow() -> [(HeaderName, String); 1] {
    let gone = format!("{FLOW_COOKIE_NAME}=; Max-Age=0; HttpOnly; SameSite=Strict; Path={FLOW_PATH}");
    [(header::SET_COOKIE, gone)]
}
