//! Whatever a jailed process answers where a skill's worker or the first process of a program's jail should, what is handed on is
//! bounded and marked as data, or is one sentence; and its words are read back as they were, or refused.
//!
//! The first byte says what was asked.

#![no_main]
#![expect(
    dead_code,
    reason = "of the sandbox's own frames, only those that come from a jailed process are looked at"
)]

#[rustfmt::skip]
#[path = "../../crates/sandbox/src/wire.rs"]
mod wire;

use std::fmt::Debug;

use libfuzzer_sys::fuzz_target;
// As the sandbox's own module names them.
use sandbox::{Jail, Layer};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use vocab::limits::MAX_RESULT_BYTES;
use vocab::{Action, Resource, Verb, frame};

/// The longest sentence, in bytes.
const MAX_SENTENCE_BYTES: usize = 17 * 1024;

/// The longest text of a file that is shown before it is replaced, in bytes.
const MAX_SEEN_BYTES: usize = 128 * 1024;

/// What workers are asked for.
const ASKED: [Verb; 6] = [
    Verb::FileRead,
    Verb::FileWrite,
    Verb::TableRead,
    Verb::DocumentsSearch,
    Verb::DocumentsRead,
    Verb::WebGet,
];

fn action(verb: Verb) -> Action {
    let args = json!({ "offset": 3, "limit": 2, "append": true, "document": "a.md", "query": "x" });
    Action { verb, resource: Resource::Path("/srv/a\nb".into()), args: args.as_object().unwrap().clone() }
}

fn one_sentence(why: &str) {
    assert!(!why.is_empty() && !why.contains('\n') && why.len() <= MAX_SENTENCE_BYTES, "{why:?}");
}

fn comes_back<T: Serialize + DeserializeOwned + Debug>(body: &[u8]) {
    let Ok(said) = frame::decode::<T>(body) else { return };
    // What is read may be longer when it is written: escapes are spelt out.
    let Ok(again) = frame::encode(&said) else { return };
    let read: T = frame::decode(&again[4..]).expect("what was written can be read");
    assert_eq!(format!("{read:?}"), format!("{said:?}"));
}

fuzz_target!(|bytes: &[u8]| {
    let Some((asked, body)) = bytes.split_first() else { return };
    let verb = ASKED[usize::from(*asked) % ASKED.len()];
    match skills::heard(&action(verb), body) {
        Ok(told) => {
            assert!(told.len() <= MAX_RESULT_BYTES && told.starts_with('['), "{told:?}");
            let mark = told.lines().next().unwrap_or_default();
            assert!(mark.ends_with(']') && !mark.contains('\u{202e}'), "{mark:?}");
        }
        Err(why) => one_sentence(&why),
    }
    match skills::looked(body) {
        Ok(seen) => {
            let text = seen.and_then(|seen| seen.text).unwrap_or_default();
            assert!(text.len() <= MAX_SEEN_BYTES);
        }
        Err(why) => one_sentence(&why),
    }
    comes_back::<wire::Answer>(body);
    comes_back::<wire::Told>(body);
});
