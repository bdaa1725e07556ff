//! Requests to the identity provider that the settings name: bounded in time and size, to where they are sent and nowhere else.

use std::sync::Arc;
use std::time::Duration;

use people::{Fetch, FetchError, HttpRequest, HttpResponse};
use reqwest::Client;

/// How long a provider may take to answer.
const FETCH_TIME: Duration = Duration::from_secs(8);

/// How long a connection to it may take.
const CONNECT_TIME: Duration = Duration::from_secs(4);

/// The largest answer, in bytes.
const MAX_ANSWER_BYTES: usize = 512 * 1024;

/// The most header fields of an answer.
const MAX_ANSWER_HEADERS: usize = 128;

/// Fetches from a provider; over https alone where it is `encrypted`.
///
/// # Errors
/// One sentence, when the machine's certificates cannot be read.
pub fn fetch(encrypted: bool) -> Result<Fetch, String> {
    let client = Client::builder()
        .user_agent(concat!("bulkhead/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIME)
        .timeout(FETCH_TIME)
        // An answer that leads elsewhere is none: where the provider is, the administrator says.
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .http1_only()
        .http1_max_headers(MAX_ANSWER_HEADERS)
        .https_only(encrypted)
        .pool_max_idle_per_host(0)
        .build()
        .map_err(|error| format!("requests to the identity provider cannot be made: {error}"))?;
    Ok(Arc::new(move |request| {
        let client = client.clone();
        Box::pin(async move { one(&client, request).await })
    }))
}

async fn one(client: &Client, request: HttpRequest) -> Result<HttpResponse, FetchError> {
    let failed = |what: &str| FetchError(what.to_owned());
    let request = reqwest::Request::try_from(request).map_err(|_| failed("its address cannot be used"))?;
    let mut response = client.execute(request).await.map_err(|error| {
        failed(if error.is_timeout() { "it does not answer in time" } else { "it does not answer" })
    })?;
    let (status, kind) = (response.status(), response.headers().get(reqwest::header::CONTENT_TYPE).cloned());
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|_| failed("its answer breaks off"))? {
        if body.len().saturating_add(piece.len()) > MAX_ANSWER_BYTES {
            return Err(failed("its answer is too large"));
        }
        body.extend_from_slice(&piece);
    }
    let mut answer = axum::http::Response::new(body);
    *answer.status_mut() = status;
    answer.headers_mut().extend(kind.map(|kind| (axum::http::header::CONTENT_TYPE, kind)));
    Ok(answer)
}
