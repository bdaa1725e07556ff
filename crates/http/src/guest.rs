//! What a program in its jail is served: its model at `/v1`, its skills at `/mcp`, and nothing else.
//!
//! In: requests over a listener that only that program can reach, each with the run's key. Out: proposals to
//! the run. The key keeps out what else might get at the listener; the names in `Host` and `Origin` keep out a web
//! page that the program shows.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, post};
use futures_util::StreamExt as _;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use turn::Run;
use vocab::Digest;

use crate::bounds::{GUEST_TIME, MAX_DRAINED_BYTES, MAX_READ_AT_ONCE};
use crate::health::{is_ours, names_us};
use crate::openai::{self, Error};
use crate::{listen, mcp};

/// What the verbs work on.
#[derive(Clone)]
pub(crate) struct Guest {
    pub(crate) run: Arc<Run>,
    /// When the run began to be served, in seconds of the Unix epoch.
    pub(crate) begun: i64,
    /// Places for requests that are being read.
    pub(crate) reading: Arc<Semaphore>,
    /// The digest of the run's key: digests are compared, so that no time tells of the key.
    key: Digest,
}

/// All that a program in its jail can ask for. `key` is what it must send as `Authorization: Bearer KEY`.
pub fn run_router(run: Arc<Run>, key: &str) -> Router {
    let guest = Guest {
        begun: run.stamp().seconds,
        reading: Arc::new(Semaphore::new(MAX_READ_AT_ONCE)),
        key: Digest::of(key.as_bytes()),
        run: Arc::clone(&run),
    };
    Router::new()
        .route("/v1/models", get(openai::list_models))
        .route("/v1/models/{*name}", get(openai::show_model))
        .route("/v1/chat/completions", post(openai::chat))
        .route("/v1/responses", any(async || not_here("the Responses API")))
        .route("/v1/responses/{*rest}", any(async || not_here("the Responses API")))
        .route("/v1/embeddings", any(async || not_here("embeddings")))
        .route("/v1/completions", any(async || not_here("the old completions API")))
        .route_service("/mcp", mcp::service(run))
        .fallback(async || {
            Error::not_found("there is nothing at this address: the model is at /v1, the skills are at /mcp")
        })
        .method_not_allowed_fallback(async || {
            let message = "this address does not take this verb";
            Error::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
        })
        .layer(from_fn_with_state(guest.clone(), with_the_key))
        .layer(from_fn(by_our_name))
        .layer(from_fn(in_time))
        .with_state(guest)
}

/// Serves a run's program on `listener` until the run is over or `drain` is cancelled.
///
/// # Errors
/// When the listener cannot be used.
pub async fn serve_run(
    listener: std::net::TcpListener,
    run: Arc<Run>,
    key: &str,
    drain: CancellationToken,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let router = run_router(Arc::clone(&run), key);
    let drain = drain.child_token();
    let served = listen::guest(listener, router, drain.clone());
    tokio::pin!(served);
    tokio::select! {
        () = served.as_mut() => {}
        () = run.ended() => {
            drain.cancel();
            served.await;
        }
    }
    Ok(())
}

fn not_here(what: &str) -> Error {
    Error::not_found(format!("{what} is not served here: use POST /v1/chat/completions"))
}

async fn with_the_key(State(guest): State<Guest>, request: Request, next: Next) -> Response {
    let mut given = request.headers().get_all(header::AUTHORIZATION).iter();
    let bearer = given.next().and_then(|value| value.as_bytes().split_at_checked(7));
    let right = bearer
        .is_some_and(|(scheme, key)| scheme.eq_ignore_ascii_case(b"Bearer ") && Digest::of(key) == guest.key);
    if right && given.next().is_none() {
        // From a stop on the key is good for nothing, however long the run takes to record its end.
        return match guest.run.goes_on() {
            Ok(()) => next.run(request).await,
            Err(refusal) => Error::from(refusal).into_response(),
        };
    }
    let message = "this is not the run's key: send what is in OPENAI_API_KEY as `Authorization: Bearer`";
    Error::new(StatusCode::UNAUTHORIZED, "invalid_api_key", message).into_response()
}

/// Refuses what was sent to another name than this machine's own, or by a web page of another.
async fn by_our_name(request: Request, next: Next) -> Response {
    let mut origins = request.headers().get_all(header::ORIGIN).iter();
    let foreign = origins.any(|origin| {
        let host = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
        !host.is_some_and(is_ours)
    });
    if names_us(&request) && !foreign {
        return next.run(request).await;
    }
    let message = "ask for this by a loopback address or `localhost`";
    Error::new(StatusCode::FORBIDDEN, "wrong_host", message).into_response()
}

async fn in_time(request: Request, next: Next) -> Response {
    tokio::time::timeout(GUEST_TIME, next.run(request)).await.unwrap_or_else(|_| {
        let message = format!("the request was not answered within {} s", GUEST_TIME.as_secs());
        Error::new(StatusCode::REQUEST_TIMEOUT, "timeout", message).into_response()
    })
}

/// A request's body, when it is at most `limit` bytes. What is beyond is read and dropped, within a bound: a client
/// that is still sending when its connection closes never reads why.
pub(crate) async fn whole_body(request: Request, limit: usize) -> Option<Bytes> {
    let mut pieces = request.into_body().into_data_stream();
    let mut body = Vec::new();
    let mut seen = 0_usize;
    while let Some(piece) = pieces.next().await {
        let piece = piece.ok()?;
        seen = seen.saturating_add(piece.len());
        if seen <= limit {
            body.extend_from_slice(&piece);
        } else if seen > MAX_DRAINED_BYTES {
            return None;
        }
    }
    (seen <= limit).then(|| body.into())
}
