//! Text of bytes that somebody wrote into a file.

/// They are no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: this is not UTF-8 text; save the file as UTF-8")]
pub struct NotText {
    /// The line that has the first byte which does not belong there, from 1.
    pub line: usize,
}

/// The text of `bytes`.
///
/// # Errors
/// When they are not UTF-8 (RFC 3629).
pub fn text(bytes: Vec<u8>) -> Result<String, NotText> {
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let breaks = error.as_bytes().iter().take(good).filter(|byte| **byte == b'\n').count();
        NotText { line: breaks.saturating_add(1) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_said_with_its_line() {
        assert_eq!(text("ä\n".into()), Ok("ä\n".to_owned()));
        for (bytes, line) in [(&b"\xff"[..], 1), (b"a\nb\xc3", 2), (b"a\n\n\xffb\n", 3)] {
            assert_eq!(text(bytes.into()), Err(NotText { line }));
        }
    }
}
