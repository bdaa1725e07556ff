use data_encoding::{BASE64, BASE64URL, HEXLOWER, HEXUPPER};
use proptest::prelude::*;

use super::*;
use crate::Name;

/// Has every character that some encoding writes in another way.
const KEY: &str = r#"sk-Canary+7/q"\&<%41>=x~'Zz"#;

fn secret(value: &str) -> Secret {
    Secret::joined(Some(&Name::new("box").unwrap()), &[value])
}

fn scrub(value: &str) -> Scrub {
    Scrub::of([&secret(value)])
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// As a browser's `encodeURIComponent` does it.
fn url(text: &str) -> String {
    let kept = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte);
    text.bytes()
        .map(|byte| if kept(byte) { char::from(byte).to_string() } else { format!("%{byte:02x}") })
        .collect()
}

fn json(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap();
    quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap().to_owned()
}

fn unicode(text: &str) -> String {
    text.bytes().map(|byte| format!("\\u{byte:04x}")).collect()
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn numbered(text: &str) -> String {
    text.bytes().map(|byte| format!("&#{byte};")).collect()
}

type Encoding = fn(&str) -> String;

/// Every way to write a text that is looked for.
fn encodings() -> Vec<(&'static str, Encoding)> {
    vec![
        ("as it is", |text| text.to_owned()),
        ("lower", |text| text.to_lowercase()),
        ("upper", |text| text.to_uppercase()),
        ("base64", |text| BASE64.encode(text.as_bytes())),
        ("base64 behind one", |text| BASE64.encode(format!(":{text}").as_bytes())),
        ("base64 within two", |text| BASE64.encode(format!("u:{text}:more").as_bytes())),
        ("base64 for URLs", |text| BASE64URL.encode(text.as_bytes())),
        ("hex", |text| HEXLOWER.encode(text.as_bytes())),
        ("HEX", |text| HEXUPPER.encode(text.as_bytes())),
        ("percent", percent),
        ("url", url),
        ("json", json),
        ("json with slashes", |text| json(text).replace('/', "\\/")),
        ("unicode", unicode),
        ("html", html),
        ("numbered", numbered),
    ]
}

/// `text` holds the key in no form.
#[track_caller]
fn is_clean(text: &str, key: &str, what: &str) {
    for (name, encoding) in encodings() {
        let form = encoding(key);
        assert!(!text.contains(&form), "{what}: as {name}: {text}");
    }
}

#[test]
fn a_secret_is_found_in_every_encoding_and_in_one_within_another() {
    let scrub = scrub(KEY);
    for (inner, first) in encodings() {
        for (outer, second) in encodings() {
            let cased = |name: &str| ["lower", "upper"].contains(&name);
            // A change of case destroys base64, and base64 of an encoding is for nobody to find.
            if (cased(outer) || outer.contains("base64") || outer.to_lowercase() == "hex")
                && inner != "as it is"
            {
                continue;
            }
            let what = format!("{inner} in {outer}");
            let text = scrub.text(format!("é before {} after é", second(&first(KEY))), End::Whole);
            assert_eq!(text.matches("(secret:box)").count(), 1, "{what}: {text}");
            assert!(text.starts_with("é before ") && text.ends_with(" after é"), "{what}: {text}");
            is_clean(&text, KEY, &what);
        }
    }
}

#[test]
fn what_is_no_secret_stays_as_it_is() {
    let scrub = scrub("sk-sesame-1234");
    for text in ["", "sk-sesame", "100% \\ & &amp; \u{1F600}", "sk-sesame-123", "(secret:box)"] {
        assert_eq!(scrub.text(text.to_owned(), End::Whole), text);
    }
    assert_eq!(Scrub::default().text("sk-sesame-1234".to_owned(), End::Cut), "sk-sesame-1234");
    let bytes = b"\xff\xfe sk-sesame-1234 \xff".to_vec();
    assert_eq!(scrub.bytes(bytes, End::Whole), b"\xff\xfe (secret:box) \xff");
}

#[test]
fn a_cut_leaves_no_beginning_of_a_secret() {
    let scrub = scrub(KEY);
    for (name, encoding) in encodings().into_iter().filter(|(name, _)| !name.starts_with("base64 ")) {
        let form = encoding(KEY);
        // What is left may be a few characters; the forms here write one with six bytes at most.
        for cut in 4 * 6..form.len() {
            let text = format!("said {}", form.get(..cut).unwrap());
            let clean = scrub.text(text.clone(), End::Cut);
            assert!(
                ["said (secret)", "said (secret:box)"].contains(&clean.as_str()),
                "{name}: {text}: {clean}"
            );
        }
    }
    assert_eq!(scrub.text("what about sk-".to_owned(), End::Cut), "what about sk-");
    assert_eq!(scrub.text("and sk-Canary".to_owned(), End::Whole), "and sk-Canary");
}

#[test]
fn several_secrets_name_themselves_and_one_within_another_hides_nothing() {
    let short = Secret::joined(Some(&Name::new("short").unwrap()), &["abcdefgh"]);
    let long = Secret::joined(Some(&Name::new("long").unwrap()), &["01abcdefgh23"]);
    let scrub = Scrub::of([&short, &long]);
    let text = scrub.text("x 01abcdefgh23 y abcdefgh z abcdefghabcdefgh".to_owned(), End::Whole);
    assert_eq!(text, "x (secret) y (secret) z (secret)(secret)");
    assert_eq!(format!("{scrub:?}"), r#"["(secret:short)", "(secret:long)"]"#);
}

#[test]
fn credentials_are_found_in_the_clear_too() {
    let scrub = scrub(&BASE64.encode(b"user:pass-word"));
    assert_eq!(scrub.text("wrong: user:pass-word".to_owned(), End::Whole), "wrong: (secret:box)");
}

#[test]
fn a_secret_of_one_letter_and_a_large_text_take_no_time_worth_naming() {
    // Quadratic work would be some 10^13 steps here: this would not end.
    let scrub = scrub(&format!("{}b", "a".repeat(8000)));
    let text = "a".repeat(2 * 1024 * 1024);
    assert_eq!(scrub.text(text.clone(), End::Whole).len(), text.len());
    let escapes = "%2561".repeat(400_000);
    assert_eq!(scrub.text(escapes.clone(), End::Whole).len(), escapes.len());
}

proptest! {
    #[test]
    fn no_bytes_break_it_and_what_surrounds_a_secret_stays(
        before in any::<Vec<u8>>(),
        after in any::<Vec<u8>>(),
        key in "[!-~]{8,40}",
    ) {
        let scrub = scrub(&key);
        let text = [before.as_slice(), key.as_bytes(), after.as_slice()].concat();
        for end in [End::Whole, End::Cut] {
            let clean = scrub.bytes(text.clone(), end);
            let lower = clean.to_ascii_lowercase();
            let wanted = key.to_ascii_lowercase();
            prop_assert!(!lower.windows(wanted.len()).any(|window| window == wanted.as_bytes()));
        }
    }

    #[test]
    fn any_visible_secret_is_found_in_every_encoding(key in "[!-~]{8,40}", which in 0..16_usize) {
        let (name, encoding) = encodings()[which];
        let text = scrub(&key).text(format!(" {} ", encoding(&key)), End::Whole);
        prop_assert!(text.contains("(secret"), "{name}: {text}");
    }

    #[test]
    fn text_stays_text(text in any::<String>(), key in "[!-~]{8,12}") {
        let clean = scrub(&key).text(text.clone(), End::Whole);
        prop_assert!(clean == text || clean.contains("(secret"));
        prop_assert!(clean.len() <= text.len());
    }
}
