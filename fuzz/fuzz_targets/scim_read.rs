//! Whatever a directory sends as a filter or a patch, it is one that is understood or it is refused; and what was
//! understood reads the same when it is written anew.

#![no_main]

use http::{ScimStep, scim_filter, scim_patch};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fuzz_target!(|bytes: &[u8]| {
    if let Some((name, value)) = std::str::from_utf8(bytes).ok().and_then(scim_filter) {
        assert!(!name.contains(' ') && !name.bytes().any(|byte| byte.is_ascii_uppercase()), "{name:?}");
        let again = format!("{name} eq {}", Value::from(value.as_str()));
        // Written anew it may be longer than a filter may be.
        assert!(scim_filter(&again).is_none_or(|read| read == (name, value)), "{again}");
    }
    let Some(steps) = scim_patch(bytes) else { return };
    for step in &steps {
        assert!(!step.name.bytes().any(|byte| byte.is_ascii_uppercase()), "{step:?}");
        assert!(!step.name.to_ascii_lowercase().starts_with("urn:"), "{step:?}");
    }
    let plain = |step: &&ScimStep| !step.name.is_empty() && !step.name.contains('[');
    let steps: Vec<ScimStep> = steps.iter().filter(plain).take(MOST).cloned().collect();
    let operations: Vec<Value> =
        steps.iter().map(|step| json!({ "op": step.op, "path": path(step) })).collect();
    let again = json!({ "Operations": operations }).to_string();
    assert_eq!(scim_patch(again.as_bytes()).as_deref(), Some(&steps[..]), "{again}");
});

/// As many operations as one patch may have. A value without a path names more attributes than that.
const MOST: usize = 1_000;

/// A path with nothing in its quotes that would end them, or the brackets, or the word.
fn path(step: &ScimStep) -> String {
    let escaped = |text: &str| text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
    match &step.picked {
        Some(picked) => format!("{}[value eq \"{}\"]", step.name, escaped(picked)),
        None => step.name.clone(),
    }
}
