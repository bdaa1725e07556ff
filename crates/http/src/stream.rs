//! Events as JSON Lines, each its own chunk, so that a reader has every one as it happens.

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use turn::Events;

/// A response that goes on as long as `events` do. The reader's going away ends only the response.
pub(crate) fn lines(events: Events) -> Response {
    let lines = stream::unfold(events, async |mut events| {
        let line = match events.next().await {
            Ok(Some(event)) => serde_json::to_vec(&*event),
            Ok(None) => return None,
            Err(missed) => serde_json::to_vec(&serde_json::json!({
                "type": "missed", "count": missed.0, "message": missed.to_string(),
            })),
        };
        let line = line.map(|mut line| {
            line.push(b'\n');
            Bytes::from(line)
        });
        Some((line, events))
    });
    let mut response = Body::from_stream(lines).into_response();
    let kind = HeaderValue::from_static("application/jsonl");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
