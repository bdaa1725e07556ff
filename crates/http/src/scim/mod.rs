//! SCIM 2.0 (RFC 7643, RFC 7644): a program of the organisation's says who is there and who has left.
//!
//! In: requests with a token of the scope `scim`, made by an administrator. Out: accounts and groups of the directory, which `people`
//! keeps. What a group is worth, the settings say; nothing that is sent here is a right.

mod about;
mod filter;
mod groups;
mod patch;
mod users;

use std::sync::Arc;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, any, on};
use people::{Came, No, NoKind, Scope};
use serde_json::{Map, Value, json};
use vocab::Person;

use crate::access::{Access, by_what_they_carry};
use crate::bounds::{MAX_SCIM_BYTES, MAX_SCIM_DEPTH};
use crate::caller::{Through, came};
use crate::problem::Problem;
use crate::{Api, Provisions};

pub use filter::scim_filter;
pub use patch::{ScimStep, scim_patch};

/// The content type of everything here.
const KIND: &str = "application/scim+json";

const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// What every path begins with.
const SCIM: &str = "/scim/v2/";

/// One thing that can be asked.
struct Row {
    method: &'static str,
    path: &'static str,
    verb: fn() -> MethodRouter<Arc<Api>>,
}

macro_rules! table {
    ($($method:ident $path:literal, $verb:path;)+) => {
        const TABLE: &[Row] = &[$(Row {
            method: stringify!($method),
            path: $path,
            verb: || on(MethodFilter::$method, $verb),
        },)+];
    };
}

table! {
    GET "ServiceProviderConfig", about::config;
    GET "ResourceTypes", about::types;
    GET "ResourceTypes/{id}", about::one_type;
    GET "Schemas", about::schemas;
    GET "Schemas/{id}", about::one_schema;
    GET "Users", users::list;
    POST "Users", users::create;
    GET "Users/{id}", users::show;
    PUT "Users/{id}", users::replace;
    PATCH "Users/{id}", users::patch;
    DELETE "Users/{id}", users::remove;
    GET "Groups", groups::list;
    POST "Groups", groups::create;
    GET "Groups/{id}", groups::show;
    PUT "Groups/{id}", groups::replace;
    PATCH "Groups/{id}", groups::patch;
    DELETE "Groups/{id}", groups::remove;
}

/// All that can be asked, by method and path below `/scim/v2/`: what the router is built from, for the test that asks each as everybody.
pub fn scim_routes() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE.iter().map(|row| (row.method, row.path))
}

pub(crate) fn router(api: &Arc<Api>) -> Router {
    let known = TABLE.iter().fold(Router::new(), |router, row| {
        let Row { path, verb, .. } = row;
        router.route(&format!("{SCIM}{path}"), verb())
    });
    known
        .route(&format!("{SCIM}{{*other}}"), any(nothing))
        .method_not_allowed_fallback(not_so)
        .route_layer(from_fn_with_state(Arc::clone(api), guard))
        .with_state(Arc::clone(api))
}

async fn nothing() -> Fault {
    Fault::new(StatusCode::NOT_FOUND, "there is nothing of SCIM at this path")
}

async fn not_so() -> Fault {
    Fault::new(StatusCode::METHOD_NOT_ALLOWED, "this method does nothing at this path")
}

/// Whose token it is that a request came with.
#[derive(Clone)]
struct By(Person);

/// Lets through who has a token of this scope and is an administrator, where the settings have provisioning.
async fn guard(State(api): State<Arc<Api>>, mut request: Request, next: Next) -> Response {
    if api.house.provisions.is_none() {
        return Fault::new(
            StatusCode::NOT_FOUND,
            "there is no provisioning here: set `enabled = true` in `[scim]` of bulkhead.toml",
        )
        .into_response();
    }
    let came = came(request.extensions(), request.headers());
    let headers = request.headers().clone();
    match by(&api, &headers, came).await {
        Ok(person) => {
            request.extensions_mut().insert(By(person));
            next.run(request).await
        }
        Err(problem) => Fault::from(problem).into_response(),
    }
}

async fn by(api: &Api, headers: &HeaderMap, came: Result<Came, Problem>) -> Result<Person, Problem> {
    let who = by_what_they_carry(api, (Access::Person(Scope::Scim), true), headers, &came?).await?;
    if !matches!(who.through, Through::Token { .. }) {
        let message = "this is for programs: send a token of the scope `scim`";
        return Err(Problem::new(crate::ProblemKind::Forbidden, message));
    }
    api.gateway.administrator(&who.person, "say who is there")?;
    Ok(who.person)
}

