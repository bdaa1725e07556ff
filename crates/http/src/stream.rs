//! Events as JSON Lines, each its own chunk, so that a reader has every one as it happens.

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use serde_json::json;
use tokio::time::{Interval, MissedTickBehavior, interval};
use turn::Events;

use crate::access::Watch;
use crate::bounds::LOOK_AGAIN;

/// What is followed, and by whom.
struct Followed {
    events: Events,
    watch: Watch,
    looks: Interval,
    ended: bool,
}

/// A response that goes on as long as `events` do and their reader may read them. The reader's going away ends only
/// the response.
pub(crate) fn lines(events: Events, watch: Watch) -> Response {
    let mut looks = interval(LOOK_AGAIN);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let followed = Followed { events, watch, looks, ended: false };
    let lines = stream::unfold(followed, async |mut followed| {
        let line = followed.next().await?.map(|mut line| {
            line.push(b'\n');
            Bytes::from(line)
        });
        Some((line, followed))
    });
    let mut response = Body::from_stream(lines).into_response();
    let kind = HeaderValue::from_static("application/jsonl");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

impl Followed {
    /// The next line; none when there are no more.
    async fn next(&mut self) -> Option<Result<Vec<u8>, serde_json::Error>> {
        loop {
            if self.ended {
                return None;
            }
            tokio::select! {
                // First: a reader of many events is looked at as often as one of few.
                biased;
                _ = self.looks.tick() => {
                    if !self.watch.holds() {
                        self.ended = true;
                        let message = "you are not signed in any more, or may not follow this any more";
                        return Some(serde_json::to_vec(&json!({ "type": "ended", "message": message })));
                    }
                }
                event = self.events.next() => return match event {
                    Ok(Some(event)) => Some(serde_json::to_vec(&*event)),
                    Ok(None) => None,
                    Err(missed) => Some(serde_json::to_vec(&json!({
                        "type": "missed", "count": missed.0, "message": missed.to_string(),
                    }))),
                },
            }
        }
    }
}
