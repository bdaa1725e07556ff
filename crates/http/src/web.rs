//! What every request over the address has to hold to, and what every answer carries: so that no other page, whatever its
//! name or port, gets anything done with a person's cookie or reads what it gets.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use people::{Bearer, COOKIE_NAME, Origin};

use crate::Api;
use crate::health::names_us;
use crate::problem::{Problem, ProblemKind};

/// Where the API begins.
const API: &str = "/api/";

/// Where programs say who is there.
const SCIM: &str = "/scim/";

/// What the browser says about which page a request is of.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What each answer carries.
const HEADERS: [(HeaderName, &str); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         font-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'; \
         require-trusted-types-for 'script'; trusted-types svelte-trusted-html",
    ),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=(), publickey-credentials-get=(self), \
         publickey-credentials-create=(self)",
    ),
];

/// Parameters of an address under which people put tokens. An address ends up in histories and logs.
const SECRET_PARAMETERS: [&str; 6] = ["token", "access_token", "api_key", "apikey", "key", "authorization"];

/// Refuses what no honest client sends; marks every answer. With `tls`, whoever is far away may ask, and by one name alone.
pub(crate) async fn only_ours(
    State((served, tls)): State<(Arc<Api>, bool)>,
    request: Request,
    next: Next,
) -> Response {
    let named = served.people.passkeys_at();
    let path = request.uri().path();
    let api = path.starts_with(API) || path.starts_with(SCIM);
    let by_name = |named: &Origin| {
        named.is_https()
            && host(request.headers()).is_some_and(|host| host.eq_ignore_ascii_case(named.authority()))
    };
    let encrypted = tls || named.is_some_and(by_name);
    let mut response = match fault(&request, api, named, tls) {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    if encrypted {
        headers
            .iter_mut()
            .filter(|(name, _)| **name == header::SET_COOKIE)
            .for_each(|(_, cookie)| secure(cookie));
    }
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if api {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// Has a cookie sent over encrypted connections alone.
fn secure(cookie: &mut HeaderValue) {
    let marked = [cookie.as_bytes(), b"; Secure"].concat();
    if let Ok(marked) = HeaderValue::from_bytes(&marked) {
        *cookie = marked;
    }
}

/// The one name that a request was sent to.
fn host(headers: &HeaderMap) -> Option<&str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok());
    host.filter(|_| hosts.next().is_none())
}

/// Whether a request was sent to the name that the settings give the gateway.
fn names(named: &Origin, request: &Request) -> bool {
    let same = |name: &str| name.eq_ignore_ascii_case(named.authority());
    let asked = request.uri().authority().is_none_or(|authority| same(authority.as_str()));
    asked && host(request.headers()).is_some_and(same)
}

/// What is wrong with a request before it is looked at who sent it. `named` is where the settings say that browsers reach
/// the gateway.
fn fault(request: &Request, api: bool, named: Option<&Origin>, tls: bool) -> Option<Problem> {
    let forbidden = |message: &str| Some(Problem::new(ProblemKind::Forbidden, message));
    // A web page whose name was made to point here (DNS rebinding) still sends its own name.
    let by_name = named.filter(|named| names(named, request));
    if by_name.is_none() && (tls || !names_us(request)) {
        return forbidden(if tls {
            "ask for this by the `origin` in `[gateway]` of bulkhead.toml"
        } else {
            "ask for this by a loopback address, `localhost`, or the `origin` in `[gateway]` of bulkhead.toml"
        });
    }
    if request.uri().query().is_some_and(has_secret) {
        let message = "a token does not belong into an address, where histories and logs keep it: end that token, and send the new one as `Authorization: Bearer`";
        return Some(Problem::new(ProblemKind::Invalid, message));
    }
    let headers = request.headers();
    let Page { same, foreign } = page(headers, by_name);
    if foreign && api {
        return forbidden(
            "this was sent by a page of another origin, and only the console of this gateway may",
        );
    }
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    if changes && carries_cookie(headers) && !same {
        return forbidden(
            "a request with a cookie that changes something needs the header `Origin` with this gateway's address",
        );
    }
    None
}

/// What a browser says about the page that sent a request.
struct Page {
    /// It is ours for certain.
    same: bool,
    /// It is another's.
    foreign: bool,
}

fn page(headers: &HeaderMap, by_name: Option<&Origin>) -> Page {
    let own = by_name
        .map_or_else(|| format!("http://{}", host(headers).unwrap_or_default()), |named| named.to_string());
    let ours = |origin: &HeaderValue| origin.to_str().is_ok_and(|origin| origin.eq_ignore_ascii_case(&own));
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let first = origins.next();
    let by_origin = first.map(|first| ours(first) && origins.next().is_none());
    let mut sites = headers.get_all(FETCH_SITE).iter();
    let site = sites.next().map(|site| if sites.next().is_some() { b"" } else { site.as_bytes() });
    let by_site = match site {
        Some(b"same-origin") => Some(true),
        // Typed in by the person: of no page, so neither ours nor another's.
        Some(b"none") | None => None,
        Some(_) => Some(false),
    };
    let foreign = by_origin == Some(false) || by_site == Some(false);
    Page { same: !foreign && (by_origin == Some(true) || by_site == Some(true)), foreign }
}

fn carries_cookie(headers: &HeaderMap) -> bool {
    let ours = |cookies: &HeaderValue| {
        let name = COOKIE_NAME.as_bytes();
        cookies.as_bytes().windows(name.len()).any(|some| some == name)
    };
    headers.get_all(header::COOKIE).iter().any(ours)
}

fn has_secret(query: &str) -> bool {
    let names = |pair: &str| {
        let name = pair.split('=').next().unwrap_or_default();
        SECRET_PARAMETERS.iter().any(|secret| name.eq_ignore_ascii_case(secret))
    };
    Bearer::is_in(query) || query.split('&').any(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: Method, path: &str, headers: &[(&str, &str)]) -> Option<u16> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(axum::body::Body::empty()).unwrap();
        let api = request.uri().path().starts_with(API);
        let named = Origin::parse("https://bulkhead.example").unwrap();
        fault(&request, api, Some(&named), false).map(|problem| problem.status)
    }

    const HOST: (&str, &str) = ("host", "127.0.0.1:7400");
    const COOKIE: (&str, &str) = ("cookie", "a=b; bulkhead=x");

    #[test]
    fn what_changes_something_with_a_cookie_comes_from_our_own_page() {
        let post =
            |more: &[(&str, &str)]| asked(Method::POST, "/api/v1/kill", &[&[HOST, COOKIE], more].concat());
        assert_eq!(post(&[("origin", "http://127.0.0.1:7400")]), None);
        assert_eq!(post(&[("sec-fetch-site", "same-origin")]), None);
        for foreign in [
            vec![],
            vec![("sec-fetch-site", "none")],
            vec![("sec-fetch-site", "same-site")],
            vec![("sec-fetch-site", "cross-site")],
            vec![("sec-fetch-site", "same-origin"), ("sec-fetch-site", "same-origin")],
            vec![("origin", "null")],
            vec![("origin", "https://127.0.0.1:7400")],
            vec![("origin", "http://127.0.0.1:7401")],
            vec![("origin", "http://127.0.0.1")],
            vec![("origin", "http://localhost:7400")],
            vec![("origin", "http://127.0.0.1:7400.evil.example")],
            vec![("origin", "http://127.0.0.1:7400"), ("origin", "http://evil.example")],
            vec![("origin", "http://127.0.0.1:7400"), ("sec-fetch-site", "cross-site")],
            vec![("origin", "http://evil.example"), ("sec-fetch-site", "same-origin")],
        ] {
            assert_eq!(post(&foreign), Some(403), "{foreign:?}");
        }
        for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
            assert_eq!(asked(method, "/api/v1/kill", &[HOST, COOKIE]), Some(403));
        }
    }

    #[test]
    fn no_page_of_another_origin_reads_or_signs_anybody_in() {
        for method in [Method::GET, Method::POST] {
            for foreign in
                [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "null")]
            {
                assert_eq!(
                    asked(method.clone(), "/api/v1/sign-in", &[HOST, foreign]),
                    Some(403),
                    "{foreign:?}"
                );
                assert_eq!(asked(method.clone(), "/api/v1/events", &[HOST, COOKIE, foreign]), Some(403));
            }
        }
        // A link to the console may stand on any page; a program sends none of these headers.
        assert_eq!(asked(Method::GET, "/", &[HOST, ("sec-fetch-site", "cross-site")]), None);
        assert_eq!(asked(Method::POST, "/api/v1/sign-in", &[HOST]), None);
        assert_eq!(asked(Method::GET, "/api/v1/events", &[HOST, COOKIE]), None);
        assert_eq!(asked(Method::GET, "/api/v1/me", &[HOST, COOKIE, ("sec-fetch-site", "none")]), None);
    }

    #[test]
    fn only_our_own_names_are_answered() {
        for host in ["evil.example", "127.0.0.1.evil.example:7400", "10.0.0.1:7400", ""] {
            assert_eq!(asked(Method::GET, "/", &[("host", host)]), Some(403), "{host}");
        }
        assert_eq!(asked(Method::GET, "/", &[]), Some(403));
        assert_eq!(asked(Method::GET, "/", &[HOST, ("host", "evil.example")]), Some(403));
    }

    #[test]
    fn the_name_that_the_settings_give_is_ours_over_https_alone() {
        let named = ("host", "bulkhead.example");
        let post =
            |origin: &'static str| asked(Method::POST, "/api/v1/kill", &[named, COOKIE, ("origin", origin)]);
        assert_eq!(post("https://bulkhead.example"), None);
        for foreign in
            ["http://bulkhead.example", "https://bulkhead.example:8443", "http://localhost:7400", "null"]
        {
            assert_eq!(post(foreign), Some(403), "{foreign}");
        }
        // What is ours at one name is another's at the other.
        let crossed = [HOST, COOKIE, ("origin", "https://bulkhead.example")];
        assert_eq!(asked(Method::POST, "/api/v1/kill", &crossed), Some(403));
        for host in ["bulkhead.example:7400", "x.bulkhead.example", "bulkhead.example.evil.example"] {
            assert_eq!(asked(Method::GET, "/", &[("host", host)]), Some(403), "{host}");
        }
    }

    #[test]
    fn a_token_in_an_address_is_refused() {
        for query in ["token=x", "a=b&access_token=", "x=bh_k-1_00", "TOKEN=1", "key"] {
            assert_eq!(asked(Method::GET, &format!("/api/v1/me?{query}"), &[HOST]), Some(400), "{query}");
        }
        assert_eq!(asked(Method::GET, "/api/v1/approvals?all=true", &[HOST]), None);
    }
}
