//! Frames between the gateway and a jailed process: a length, a version, then JSON.
//!
//! `length (u32, big endian, of what follows) | version (u8) | JSON`. A frame above
//! [`MAX_FRAME_BYTES`] is refused before a byte of it is read.

use std::io::{Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::limits::MAX_FRAME_BYTES;
use crate::{Entry, Intent, Keep, visible};

/// The version of the frames. Both ends are the same binary, so any other is refused.
pub const FRAME_VERSION: u8 = 1;

/// Bytes before a frame's JSON.
pub const HEADER_BYTES: usize = 5;

/// The most that is told of what does not fit a form, in bytes, before what does not show is spelt out.
const MAX_FAULT_BYTES: usize = 1024;

/// A frame that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// More than [`MAX_FRAME_BYTES`].
    #[error("a frame of {0} bytes is over the limit of {MAX_FRAME_BYTES}")]
    TooLarge(usize),
    /// Less than a version byte.
    #[error("a frame without a version byte")]
    Empty,
    /// Another version than ours.
    #[error("frame version {0}; this end speaks version {FRAME_VERSION}")]
    Version(u8),
    /// Not the JSON that belongs here.
    #[error("a frame that does not fit its form: {}", fault(.0))]
    Form(#[from] serde_json::Error),
    /// The other end is gone, or the stream broke inside a frame.
    #[error("the stream broke: {0}")]
    Io(#[from] std::io::Error),
}

/// What is wrong with a frame's JSON, on one line. The parser's words have the frame's own in them, however long and whatever they are.
fn fault(error: &serde_json::Error) -> String {
    let fault = error.to_string();
    visible(fault.get(..fault.floor_char_boundary(MAX_FAULT_BYTES)).unwrap_or_default(), Keep::Nothing)
}

/// What the gateway tells an agent process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "frame", rename_all = "snake_case", deny_unknown_fields)]
pub enum ToAgent {
    /// Take up a turn where its transcript stands.
    Begin {
        /// All that has been said and done, oldest first.
        transcript: Vec<Entry>,
        /// How many tokens of conversation the model takes, the system message and the answer not counted.
        context_tokens: u32,
    },
    /// Of the answer that the model is making, this has come whole. Only between a model call and its entry.
    Part {
        /// The words, which follow those of the part before.
        text: String,
    },
    /// The transcript has grown by one entry.
    Entry {
        /// The entry.
        entry: Entry,
    },
}

/// What an agent process tells the gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "frame", rename_all = "snake_case", deny_unknown_fields)]
pub enum FromAgent {
    /// It wants this next.
    Propose {
        /// What is wanted.
        intent: Intent,
    },
}

/// The whole frame for `value`.
///
/// # Errors
/// When it is too large or has no JSON form.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, FrameError> {
    let mut bytes = vec![0; HEADER_BYTES];
    serde_json::to_writer(&mut bytes, value)?;
    let length = bytes.len().saturating_sub(4);
    if length > MAX_FRAME_BYTES {
        return Err(FrameError::TooLarge(length));
    }
    let length = u32::try_from(length).map_err(|_| FrameError::TooLarge(length))?;
    let header = length.to_be_bytes().into_iter().chain([FRAME_VERSION]);
    for (byte, value) in bytes.iter_mut().zip(header) {
        *byte = value;
    }
    Ok(bytes)
}

/// The length of what follows a frame's first four bytes.
///
/// # Errors
/// When it is over the limit or leaves no room for the version.
pub fn length(prefix: [u8; 4]) -> Result<usize, FrameError> {
    let length = u32::from_be_bytes(prefix) as usize;
    match length {
        0 => Err(FrameError::Empty),
        1..=MAX_FRAME_BYTES => Ok(length),
        _ => Err(FrameError::TooLarge(length)),
    }
}

/// The value in what followed the length: a version byte and JSON.
///
/// # Errors
/// When the version is another or the JSON does not fit.
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, FrameError> {
    match body.split_first() {
        None => Err(FrameError::Empty),
        Some((&FRAME_VERSION, json)) => Ok(serde_json::from_slice(json)?),
        Some((&version, _)) => Err(FrameError::Version(version)),
    }
}

/// Writes one frame.
///
/// # Errors
/// As [`encode`], and when the stream breaks.
pub fn write<T: Serialize>(stream: &mut impl Write, value: &T) -> Result<(), FrameError> {
    stream.write_all(&encode(value)?)?;
    Ok(stream.flush()?)
}

/// Reads one frame; `None` when the other end has closed between frames.
///
/// # Errors
/// As [`length`] and [`decode`], and when the stream breaks inside a frame.
pub fn read<T: DeserializeOwned>(stream: &mut impl Read) -> Result<Option<T>, FrameError> {
    let mut prefix = [0; 4];
    let begun = stream.read(&mut prefix)?;
    if begun == 0 {
        return Ok(None);
    }
    stream.read_exact(prefix.get_mut(begun..).unwrap_or_default())?;
    let mut body = vec![0; length(prefix)?];
    stream.read_exact(&mut body)?;
    decode(&body).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_comes_back_as_it_was() {
        let frame = ToAgent::Entry { entry: Entry::Person { text: "hello".into() } };
        let bytes = encode(&frame).unwrap();
        assert_eq!(read::<ToAgent>(&mut bytes.as_slice()).unwrap(), Some(frame));
        assert_eq!(read::<ToAgent>(&mut [].as_slice()).unwrap(), None);
    }

    #[test]
    fn hostile_frames_are_refused() {
        let huge = [0xff; 64];
        assert!(matches!(read::<ToAgent>(&mut huge.as_slice()), Err(FrameError::TooLarge(_))));
        assert!(matches!(read::<ToAgent>(&mut [0, 0, 0, 0].as_slice()), Err(FrameError::Empty)));
        assert!(matches!(read::<ToAgent>(&mut [0, 0, 0, 1, 9].as_slice()), Err(FrameError::Version(9))));
        assert!(matches!(read::<ToAgent>(&mut [0, 0, 0, 9, 1].as_slice()), Err(FrameError::Io(_))));
        assert!(matches!(
            read::<ToAgent>(&mut [0, 0, 0, 3, 1, 0xff, 0xfe].as_slice()),
            Err(FrameError::Form(_))
        ));
        let extra = br#"{"frame":"propose","intent":{"intent":"reply","text":"x","sudo":true}}"#;
        let body: Vec<u8> = [FRAME_VERSION].into_iter().chain(extra.iter().copied()).collect();
        assert!(decode::<FromAgent>(&body).is_err());
        assert!(encode(&"x".repeat(MAX_FRAME_BYTES + 1)).is_err());
    }

    #[test]
    fn what_does_not_fit_is_told_on_one_bounded_line() {
        let hostile = "sudo\n\u{1b}[2J\u{202e}".repeat(MAX_FRAME_BYTES / 64);
        let name = serde_json::to_string(&hostile).unwrap();
        for json in [
            format!("{{\"frame\":{name}}}"),
            format!("{{\"frame\":\"propose\",{name}:1}}"),
            format!("{{\"frame\":\"propose\",\"intent\":{{\"intent\":{name}}}}}"),
        ] {
            let body: Vec<u8> = [FRAME_VERSION].into_iter().chain(json.bytes()).collect();
            let told = decode::<FromAgent>(&body).unwrap_err().to_string();
            assert!(
                told.contains("sudo<U+000A><U+001B>[2J<U+202E>") && told.len() < 8 * MAX_FAULT_BYTES,
                "{told}"
            );
            assert!(!told.contains(['\n', '\u{1b}', '\u{202e}']), "{told}");
        }
    }
}
