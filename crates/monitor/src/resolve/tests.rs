use proptest::prelude::*;

use super::*;

#[test]
fn paths_come_to_one_form() {
    let at = |text: &str| path::absolute(text, "/home/w");
    for (given, meant) in [
        ("a.md", "/home/w/a.md"),
        ("./a//b/./c/", "/home/w/a/b/c"),
        ("../x", "/home/x"),
        ("/srv/../etc/passwd", "/etc/passwd"),
        ("/", "/"),
        ("//srv///docs", "/srv/docs"),
        ("~/x", "/home/w/~/x"),
        ("...", "/home/w/..."),
        ("/srv/docs ", "/srv/docs "),
    ] {
        assert_eq!(at(given).as_deref(), Ok(meant), "{given}");
    }
    assert_eq!(at(""), Err(path::PathError::Empty));
    assert_eq!(at("/a\0b"), Err(path::PathError::Control));
    assert_eq!(at("/a\nb"), Err(path::PathError::Control));
    assert_eq!(at("../../../x"), Err(path::PathError::AboveRoot));
    assert_eq!(at("/../x"), Err(path::PathError::AboveRoot));
    assert_eq!(at(&"a/".repeat(200)), Err(path::PathError::Deep));
    assert_eq!(at(&"a".repeat(5000)), Err(path::PathError::Long));
}

#[test]
fn a_path_is_within_whole_folders_only() {
    assert!(path::is_within("/srv/docs", "/srv/docs"));
    assert!(path::is_within("/srv/docs/a", "/srv/docs"));
    assert!(path::is_within("/srv", "/"));
    assert!(!path::is_within("/srv/docsx", "/srv/docs"));
    assert!(!path::is_within("/srv", "/srv/docs"));
}

#[test]
fn addresses_come_to_one_form() {
    let at = |text: &str| address::canonical(text);
    for (given, host, whole) in [
        ("https://Docs.Example.ORG/a b?q=1#frag", "docs.example.org", "https://docs.example.org/a%20b?q=1"),
        ("http://docs.example.org.:80/", "docs.example.org", "http://docs.example.org/"),
        ("https://docs.example.org:8443/x", "docs.example.org", "https://docs.example.org:8443/x"),
        ("https://bücher.example/", "xn--bcher-kva.example", "https://xn--bcher-kva.example/"),
        ("http://0x7f.1/", "127.0.0.1", "http://127.0.0.1/"),
        ("http://2130706433/", "127.0.0.1", "http://127.0.0.1/"),
        ("http://017700000001/", "127.0.0.1", "http://127.0.0.1/"),
        ("http://127.0.0.1./", "127.0.0.1", "http://127.0.0.1/"),
        ("http://[::FFFF:127.0.0.1]/", "[::ffff:7f00:1]", "http://[::ffff:7f00:1]/"),
        ("https:\\\\docs.example.org\\x", "docs.example.org", "https://docs.example.org/x"),
        ("https://docs.example.org/a/../b", "docs.example.org", "https://docs.example.org/b"),
        ("https://ｄocs.example.org/", "docs.example.org", "https://docs.example.org/"),
    ] {
        assert_eq!(at(given), Ok((host.to_owned(), whole.to_owned())), "{given}");
    }
    for bad in [
        "docs.example.org/x",
        "file:///etc/passwd",
        "ftp://docs.example.org/",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://user@docs.example.org/",
        "https://docs.example.org@evil.com/",
        "https://:pw@docs.example.org/",
        "https:///",
        "https://./",
        "https://a..b/",
        "https://docs.exa\tmple.org/",
        "https://docs.example.org/\n",
        "http://[::1%25eth0]/",
        "http://999.1.1.1.1.1/",
        "",
    ] {
        assert!(at(bad).is_err(), "{bad} came to {:?}", at(bad));
    }
    assert_eq!(at(&format!("https://a.org/{}", "x".repeat(9000))), Err(address::AddressError::Long));
}

