//! The API as OpenAPI 3.1 describes it: every row of the table, who may come there, what it takes and what it gives.
//! `api/describe.rs` serves it, and tests hold what is served to what is described.

mod agents;
mod book;
mod people;
mod record;
mod shape;

use serde_json::json;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    Components, ComponentsBuilder, ContentBuilder, HttpMethod, InfoBuilder, OpenApi, OpenApiBuilder, Paths,
    Ref, Required, Response, SecurityRequirement,
};

use crate::access::Access;
use crate::again::KEY;
use crate::table::{API, Row, TABLE};

use book::{Book, Gives, Told};
use shape::{Shape, id, number};

/// What the API is called whatever the version of the gateway: the `1` of `/api/v1/`.
const VERSION: &str = "1";

/// How a sign-in, a token and the chat's signature are named among the ways to say who one is.
const COOKIE: &str = "cookie";
const TOKEN: &str = "token";
const CHAT: &str = "chat";

/// What each line of a stream is, or the data of each event: OpenAPI 3.1 has no word for it, and 3.2 calls it `itemSchema`.
const EACH: &str = "x-item-schema";

/// The answer of every no.
const PROBLEM: &str = "Problem";

/// The statuses of a no that any request may be answered with, those of a request with a body, and those of one about
/// something that may not be there.
const ANY: [&str; 7] = ["400", "401", "403", "408", "409", "429", "503"];
const WITH_A_BODY: [&str; 2] = ["404", "413"];
const OF_SOMETHING: [&str; 1] = ["404"];

/// The whole description.
pub(crate) fn document() -> OpenApi {
    let book = book();
    let mut paths = Paths::new();
    for row in TABLE {
        // A test demands that there is one for each.
        let Some(told) = book.told.iter().find(|told| told.method == row.method && told.of(row)) else {
            continue;
        };
        paths.add_path_operation(row.path, vec![method(row)], operation(row, told));
    }
    let info = InfoBuilder::new().title("Bulkhead").version(VERSION).description(Some(
        "What the console does, programs do: chat, approve, look into the record, stop. Errors are problems of RFC 9457.",
    ));
    OpenApiBuilder::new().info(info).paths(paths).components(Some(components(book))).build()
}

fn book() -> Book {
    let mut book = Book::default();
    agents::describe(&mut book);
    record::describe(&mut book);
    people::describe(&mut book);
    book
}

impl Told {
    fn of(&self, row: &Row) -> bool {
        row.path.strip_prefix(API) == Some(self.path)
    }
}

fn method(row: &Row) -> HttpMethod {
    match row.method {
        "PUT" => HttpMethod::Put,
        "POST" => HttpMethod::Post,
        _ => HttpMethod::Get,
    }
}

fn operation(row: &Row, told: &Told) -> Operation {
    let confirmed = if row.rule.confirmed {
        " In a browser it asks for the passkey, the password or the identity provider again."
    } else {
        ""
    };
    let mut operation = OperationBuilder::new()
        .operation_id(Some(row.name()))
        .tag(told.tag)
        .summary(Some(told.says))
        .description(Some(format!("{}{confirmed}", who(row.rule.access))))
        .securities(Some(security(row.rule.access)))
        .request_body(told.body.clone().map(|shape| body(shape, told.kind)))
        .response("200", answer(&told.gives));
    for name in parameters(row.path) {
        operation = operation.parameter(parameter(name, ParameterIn::Path, in_path(name)));
    }
    for (name, shape) in &told.query {
        operation = operation.parameter(parameter(name, ParameterIn::Query, shape.clone()));
    }
    if row.acts() {
        operation = operation
            .parameter(parameter(KEY.as_str(), ParameterIn::Header, shape::key()))
            .response("409", Ref::from_response_name(PROBLEM))
            .response("413", Ref::from_response_name(PROBLEM))
            .response("422", Ref::from_response_name(PROBLEM));
    }
    let with_a_body = if told.body.is_some() { &WITH_A_BODY[..] } else { &[] };
    let of_something = if row.path.contains('{') { &OF_SOMETHING[..] } else { &[] };
    for status in ANY.iter().chain(with_a_body).chain(of_something) {
        operation = operation.response(*status, Ref::from_response_name(PROBLEM));
    }
    operation.build()
}

