//! Headers with secrets: where they go, and that nothing of them comes back.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

/// The key that goes to the usual host.
const KEY: &str = r#"sk-Sesame/"7&<x=%41"#;

/// A broker that ties the header to `place`, and the folder that its secret is in.
fn keyed(place: &str, value: &str) -> (Broker, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("api");
    std::fs::write(&file, value).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let header = HostHeader::new(place, "Authorization", "Bearer secret:api").unwrap();
    let egress = Egress {
        own: None,
        private_hosts: [HOST.to_owned()].into(),
        headers: vec![header],
        secrets: Store { folder: folder.path().to_owned(), ..Store::default() },
    };
    (Broker::new(egress, Arc::new(Loopback)), folder)
}

/// What a server got, and everything that came back of it.
async fn exchanged(answer: String) -> (String, String) {
    let seen = Arc::new(std::sync::Mutex::new(String::new()));
    let (heard, answer) = (Arc::clone(&seen), Arc::new(answer));
    let port = serve(move |request, mut stream| {
        heard.lock().unwrap().push_str(&request);
        let answer = Arc::clone(&answer);
        async move { stream.write_all(answer.as_bytes()).await }
    })
    .await;
    let (broker, _folder) = keyed(&format!("{HOST}:{port}"), KEY);
    let told = match fetch(&broker, HOST, &format!("http://{HOST}:{port}/start")).await {
        Ok(page) => {
            format!("{} {} {:?} {}", page.url, page.media, page.charset, String::from_utf8_lossy(&page.body))
        }
        Err(error) => format!("{error} {error:?}"),
    };
    let seen = seen.lock().unwrap().clone();
    (seen, told)
}

#[tokio::test]
async fn a_secret_goes_out_in_its_header_and_never_comes_back() {
    let escaped = KEY.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    let encoded = data_encoding::BASE64.encode(format!("Bearer {KEY}").as_bytes());
    let percent: String = KEY.bytes().map(|byte| format!("%{byte:02X}")).collect();
    for answer in [
        html(&format!("you said {KEY}")),
        html(&format!("you said {escaped} and {encoded} and {percent}")),
        html(&format!("{}{KEY}", "x".repeat(LIMIT - 7))),
        format!(
            "HTTP/1.1 302 Found\r\nLocation: https://evil.example.com/?{percent}\r\nContent-Length: 0\r\n\r\n"
        ),
        format!(
            "HTTP/1.1 302 Found\r\nLocation: /again?{percent}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        ),
        format!("HTTP/1.1 200 OK\r\nContent-Type: {KEY}\r\n\r\n"),
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/{KEY}; charset={KEY}\r\nContent-Length: 1\r\n\r\nx"),
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: {KEY}\r\n\r\n"),
        format!("HTTP/1.1 200 OK\r\nContent-Type: {}{KEY}\r\n\r\n", "x".repeat(MAX_QUOTED_BYTES - 7)),
        format!("HTTP/1.1 401 {KEY}\r\nContent-Length: 0\r\n\r\n"),
        format!("{KEY}\r\n\r\n"),
    ] {
        let (seen, told) = exchanged(answer.clone()).await;
        assert!(seen.contains(&format!("authorization: Bearer {KEY}\r\n")), "{seen}");
        let lower = told.to_lowercase();
        for form in ["sesam", "sk-s", encoded.to_lowercase().get(8..20).unwrap(), "%53%65%73"] {
            assert!(!lower.contains(form), "`{form}` of `{answer}`: {told}");
        }
    }
}

#[tokio::test]
async fn a_secret_stays_where_its_header_does_not_go() {
    let port =
        serve(|request, mut stream| async move { stream.write_all(html(&request).as_bytes()).await }).await;
    let url = format!("http://{HOST}:{port}/");
    // Tied to another port, to another host, and to the host's usual port.
    for place in [format!("{HOST}:1"), format!("other.example.org:{port}"), HOST.to_owned()] {
        let (broker, _folder) = keyed(&place, KEY);
        let body = String::from_utf8(fetch(&broker, HOST, &url).await.unwrap().body).unwrap();
        assert!(body.contains("GET /") && !body.to_lowercase().contains("authorization"), "{place}: {body}");
    }
    // What is public goes over TLS or not at all.
    let (mut broker, _folder) = keyed(&format!("{HOST}:{port}"), KEY);
    let errand = broker.errand(HOST).unwrap();
    let url = Url::parse(&url).unwrap();
    assert!(errand.headers[0].of(&url, true).is_some() && errand.headers[0].of(&url, false).is_none());
    drop(errand);
    broker.egress.private_hosts.clear();
    broker.resolver = Arc::new(Leads(vec!["8.8.8.8"]));
    let errand = broker.errand(HOST).unwrap();
    assert!(!fetch::pin(&broker, &errand, &url).await.unwrap().inside);
}

#[tokio::test]
async fn nothing_is_sent_without_the_secret_that_belongs_to_it() {
    let port = saying(html("reached")).await;
    let (broker, folder) = keyed(&format!("{HOST}:{port}"), "too");
    let error = fetch(&broker, HOST, &format!("http://{HOST}:{port}/")).await.unwrap_err();
    assert!(error.to_string().contains("shorter than 8"), "{error}");
    std::fs::remove_file(folder.path().join("api")).unwrap();
    let error = fetch(&broker, HOST, &format!("http://{HOST}:{port}/")).await.unwrap_err();
    assert!(matches!(error, EgressError::Secret { .. }), "{error}");
    assert!(error.to_string().contains("the secret `api` has no value"), "{error}");
}
