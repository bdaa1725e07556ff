//! What goes on and on: events as JSON Lines, each its own chunk, so that a reader has every one as it happens; or the same
//! as server-sent events, for who asks for them.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::{Stream, stream};
use serde::Serialize;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval};
use turn::{Events, Verified};

use crate::access::Watch;
use crate::bounds::{HEARTBEAT, LOOK_AGAIN};

/// Which event a reader of server-sent events heard last.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// In which form a reader wants what goes on.
#[derive(Debug)]
pub(crate) enum Form {
    /// As JSON Lines.
    Lines,
    /// As server-sent events, after the one with this id if there is one.
    Sse(Option<String>),
}

impl Form {
    /// The form that these headers ask for.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let is_sse =
            |kind: &str| kind.split(';').next().is_some_and(|kind| kind.trim() == "text/event-stream");
        if !accepted.any(|value| value.split(',').any(is_sse)) {
            return Self::Lines;
        }
        let last = headers.get(LAST_EVENT_ID).map(|id| id.to_str().unwrap_or_default().to_owned());
        Self::Sse(last)
    }

    /// The id of the event after which it goes on.
    pub(crate) fn since(&self) -> Option<&str> {
        match self {
            Self::Lines | Self::Sse(None) => None,
            Self::Sse(Some(id)) => Some(id),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Form {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

/// What is followed, and by whom.
struct Followed {
    source: Source,
    watch: Watch,
    looks: Interval,
    ended: bool,
}

enum Source {
    Events(Events),
    Verification(mpsc::Receiver<Verified>),
}

/// One thing told, with the id by which its reader goes on behind it.
struct Told {
    id: Option<String>,
    json: String,
}

/// A response that goes on as long as `events` do and their reader may read them. The reader's going away ends only
/// the response.
pub(crate) fn events(form: &Form, events: Events, watch: Watch) -> Response {
    Followed::new(Source::Events(events), watch).respond(form)
}

/// The same of what a verification says.
pub(crate) fn verification(form: &Form, told: mpsc::Receiver<Verified>, watch: Watch) -> Response {
    Followed::new(Source::Verification(told), watch).respond(form)
}

impl Followed {
    fn new(source: Source, watch: Watch) -> Self {
        let mut looks = interval(LOOK_AGAIN);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { source, watch, looks, ended: false }
    }

    fn respond(self, form: &Form) -> Response {
        match form {
            Form::Lines => self.lines(),
            Form::Sse(_) => self.sse(),
        }
    }

    fn sse(self) -> Response {
        let events = self.told(|told| {
            let event = told.id.map_or_else(sse::Event::default, |id| sse::Event::default().id(id));
            event.data(told.json)
        });
        Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)).into_response()
    }

    fn lines(self) -> Response {
        let lines = self.told(|told| Bytes::from(told.json + "\n"));
        let mut response = Body::from_stream(lines).into_response();
        let kind = HeaderValue::from_static("application/jsonl");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }

    /// All that is told, each thing made into what is sent.
    fn told<T>(self, make: impl Fn(Told) -> T) -> impl Stream<Item = Result<T, serde_json::Error>> {
        stream::unfold((self, make), async |(mut followed, make)| {
            let told = followed.next().await?.map(&make);
            Some((told, (followed, make)))
        })
    }

    /// The next thing told; none when there is no more.
    async fn next(&mut self) -> Option<Result<Told, serde_json::Error>> {
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
                        return Some(told(None, &json!({ "type": "ended", "message": message })));
                    }
                }
                next = self.source.next() => return next,
            }
        }
    }
}

impl Source {
    async fn next(&mut self) -> Option<Result<Told, serde_json::Error>> {
        match self {
            Self::Events(events) => match events.next().await {
                Ok(Some(event)) => Some(told(Some(events.id(&event)), &*event)),
                Ok(None) => None,
                Err(missed) => Some(told(
                    None,
                    &json!({
                        "type": "missed", "count": missed.0, "message": missed.to_string(),
                    }),
                )),
            },
            Self::Verification(verified) => Some(told(None, &verified.recv().await?)),
        }
    }
}

fn told<T: Serialize>(id: Option<String>, what: &T) -> Result<Told, serde_json::Error> {
    Ok(Told { id, json: serde_json::to_string(what)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_asks_for_server_sent_events_gets_them() {
        let form = |accept: &[&str], last: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            for accept in accept {
                headers.append(header::ACCEPT, HeaderValue::from_str(accept).unwrap());
            }
            if let Some(last) = last {
                headers.insert(LAST_EVENT_ID, HeaderValue::from_static(last));
            }
            Form::of(&headers)
        };
        for lines in
            [vec![], vec!["*/*"], vec!["application/jsonl"], vec!["text/event-streams"], vec!["text/*"]]
        {
            assert!(matches!(form(&lines, Some("1-1")), Form::Lines), "{lines:?}");
        }
        for sse in [vec!["text/event-stream"], vec!["*/*", "text/html, text/event-stream;q=0.9"]] {
            assert!(matches!(form(&sse, None), Form::Sse(None)), "{sse:?}");
            assert_eq!(form(&sse, Some("1-1")).since(), Some("1-1"));
        }
    }
}
