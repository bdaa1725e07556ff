use super::*;

#[test]
fn what_is_handed_out_reads_back_and_nothing_shows_it() {
    let secret = Secret::fresh().unwrap();
    let digest = secret.digest();
    let cookie = Cookie { id: SignInId::from_random([7; 16]), secret };
    let text = cookie.expose();
    let again = Cookie::parse(&text).unwrap();
    assert_eq!((&again.id, again.secret.digest()), (&cookie.id, digest));
    assert!(!format!("{cookie:?}").contains(text.split_once('.').unwrap().1), "{cookie:?}");

    let bearer = Bearer { id: TokenId::from_random([7; 16]), secret: Secret::fresh().unwrap() };
    let text = bearer.expose();
    assert!(text.starts_with("bh_k-") && Bearer::is_in(&text));
    assert_eq!(Bearer::parse(&text).unwrap().secret.digest(), bearer.secret.digest());
    assert!(!format!("{bearer:?}").contains(text.rsplit_once('_').unwrap().1));

    let code = Code::fresh().unwrap();
    let text = code.expose();
    assert_eq!(text.len(), 27);
    assert_eq!(Code::parse(&text).unwrap().digest(), code.digest());
    assert_eq!(
        Code::parse(&format!(" {} ", text.to_lowercase().replace('-', " "))).unwrap().digest(),
        code.digest()
    );
    assert_eq!(format!("{code:?}"), "Code");
}

#[test]
fn no_two_secrets_are_the_same() {
    let made: std::collections::BTreeSet<String> =
        (0..1_000).map(|_| Secret::fresh().unwrap().text()).collect();
    assert_eq!(made.len(), 1_000);
}

fn ours() -> String {
    Cookie { id: SignInId::from_random([7; 16]), secret: Secret::fresh().unwrap() }.expose()
}

#[test]
fn the_cookie_is_found_among_others_and_only_once() {
    let ours = ours();
    let find = |headers: &[&str]| cookie(headers.iter().map(|header| header.as_bytes()));
    for headers in [
        vec![format!("bulkhead={ours}")],
        vec![format!("a=b; bulkhead={ours}; c=d")],
        vec![format!("a=b;bulkhead={ours}")],
        vec!["a=b".to_owned(), format!("bulkhead={ours}")],
    ] {
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        assert!(find(&headers).unwrap().is_some(), "{headers:?}");
    }
    for none in ["", "a=b", "bulkhead", "xbulkhead=1.2", "Bulkhead=1.2", ";;;", "__Host-bulkhead=x"] {
        assert!(find(&[none]).unwrap().is_none(), "{none}");
    }
    let twice = format!("bulkhead={ours}; bulkhead={ours}");
    assert!(find(&[&twice]).is_err());
    let one = format!("bulkhead={ours}");
    assert!(find(&[&one, &one]).is_err());
    assert!(find(&[&format!("bulkhead=; bulkhead={ours}")]).is_err());
    for broken in
        ["bulkhead=", "bulkhead=x", "bulkhead=i-a.", "bulkhead=.00", "bulkhead=i-a.zz", "bulkhead=a.b.c"]
    {
        assert!(find(&[broken]).is_err(), "{broken}");
    }
    assert!(find(&[&format!("bulkhead={}", ours.to_uppercase())]).is_err());
    assert!(find(&[&format!("a={}; bulkhead={ours}", "x".repeat(5_000))]).is_err());
    assert!(cookie([&b"bulkhead=\xff"[..]]).is_err());
}

#[test]
fn only_one_bearer_token_of_ours_is_taken() {
    let ours = Bearer { id: TokenId::from_random([7; 16]), secret: Secret::fresh().unwrap() }.expose();
    let find = |headers: &[&str]| bearer(headers.iter().map(|header| header.as_bytes()));
    for good in [format!("Bearer {ours}"), format!("bearer  {ours}")] {
        assert!(find(&[&good]).unwrap().is_some(), "{good}");
    }
    assert!(find(&[]).unwrap().is_none());
    let good = format!("Bearer {ours}");
    assert!(find(&[&good, &good]).is_err());
    for bad in [
        ours.clone(),
        format!("Basic {ours}"),
        format!("Bearer {ours}x"),
        format!("Bearer {ours} {ours}"),
        format!("Bearer {}", ours.chars().take(60).collect::<String>()),
        format!("Bearer {}", ours.to_uppercase()),
        "Bearer ".to_owned(),
        "Bearer bh_".to_owned(),
        "Bearer bh__".to_owned(),
        format!("Bearer bh_../x_{}", "0".repeat(64)),
        format!("Bearer {}", "x".repeat(1_000_000)),
    ] {
        assert!(find(&[&bad]).is_err(), "{}", bad.chars().take(80).collect::<String>());
    }
}

#[test]
fn what_is_no_code_is_none() {
    for bad in [
        "",
        "-",
        "AAAAAA",
        &"A".repeat(23),
        &"A".repeat(25),
        &"9".repeat(24),
        &"é".repeat(24),
        &"A".repeat(1_000_000),
    ] {
        assert!(Code::parse(bad).is_err());
    }
    let zeros = Code::parse("000000-111111-888888-AAAAAA").unwrap();
    assert_eq!(zeros.expose(), "OOOOOO-IIIIII-BBBBBB-AAAAAA");
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_a_parser_panic(bytes: Vec<u8>, text: String) {
        drop(cookie([bytes.as_slice()]));
        drop(cookie([format!("bulkhead={text}").as_bytes()]));
        drop(bearer([bytes.as_slice()]));
        drop(bearer([format!("Bearer bh_{text}").as_bytes()]));
        drop(Code::parse(&text));
    }
}