/// A no, as RFC 7644 has it.
#[derive(Debug)]
struct Fault {
    status: StatusCode,
    kind: Option<&'static str>,
    detail: String,
}

impl Fault {
    fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, kind: None, detail: detail.into() }
    }

    fn invalid(kind: &'static str, detail: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, kind: Some(kind), detail: detail.into() }
    }
}

impl From<No> for Fault {
    fn from(no: No) -> Self {
        let (status, kind) = match no.kind {
            NoKind::Unidentified => (StatusCode::UNAUTHORIZED, None),
            NoKind::NotFound => (StatusCode::NOT_FOUND, None),
            NoKind::Conflict => (StatusCode::CONFLICT, Some("uniqueness")),
            NoKind::Busy => (StatusCode::TOO_MANY_REQUESTS, None),
            NoKind::Invalid => (StatusCode::BAD_REQUEST, Some("invalidValue")),
            NoKind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, None),
        };
        Self { status, kind, detail: no.message }
    }
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::new(status, problem.detail)
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut said = json!({ "schemas": [ERROR], "status": self.status.as_str(), "detail": self.detail });
        if let (Some(kind), Some(fields)) = (self.kind, said.as_object_mut()) {
            fields.insert("scimType".into(), kind.into());
        }
        let mut response = Scim(self.status, said).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let realm = HeaderValue::from_static("Bearer realm=\"bulkhead\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, realm);
        }
        response
    }
}

/// An answer; of what was made, with where it is.
struct Scim(StatusCode, Value);

impl IntoResponse for Scim {
    fn into_response(self) -> Response {
        let place = self.1.pointer("/meta/location").and_then(Value::as_str);
        let place = place.filter(|_| self.0 == StatusCode::CREATED).and_then(|place| place.parse().ok());
        let mut response = (self.0, [(header::CONTENT_TYPE, KIND)], self.1.to_string()).into_response();
        if let Some(place) = place {
            response.headers_mut().insert(header::LOCATION, place);
        }
        response
    }
}

type Answer = Result<Scim, Fault>;

/// A body: an object in JSON.
struct Sent(Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for Sent {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &S) -> Result<Self, Fault> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if !matches!(
            kind.and_then(|kind| kind.split(';').next()).map(str::trim),
            Some(KIND | "application/json")
        ) {
            return Err(Fault::invalid(
                "invalidSyntax",
                format!("the request needs the header `content-type: {KIND}`"),
            ));
        }
        let bytes = to_bytes(request.into_body(), MAX_SCIM_BYTES).await.map_err(|_| {
            Fault::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the request's body is over the limit of {MAX_SCIM_BYTES} bytes"),
            )
        })?;
        object(&bytes).map(Self)
    }
}

/// The object that a body is.
fn object(body: &[u8]) -> Result<Map<String, Value>, Fault> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) if depth(&fields) => Ok(fields),
        _ => Err(Fault::invalid("invalidSyntax", "the request's body is no object in JSON")),
    }
}

/// Whether nothing in it lies deeper than anything that is read here.
fn depth(fields: &Map<String, Value>) -> bool {
    fn fits(value: &Value, left: usize) -> bool {
        let Some(left) = left.checked_sub(1) else { return false };
        match value {
            Value::Array(all) => all.iter().all(|one| fits(one, left)),
            Value::Object(all) => all.values().all(|one| fits(one, left)),
            _ => true,
        }
    }
    fields.values().all(|value| fits(value, MAX_SCIM_DEPTH))
}

/// A field, whatever the case of its name: SCIM's names have none.
fn field<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let found = fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    found.filter(|value| !value.is_null())
}

fn text(fields: &Map<String, Value>, name: &str) -> Result<Option<String>, Fault> {
    match field(fields, name) {
        None => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Fault::invalid("invalidValue", format!("`{name}` is a text"))),
    }
}

/// Yes or no; some programs send it as text.
fn yes(name: &str, value: &Value) -> Result<bool, Fault> {
    match value {
        Value::Bool(yes) => Ok(*yes),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(Fault::invalid("invalidValue", format!("`{name}` is true or false"))),
    }
}

fn provisions(api: &Api) -> Provisions {
    api.house.provisions.clone().unwrap_or_default()
}

/// Where the gateway is, as whoever asks knows it.
fn place(api: &Api, resource: &str, id: &str) -> String {
    format!("{}/scim/v2/{resource}/{id}", api.about.origin)
}
