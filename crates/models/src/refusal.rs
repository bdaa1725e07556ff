//! A server's refusal: its status and its own message, as a sentence with the way out.

use secrets::{End, Scrub};
use serde_json::Value;

use crate::error::ModelError;
use crate::plain::{MAX_QUOTED_CHARS, plain};

/// The most bytes of a refusal that are read.
pub(crate) const MAX_REFUSAL_BYTES: usize = 64 * 1024;

/// What a server says when the conversation does not fit: llama.cpp, OpenAI, vLLM, older llama.cpp.
const TOO_LONG: [&str; 6] = [
    "exceed_context_size_error",
    "context_length_exceeded",
    "maximum context length",
    "exceeds the available context size",
    "context length exceeded",
    "exceeds the context window",
];

/// The error that a refusal with `status` and `body` is, without the server's key, which some servers repeat.
pub(crate) fn refused(server: &str, status: u16, body: &[u8], scrub: &Scrub) -> ModelError {
    let end = if body.len() < MAX_REFUSAL_BYTES { End::Whole } else { End::Cut };
    let text = scrub.text(String::from_utf8_lossy(body).into_owned(), end);
    let said = plain(&message(&text), MAX_QUOTED_CHARS);
    let lower = text.to_lowercase();
    if matches!(status, 200 | 400 | 413 | 422 | 500) && TOO_LONG.iter().any(|mark| lower.contains(mark)) {
        return ModelError::ContextTooLong { server: server.to_owned(), message: said };
    }
    let message = match (said.is_empty(), way_out(status)) {
        (true, way) => way.to_owned(),
        (false, "") => said,
        (false, way) => format!("{said} ({way})"),
    };
    ModelError::Refused { server: server.to_owned(), status, message }
}

/// The words in a refusal's body, in whichever of the usual forms.
fn message(text: &str) -> String {
    if text.trim_start().starts_with('<') {
        return "a page of HTML".to_owned();
    }
    let Ok(body) = serde_json::from_str::<Value>(text) else { return text.to_owned() };
    let places = ["/error/message", "/error", "/message", "/detail"];
    let found = places.into_iter().find_map(|place| body.pointer(place).and_then(Value::as_str));
    found.map_or_else(|| text.to_owned(), str::to_owned)
}

const fn way_out(status: u16) -> &'static str {
    match status {
        300..=399 => "it points to another address, which is not followed: put the right one in the settings",
        401 | 403 => "see the server's `api-key` in the settings",
        404 => "see whether it has this model, and whether its address in the settings is right",
        408 | 429 => "ask again later",
        503 => "it is loading or overloaded: ask again later",
        500..=599 => "see the server's own log",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none() -> Scrub {
        Scrub::default()
    }

    /// What takes `sk-sesame` out.
    fn sesame() -> Scrub {
        Scrub::of([&crate::server::tests::sesame()])
    }

    #[test]
    fn the_words_are_found_in_every_form() {
        for body in [
            r#"{"error":{"message":"no such model","type":"x","code":404}}"#,
            r#"{"error":"no such model"}"#,
            r#"{"object":"error","message":"no such model"}"#,
            r#"{"detail":"no such model"}"#,
            "no such model",
        ] {
            let error = refused("s", 404, body.as_bytes(), &none()).to_string();
            assert!(error.contains("404: no such model (see whether"), "{error}");
        }
        let error = refused("s", 500, b"<!doctype html><h1>x</h1>", &none()).to_string();
        assert!(error.contains("a page of HTML (see the server's own log)"), "{error}");
        assert!(refused("s", 418, b"", &none()).to_string().contains("status 418"));
    }

    #[test]
    fn a_message_is_short_printable_and_without_the_key() {
        let body = format!("{}\u{1b}[2J sk-sesame {}", "\u{202e}", "x".repeat(100_000));
        let error = refused("s", 401, body.as_bytes(), &sesame()).to_string();
        assert!(error.len() < 600 && error.contains("(secret)") && !error.contains("sesame"), "{error}");
        assert!(!error.chars().any(char::is_control));
        // A key that the cut would go through must not leave its first half.
        let body = format!("{}sk-sesame", "y".repeat(MAX_QUOTED_CHARS - 4));
        assert!(!refused("s", 401, body.as_bytes(), &sesame()).to_string().contains("sk-"));
    }

    #[test]
    fn a_full_context_window_is_recognised() {
        for body in [
            r#"{"error":{"code":400,"message":"request (9 tokens) exceeds the available context size (8 tokens), try increasing it","type":"exceed_context_size_error","n_prompt_tokens":9,"n_ctx":8}}"#,
            r#"{"error":{"message":"This model's maximum context length is 8 tokens.","type":"BadRequestError","code":400}}"#,
            r#"{"error":{"message":"x","code":"context_length_exceeded"}}"#,
        ] {
            assert!(
                matches!(refused("s", 400, body.as_bytes(), &none()), ModelError::ContextTooLong { .. }),
                "{body}"
            );
        }
        assert!(matches!(refused("s", 401, b"maximum context length", &none()), ModelError::Refused { .. }));
    }
}
