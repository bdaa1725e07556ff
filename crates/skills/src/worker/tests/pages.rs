//! Pages, as servers send them.

use data_encoding::BASE64;
use proptest::prelude::*;
use vocab::limits::MAX_RESULT_BYTES;

use super::*;

fn page(body: &[u8], charset: Option<&str>, html: bool) -> FromWorker {
    answer(ToWorker::Page { body: BASE64.encode(body), charset: charset.map(str::to_owned), html })
}

#[track_caller]
fn read_page(answer: FromWorker) -> (String, bool, bool) {
    match answer {
        FromWorker::Text { text, cut, replaced } => (text, cut, replaced),
        other => panic!("expected a page's text, got {other:?}"),
    }
}

#[test]
fn html_becomes_text_with_its_links() {
    let body = b"<html><head><title>T</title><script>evil()</script><style>p{}</style></head>\
        <body><h1>Hello</h1><p>See <a href='https://example.org/x'>this</a>.</p></body></html>";
    let (text, cut, replaced) = read_page(page(body, None, true));
    assert!(text.contains("# Hello") && text.contains("https://example.org/x"), "{text}");
    assert!(!text.contains("evil") && !text.contains('<'), "{text}");
    assert!(!cut && !replaced);
}

#[test]
fn what_is_not_html_passes_as_it_is() {
    let (text, ..) = read_page(page(br#"{"a": "<b>"}"#, None, false));
    assert_eq!(text, r#"{"a": "<b>"}"#);
}

#[test]
fn a_named_encoding_is_used_and_bytes_without_meaning_are_said() {
    assert_eq!(read_page(page(b"caf\xe9", Some("iso-8859-1"), false)), ("café".into(), false, false));
    let declared = b"<meta charset=\"windows-1252\"><p>caf\xe9";
    assert!(read_page(page(declared, None, true)).0.contains("café"));
    assert_eq!(read_page(page(b"caf\xe9", None, false)), ("caf\u{fffd}".into(), false, true));
    assert_eq!(read_page(page(b"ok", Some("no-such-encoding"), false)), ("ok".into(), false, false));
}

#[test]
fn a_long_page_is_cut_and_a_body_that_is_not_base64_is_refused() {
    let (text, cut, _) = read_page(page("é".repeat(MAX_RESULT_BYTES).as_bytes(), None, false));
    assert!(cut && text.len() <= MAX_RESULT_BYTES);
    let broken = answer(ToWorker::Page { body: "%%%".into(), charset: None, html: true });
    assert!(why(broken).contains("could not be turned into text"));
}

#[test]
fn a_page_that_breaks_the_converter_is_a_failure_and_not_the_end() {
    let least = b"<ol start=-9223372036854775808><li>x";
    assert!(matches!(page(least, None, true), FromWorker::Text { .. } | FromWorker::Failed { .. }));
    assert_eq!(read_page(page(b"<p>next", None, true)).0.trim(), "next");
}

#[test]
fn folders_of_tags_do_not_topple_it() {
    for tag in ["<div>", "<ul><li>", "<blockquote>", "<b>", "<table><tr><td>"] {
        let deep = tag.repeat(500);
        assert!(matches!(
            page(deep.as_bytes(), None, true),
            FromWorker::Text { .. } | FromWorker::Failed { .. }
        ));
    }
}

#[test]
fn what_is_nested_wider_than_a_page_is_said_to_be() {
    for tag in ["<ul><li>", "<blockquote>"] {
        let answer = page(format!("{}words", tag.repeat(60)).as_bytes(), None, true);
        assert!(
            matches!(&answer, FromWorker::Failed { why } if why.contains("nested too deeply")),
            "{answer:?}"
        );
    }
}

/// Pieces of HTML that parsers stumble over, in any order and number.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(vec![
        "<table>",
        "<tr>",
        "<td colspan=9999999>",
        "<td rowspan=-1>",
        "</table>",
        "<ol start=-9223372036854775808>",
        "<li>",
        "<pre>",
        "<a href=x>",
        "</a>",
        "<img alt=\u{202e}>",
        "<!--",
        "-->",
        "<![CDATA[",
        "&#xffffff;",
        "&amp",
        "<svg><math>",
        "<template>",
        "<sup>",
        "<br>",
        "a\u{0}b",
        "👩\u{200d}🚀",
        "\u{ad}wide\u{3000}",
        "<details>",
    ]);
    prop::collection::vec(pieces, 0..60).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..2000), html: bool) {
        let answer = page(&body, None, html);
        let fits = matches!(answer, FromWorker::Text { .. } | FromWorker::Failed { .. });
        prop_assert!(fits);
    }

    #[test]
    fn no_soup_of_tags_panics(body in soup()) {
        match page(&body, None, true) {
            FromWorker::Text { .. } => {}
            FromWorker::Failed { why } => {
                prop_assert!(why.contains("HTML is broken") || why.contains("nested too deeply"), "{}", why);
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn no_path_reaches_the_secret(parts in prop::collection::vec(
        prop::sample::select(vec!["..", ".", "/", "//", "outside", "granted", "secret", "link", "a", "\0"]), 0..8,
    )) {
        let field = Field::new();
        field.link(field.whole.path(), "link");
        if let FromWorker::Content { text, .. } = field.read(&parts.join("/")) {
            prop_assert_ne!(text, "SECRET");
        }
    }
}
