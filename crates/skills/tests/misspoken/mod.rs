//! Workers that answer as none of ours would: what comes of it is one bounded sentence, the worker is ended, and the next call has
//! another one.

use std::io::Write as _;
use std::process::ExitCode;

use bulkhead_skills as skills;
use serde_json::{Value, json};
use vocab::frame::{self, FRAME_VERSION};
use vocab::limits::{MAX_FRAME_BYTES, MAX_RESULT_BYTES};

use crate::support::Home;
use crate::support::harness::run;
use crate::with_files;

/// Every check, by name.
pub(crate) const CHECKS: &[(&str, fn())] = &[
    ("a_worker_that_misspeaks_is_one_sentence_and_is_ended", || {
        run(a_worker_that_misspeaks_is_one_sentence_and_is_ended())
    }),
    ("what_a_worker_says_is_bounded_and_on_its_own_lines", || {
        run(what_a_worker_says_is_bounded_and_on_its_own_lines())
    }),
    ("what_a_worker_says_before_it_is_asked_is_no_answer", || {
        run(what_a_worker_says_before_it_is_asked_is_no_answer())
    }),
];

/// The argument that makes the test's own binary a spawner whose workers do not keep to the form.
pub(crate) const MISSPEAKING: &str = "__misspeaking";

/// The longest sentence about a failure, in bytes.
const MAX_SENTENCE_BYTES: usize = 17 * 1024;

/// Text that is longer than any result, and fits in a frame.
const HUGE_BYTES: usize = 3 * 1024 * 1024;

/// What each of them says to a read, with a word of what is said about it.
const HOW: [(&str, &str); 18] = [
    ("nothing", "ended before it answered"),
    ("truncated", "did not answer as it should"),
    ("half-a-length", "did not answer as it should"),
    ("too-long", "over the limit"),
    ("longest", "over the limit"),
    ("empty", "without a version byte"),
    ("version", "frame version"),
    ("not-utf8", "does not fit its form"),
    ("lone-surrogate", "does not fit its form"),
    ("wrong-type", "does not fit its form"),
    ("negative", "does not fit its form"),
    ("unknown-kind", "does not fit its form"),
    ("unknown-field", "does not fit its form"),
    ("two-kinds", "does not fit its form"),
    ("behind-it", "does not fit its form"),
    ("deep", "does not fit its form"),
    ("another-kind", "answered something else"),
    ("silent-why", "did not say why"),
];

/// The answer to a read of which nothing is wrong.
fn content(text: &str) -> Value {
    json!({ "content": { "text": text, "size": text.len(), "end": text.len() } })
}

