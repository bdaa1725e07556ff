//! How large a message is: for the model's context window, and for the frame that carries it.

use vocab::ChatMessage;
use vocab::limits::MAX_FRAME_BYTES;

/// Bytes of text to one token. English has some four, other languages and code fewer; an estimate that is
/// too high drops a little early, one that is too low fails at the model server.
pub const TOKEN_BYTES: usize = 3;

/// What a message costs besides its words (who speaks, where it ends), in bytes of text.
pub const MESSAGE_BYTES: usize = 12;

/// The most that the messages of one model call take as JSON, in bytes; the rest of the frame is for what
/// stands around them.
pub const MAX_WINDOW_BYTES: usize = MAX_FRAME_BYTES - 64 * 1024;

/// What a message's JSON takes besides its words, at most, in bytes.
const MESSAGE_JSON_BYTES: usize = 96;

/// What a tool call's JSON takes besides its words, at most, in bytes.
const CALL_JSON_BYTES: usize = 48;

/// A size in both measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Size {
    /// Bytes of text.
    text: usize,
    /// Bytes of JSON, where some characters take up to six.
    json: usize,
}

impl Size {
    /// The window of a model that takes so many tokens.
    pub(crate) fn window(tokens: u32) -> Self {
        let tokens = usize::try_from(tokens).unwrap_or(usize::MAX);
        Self { text: tokens.saturating_mul(TOKEN_BYTES), json: MAX_WINDOW_BYTES }
    }

    pub(crate) fn of_text(text: &str) -> Self {
        Self { text: text.len(), json: text.bytes().map(json_bytes).sum() }
    }

    fn of_char(char: char) -> Self {
        Self::of_text(char.encode_utf8(&mut [0; 4]))
    }

    pub(crate) fn of_message(message: &ChatMessage) -> Self {
        let own = Self { text: MESSAGE_BYTES, json: MESSAGE_JSON_BYTES };
        let id = message.tool_call_id.as_deref().unwrap_or_default();
        let words = own.plus(Self::of_text(&message.content)).plus(Self::of_text(id));
        message.tool_calls.iter().fold(words, |sum, call| {
            let texts = [&call.id, &call.name, &call.arguments].map(|text| Self::of_text(text));
            texts.into_iter().fold(sum, Self::plus).plus(Self { text: 0, json: CALL_JSON_BYTES })
        })
    }

    pub(crate) const fn plus(self, other: Self) -> Self {
        Self { text: self.text.saturating_add(other.text), json: self.json.saturating_add(other.json) }
    }

    pub(crate) const fn minus(self, other: Self) -> Self {
        Self { text: self.text.saturating_sub(other.text), json: self.json.saturating_sub(other.json) }
    }

    pub(crate) const fn fits(self, window: Self) -> bool {
        self.text <= window.text && self.json <= window.json
    }

    /// The end of the longest beginning of `text` that fits, at a character.
    pub(crate) fn prefix(self, text: &str) -> usize {
        let mut taken = Self::default();
        for (at, char) in text.char_indices() {
            taken = taken.plus(Self::of_char(char));
            if !taken.fits(self) {
                return at;
            }
        }
        text.len()
    }
}

/// How many bytes a byte of text takes in a JSON text (RFC 8259, section 7).
const fn json_bytes(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | 0x08 | 0x09 | 0x0a | 0x0c | 0x0d => 2,
        0..=0x1f => 6,
        _ => 1,
    }
}

/// How many tokens the messages take, by estimate.
#[must_use]
pub fn estimate(messages: &[ChatMessage]) -> usize {
    let size = messages.iter().map(Size::of_message).fold(Size::default(), Size::plus);
    size.text.div_ceil(TOKEN_BYTES)
}
