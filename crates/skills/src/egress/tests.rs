//! The broker against servers and name servers that mean harm. Each server is a real one, on this machine's loopback.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

mod secrets;

const LIMIT: usize = 10_000;

/// A gzip member whose content is far larger than itself; nobody here is to find out.
const BOMB: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xed\xc1\x01\x0d\0\0\0\xc2\xa0\xf7Om\x0e7\xa0";

/// Every name is this machine.
struct Loopback;

impl Resolve for Loopback {
    fn resolve<'a>(&'a self, _: &'a str) -> Addresses<'a> {
        Box::pin(async { Ok(vec![SocketAddr::from(([127, 0, 0, 1], 0))]) })
    }
}

/// A name that leads to all of these.
struct Leads(Vec<&'static str>);

impl Resolve for Leads {
    fn resolve<'a>(&'a self, _: &'a str) -> Addresses<'a> {
        let addresses = self.0.iter().map(|address| SocketAddr::new(address.parse().unwrap(), 53)).collect();
        Box::pin(async move { Ok(addresses) })
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

const HOST: &str = "docs.example.org";

/// A broker for which the usual host is a private one.
fn broker(resolver: impl Resolve + 'static) -> Broker {
    let private_hosts = [HOST.to_owned()].into();
    Broker::new(Egress { private_hosts, ..Egress::default() }, Arc::new(resolver))
}

/// A broker for which nothing is private.
fn strict(resolver: impl Resolve + 'static) -> Broker {
    Broker::new(Egress::default(), Arc::new(resolver))
}

const WANTED: Wanted =
    Wanted { max_bytes: LIMIT, accept: "text/html", takes: |media| media.starts_with("text/") };

/// What comes of a permit for `permitted` and this address.
async fn fetch(broker: &Broker, permitted: &str, address: &str) -> Result<Page, EgressError> {
    broker.errand(permitted)?.get(address, &WANTED).await
}

async fn get(port: u16) -> Result<Page, EgressError> {
    fetch(&broker(Loopback), HOST, &format!("http://{HOST}:{port}/start")).await
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
async fn the_gateway_itself_is_spoken_to_under_no_name() {
    let port = saying(html("the gateway")).await;
    let at = |own: &str| Egress {
        own: Some(SocketAddr::new(own.parse().unwrap(), port)),
        private_hosts: [HOST.to_owned()].into(),
        ..Egress::default()
    };
    for own in ["127.0.0.1", "::1", "0.0.0.0", "::"] {
        for host in [HOST, "localhost", "127.0.0.1", "127.0.0.2", "::1", "0.0.0.0", "::ffff:127.0.0.1"] {
            let broker = Broker::new(at(own), Arc::new(Loopback));
            let shown = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
            let url = Url::parse(&format!("http://{shown}:{port}/sign-in")).unwrap();
            let permitted = url.host().unwrap().to_string();
            let got = fetch(&broker, &permitted, url.as_str()).await;
            let why = got.unwrap_err().to_string();
            assert!(why.contains("is the gateway itself"), "{own} {host}: {why}");
        }
    }
    // Another port of this machine, and the same port of another one, are what they were.
    let other =
        Egress { own: Some(SocketAddr::new([127, 0, 0, 1].into(), port.wrapping_add(1))), ..at("::1") };
    assert!(
        fetch(&Broker::new(other, Arc::new(Loopback)), HOST, &format!("http://{HOST}:{port}/")).await.is_ok()
    );
    let elsewhere = Egress { own: Some(SocketAddr::new([192, 0, 2, 1].into(), port)), ..at("::1") };
    assert!(
        fetch(&Broker::new(elsewhere, Arc::new(Loopback)), HOST, &format!("http://{HOST}:{port}/"))
            .await
            .is_ok()
    );
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
        "ftp://docs.example.org/",
        "http://sub.docs.example.org/",
        "http://docs.example.org./",
        "http://docs.example.org.evil.example.com/",
        "http://0x7f.1/",
        "http://2130706433/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:a9fe:a9fe]/latest/meta-data",
        "http://0251.0376.0251.0376/",
    ] {
        let port = saying(format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n")).await;
        let error = get(port).await.unwrap_err();
        assert!(matches!(error, EgressError::Elsewhere { .. }), "{to}: {error}");
        // Addresses are named in their plain form, whatever they were written as.
        let place = Url::parse("http://docs.example.org/").unwrap().join(to).unwrap();
        assert!(error.to_string().contains(place.as_str()), "{to}: {error}");
    }
    let port = saying("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n").await;
    assert!(matches!(get(port).await, Err(EgressError::Nowhere(_))));
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
    assert!(page.url.ends_with("/next") && page.body == b"there", "{page:?}");
    let port = saying("HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n").await;
    assert!(matches!(get(port).await, Err(EgressError::Circle(_))));
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
    let port = dripping(html(""), ".").await;
    assert_slow(port).await;
}

/// A server that begins well and then says a piece now and then, for ever.
async fn dripping(first: impl Into<String>, piece: &'static str) -> u16 {
    let first = Arc::new(first.into());
    serve(move |_, mut stream| {
        let first = Arc::clone(&first);
        async move {
            stream.write_all(first.as_bytes()).await?;
            loop {
                stream.write_all(piece.as_bytes()).await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    })
    .await
}

async fn assert_slow(port: u16) {
    let mut broker = broker(Loopback);
    broker.wait = Duration::from_millis(300);
    let error = fetch(&broker, HOST, &format!("http://{HOST}:{port}/")).await.unwrap_err();
    assert!(matches!(error, EgressError::Slow { .. }), "{error}");
}

#[tokio::test]
async fn a_head_that_drips_or_never_ends_is_given_up() {
    assert_slow(dripping("", "H").await).await;
    assert_slow(dripping("HTTP/1.1 200 OK\r\n", "X: y\r\n").await).await;
    assert_slow(dripping("HTTP/1.1 200 OK\r\nX: ", "y").await).await;
    assert_slow(dripping("", "HTTP/1.1 100 Continue\r\n\r\n").await).await;
    for piece in ["X: y\r\n", "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"] {
        let port = serve(move |_, mut stream| async move {
            stream.write_all(b"HTTP/1.1 200 OK\r\nX: ").await?;
            loop {
                stream.write_all(piece.as_bytes()).await?;
            }
        })
        .await;
        let error = get(port).await.unwrap_err();
        assert!(matches!(error, EgressError::Broken { .. }), "{error}");
    }
}

#[tokio::test]
async fn only_text_is_taken_and_nothing_is_unpacked() {
    for media in ["image/png", "application/octet-stream", "application/zip", "video/mp4", ""] {
        let port =
            saying(format!("HTTP/1.1 200 OK\r\nContent-Type: {media}\r\nContent-Length: 1\r\n\r\nx")).await;
        assert!(matches!(get(port).await, Err(EgressError::Media { .. })), "{media}");
    }
    for media in ["text/plain", "TEXT/HTML"] {
        let port =
            saying(format!("HTTP/1.1 200 OK\r\nContent-Type: {media}\r\nContent-Length: 1\r\n\r\nx")).await;
        assert_eq!(get(port).await.unwrap().body, b"x", "{media}");
    }
    for encoding in ["gzip", "br", "zstd", "deflate", "identity, gzip", "x-unknown"] {
        let bomb =
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: {encoding}\r\n\r\n");
        let bomb = [bomb.as_bytes(), BOMB].concat();
        assert!(matches!(get(saying(bomb).await).await, Err(EgressError::Encoded { .. })), "{encoding}");
    }
    // Hidden as the form in which it travels: then it stays as small as it came.
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: gzip, chunked\r\n\r\n";
    let hidden =
        [head.as_bytes(), format!("{:x}\r\n", BOMB.len()).as_bytes(), BOMB, b"\r\n0\r\n\r\n"].concat();
    if let Ok(page) = get(saying(hidden).await).await {
        assert_eq!(page.body, BOMB);
    }
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
        assert!(matches!(error, EgressError::Broken { .. }), "{told}");
        assert!(told.len() < 1000 && !told.contains('\n'), "{told}");
    }
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    assert!(matches!(get(closed).await, Err(EgressError::Broken { .. })));
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_unless_it_was_named() {
    let port = saying(html("inside")).await;
    let url = format!("http://{HOST}:{port}/");
    let error = fetch(&strict(Loopback), HOST, &url).await.unwrap_err();
    assert!(matches!(error, EgressError::Private { .. }), "{error}");
    assert!(error.to_string().contains("127.0.0.1"), "{error}");
    assert_eq!(get(port).await.unwrap().body, b"inside");
    // Named as an address: no other name leads there.
    let address = format!("http://0x7f.1:{port}/");
    assert_eq!(fetch(&strict(Loopback), "127.0.0.1", &address).await.unwrap().body, b"inside");
    let error = fetch(&strict(Loopback), HOST, &address).await.unwrap_err();
    assert!(matches!(error, EgressError::NotPermitted(_)), "{error}");
}

/// The places that a name leads to, and what becomes of a name that nobody named as private.
#[tokio::test]
async fn one_bad_address_spoils_the_others() {
    for (addresses, private) in [
        (vec!["8.8.8.8", "127.0.0.1"], true),
        (vec!["127.0.0.1", "8.8.8.8"], true),
        (vec!["2606:4700::1111", "10.0.0.1"], true),
        (vec!["::ffff:10.0.0.1"], true),
        (vec!["64:ff9b::a00:1"], true),
        (vec!["2002:7f00:1::"], true),
        (vec!["100.64.0.1"], true),
        (vec!["fd00::1"], true),
        (vec!["8.8.8.8", "169.254.169.254"], false),
        (vec!["fd00:ec2::254"], false),
        (vec!["::ffff:169.254.169.254"], false),
        (vec!["64:ff9b::a9fe:a9fe"], false),
        (vec!["2002:a9fe:a9fe::"], false),
        (vec!["fe80::1"], false),
        (vec!["224.0.0.1"], false),
        (vec!["0.0.0.0"], false),
        (vec!["::"], false),
    ] {
        let url = format!("http://{HOST}/");
        let error = fetch(&strict(Leads(addresses.clone())), HOST, &url).await.unwrap_err();
        assert_eq!(matches!(error, EgressError::Private { .. }), private, "{addresses:?}: {error}");
        assert_eq!(matches!(error, EgressError::Never { .. }), !private, "{addresses:?}: {error}");
        // A private host may lead inside, and no more to metadata than any other.
        if !private {
            let error = fetch(&broker(Leads(addresses.clone())), HOST, &url).await.unwrap_err();
            assert!(matches!(error, EgressError::Never { .. }), "{addresses:?}: {error}");
        }
    }
    // `localhost` is this machine, whatever a name server says.
    for elsewhere in ["8.8.8.8", "10.0.0.1", "169.254.169.254"] {
        let leads = strict(Leads(vec!["127.0.0.1", elsewhere]));
        let error = fetch(&leads, "localhost", "http://localhost/").await.unwrap_err();
        assert!(matches!(error, EgressError::Private { .. } | EgressError::Never { .. }), "{error}");
    }
}

#[tokio::test]
async fn an_answer_of_a_name_server_names_no_port() {
    // At the port that it names, somebody listens who is not meant.
    let other = saying(html("another port")).await;
    struct Port(u16);
    impl Resolve for Port {
        fn resolve<'a>(&'a self, _: &'a str) -> Addresses<'a> {
            Box::pin(async { Ok(vec![SocketAddr::from(([127, 0, 0, 1], self.0))]) })
        }
    }
    let meant = saying(html("meant")).await;
    let page = fetch(&broker(Port(other)), HOST, &format!("http://{HOST}:{meant}/")).await.unwrap();
    assert_eq!(page.body, b"meant");
}

#[tokio::test]
async fn a_host_is_resolved_once_and_the_address_that_was_looked_at_is_the_one_used() {
    let here =
        saying("HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .await;
    let addresses = [SocketAddr::from(([127, 0, 0, 1], 0)), SocketAddr::from(([127, 0, 0, 2], 0))];
    let resolver = Arc::new(Rebinding(AtomicUsize::new(0), addresses));
    let private_hosts = [HOST.to_owned()].into();
    let broker = Broker::new(Egress { private_hosts, ..Egress::default() }, Arc::clone(&resolver) as _);
    let url = format!("http://{HOST}:{here}/");
    // Every hop reached the first server: at the second address nobody listens.
    assert!(matches!(fetch(&broker, HOST, &url).await, Err(EgressError::Circle(_))));
    assert_eq!(resolver.0.load(Ordering::SeqCst), 1);
    assert!(matches!(fetch(&broker, HOST, &url).await, Err(EgressError::Broken { .. })));
}

#[tokio::test]
async fn a_name_that_leads_inside_the_second_time_is_looked_at_the_second_time() {
    let inside = saying(html("inside")).await;
    let addresses = [SocketAddr::from(([192, 0, 2, 1], 0)), SocketAddr::from(([127, 0, 0, 1], 0))];
    let broker = strict(Rebinding(AtomicUsize::new(1), addresses));
    let error = fetch(&broker, HOST, &format!("http://{HOST}:{inside}/")).await.unwrap_err();
    assert!(matches!(error, EgressError::Private { .. }), "{error}");
}

#[tokio::test]
async fn what_is_no_web_address_is_not_fetched() {
    for address in
        ["file:///etc/passwd", "ftp://docs.example.org/", "gopher://docs.example.org/", "data:text/html,x"]
    {
        let error = fetch(&broker(Loopback), HOST, address).await.unwrap_err();
        assert!(matches!(error, EgressError::NotWeb(_)), "{address}: {error}");
    }
    for address in ["", "docs.example.org", "http://", "http://[::1/", "http://a b/"] {
        let error = fetch(&broker(Loopback), HOST, address).await.unwrap_err();
        assert!(matches!(error, EgressError::NotAnAddress { .. }), "{address}: {error}");
    }
    let error = fetch(&broker(Loopback), HOST, "http://user:secret@docs.example.org/").await.unwrap_err();
    assert!(matches!(error, EgressError::Credentials) && !error.to_string().contains("secret"));
}

#[tokio::test]
async fn only_the_permitted_host_is_asked() {
    let port = saying(html("here")).await;
    for permitted in ["::1", "[::1]"] {
        let error = fetch(&strict(Loopback), permitted, "http://[::1]:1/").await.unwrap_err();
        assert!(matches!(error, EgressError::Broken { .. }), "{permitted}: {error}");
    }
    for (permitted, address) in [
        ("::2", "http://[::1]/"),
        ("example.org", "http://docs.example.org/"),
        ("docs.example.org", "http://docs.example.org.evil.example/"),
        ("localhost", "http://localhost.example.org/"),
    ] {
        let error = fetch(&broker(Loopback), permitted, address).await.unwrap_err();
        assert!(matches!(error, EgressError::NotPermitted(_)), "{permitted} {address}: {error}");
    }
    let url = format!("http://localhost:{port}/");
    assert_eq!(fetch(&strict(Loopback), "localhost", &url).await.unwrap().body, b"here");
}

#[tokio::test]
async fn what_is_no_tls_is_no_page() {
    for answer in [html("plain"), "\x16\x03\x01".to_owned(), String::new()] {
        let port = saying(answer).await;
        let error = fetch(&broker(Loopback), HOST, &format!("https://{HOST}:{port}/")).await.unwrap_err();
        assert!(matches!(error, EgressError::Broken { .. }), "{error}");
    }
}
