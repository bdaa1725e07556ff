//! Whatever a model server sends, it is a whole answer or there is none; where the wire cuts it changes nothing, and an
//! answer holds no more than what came.
//!
//! The first byte says how long the pieces are that the rest comes in.

#![no_main]

use std::collections::BTreeSet;
use std::iter::once;

use libfuzzer_sys::fuzz_target;
use models::read_answer;

fuzz_target!(|bytes: &[u8]| {
    let Some((size, bytes)) = bytes.split_first() else { return };
    let whole = read_answer(once(bytes));
    let cut = read_answer(bytes.chunks(usize::from(*size).max(1)));
    assert_eq!(whole, cut, "a cut makes a difference");
    let Ok(answer) = whole else { return };
    let ids: BTreeSet<_> = answer.tool_calls.iter().map(|call| &call.id).collect();
    assert_eq!(ids.len(), answer.tool_calls.len(), "two calls have one id");
    assert!(answer.tool_calls.iter().all(|call| !call.name.is_empty() && !call.id.is_empty()));
    assert!(answer.text.len() + answer.reasoning.len() <= bytes.len());
});
