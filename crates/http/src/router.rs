//! The two routers: the local socket's, and the address's. Both have the API as `table.rs` has it; the address has health
//! and the console beside it.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};

use crate::access::guard;
use crate::again::{Again, once};
use crate::bounds::MAX_BODY_BYTES;
use crate::problem::{Problem, ProblemKind};
use crate::request::in_time;
use crate::table::TABLE;
use crate::{Api, console, health, scim, web};

/// What the local socket serves.
pub(crate) fn local(api: Arc<Api>, again: Arc<Again>) -> Router {
    verbs(&api, &again).fallback(nothing).layer(from_fn(in_time)).with_state(api)
}

/// What the address serves.
pub(crate) fn address(api: Arc<Api>, again: Arc<Again>, tls: bool) -> Router {
    let verbs = verbs(&api, &again).with_state(Arc::clone(&api));
    let health = health::router(Arc::clone(&api.gateway));
    Router::new()
        .merge(verbs)
        .merge(health)
        .merge(scim::router(&api))
        .fallback(console::serve)
        .layer(from_fn(in_time))
        .layer(from_fn_with_state((api, tls), web::only_ours))
}

/// The API: every row of the table behind its guard, and nothing else.
fn verbs(api: &Arc<Api>, again: &Arc<Again>) -> Router<Arc<Api>> {
    let mut router = Router::new();
    for row in TABLE {
        let guard = from_fn_with_state((Arc::clone(api), row.rule), guard);
        let mut verb = (row.verb)();
        if row.acts() {
            verb = verb.route_layer(from_fn_with_state((Arc::clone(api), Arc::clone(again)), once));
        }
        // Around all else: a key is looked at when it is known whose it is.
        router = router.route(row.path, verb.route_layer(guard));
    }
    router
        .method_not_allowed_fallback(async || {
            Problem::new(ProblemKind::Method, "this address does not take this verb")
        })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
}

/// The answer where nothing is.
pub(crate) async fn nothing() -> Problem {
    Problem::new(ProblemKind::NotFound, "there is nothing at this address")
}
