use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::*;

/// Keeps a value as the secret `box` in a folder.
pub(crate) fn keep(folder: &Path, value: &str) -> Store {
    let path = folder.join("box");
    std::fs::write(&path, value).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    Store { folder: folder.to_owned(), ..Store::default() }
}

/// The secret `sk-sesame`, named `box`.
pub(crate) fn sesame() -> Secret {
    let folder = tempfile::tempdir().unwrap();
    keep(folder.path(), "sk-sesame").value(Reference::parse("secret:box").unwrap().name()).unwrap()
}

fn server(name: &str, url: &str) -> Server {
    Server { name: name.into(), url: url.into(), api_key: None, context_tokens: None }
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

#[test]
fn a_key_is_read_each_time_and_a_missing_one_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let mut with_key = server("s", "http://h/");
    with_key.api_key = Some(Reference::parse("secret:box").unwrap());
    let endpoint = Endpoint::configured(&with_key).unwrap();
    let store = Store { folder: dir.path().to_owned(), ..Store::default() };
    let Err(error) = endpoint.key(&store) else { panic!("it has no key") };
    assert!(error.to_string().contains("`s` is not asked without its key: the secret `box` has no value"));
    keep(dir.path(), "sk-sesame");
    assert_eq!(endpoint.key(&store).unwrap().unwrap().reveal(), "sk-sesame");
    keep(dir.path(), "sk-another");
    assert_eq!(endpoint.key(&store).unwrap().unwrap().reveal(), "sk-another");
}
