//! The console: a web page that talks to the API, and that was built into this binary.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use crate::router::nothing;

/// A file of the console.
#[derive(Debug)]
struct Asset {
    /// Where it is served.
    path: &'static str,
    /// Its content type.
    kind: &'static str,
    plain: Form,
    /// For browsers that take it, where it was built.
    gzipped: Option<Form>,
}

/// What goes over the wire: each form of a file has a tag of its own (RFC 9110, section 8.8.3.3).
#[derive(Debug)]
struct Form {
    /// What changes with it, as `ETag` has it.
    tag: &'static str,
    bytes: &'static [u8],
}

mod files {
    use super::Asset;

    include!(concat!(env!("OUT_DIR"), "/console.rs"));
}

/// What there is to see where no console was built into this binary.
const UNBUILT: Asset = Asset {
    path: PAGE,
    kind: "text/html; charset=utf-8",
    plain: Form { tag: "\"unbuilt\"", bytes: include_bytes!("console/unbuilt.html") },
    gzipped: None,
};

/// The page that every path of the console is: which part of it is shown, it decides itself.
const PAGE: &str = "/index.html";

/// Files whose names change with what is in them.
const NAMED_BY_CONTENT: &str = "/assets/";

/// Any file or page of the console.
pub(crate) async fn serve(request: Request) -> Response {
    let look = matches!(*request.method(), Method::GET | Method::HEAD);
    let path = request.uri().path();
    match find(files::FILES, path)
        .filter(|_| look && !path.starts_with("/api/") && !path.starts_with("/scim/"))
    {
        Some(asset) => answer(asset, request.headers()),
        None => nothing().await.into_response(),
    }
}

/// The file at a path; the page where there is none, but not in place of a file that an older page asks for.
fn find<'a>(files: &'a [Asset], path: &str) -> Option<&'a Asset> {
    let at = |path: &str| files.iter().find(|asset| asset.path == path);
    match at(path) {
        Some(asset) => Some(asset),
        None if path.starts_with(NAMED_BY_CONTENT) => None,
        None => Some(at(PAGE).unwrap_or(&UNBUILT)),
    }
}

fn answer(asset: &'static Asset, asked: &HeaderMap) -> Response {
    let keep = if asset.path.starts_with(NAMED_BY_CONTENT) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let gzipped = asset.gzipped.as_ref().filter(|_| takes_gzip(asked));
    let form = gzipped.unwrap_or(&asset.plain);
    let mut headers = HeaderMap::from_iter([
        (header::ETAG, HeaderValue::from_static(form.tag)),
        (header::CACHE_CONTROL, HeaderValue::from_static(keep)),
        (header::CONTENT_TYPE, HeaderValue::from_static(asset.kind)),
        (header::VARY, HeaderValue::from_static("accept-encoding")),
    ]);
    if asked.get(header::IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == form.tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    if gzipped.is_some() {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    (headers, form.bytes).into_response()
}

/// Whether `Accept-Encoding` names gzip and does not rule it out by a weight of nothing (RFC 9110, section 12.5.3).
fn takes_gzip(asked: &HeaderMap) -> bool {
    let named = asked.get_all(header::ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    named.flat_map(|value| value.split(',')).any(|one| {
        let (coding, weight) = one.split_once(';').unwrap_or((one, "q=1"));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
        coding.trim().eq_ignore_ascii_case("gzip") && weight.is_some_and(|weight| weight > 0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn script(path: &'static str, bytes: &'static [u8]) -> Asset {
        let gzipped = Some(Form { tag: "\"7-gzip\"", bytes: b"squeezed" });
        Asset { path, kind: "text/javascript", plain: Form { tag: "\"7\"", bytes }, gzipped }
    }

    const BUILT: [Asset; 2] = [
        script("/assets/main-abc.js", b"main"),
        Asset { path: PAGE, kind: "text/html", plain: Form { tag: "\"2\"", bytes: b"page" }, gzipped: None },
    ];

    #[test]
    fn every_path_is_the_page_but_a_file_that_is_gone() {
        let bytes = |path: &str| find(&BUILT, path).map(|asset| asset.plain.bytes);
        for page in ["/", "/index.html", "/live", "/agents/echo", "/no.such"] {
            assert_eq!(bytes(page), Some(&b"page"[..]), "{page}");
        }
        assert_eq!(bytes("/assets/main-abc.js"), Some(&b"main"[..]));
        assert_eq!(bytes("/assets/main-old.js"), None);
        assert_eq!(bytes("/assets/../index.html"), None);
        assert_eq!(find(&[], "/live").map(|asset| asset.plain.tag), Some("\"unbuilt\""));
    }

    #[tokio::test]
    async fn a_browser_that_has_a_file_is_told_so_and_pages_are_asked_for_anew() {
        static FILE: Asset = script("/assets/x.js", b"x");
        let asked = |tag: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static(tag));
            headers
        };
        assert_eq!(answer(&FILE, &asked("\"7\"")).status(), StatusCode::NOT_MODIFIED);
        let fresh = answer(&FILE, &asked("\"6\""));
        assert_eq!(fresh.status(), StatusCode::OK);
        assert!(fresh.headers()[header::CACHE_CONTROL].to_str().unwrap().ends_with("immutable"));
        assert_eq!(answer(&UNBUILT, &HeaderMap::new()).headers()[header::CACHE_CONTROL], "no-cache");
        let request = |method: &str, path: &str| {
            Request::builder().method(method).uri(path).body(axum::body::Body::empty()).unwrap()
        };
        assert_eq!(serve(request("GET", "/live")).await.status(), StatusCode::OK);
        assert_eq!(serve(request("HEAD", "/")).await.status(), StatusCode::OK);
        for (method, path) in [("POST", "/"), ("GET", "/api/v1/nowhere"), ("GET", "/assets/none.js")] {
            assert_eq!(serve(request(method, path)).await.status(), StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[tokio::test]
    async fn who_takes_gzip_gets_it_under_a_tag_of_its_own_and_nobody_else() {
        static FILE: Asset = script("/assets/x.js", b"plain");
        let asked = |takes: &'static str, tag: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(takes));
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static(tag));
            answer(&FILE, &headers)
        };
        for takes in ["gzip", "br, GZIP;q=0.1", "deflate , gzip; q=1"] {
            let given = asked(takes, "\"7\"");
            assert_eq!(given.status(), StatusCode::OK, "{takes}: the plain form's tag is another file's");
            assert_eq!(given.headers()[header::CONTENT_ENCODING], "gzip");
            assert_eq!(given.headers()[header::VARY], "accept-encoding");
            assert_eq!(axum::body::to_bytes(given.into_body(), 64).await.unwrap(), "squeezed");
            assert_eq!(asked(takes, "\"7-gzip\"").status(), StatusCode::NOT_MODIFIED);
        }
        for takes in ["", "br", "gzip;q=0", "gzip;q=0.000", "gzip;q=x", "gzip;level=9", "notgzip", "*"] {
            let given = asked(takes, "\"7-gzip\"");
            assert!(given.headers().get(header::CONTENT_ENCODING).is_none(), "{takes}");
            assert_eq!(axum::body::to_bytes(given.into_body(), 64).await.unwrap(), "plain", "{takes}");
        }
    }
}