/// The role: reads what it is asked, and says what its spawner's argument names.
pub(crate) fn worker(mut socket: sandbox::Socket) -> ExitCode {
    let how = std::env::args().nth(2).unwrap();
    if how == "early" && socket.write_all(&frame::encode(&content("early")).unwrap()).is_err() {
        return ExitCode::FAILURE;
    }
    while let Ok(Some(asked)) = frame::read::<Value>(&mut socket) {
        let said = said(&how, &asked);
        // The gateway may have ended this already.
        if said.is_empty() || socket.write_all(&said).is_err() {
            return ExitCode::FAILURE;
        }
        if matches!(how.as_str(), "truncated" | "half-a-length") {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn said(how: &str, asked: &Value) -> Vec<u8> {
    let of = |json: &[u8]| {
        let length = u32::try_from(json.len() + 1).unwrap().to_be_bytes();
        [length.as_slice(), &[FRAME_VERSION], json].concat()
    };
    let whole = |answer: &Value| frame::encode(answer).unwrap();
    match how {
        "nothing" => vec![],
        "truncated" => whole(&content("truncated"))[..20].to_vec(),
        "half-a-length" => vec![0, 0],
        "too-long" => u32::try_from(MAX_FRAME_BYTES + 1).unwrap().to_be_bytes().to_vec(),
        "longest" => vec![0xff; 4],
        "empty" => vec![0; 4],
        "version" => vec![0, 0, 0, 3, FRAME_VERSION + 1, b'{', b'}'],
        "not-utf8" => of(b"{\"failed\":{\"why\":\"\xff\xfe\"}}"),
        "lone-surrogate" => of(br#"{"failed":{"why":"\ud800"}}"#),
        "wrong-type" => of(br#"{"content":{"text":7,"size":"x","end":null}}"#),
        "negative" => of(br#"{"content":{"text":"x","size":-1,"end":1e99}}"#),
        "unknown-kind" => of(br#"{"sudo":{"text":"x"}}"#),
        "unknown-field" => of(br#"{"content":{"text":"x","size":1,"end":1,"sudo":true}}"#),
        "two-kinds" => {
            of(br#"{"content":{"text":"x","size":1,"end":1},"written":{"size":1,"created":true}}"#)
        }
        "behind-it" => of(br#"{"failed":{"why":"x"}} {}"#),
        "deep" => of("[".repeat(1 << 20).as_bytes()),
        "another-kind" => whole(&json!({ "written": { "size": 1, "created": true } })),
        "silent-why" => whole(&json!({ "failed": { "why": "" } })),
        "huge-why" => whole(&json!({ "failed": { "why": "no\n\u{1b}[2J".repeat(HUGE_BYTES / 16) } })),
        "huge" => whole(&content(&"x".repeat(HUGE_BYTES))),
        "entries" => {
            let entry = json!({ "name": "a\nb (1 bytes)\u{202e}", "kind": "file", "bytes": u64::MAX });
            whole(&json!({ "listing": { "entries": vec![entry; 20_000], "more": true } }))
        }
        "twice" => [whole(&content("the first")), whole(&content("nobody asked for this"))].concat(),
        "right" | "early" => {
            assert!(asked.get("read").is_some());
            whole(&content("right"))
        }
        other => panic!("no way to misspeak is called {other}"),
    }
}

/// A home whose workers misspeak like that.
fn home(how: &str) -> (Home, Value) {
    let mut home = with_files();
    let args = vec![MISSPEAKING.to_owned(), how.to_owned()];
    let roster = sandbox::Roster::new(&sandbox::Program { path: "/proc/self/exe".into(), args }).unwrap();
    home.bench = skills::Bench::new(roster, home.bench.seat().clone());
    let path = json!({ "path": home.path().join("docs/a.md") });
    (home, path)
}

async fn a_worker_that_misspeaks_is_one_sentence_and_is_ended() {
    let (mut home, path) = home("right");
    assert!(home.done("file-reader", path).await.ends_with("]\nright"));
    for (how, word) in HOW {
        let (mut home, path) = self::home(how);
        for _ in 0..2 {
            let told = home.failed("file-reader", path.clone()).await;
            assert!(told.contains(word), "{how}: {told}");
            assert!(!told.contains('\n') && told.len() < MAX_SENTENCE_BYTES, "{how}: {told}");
            // A worker that says that it failed keeps to the form.
            let kept = usize::from(how == "silent-why");
            assert_eq!(home.bench.pids().len(), kept, "{how}");
        }
    }
}

async fn what_a_worker_says_is_bounded_and_on_its_own_lines() {
    let (mut home, path) = self::home("huge-why");
    let told = home.failed("file-reader", path).await;
    assert!(told.starts_with("no\\n\\u{1b}[2J") && !told.contains(['\n', '\u{1b}']), "{}", told.len());
    assert!(told.len() < MAX_SENTENCE_BYTES, "{}", told.len());
    let (mut home, path) = self::home("huge");
    let told = home.done("file-reader", path).await;
    assert!(told.len() <= MAX_RESULT_BYTES && told.lines().next().unwrap().ends_with(", cut to fit]"));
    let (mut home, path) = self::home("entries");
    let told = home.done("file-reader", path).await;
    assert!(told.len() <= MAX_RESULT_BYTES);
    let mut lines = told.lines();
    assert!(lines.next().unwrap().contains("20000 entries and more, cut to fit]"));
    assert_eq!(lines.next().unwrap(), format!("a\\nb (1 bytes)\\u{{202e}} ({} bytes)", u64::MAX));
}

/// An answer that is there before anything was asked would be taken for the next one's.
async fn what_a_worker_says_before_it_is_asked_is_no_answer() {
    let (mut home, path) = self::home("twice");
    assert!(home.done("file-reader", path.clone()).await.ends_with("the first"));
    let told = home.failed("file-reader", path.clone()).await;
    assert!(told.contains("before it was asked") && !told.contains("nobody asked for this"), "{told}");
    assert!(home.bench.pids().is_empty());
    assert!(home.done("file-reader", path).await.ends_with("the first"), "the next call has another worker");
}
