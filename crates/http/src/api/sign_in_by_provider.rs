//! `POST /api/v1/sign-in/provider/finish`: what a browser brought back from the identity provider, for a sign-in.

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use people::{Returned, Settle};

use super::sign_in::welcome;
use super::{Shared, cookie};
use crate::caller::Visitor;
use crate::problem::Problem;
use crate::request::Credentials;

pub(crate) async fn sign_in_by_provider(
    State(api): Shared,
    Visitor(came): Visitor,
    headers: HeaderMap,
    Credentials(returned): Credentials<Returned>,
) -> Result<Response, Problem> {
    let cookies = headers.get_all(header::COOKIE).iter().map(axum::http::HeaderValue::as_bytes);
    let browser = people::flow_cookie(cookies).ok().flatten();
    let settle = Settle { local: api.house.local.as_ref(), mapped: api.house.mapped.as_ref() };
    let signed_in = api.people.sign_in_by_provider(returned, browser, &came, &settle).await?;
    let mut response = welcome(&signed_in).into_response();
    for (name, value) in cookie::forget_flow(cookie::Flow::SignIn) {
        if let Ok(value) = value.parse() {
            response.headers_mut().append(name, value);
        }
    }
    Ok(response)
}
