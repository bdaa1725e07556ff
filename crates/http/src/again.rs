//! The same request sent twice is done once: `Idempotency-Key`, as the IETF's draft has it
//! (draft-ietf-httpapi-idempotency-key-header).
//!
//! In: a request that does something, with a key that its caller made up. Out: its answer, and the same answer again
//! for the same request with the same key, for as long as it is kept. What is kept is in memory, and bounded. A secret that is
//! shown once is not kept: whoever asks for it again is told that it was made, and how to get another.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use axum::body::{Body, Bytes, HttpBody as _, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use parking_lot::Mutex;
use vocab::{Digest, PersonId, TurnId};

use crate::Api;
use crate::access::Watch;
use crate::bounds::{
    KEEP_ANSWERS, MAX_BODY_BYTES, MAX_KEPT_ANSWER_BYTES, MAX_KEY_BYTES, MAX_KEYS, MAX_KEYS_OF_PERSON,
};
use crate::caller::Who;
use crate::problem::{Problem, ProblemKind};
use crate::stream::{self, Form};

/// The key.
pub(crate) const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What says that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The answers that are kept.
#[derive(Default)]
pub(crate) struct Again {
    kept: Mutex<HashMap<(PersonId, String), Entry>>,
}

struct Entry {
    /// Of what was asked for: method, address and body.
    print: Digest,
    since: Instant,
    state: Done,
}

#[derive(Clone)]
enum Done {
    /// Not yet.
    UnderWay,
    /// With this answer.
    Answered(Answer),
    /// With an answer that goes on: what happens in a turn.
    Follows(Begun),
    /// With an answer that was too large to be kept.
    Dropped,
    /// With a secret, which is shown once and not kept.
    Shown(Shown),
}

#[derive(Clone)]
struct Answer {
    status: StatusCode,
    kind: Option<HeaderValue>,
    body: Bytes,
}

/// Which turn an answer follows, and the id of the event before its first. A verb says it as an extension of its response.
#[derive(Debug, Clone)]
pub(crate) struct Begun {
    pub(crate) turn: TurnId,
    pub(crate) since: String,
}

/// An answer has a secret that is shown once: it is given to whoever asked first and to nobody again. A verb says it as an
/// extension of its response.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    /// What was made, and the way to another secret: one sentence, without the secret.
    pub(crate) instead: String,
}

/// A request under way. When it is dropped without an answer that counts, the key is free again.
struct UnderWay<'a> {
    again: &'a Again,
    place: Option<(PersonId, String)>,
}

