//! The fetcher against servers that mean harm. Each is a real one, on this machine's loopback.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::fetch::{Bounds, FetchError, Page, fetch};
use super::*;

const LIMIT: usize = 10_000;

/// Every name is this machine.
struct Loopback;

impl Resolve for Loopback {
    fn resolve<'a>(&'a self, _: &'a str) -> Addresses<'a> {
        Box::pin(async { Ok(vec![SocketAddr::from(([127, 0, 0, 1], 0))]) })
    }
}

/// One address the first time, another ever after: what an attacker's name server does.
struct Rebinding(AtomicUsize, [SocketAddr; 2]);

impl Resolve for Rebinding {
    fn resolve<'a>(&'a self, _: &'a str) -> Addresses<'a> {
        let asked = self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move { Ok(vec![self.1[asked.min(1)]]) })
    }
}

/// A server that answers request after request with what `answer` makes of its path.
async fn serve<F, W>(answer: F) -> u16
where
    F: Fn(String, TcpStream) -> W + Send + Sync + 'static,
    W: Future<Output = io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            let read = stream.read(&mut request).await.unwrap_or_default();
            let request = String::from_utf8_lossy(&request[..read]).into_owned();
            tokio::spawn(answer(request, stream));
        }
    });
    port
}

/// A server that always says `answer`.
async fn saying(answer: impl Into<Vec<u8>>) -> u16 {
    let answer = Arc::new(answer.into());
    serve(move |_, mut stream| {
        let answer = Arc::clone(&answer);
        async move { stream.write_all(&answer).await }
    })
    .await
}

fn bounds() -> Bounds {
    Bounds { max_bytes: LIMIT, wait: Duration::from_secs(20), private: true }
}

async fn get(port: u16) -> Result<Page, FetchError> {
    let url = Url::parse(&format!("http://docs.example.org:{port}/start")).unwrap();
    fetch(url, &bounds(), &Loopback).await
}

fn html(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; Charset=\"UTF-8\"\r\nConnection: close\r\n\r\n{body}"
    )
}

#[tokio::test]
async fn a_page_comes_with_its_type_and_the_request_tells_nothing() {
    let port =
        serve(|request, mut stream| async move { stream.write_all(html(&request).as_bytes()).await }).await;
    let page = get(port).await.unwrap();
    assert_eq!((page.media.as_str(), page.charset.as_deref()), ("text/html", Some("utf-8")));
    let request = String::from_utf8(page.body).unwrap().to_lowercase();
    assert!(request.starts_with("get /start http/1.1"), "{request}");
    assert!(request.contains("accept-encoding: identity"), "{request}");
    for header in ["cookie", "referer", "authorization", "proxy"] {
        assert!(!request.contains(header), "{header}: {request}");
    }
}

