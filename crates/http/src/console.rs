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
    tag: "\"unbuilt\"",
    bytes: include_bytes!("console/unbuilt.html"),
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
    let headers = [
        (header::ETAG, HeaderValue::from_static(asset.tag)),
        (header::CACHE_CONTROL, HeaderValue::from_static(keep)),
        (header::CONTENT_TYPE, HeaderValue::from_static(asset.kind)),
    ];
    let same = asked.get(header::IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == asset.tag.as_bytes());
    if same {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, asset.bytes).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILT: [Asset; 2] = [
        Asset { path: "/assets/main-abc.js", kind: "text/javascript", tag: "\"1\"", bytes: b"main" },
        Asset { path: PAGE, kind: "text/html", tag: "\"2\"", bytes: b"page" },
    ];

    #[test]
    fn every_path_is_the_page_but_a_file_that_is_gone() {
        let bytes = |path: &str| find(&BUILT, path).map(|asset| asset.bytes);
        for page in ["/", "/index.html", "/live", "/agents/echo", "/no.such"] {
            assert_eq!(bytes(page), Some(&b"page"[..]), "{page}");
        }
        assert_eq!(bytes("/assets/main-abc.js"), Some(&b"main"[..]));
        assert_eq!(bytes("/assets/main-old.js"), None);
        assert_eq!(bytes("/assets/../index.html"), None);
        assert_eq!(find(&[], "/live").map(|asset| asset.tag), Some("\"unbuilt\""));
    }

    #[tokio::test]
    async fn a_browser_that_has_a_file_is_told_so_and_pages_are_asked_for_anew() {
        static FILE: Asset =
            Asset { path: "/assets/x.js", kind: "text/javascript", tag: "\"7\"", bytes: b"x" };
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
}
