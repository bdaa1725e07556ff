//! All that can be asked over the local socket, one line each.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn;
use axum::routing::{get, post};

use crate::Api;
use crate::api;
use crate::bounds::MAX_BODY_BYTES;
use crate::problem::{Problem, ProblemKind};
use crate::request::in_time;

pub(crate) fn router(api: Api) -> Router {
    Router::new()
        .route("/api/v1/agents", get(api::list_agents::list_agents))
        .route("/api/v1/agents/{name}", get(api::show_agent::show_agent))
        .route("/api/v1/agents/{name}/messages", post(api::send_message::send_message))
        .route("/api/v1/agents/{name}/kill", post(api::kill_agent::kill_agent))
        .route("/api/v1/agents/{name}/pause", post(api::pause_agent::pause_agent))
        .route("/api/v1/agents/{name}/resume", post(api::resume_agent::resume_agent))
        .route("/api/v1/kill", post(api::kill_all::kill_all))
        .route("/api/v1/approvals", get(api::list_approvals::list_approvals))
        .route("/api/v1/approvals/{id}", get(api::show_approval::show_approval))
        .route("/api/v1/approvals/{id}/approve", post(api::approve::approve))
        .route("/api/v1/approvals/{id}/deny", post(api::deny::deny))
        .route("/api/v1/exports", post(api::export::export))
        .route("/api/v1/content", post(api::read_content::read_content))
        .route("/api/v1/content/search", post(api::search_content::search_content))
        .route("/api/v1/erasures", get(api::list_erasures::list_erasures).post(api::ask_erasure::ask_erasure))
        .route("/api/v1/erasures/{id}/consent", post(api::consent_erasure::consent_erasure))
        .route("/api/v1/erasures/{id}/refuse", post(api::refuse_erasure::refuse_erasure))
        .route("/api/v1/holds", get(api::list_holds::list_holds).post(api::add_hold::add_hold))
        .route("/api/v1/holds/{id}/remove", post(api::remove_hold::remove_hold))
        .route("/api/v1/events", get(api::follow_events::follow_events))
        .route("/api/v1/sessions/{id}", get(api::show_session::show_session))
        .route("/api/v1/turns/{id}/events", get(api::follow_turn::follow_turn))
        .route("/api/v1/status", get(api::status::status))
        .route("/api/v1/checkpoint", post(api::seal_record::seal))
        .route("/api/v1/checkpoint/cosign", post(api::seal_record::cosign))
        .route("/api/v1/key/rotate", post(api::seal_record::rotate))
        .route("/api/v1/shutdown", post(api::shutdown::shutdown))
        .fallback(async || Problem::new(ProblemKind::NotFound, "there is nothing at this address"))
        .method_not_allowed_fallback(async || {
            Problem::new(ProblemKind::Method, "this address does not take this verb")
        })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn(in_time))
        .with_state(Arc::new(api))
}