/// Lets a request through, unless its key says that it came before.
pub(crate) async fn once(
    State((api, again)): State<(Arc<Api>, Arc<Again>)>,
    request: Request,
    next: Next,
) -> Response {
    if !request.headers().contains_key(KEY) {
        return next.run(request).await;
    }
    match keyed(&api, &again, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn keyed(api: &Arc<Api>, again: &Again, request: Request, next: Next) -> Result<Response, Problem> {
    let key = key(request.headers())?;
    let who = request.extensions().get::<Who>().cloned();
    let who = who.ok_or_else(|| Problem::new(ProblemKind::Forbidden, "nobody is known at the other end"))?;
    let form = Form::of(request.headers());
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| {
        let message = format!("the request's body broke off or is over the limit of {MAX_BODY_BYTES} bytes");
        Problem::new(ProblemKind::TooLarge, message)
    })?;
    let asked = format!("{} {}\n", parts.method, parts.uri);
    let print = Digest::of(&[asked.as_bytes(), &body].concat());
    let place = (who.person.id.clone(), key);
    let under_way = match again.begin(place, print)? {
        Ok(under_way) => under_way,
        Err(Done::Answered(answer)) => return Ok(answer.again()),
        Err(Done::Follows(Begun { turn, since })) => {
            let events = api.gateway.follow_turn(&who.person, &turn, Some(&since))?;
            let mut response =
                stream::events(&form, events, Watch { api: Arc::clone(api), who, needs: None });
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
            return Ok(response);
        }
        Err(Done::UnderWay) => {
            let message = "this was asked for with the same key and is being done: ask again in a moment";
            return Err(Problem::new(ProblemKind::Conflict, message));
        }
        Err(Done::Shown(Shown { instead })) => return Err(Problem::new(ProblemKind::Shown, instead)),
        Err(Done::Dropped) => {
            let message = "this was done with the same key; its answer was too large to be kept";
            return Err(Problem::new(ProblemKind::Conflict, message));
        }
    };
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    under_way.ended(response).await
}

/// The key, as it is sent: the draft has it in quotes, and many send it without.
fn key(headers: &HeaderMap) -> Result<String, Problem> {
    let mut keys = headers.get_all(KEY).iter();
    let key = keys.next().and_then(|key| key.to_str().ok()).filter(|_| keys.next().is_none());
    let fits = |key: &&str| (1..=MAX_KEY_BYTES).contains(&key.len()) && key.bytes().all(|byte| byte != b'\t');
    key.filter(fits).map(str::to_owned).ok_or_else(|| {
        let message = format!("`Idempotency-Key` is sent once, with 1 to {MAX_KEY_BYTES} visible characters");
        Problem::new(ProblemKind::Invalid, message)
    })
}

impl Again {
    /// A place for what is asked for, or what became of it when it was asked for before.
    fn begin(&self, place: (PersonId, String), print: Digest) -> Result<Result<UnderWay<'_>, Done>, Problem> {
        let now = Instant::now();
        let mut kept = self.kept.lock();
        kept.retain(|_, entry| {
            matches!(entry.state, Done::UnderWay) || now.duration_since(entry.since) < KEEP_ANSWERS
        });
        if let Some(entry) = kept.get(&place) {
            if entry.print != print {
                let message =
                    "this key was used for something else: make a new one for each thing that is asked for";
                return Err(Problem::new(ProblemKind::Reused, message));
            }
            return Ok(Err(entry.state.clone()));
        }
        let of_person = kept.keys().filter(|(person, _)| *person == place.0).count();
        let room = (of_person < MAX_KEYS_OF_PERSON || forget_oldest(&mut kept, Some(&place.0)))
            && (kept.len() < MAX_KEYS || forget_oldest(&mut kept, None));
        if !room {
            let message = "too much with an `Idempotency-Key` is under way: wait for an answer";
            return Err(Problem::new(ProblemKind::Busy, message));
        }
        kept.insert(place.clone(), Entry { print, since: now, state: Done::UnderWay });
        drop(kept);
        Ok(Ok(UnderWay { again: self, place: Some(place) }))
    }
}

/// Forgets the oldest answer, of this person alone if one is named; false where all are still to come.
fn forget_oldest(kept: &mut HashMap<(PersonId, String), Entry>, of: Option<&PersonId>) -> bool {
    let over = kept.iter().filter(|((person, _), entry)| {
        of.is_none_or(|of| of == person) && !matches!(entry.state, Done::UnderWay)
    });
    let Some(oldest) = over.min_by_key(|(_, entry)| entry.since).map(|(place, _)| place.clone()) else {
        return false;
    };
    kept.remove(&oldest).is_some()
}