#[test]
fn arguments_mean_one_thing_or_are_refused() {
    assert_eq!(json::object("  ").unwrap(), Map::new());
    assert_eq!(json::object(r#"{"a": {"b": [1, null, "x", 1.5, -3]}}"#).unwrap()["a"]["b"][3], 1.5);
    assert_eq!(json::object(r#"{"a": 9007199254740991}"#).unwrap()["a"], 9_007_199_254_740_991_u64);
    for (bad, why) in [
        (r#"{"path": "/a", "path": "/b"}"#, "comes twice"),
        (r#"{"a": {"x": 1, "x": 1}}"#, "comes twice"),
        (r#"{"a": 1, "\u0061": 2}"#, "comes twice"),
        (r#"{"a": 9007199254740993}"#, "2^53"),
        (r#"{"a": -9007199254740993}"#, "2^53"),
        (r#"{"a": 18446744073709551615}"#, "2^53"),
        // Read as numbers with a point: nobody sees any more what came.
        (r#"{"a": 9007199254740993.0}"#, "2^53"),
        (r#"{"a": [{"b": 123456789012345678901234567890}]}"#, "2^53"),
        (r#"{"a": -1e300}"#, "2^53"),
        (r#"{"a": 1} x"#, "trailing"),
        (r#"{"a": 1}{"a": 2}"#, "trailing"),
        ("[1]", "expected an object"),
        ("\"x\"", "expected an object"),
        (r#"{"a": "#, "EOF"),
        (r#"{"a": NaN}"#, "expected"),
        (r#"{"a": 1e400}"#, "number out of range"),
        (r#"{"a": "\ud800"}"#, "hex escape"),
    ] {
        let error = json::object(bad).unwrap_err().to_string();
        assert!(error.contains(why), "{bad}: {error}");
    }
    let deep = format!("{{\"a\": {}1{}}}", "[".repeat(300), "]".repeat(300));
    assert!(json::object(&deep).is_err(), "depth is bounded");
}

fn channels(names: &[(&str, &str)]) -> Vec<soul::Channel> {
    let channel = |(kind, to): &(&str, &str)| soul::Channel {
        kind: (*kind).into(),
        destination: (*to).into(),
        line: 1,
    };
    names.iter().map(channel).collect()
}

#[test]
fn a_channel_is_named_whole_or_by_its_only_destination() {
    let has = channels(&[("board", "forum"), ("board", "staff"), ("slack", "staff")]);
    assert_eq!(channel::named("forum", &has).as_deref(), Ok("board:forum"));
    assert_eq!(channel::named("slack:staff", &has).as_deref(), Ok("slack:staff"));
    assert_eq!(
        channel::named("board:elsewhere", &has).as_deref(),
        Ok("board:elsewhere"),
        "policy refuses it"
    );
    assert!(matches!(channel::named("staff", &has), Err(channel::ChannelError::Ambiguous { .. })));
    for bad in ["", "nowhere", "board:", ":forum", "board:a b", "board:\u{202e}x", "BOARD:forum"] {
        assert!(matches!(channel::named(bad, &has), Err(channel::ChannelError::Unknown { .. })), "{bad}");
    }
}

#[test]
fn what_is_quoted_is_short_and_visible() {
    assert_eq!(shown("a\u{0}b\u{202e}c\n"), "a\\u{0}b\\u{202e}c\\u{a}");
    assert_eq!(shown(&"x".repeat(1000)).chars().count(), 201);
    assert_eq!(words::cut("aé", 2), "a");
}

proptest! {
    #[test]
    fn a_canonical_path_stays_as_it_is(text in "(/|\\.|\\.\\.|[a-z]{0,3}|.){0,12}", base in "(/[a-z]{1,3}){1,3}") {
        if let Ok(path) = path::absolute(&text, &base) {
            prop_assert!(path::is_canonical(&path), "{path}");
            prop_assert!(path.starts_with('/') && !path.contains("//"));
            prop_assert!(path.split('/').all(|part| part != "." && part != ".."));
        }
    }

    #[test]
    fn a_canonical_address_stays_as_it_is(text in "https?://[a-zA-Z0-9.:@%\\[\\]-]{0,24}(/.{0,12})?") {
        if let Ok((host, whole)) = address::canonical(&text) {
            prop_assert_eq!(address::canonical(&whole), Ok((host.clone(), whole)));
            prop_assert!(!host.is_empty() && !host.ends_with('.') && host.to_lowercase() == host);
        }
    }

    #[test]
    fn no_text_breaks_the_reader(text in ".{0,200}") {
        if let Ok(map) = json::object(&text) {
            let again = serde_json::to_string(&map).unwrap();
            prop_assert_eq!(json::object(&again).unwrap(), map);
        }
    }
}
