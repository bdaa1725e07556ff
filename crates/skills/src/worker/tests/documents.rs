//! A collection is the text files of one folder: whatever is in it, whatever is looked for, and whatever a document is called.

use std::os::unix::ffi::OsStrExt as _;

use proptest::prelude::*;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use vocab::limits::MAX_RESULT_BYTES;

use super::*;
use crate::wire::{LeftOut, MAX_SNIPPET_BYTES, Passage};
use crate::worker::documents::{MAX_COLLECTION_BYTES, MAX_DOCUMENTS, MAX_ENTRIES, MAX_FILE_BYTES};

fn search(field: &Field, query: &str) -> FromWorker {
    answer(ToWorker::Search { folder: text(&field.root()), query: query.to_owned(), limit: 8 })
}

#[track_caller]
fn found(answer: FromWorker) -> (Vec<Passage>, u32, LeftOut) {
    match answer {
        FromWorker::Found { passages, documents, left_out, .. } => (passages, documents, left_out),
        other => panic!("expected passages, got {other:?}"),
    }
}

/// The places that a search finds, the best first.
#[track_caller]
fn places(field: &Field, query: &str) -> Vec<String> {
    let (passages, ..) = found(search(field, query));
    passages.iter().map(|one| format!("{}:{}-{}", one.document, one.from, one.to)).collect()
}

fn open(field: &Field, document: &str, from: u64, to: Option<u64>) -> FromWorker {
    answer(ToWorker::Document { folder: text(&field.root()), document: document.to_owned(), from, to })
}

#[track_caller]
fn lines(answer: FromWorker) -> (String, u64, u64, u64) {
    match answer {
        FromWorker::Lines { text, from, to, of, cut: false } => (text, from, to, of),
        other => panic!("expected lines, got {other:?}"),
    }
}

fn handbook() -> Field {
    let field = Field::new();
    std::fs::create_dir_all(field.root().join("travel/far")).unwrap();
    field.put(
        "time-off.md",
        "# Time off\n\nEverybody has 28 days of vacation a year.\nAsk a week before.\n\nWho is ill stays at home.\n",
    );
    field.put("travel/hotels.txt", "A hotel costs at most 120 euros a night.\n\nVacation is not travel.\n");
    field.put("travel/far/rates.CSV", "city,rate\nOslo,140\nZürich,160\n");
    field.put(
        "page.html",
        "<title>Canteen</title><script>vacation()</script><h1>Canteen</h1><p>Soup on <b>Mondays</b>.",
    );
    field.put("picture.png", [0x89, b'P', b'N', b'G']);
    field
}

#[test]
fn a_search_finds_passages_with_their_lines_the_best_first() {
    let field = handbook();
    assert_eq!(places(&field, "vacation days"), ["time-off.md:1-4", "travel/hotels.txt:3-3"]);
    let (passages, documents, left_out) = found(search(&field, "vacation days"));
    assert!(passages[0].text.contains("28 days of vacation"), "{}", passages[0].text);
    assert_eq!((documents, left_out), (4, LeftOut { other: 1, ..LeftOut::default() }));
    // Letters with marks and without, in upper and lower case; a word with a hyphen as it stands; the name of a document.
    assert_eq!(places(&field, "ZURICH"), ["travel/far/rates.CSV:1-3"]);
    assert_eq!(places(&field, "mondays"), ["page.html:1-3"]);
    assert_eq!(places(&field, "hotels"), ["travel/hotels.txt:3-3", "travel/hotels.txt:1-1"]);
    assert_eq!(places(&field, "nothing-of-that-kind"), [""; 0]);
    // What is changed is found as it is now.
    field.put("time-off.md", "Nobody has vacation.\n");
    assert_eq!(places(&field, "28"), [""; 0]);
}

#[test]
fn a_document_is_read_by_its_lines() {
    let field = handbook();
    assert_eq!(lines(open(&field, "travel/far/rates.CSV", 2, Some(2))), ("Oslo,140\n".into(), 2, 2, 3));
    assert_eq!(lines(open(&field, "time-off.md", 3, Some(99))).1, 3);
    let (text, from, to, of) = lines(open(&field, "time-off.md", 1, None));
    assert_eq!((text, from, to, of), (field.held("time-off.md"), 1, 6, 6));
    // A page is what a reader sees of it, and its lines are what a search tells.
    let (text, ..) = lines(open(&field, "page.html", 3, Some(3)));
    assert!(text.contains("Soup on") && !text.contains('<'), "{text}");
    field.put("empty.md", "");
    assert_eq!(lines(open(&field, "empty.md", 1, None)), (String::new(), 0, 0, 0));
    field.put("mark.md", "\u{feff}one\r\ntwo");
    assert_eq!(lines(open(&field, "mark.md", 1, None)).0, "one\r\ntwo");
}

