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

/// For what a browser goes to the identity provider.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Flow {
    SignIn,
    Confirm,
}

impl Flow {
    /// Where alone its cookie is sent.
    const fn path(self) -> &'static str {
        match self {
            Self::SignIn => "/api/v1/sign-in/provider",
            Self::Confirm => "/api/v1/confirm/provider",
        }
    }
}

/// What a browser keeps while its person is at the identity provider, so that nobody else's way there ends in it.
pub(crate) fn keep_flow(flow: Flow, value: &str) -> [(HeaderName, String); 1] {
    let path = flow.path();
    let kept = format!("{FLOW_COOKIE_NAME}={value}; Max-Age=600; HttpOnly; SameSite=Strict; Path={path}");
    [(header::SET_COOKIE, kept)]
}

/// The same, forgotten.
pub(crate) fn forget_flow(flow: Flow) -> [(HeaderName, String); 1] {
    let path = flow.path();
    let gone = format!("{FLOW_COOKIE_NAME}=; Max-Age=0; HttpOnly; SameSite=Strict; Path={path}");
    [(header::SET_COOKIE, gone)]
}