#[tokio::test]
async fn a_redirect_elsewhere_names_the_place_and_goes_nowhere() {
    for to in [
        "https://evil.example.com/x",
        "//evil.example.com/",
        "file:///etc/passwd",
        "http://docs.example.org:1/",
        "http://127.0.0.1/",
        "http://user:pass@docs.example.org/",
        "javascript:alert(1)",
    ] {
        let port = saying(format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n")).await;
        let error = get(port).await.unwrap_err();
        assert!(matches!(error, FetchError::Elsewhere { .. }), "{to}: {error}");
        let place = to.trim_start_matches('/').trim_end_matches('/');
        assert!(error.to_string().contains(place), "{to}: {error}");
    }
    let port = saying("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n").await;
    assert!(matches!(get(port).await, Err(FetchError::Nowhere(_))));
}

#[tokio::test]
async fn a_redirect_to_the_same_host_is_followed_but_not_for_ever() {
    let port = serve(|request, mut stream| async move {
        let answer = match request.split(' ').nth(1) {
            Some("/start") => "HTTP/1.1 301 Moved\r\nLocation: next\r\nContent-Length: 0\r\n\r\n".to_owned(),
            _ => html("there"),
        };
        stream.write_all(answer.as_bytes()).await
    })
    .await;
    let page = get(port).await.unwrap();
    assert_eq!((page.url.path(), page.body.as_slice()), ("/next", b"there".as_slice()));
    let port = saying("HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n").await;
    assert!(matches!(get(port).await, Err(FetchError::Circle(_))));
}

#[tokio::test]
async fn an_endless_body_is_cut_and_a_slow_one_is_given_up() {
    let port = serve(|_, mut stream| async move {
        stream.write_all(html("").as_bytes()).await?;
        loop {
            stream.write_all(&[b'x'; 8192]).await?;
        }
    })
    .await;
    let page = get(port).await.unwrap();
    assert_eq!((page.body.len(), page.cut), (LIMIT, true));
    let port = serve(|_, mut stream| async move {
        stream.write_all(html("").as_bytes()).await?;
        loop {
            stream.write_all(b".").await?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let url = Url::parse(&format!("http://docs.example.org:{port}/")).unwrap();
    let impatient = Bounds { wait: Duration::from_millis(300), ..bounds() };
    let error = fetch(url, &impatient, &Loopback).await.unwrap_err();
    assert!(matches!(error, FetchError::Slow { .. } | FetchError::Broken { .. }), "{error}");
}

#[tokio::test]
async fn only_text_is_taken_and_nothing_is_unpacked() {
    for media in ["image/png", "application/octet-stream", "application/zip", "video/mp4", ""] {
        let port =
            saying(format!("HTTP/1.1 200 OK\r\nContent-Type: {media}\r\nContent-Length: 1\r\n\r\nx")).await;
        assert!(matches!(get(port).await, Err(FetchError::Media { .. })), "{media}");
    }
    for media in ["text/plain", "application/json", "application/ld+json", "application/xml", "TEXT/HTML"] {
        let port =
            saying(format!("HTTP/1.1 200 OK\r\nContent-Type: {media}\r\nContent-Length: 1\r\n\r\nx")).await;
        assert_eq!(get(port).await.unwrap().body, b"x", "{media}");
    }
    let bomb = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\u{8b}";
    assert!(matches!(get(saying(bomb).await).await, Err(FetchError::Encoded { .. })));
    let missing = saying("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await;
    assert!(get(missing).await.unwrap_err().to_string().contains("404 Not Found"));
}

#[tokio::test]
async fn what_is_no_answer_is_one_sentence() {
    let huge = format!("HTTP/1.1 200 OK\r\nX-Huge: {}\r\n\r\n", "x".repeat(2_000_000));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(5000));
    for answer in [
        huge.as_str(),
        many.as_str(),
        "",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 99\r\n\r\nhalf",
    ] {
        let error = get(saying(answer).await).await.unwrap_err();
        let told = error.to_string();
        assert!(matches!(error, FetchError::Broken { .. }), "{told}");
        assert!(told.len() < 1000 && !told.contains('\n'), "{told}");
    }
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    assert!(matches!(get(closed).await, Err(FetchError::Broken { .. })));
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_unless_it_was_named() {
    let port = saying(html("inside")).await;
    let strict = Bounds { private: false, ..bounds() };
    for host in
        ["docs.example.org", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "0x7f000001"]
    {
        let url = Url::parse(&format!("http://{host}:{port}/")).unwrap();
        let error = fetch(url, &strict, &Loopback).await.unwrap_err();
        assert!(matches!(error, FetchError::Private(_)), "{host}: {error}");
    }
    assert_eq!(get(port).await.unwrap().body, b"inside");
}

#[tokio::test]
async fn a_host_is_resolved_once_and_the_address_that_was_looked_at_is_the_one_used() {
    let here =
        saying("HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .await;
    let addresses = [SocketAddr::from(([127, 0, 0, 1], 0)), SocketAddr::from(([127, 0, 0, 2], 0))];
    let resolver = Rebinding(AtomicUsize::new(0), addresses);
    let url = Url::parse(&format!("http://rebind.example.org:{here}/")).unwrap();
    // Every hop reached the first server: at the second address nobody listens.
    assert!(matches!(fetch(url.clone(), &bounds(), &resolver).await, Err(FetchError::Circle(_))));
    assert_eq!(resolver.0.load(Ordering::SeqCst), 1);
    assert!(matches!(fetch(url, &bounds(), &resolver).await, Err(FetchError::Broken { .. })));
}

#[tokio::test]
async fn what_is_no_web_address_is_not_fetched() {
    for address in
        ["file:///etc/passwd", "ftp://docs.example.org/", "gopher://docs.example.org/", "data:text/html,x"]
    {
        let error = fetch(Url::parse(address).unwrap(), &bounds(), &Loopback).await.unwrap_err();
        assert!(matches!(error, FetchError::NotWeb(_)), "{address}: {error}");
    }
    let url = Url::parse("http://user:secret@docs.example.org/").unwrap();
    let error = fetch(url, &bounds(), &Loopback).await.unwrap_err();
    assert!(matches!(error, FetchError::Credentials) && !error.to_string().contains("secret"));
}

#[test]
fn only_a_host_that_is_its_own_address_names_itself() {
    for (address, itself) in [
        ("http://localhost/", true),
        ("http://127.0.0.1:8080/", true),
        ("http://[::1]/", true),
        ("http://localhost.example.org/", false),
        ("http://docs.example.org/", false),
    ] {
        assert_eq!(names_itself(&Url::parse(address).unwrap()), itself, "{address}");
    }
    let url = Url::parse("http://[::1]/").unwrap();
    assert!(is_permitted(&url, "::1") && is_permitted(&url, "[::1]") && !is_permitted(&url, "::2"));
}