/// Each of these would be an expression of FTS5, or an error in one.
#[test]
fn a_query_is_words_and_no_language() {
    let field = Field::new();
    field.put("one.md", "alpha");
    field.put("two.md", "alphabet beta");
    field.put("three.md", "gamma delta");
    for (query, expected) in [
        ("alpha NOT alpha", &["one.md:1-1"][..]),
        ("alpha*", &["one.md:1-1"]),
        ("^alphabet", &["two.md:1-1"]),
        ("\"beta gamma\"", &["two.md:1-1", "three.md:1-1"]),
        ("text:gamma", &[]),
        ("document : gamma", &["three.md:1-1"]),
        ("{document} : gamma", &["three.md:1-1"]),
        ("NEAR(gamma delta, 0)", &["three.md:1-1"]),
        ("gamma + alpha", &["one.md:1-1", "three.md:1-1"]),
        ("beta AND", &["two.md:1-1"]),
        ("((((beta", &["two.md:1-1"]),
        ("beta\"", &["two.md:1-1"]),
        ("\"\"\"beta", &["two.md:1-1"]),
        ("be\u{0}ta beta\u{0}", &["two.md:1-1"]),
        ("'; DROP TABLE passages; -- beta", &["two.md:1-1"]),
        ("rank MATCH 'bm25(1)' gamma", &["three.md:1-1"]),
        ("-gamma", &["three.md:1-1"]),
        ("", &[]),
        ("\"", &[]),
        ("* ( ) : ^ { } + -", &[]),
        ("\u{202e}ateb\u{0}", &[]),
        // A letter to us and to no tokenizer.
        ("\u{2ebf0}", &[]),
    ] {
        let mut places = places(&field, query);
        let mut expected = expected.to_vec();
        places.sort();
        expected.sort_unstable();
        assert_eq!(places, expected, "{query:?}");
    }
    let many = "beta ".repeat(2 * MIB as usize);
    assert_eq!(places(&field, &many), ["two.md:1-1"]);
    for query in [
        "x".repeat(10 * MIB as usize),
        "\"".repeat(10 * MIB as usize),
        format!("a{}", "-".repeat(10 * MIB as usize)),
    ] {
        match search(&field, &query) {
            FromWorker::Found { passages, .. } => assert!(passages.is_empty()),
            FromWorker::Failed { why } => assert!(!why.contains('\n') && why.len() < 4096, "{why}"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(places(&field, "beta"), ["two.md:1-1"], "and the next search is as any");
}

#[test]
fn no_name_and_no_link_leads_out_of_the_collection() {
    let field = handbook();
    std::fs::write(field.whole.path().join("outside/secret.md"), "SECRET vacation").unwrap();
    let outside = field.whole.path().join("outside");
    field.link(outside.join("secret.md"), "link.md");
    field.link("../outside/secret.md", "travel/up.md");
    field.link(&outside, "beside");
    field.link("..", "travel/far/above");
    field.link("time-off.md", "within.md");
    let absolute = text(&outside.join("secret.md"));
    for name in [
        "../outside/secret.md",
        "travel/../../outside/secret.md",
        &absolute,
        "..",
        ".",
        "",
        "./time-off.md",
        "a\0.md",
    ] {
        assert!(why(open(&field, name, 1, None)).contains("is no name of a document"), "{name}");
    }
    for name in ["link.md", "travel/up.md", "beside/secret.md", "travel/far/above/time-off.md", "within.md"] {
        let told = why(open(&field, name, 1, None));
        assert!(told.contains("symbolic link") && !told.contains("SECRET"), "{name}: {told}");
    }
    assert_eq!(places(&field, "secret"), [""; 0]);
    assert_eq!(found(search(&field, "vacation")).2.not_plain, 5, "links are left out and counted");
}

#[test]
fn what_is_no_document_is_left_out_and_counted() {
    let field = Field::new();
    let make = |name: &str, kind, device| mknodat(CWD, field.root().join(name), kind, Mode::RWXU, device);
    field.put("good.md", "vacation");
    make("pipe.md", FileType::Fifo, 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(field.root().join("socket.md")).unwrap();
    let device = make("zero.md", FileType::CharacterDevice, rustix::fs::makedev(1, 5));
    if let Err(error) = device {
        eprintln!("SKIPPED in part: a device could not be made here ({error}); run as root");
    }
    field.put("latin.txt", b"vacation caf\xe9");
    field.put("binary.csv", b"vacation\0");
    field.put("picture.png", "vacation");
    field.put("bare", "vacation");
    field.put(".hidden.md", "vacation");
    std::fs::create_dir(field.root().join(".git")).unwrap();
    field.put(".git/config.txt", "vacation");
    field.put("line\nbreak.md", "vacation");
    field.put("turned\u{202e}dm.md", "vacation");
    std::fs::write(field.root().join(std::ffi::OsStr::from_bytes(b"bytes\xff.md")), "vacation").unwrap();
    std::fs::File::create(field.root().join("huge.txt")).unwrap().set_len(1 << 40).unwrap();
    std::fs::create_dir(field.root().join("folder.md")).unwrap();
    let (passages, documents, left_out) = found(search(&field, "vacation"));
    assert_eq!((passages.len(), documents, &*passages[0].document), (1, 1, "good.md"));
    let plain = if device.is_ok() { 3 } else { 2 };
    let expected = LeftOut { other: 2, names: 5, not_plain: plain, large: 1, not_text: 2, closed: 0 };
    assert_eq!(left_out, expected);
    for (name, says) in [
        ("pipe.md", "a pipe"),
        ("socket.md", "a socket"),
        ("folder.md", "a folder"),
        ("latin.txt", "is no text"),
        ("binary.csv", "is no text"),
        ("huge.txt", "larger than"),
        ("picture.png", "is no name of a document"),
        (".git/config.txt", "is no name of a document"),
        ("line\nbreak.md", "is no name of a document"),
        ("turned\u{202e}dm.md", "is no name of a document"),
        ("none.md", "there is no document `none.md`"),
        ("good.md/x.md", "there is no document"),
    ] {
        let told = why(open(&field, name, 1, None));
        assert!(told.contains(says) && !told.contains('\n'), "{name}: {told}");
    }
    if device.is_ok() {
        assert!(why(open(&field, "zero.md", 1, None)).contains("a device"));
    }
    assert!(why(open(&field, "good.md", 2, None)).contains("has 1 lines; line 2 is behind its end"));
    assert!(why(open(&field, "good.md", u64::MAX, None)).contains("behind its end"));
}

#[test]
fn a_folder_that_is_not_there_is_one_sentence() {
    let field = handbook();
    let link = field.whole.path().join("link");
    symlink(field.root(), &link).unwrap();
    let ask = |folder: &Path| {
        [
            answer(ToWorker::Search { folder: text(folder), query: "a".into(), limit: 8 }),
            answer(ToWorker::Document {
                folder: text(folder),
                document: "time-off.md".into(),
                from: 1,
                to: None,
            }),
        ]
    };
    for folder in [&link, &link.join("travel"), &field.root().join("none"), &field.root().join("time-off.md")]
    {
        for answer in ask(folder) {
            let told = why(answer);
            assert!(told.contains("of the collection is not there") && !told.contains('\n'), "{told}");
        }
    }
    for answer in ask(Path::new("/proc/self")) {
        assert!(why(answer).contains("kernel"));
    }
    for answer in ask(Path::new("travel")) {
        assert!(why(answer).contains("outside"));
    }
}

#[test]
fn a_collection_that_is_too_large_is_one_sentence() {
    let field = Field::new();
    for nth in 0..=MAX_COLLECTION_BYTES / MAX_FILE_BYTES {
        let file = std::fs::File::create(field.root().join(format!("{nth}.txt"))).unwrap();
        file.set_len(MAX_FILE_BYTES).unwrap();
    }
    assert!(why(search(&field, "a")).contains("bytes together"));

    let field = Field::new();
    field.put("many.txt", "a\n\n".repeat(200_001));
    assert!(why(search(&field, "a")).contains("passages"));

    let field = Field::new();
    for nth in 0..=MAX_DOCUMENTS {
        field.put(&format!("{nth}.md"), "");
    }
    assert!(why(search(&field, "a")).contains("documents"));
    assert!(lines(open(&field, "1.md", 1, None)).0.is_empty(), "one of them is read all the same");

    let field = Field::new();
    for nth in 0..=MAX_ENTRIES {
        field.put(&format!("{nth}"), "");
    }
    assert!(why(search(&field, "a")).contains("entries"));
}

#[test]
fn what_comes_back_is_bounded() {
    let field = Field::new();
    field.put("words.txt", "word\n\n".repeat(100));
    let ask = |limit| answer(ToWorker::Search { folder: text(&field.root()), query: "word".into(), limit });
    for (limit, count, further) in [(3, 3, true), (99, 99, true), (100, 100, false)] {
        match ask(limit) {
            FromWorker::Found { passages, more, .. } => assert_eq!((passages.len(), more), (count, further)),
            other => panic!("{other:?}"),
        }
    }
    // One word of megabytes, and lines that no answer holds.
    field.put("long.txt", format!("start {} word\nnext\n", "x".repeat(3 * MIB as usize)));
    for one in found(search(&field, "start word")).0 {
        assert!(one.text.len() <= MAX_SNIPPET_BYTES && !one.text.contains('\n'));
    }
    match open(&field, "long.txt", 1, None) {
        FromWorker::Lines { text, from: 1, to: 1, of: 2, cut: true } => {
            assert!(text.len() < MAX_RESULT_BYTES)
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(lines(open(&field, "long.txt", 2, None)).0, "next\n");
    // Where the cut line leaves room, the next one is not put behind it.
    for before in ["", "a", "aa"] {
        field.put("cut.txt", format!("{before}{}\n\n\n", "€".repeat(MAX_RESULT_BYTES)));
        let answer = open(&field, "cut.txt", 1, None);
        assert!(matches!(answer, FromWorker::Lines { from: 1, to: 1, of: 3, cut: true, .. }), "{before}");
    }
    field.put("lines.txt", "é\n".repeat(MAX_RESULT_BYTES));
    let (text, from, to, of) = lines(open(&field, "lines.txt", 1, None));
    assert!(text.len() < MAX_RESULT_BYTES && to < of && from == 1, "{to} of {of}");
    assert_eq!(text.lines().count() as u64, to, "whole lines");
    assert_eq!(lines(open(&field, "lines.txt", to + 1, Some(to + 2))).0, "é\né\n");
}

/// Of these, each took minutes with FTS5's own snippets and passages as long as their lines.
#[test]
fn a_long_line_and_many_words_are_soon_searched() {
    let field = Field::new();
    field.put("line.csv", "the,".repeat(MIB as usize));
    field.put("other.txt", format!("first\n{} needle {}\n", "the ".repeat(2_000), "the ".repeat(2_000)));
    for query in
        ["the".to_owned(), "the ".repeat(64), "the the-the The-the-the the-the-the-the THE".to_owned()]
    {
        let (passages, documents, _) = found(search(&field, &query));
        assert_eq!((passages.len(), documents), (8, 2), "{query}");
    }
    assert_eq!(places(&field, "needle"), ["other.txt:2-2"]);
    assert!(found(search(&field, "needle")).0[0].text.contains("the the needle the"));
}

#[test]
fn a_page_that_breaks_the_converter_leaves_the_rest_of_the_collection() {
    let field = handbook();
    field.put("least.html", "<ol start=-9223372036854775808><li>x");
    field.put("deep.html", "<div>".repeat(500));
    field.put("wide.html", "<table><tr><td colspan=99999999>vacation");
    assert_eq!(places(&field, "28 days"), ["time-off.md:1-4"]);
    field.put("large.html", format!("<p>{}</p>", "vacation ".repeat(200_000)));
    let left_out = found(search(&field, "28 days")).2;
    assert_eq!((left_out.large, left_out.not_text), (1, 0));
    assert!(why(open(&field, "large.html", 1, None)).contains("larger than 1048576 bytes"));
    field.put("latin.html", b"<meta charset=windows-1252><p>caf\xe9");
    assert_eq!(places(&field, "café"), ["latin.html:1-1"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever stands in the files and whatever is looked for: an answer, whose passages are what stands on their lines.
    #[test]
    fn whatever_is_in_the_files_there_is_an_answer(
        markdown in prop::collection::vec(any::<u8>(), 0..300),
        plain in "([a-z\"*()\\-# ]{0,8}\n?){0,30}",
        query in "[a-z\"*():^{}+ \\-\u{0}]{0,20}|\\PC{0,20}",
    ) {
        let field = Field::new();
        field.put("any.md", &markdown);
        field.put("any.html", &markdown);
        field.put("plain.txt", &plain);
        match search(&field, &query) {
            FromWorker::Found { passages, .. } => for one in passages {
                let (text, from, to, _) = lines(open(&field, &one.document, one.from.into(), Some(one.to.into())));
                prop_assert_eq!((from, to), (one.from.into(), one.to.into()));
                prop_assert!(!text.trim().is_empty());
            },
            FromWorker::Failed { why } => prop_assert!(false, "{}", why),
            other => prop_assert!(false, "{:?}", other),
        }
    }

    /// Whatever a document is called, nothing outside of the collection is told.
    #[test]
    fn no_name_reaches_the_secret(parts in prop::collection::vec(
        prop::sample::select(vec!["..", ".", "outside", "secret.md", "link", "granted", "", "a", "/", "\u{0}", "%2e%2e", "~"]), 0..8,
    )) {
        let field = Field::new();
        std::fs::write(field.whole.path().join("outside/secret.md"), "SECRET").unwrap();
        field.link(field.whole.path().join("outside"), "link");
        let told = why(open(&field, &parts.join("/"), 1, None));
        prop_assert!(!told.contains("SECRET"), "{}", told);
    }
}