/// Who may come, in words.
fn who(access: Access) -> String {
    match access {
        Access::Anyone => "For anybody.".to_owned(),
        Access::Person(scope) => {
            format!("For who is signed in, and by a token of the scope `{}`.", scope.as_str())
        }
        Access::Oneself | Access::SignedIn => "For who is signed in, and by no token.".to_owned(),
        Access::Chat => "For the chat alone, by its signature: no cookie and no token counts.".to_owned(),
    }
}

fn security(access: Access) -> Vec<SecurityRequirement> {
    let cookie = || SecurityRequirement::new(COOKIE, [""; 0]);
    match access {
        Access::Anyone => Vec::new(),
        Access::Person(scope) => vec![cookie(), SecurityRequirement::new(TOKEN, [scope.as_str()])],
        Access::Oneself | Access::SignedIn => vec![cookie()],
        Access::Chat => vec![SecurityRequirement::new(CHAT, [""; 0])],
    }
}

/// The names that stand in braces.
fn parameters(path: &'static str) -> impl Iterator<Item = &'static str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn in_path(name: &str) -> Shape {
    if matches!(name, "seq" | "number") { number(0) } else { id() }
}

fn parameter(name: &str, place: ParameterIn, shape: Shape) -> Parameter {
    let required = if matches!(place, ParameterIn::Path) { Required::True } else { Required::False };
    ParameterBuilder::new().name(name).parameter_in(place).required(required).schema(Some(shape)).build()
}

fn body(shape: Shape, kind: &str) -> RequestBody {
    let content = ContentBuilder::new().schema(Some(shape)).build();
    RequestBodyBuilder::new().required(Some(Required::True)).content(kind, content).build()
}

fn answer(gives: &Gives) -> Response {
    let response = ResponseBuilder::new().description("It is done.");
    let of = |shape: &Shape| ContentBuilder::new().schema(Some(shape.clone())).build();
    let lines = |of: &'static str| {
        let each = json!({ "$ref": format!("#/components/schemas/{of}") });
        let extensions = ExtensionsBuilder::new().add(EACH, each).build();
        ContentBuilder::new().schema(Some(shape::text())).extensions(Some(extensions)).build()
    };
    match gives {
        Gives::Json(shape) => response.content("application/json", of(shape)),
        Gives::Text => response.content("text/plain", of(&shape::text())),
        Gives::Stream(of) => {
            response.content("application/jsonl", lines(of)).content("text/event-stream", lines(of))
        }
    }
    .build()
}

fn components(book: Book) -> Components {
    let problem = ContentBuilder::new().schema(Some(shape::the(PROBLEM))).build();
    let problem = ResponseBuilder::new()
        .description("A no: what was wrong, where, and the way out.")
        .content("application/problem+json", problem);
    let mut cookie = ApiKeyValue::new(::people::COOKIE_NAME);
    cookie.description = Some(
        "The cookie of a sign-in. What changes something needs `Origin` or `Sec-Fetch-Site` of the gateway's own page beside it."
            .to_owned(),
    );
    let token = Http::new(HttpAuthScheme::Bearer);
    let mut chat = ApiKeyValue::new("X-Slack-Signature");
    chat.description = Some(
        "`v0=` and the HMAC-SHA256, by the chat's signing secret, of `v0:TIME:BODY` in small hexadecimal letters; the same TIME, which is at most five minutes off, is the header `X-Slack-Request-Timestamp`."
            .to_owned(),
    );
    book.shapes
        .into_iter()
        .fold(ComponentsBuilder::new(), |components, (name, shape)| components.schema(name, shape))
        .response(PROBLEM, problem.build())
        .security_scheme(COOKIE, SecurityScheme::ApiKey(ApiKey::Cookie(cookie)))
        .security_scheme(TOKEN, SecurityScheme::Http(token))
        .security_scheme(CHAT, SecurityScheme::ApiKey(ApiKey::Header(chat)))
        .build()
}
