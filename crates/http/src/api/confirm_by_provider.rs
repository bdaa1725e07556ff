//! `POST /api/v1/confirm/provider/finish`: what a browser brought back from the identity provider, before something dangerous.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use people::{Returned, Settle};
use serde_json::json;

use super::Shared;
use super::cookie::{self, Flow};
use crate::caller::{Visitor, Who};
use crate::problem::Problem;
use crate::request::Credentials;

pub(crate) async fn confirm_by_provider(
    State(api): Shared,
    who: Who,
    Visitor(came): Visitor,
    headers: HeaderMap,
    Credentials(returned): Credentials<Returned>,
) -> Result<Response, Problem> {
    let cookies = headers.get_all(header::COOKIE).iter().map(axum::http::HeaderValue::as_bytes);
    let browser = people::flow_cookie(cookies).ok().flatten();
    let settle = Settle { local: api.house.local.as_ref(), mapped: api.house.mapped.as_ref() };
    let until = api.people.confirm_by_provider(who.signed_in()?, returned, browser, &came, &settle).await?;
    Ok((cookie::forget_flow(Flow::Confirm), Json(json!({ "confirmed_until": until }))).into_response())
}
