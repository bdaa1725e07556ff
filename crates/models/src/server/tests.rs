use super::*;

fn server(name: &str, url: &str) -> Server {
    Server { name: name.into(), url: url.into(), key_file: None, context_tokens: None }
}

fn endpoint(url: &str) -> Endpoint {
    Endpoint::configured(&server("s", url)).unwrap()
}

#[test]
fn paths_are_joined_to_what_was_written() {
    for url in ["http://h:1", "http://h:1/", "http://h:1/v1", "http://h:1/v1/"] {
        assert_eq!(endpoint(url).api("chat/completions").as_str(), "http://h:1/v1/chat/completions", "{url}");
    }
    assert_eq!(endpoint("https://h/a/b").api("models").as_str(), "https://h/a/b/models");
    assert_eq!(endpoint("https://h/a/v1").beside("/props").as_str(), "https://h/props");
}

#[test]
fn addresses_of_no_use_are_refused_without_being_quoted() {
    for url in [
        "",
        "h:1",
        "ftp://h/",
        "http://",
        "http://user:sesame@h/",
        "http://h/?key=sesame",
        "http://h/#sesame",
        "unix:/run/x",
        "file:///etc/passwd",
    ] {
        let error = Endpoint::configured(&server("s", url)).unwrap_err().to_string();
        assert!(!error.contains("sesame"), "{error}");
        assert!(error.contains("write it like"), "{error}");
    }
    assert!(Endpoint::configured(&server("s", &format!("http://h/{}", "x".repeat(3000)))).is_err());
}

#[test]
fn names_that_mean_something_else_are_refused() {
    for name in ["", "auto", "rehearsal", "a/b", "A", "../x", &"a".repeat(65)] {
        assert!(
            matches!(Endpoint::configured(&server(name, "http://h/")), Err(ConfigError::Name(_))),
            "{name}"
        );
    }
}

#[test]
fn only_this_machine_is_local() {
    for url in ["http://127.0.0.1:1/", "http://localhost/", "http://[::1]:8/", "http://127.9.9.9/"] {
        assert!(endpoint(url).is_local(), "{url}");
    }
    for url in ["http://localhost.example.org/", "http://10.0.0.1/", "https://example.org/", "http://[::2]/"]
    {
        assert!(!endpoint(url).is_local(), "{url}");
    }
    for (name, url) in USUAL {
        assert!(Endpoint::usual(name, url).unwrap().is_local(), "{name}");
    }
}

#[tokio::test]
async fn a_key_is_read_and_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    let mut with_key = server("s", "http://h/");
    with_key.key_file = Some(path.clone());
    let endpoint = Endpoint::configured(&with_key).unwrap();
    assert!(endpoint.key().await.unwrap_err().to_string().contains("cannot be read"));
    std::fs::write(&path, "sk-sesame\n").unwrap();
    let key = endpoint.key().await.unwrap().unwrap();
    assert_eq!(key.reveal(), "sk-sesame");
    assert!(!format!("{key:?}").contains("sesame"));
    for bad in ["", " \n", "two words", "sesame\u{1b}"] {
        std::fs::write(&path, bad).unwrap();
        let error = endpoint.key().await.unwrap_err().to_string();
        assert!(!error.contains("sesame"), "{error}");
    }
    std::fs::write(&path, "x".repeat(20_000)).unwrap();
    assert!(endpoint.key().await.is_err());
}
