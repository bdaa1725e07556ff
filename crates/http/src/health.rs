//! `/healthz` and `/readyz`, for whoever watches the machine; and which names are this machine's own.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::routing::get;
use axum::{Json, http};
use serde_json::{Value, json};
use turn::Gateway;

pub(crate) fn router(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/healthz", get(async || Json(json!({ "status": "ok" }))))
        .route("/readyz", get(ready))
        .with_state(gateway)
}

async fn ready(State(gateway): State<Arc<Gateway>>) -> (StatusCode, Json<Value>) {
    match gateway.ready() {
        Ok(()) => (StatusCode::OK, Json(json!({ "status": "ready" }))),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "not ready", "why": why }))),
    }
}

/// Whether a request was sent to a name of this machine's own, by one `Host` and, if there is one, its address.
pub(crate) fn names_us(request: &Request) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok());
    let named = host.is_some_and(is_ours) && hosts.next().is_none();
    named && request.uri().authority().is_none_or(|authority| is_ours(authority.as_str()))
}

pub(crate) fn is_ours(host: &str) -> bool {
    let Ok(authority) = host.parse::<http::uri::Authority>() else { return false };
    if authority.as_str().contains('@') {
        return false;
    }
    let name = authority.host();
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_ours;

    #[test]
    fn only_this_machines_own_names_are_ours() {
        for ours in ["127.0.0.1", "127.0.0.1:7400", "localhost:7400", "LOCALHOST", "[::1]:7400", "127.0.0.9"]
        {
            assert!(is_ours(ours), "{ours}");
        }
        for other in [
            "",
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example:7400",
            "evil.example@127.0.0.1",
            "127.0.0.1@evil.example",
            "10.0.0.1:7400",
            "0.0.0.0:7400",
            "a b",
        ] {
            assert!(!is_ours(other), "{other}");
        }
    }
}