impl UnderWay<'_> {
    /// Keeps the answer, when it is one of something that was done.
    async fn ended(mut self, response: Response) -> Result<Response, Problem> {
        if !response.status().is_success() {
            return Ok(response);
        }
        if let Some(begun) = response.extensions().get::<Begun>() {
            self.keep(Done::Follows(begun.clone()));
            return Ok(response);
        }
        if let Some(shown) = response.extensions().get::<Shown>() {
            self.keep(Done::Shown(shown.clone()));
            return Ok(response);
        }
        let small = |size: u64| usize::try_from(size).is_ok_and(|size| size <= MAX_KEPT_ANSWER_BYTES);
        if !response.body().size_hint().exact().is_some_and(small) {
            self.keep(Done::Dropped);
            return Ok(response);
        }
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, MAX_KEPT_ANSWER_BYTES)
            .await
            .map_err(|error| Problem::new(ProblemKind::Internal, error.to_string()))?;
        let kind = parts.headers.get(header::CONTENT_TYPE).cloned();
        self.keep(Done::Answered(Answer { status: parts.status, kind, body: body.clone() }));
        Ok(Response::from_parts(parts, Body::from(body)))
    }

    fn keep(&mut self, state: Done) {
        let Some(place) = self.place.take() else { return };
        if let Some(entry) = self.again.kept.lock().get_mut(&place) {
            entry.since = Instant::now();
            entry.state = state;
        }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            self.again.kept.lock().remove(&place);
        }
    }
}

impl Answer {
    fn again(self) -> Response {
        let mut response = (self.status, self.body).into_response();
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_TYPE);
        if let Some(kind) = self.kind {
            headers.insert(header::CONTENT_TYPE, kind);
        }
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(person: &str, key: usize) -> (PersonId, String) {
        (PersonId::new(person).unwrap(), key.to_string())
    }

    fn answered(again: &Again, place: (PersonId, String)) {
        let mut under_way = again.begin(place, Digest::of(b"x")).unwrap().ok().unwrap();
        under_way.keep(Done::Dropped);
    }

    #[test]
    fn what_is_kept_is_bounded_and_nobody_crowds_others_out() {
        let again = Again::default();
        answered(&again, place("bob", 0));
        for key in 0..2 * MAX_KEYS_OF_PERSON {
            answered(&again, place("eve", key));
        }
        assert_eq!(again.kept.lock().len(), MAX_KEYS_OF_PERSON + 1);
        assert!(again.begin(place("bob", 0), Digest::of(b"x")).unwrap().is_err());
        // The oldest went first.
        assert!(again.begin(place("eve", 0), Digest::of(b"x")).unwrap().is_ok());
        let under_way: Vec<_> = (0..MAX_KEYS_OF_PERSON)
            .map(|key| again.begin(place("cid", key), Digest::of(b"x")).unwrap())
            .collect();
        let more = again.begin(place("cid", MAX_KEYS_OF_PERSON), Digest::of(b"x")).err().unwrap();
        assert_eq!(more.kind, ProblemKind::Busy);
        drop(under_way);
        assert!(again.begin(place("cid", MAX_KEYS_OF_PERSON), Digest::of(b"x")).is_ok());
        for person in 0..=MAX_KEYS {
            answered(&again, place(&format!("p{person}"), 0));
        }
        assert!(again.kept.lock().len() <= MAX_KEYS);
    }

    #[test]
    fn a_key_is_for_one_thing_until_that_has_failed() {
        let again = Again::default();
        let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
        let under_way = again.begin(place("bob", 0), one).unwrap();
        assert!(matches!(again.begin(place("bob", 0), one).unwrap(), Err(Done::UnderWay)));
        assert_eq!(again.begin(place("bob", 0), other).err().unwrap().status, 422);
        drop(under_way);
        assert!(again.begin(place("bob", 0), other).unwrap().is_ok());
    }

    #[test]
    fn a_key_is_one_short_line() {
        let of = |values: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(KEY, HeaderValue::from_bytes(value).unwrap());
            }
            key(&headers).ok()
        };
        assert_eq!(of(&[b"\"8e03978e\""]).as_deref(), Some("\"8e03978e\""));
        for bad in [&[&b""[..]][..], &[&[b'k'; MAX_KEY_BYTES + 1]], &[b"a", b"a"], &[b"a\tb"], &[b"\xff"]] {
            assert_eq!(of(bad), None, "{bad:?}");
        }
    }
}
