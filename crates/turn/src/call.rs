//! What the record's metadata says of a model call: who answered, how it was asked, how much, and the digests.

use journal::ModelCall;
use serde_json::{Map, Value};
use vocab::{Action, Answer, Body, Digest};

/// Why a model stopped, in the words that are metadata. A server may say anything.
const FINISHES: [&str; 4] = ["stop", "length", "tool_calls", "content_filter"];

/// What is recorded in place of any other word.
const OTHER: &str = "other";

/// Parameters whose value is a word of a known few, with these.
const WORDS: [(&str, &[&str]); 3] = [
    ("reasoning_effort", &["none", "minimal", "low", "medium", "high"]),
    ("response_format", &["text", "json_object", "json_schema"]),
    ("tool_choice", &["none", "auto", "required"]),
];

/// What keeps the digests of a record from telling anything once its content is erased, in bytes.
pub(crate) type Salt = [u8; 32];

/// What is known of the call `action`, whose proposal's content has the digest `content`, and of what came back, without a word of either.
pub(crate) fn about(action: &Action, content: &Digest, body: &Body, salt: &Salt) -> ModelCall {
    let mut call = ModelCall::new(salted(salt, content));
    call.options = action.args.get("options").and_then(Value::as_object).map(telling).unwrap_or_default();
    match body {
        Body::Answer { answer } => {
            call.answer = Digest::of_canonical(answer).ok().map(|digest| salted(salt, &digest));
            call.prompt_tokens = ModelCall::tokens(answer.prompt_tokens);
            call.completion_tokens = ModelCall::tokens(answer.completion_tokens);
            call.finish = finish(answer);
            call.model = Some(answer.model.clone()).filter(|model| !model.is_empty());
        }
        Body::Fault { fault, .. } => call.fault = Some(*fault),
        Body::Nothing | Body::Text { .. } => {}
    }
    call
}

fn salted(salt: &Salt, digest: &Digest) -> Digest {
    Digest::of(&[salt.as_slice(), digest.as_bytes()].concat())
}

fn finish(answer: &Answer) -> Option<String> {
    let said = answer.finish.as_str();
    let word = if FINISHES.contains(&said) { said } else { OTHER };
    (!said.is_empty()).then(|| word.to_owned())
}

/// The parameters that say nothing but how the model is to answer: numbers, yes or no, a word of a known few. The rest
/// is content.
fn telling(options: &Map<String, Value>) -> Map<String, Value> {
    let kept = options.iter().filter_map(|(name, value)| {
        let value = match value {
            Value::Number(_) | Value::Bool(_) => value.clone(),
            Value::String(word) => Value::String(known(name, word)?.to_owned()),
            Value::Object(fields) => Value::String(known(name, fields.get("type")?.as_str()?)?.to_owned()),
            Value::Null | Value::Array(_) => return None,
        };
        Some((name.clone(), value))
    });
    kept.collect()
}

fn known(name: &str, word: &str) -> Option<&'static str> {
    let (_, words) = WORDS.iter().find(|(known, _)| *known == name)?;
    words.iter().find(|known| **known == word).copied()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use vocab::{Fault, Resource, Verb};

    use super::*;

    fn action(options: Value) -> Action {
        let args =
            json!({ "messages": [{ "role": "user", "content": "the secret words" }], "options": options });
        Action {
            verb: Verb::ModelCall,
            resource: Resource::Model("auto".into()),
            args: args.as_object().unwrap().clone(),
        }
    }

    #[test]
    fn parameters_are_kept_and_no_words_are() {
        let asked = action(json!({
            "temperature": 0.5, "seed": 7, "parallel_tool_calls": false, "reasoning_effort": "low",
            "stop": ["the secret words"], "tool_choice": { "type": "function", "function": { "name": "the secret words" } },
            "response_format": { "type": "json_schema", "json_schema": { "name": "the secret words" } },
        }));
        let answer = Answer {
            text: "the secret answer".into(),
            finish: "the secret words".into(),
            model: "llama/tiny".into(),
            prompt_tokens: u64::MAX,
            completion_tokens: 3,
            ..Answer::default()
        };
        let body = Body::Answer { answer: answer.clone() };
        let digest = Digest::of(b"{\"args\":{}}");
        let call = about(&asked, &digest, &body, &[1; 32]);
        let options = json!({
            "temperature": 0.5, "seed": 7, "parallel_tool_calls": false, "reasoning_effort": "low",
            "response_format": "json_schema",
        });
        assert_eq!(Value::Object(call.options.clone()), options);
        assert_eq!((call.finish.as_deref(), call.model.as_deref()), (Some("other"), Some("llama/tiny")));
        assert_eq!((call.prompt_tokens, call.completion_tokens), ((1 << 53) - 1, 3));
        assert!(!serde_json::to_string(&call).unwrap().contains("secret"));

        // Whoever has the content can check the digests; another salt, and nobody can.
        assert_eq!(call.prompt, Digest::of(&[&[1; 32], digest.as_bytes().as_slice()].concat()));
        let of_answer = Digest::of_canonical(&answer).unwrap();
        assert_eq!(call.answer, Some(Digest::of(&[&[1; 32], of_answer.as_bytes().as_slice()].concat())));
        let other = about(&asked, &digest, &body, &[2; 32]);
        assert!(other.prompt != call.prompt && other.answer != call.answer);
    }

    #[test]
    fn a_call_that_failed_says_so_and_has_no_answer() {
        let asked = action(json!(null));
        let body = Body::Fault { fault: Fault::Down, text: "nobody is there".into() };
        let call = about(&asked, &Digest::of(b"x"), &body, &[0; 32]);
        assert_eq!((call.fault, call.answer, call.finish), (Some(Fault::Down), None, None));
    }
}
