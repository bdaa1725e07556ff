//! Searches and readings of collections: of which document, which lines, with which words.
//!
//! The words of a query are data: the jailed worker looks for each of them and reads no language in them.

use serde_json::{Map, Value};
use vocab::collection::{self, CollectionNameError, MAX_SEARCH_BYTES};

/// A call that nothing could be judged by. The words follow "the call".
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum CallError {
    #[error("has a query of {0} bytes; the most is {MAX_SEARCH_BYTES}")]
    Long(usize),
    #[error("has a control character in its query other than a tab or a line break")]
    Control,
    #[error("has no word in its query to look for")]
    NoWord,
    #[error("names `{0}`, which {1}")]
    Document(String, CollectionNameError),
    #[error("has a `{0}` that is no whole number from 1 on")]
    Number(&'static str),
    #[error("begins with line {0}, behind its last line {1}")]
    Backwards(u64, u64),
}

/// Holds the arguments of a call to what can be judged and done, and puts its numbers in their one form.
///
/// # Errors
/// When a name or a query could not arrive as it stands.
pub(crate) fn check(args: &mut Map<String, Value>) -> Result<(), CallError> {
    if let Some(query) = args.get("query").and_then(Value::as_str) {
        if query.len() > MAX_SEARCH_BYTES {
            return Err(CallError::Long(query.len()));
        }
        if query.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r')) {
            return Err(CallError::Control);
        }
        if !query.chars().any(char::is_alphanumeric) {
            return Err(CallError::NoWord);
        }
    }
    if let Some(name) = args.get("document").and_then(Value::as_str) {
        collection::document(name).map_err(|error| CallError::Document(name.to_owned(), error))?;
    }
    whole(args, "limit")?;
    match (whole(args, "from")?, whole(args, "to")?) {
        (Some(from), Some(to)) if from > to => Err(CallError::Backwards(from, to)),
        _ => Ok(()),
    }
}

/// A number from 1 on; 3.0 is 3.
fn whole(args: &mut Map<String, Value>, name: &'static str) -> Result<Option<u64>, CallError> {
    let Some(given) = args.get(name) else { return Ok(None) };
    // What is exact for every reader of JSON is below 2^53, or it would not have come so far.
    let text = given.as_f64().filter(|number| number.fract() == 0.0).map(|number| format!("{number:.0}"));
    let number = given.as_u64().or_else(|| text?.parse().ok()).filter(|number| *number > 0);
    let number = number.ok_or(CallError::Number(name))?;
    args.insert(name.to_owned(), number.into());
    Ok(Some(number))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn checked(args: Value) -> Result<Value, CallError> {
        let Value::Object(mut args) = args else { panic!("arguments are an object") };
        check(&mut args)?;
        Ok(Value::Object(args))
    }

    #[test]
    fn numbers_have_one_form_and_words_stay_as_they_are() {
        let given = json!({"query": "a \"b\" OR c*\tNEAR(", "limit": 3.0});
        assert_eq!(checked(given), Ok(json!({"query": "a \"b\" OR c*\tNEAR(", "limit": 3})));
        let given = json!({"document": "a/b.md", "from": 2, "to": 2});
        assert_eq!(checked(given.clone()), Ok(given));
    }

    #[test]
    fn what_cannot_be_judged_is_said_in_one_sentence() {
        for (args, says) in [
            (json!({"query": "x".repeat(10 * 1024 * 1024)}), "the most is 1024"),
            (json!({"query": "a\u{0}b"}), "a control character"),
            (json!({"query": ""}), "no word"),
            (json!({"query": "\" * - ()"}), "no word"),
            (json!({"query": "a", "limit": 0}), "`limit` that is no whole number"),
            (json!({"query": "a", "limit": 1.5}), "`limit` that is no whole number"),
            (json!({"document": "../a.md"}), "is no name of a document"),
            (json!({"document": "/etc/passwd"}), "is no name of a document"),
            (json!({"document": "a\u{0}.md"}), "is no name of a document"),
            (json!({"document": "a.md", "from": -1}), "`from` that is no whole number"),
            (json!({"document": "a.md", "from": "1"}), "`from` that is no whole number"),
            (json!({"document": "a.md", "from": 3, "to": 2}), "begins with line 3"),
        ] {
            let error = checked(args).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
