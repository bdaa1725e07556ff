//! Signed notes as C2SP `signed-note` has them: a text that ends with a line break, an empty line, and lines of
//! signatures. A text says nothing until a signature by a known key has been checked.

mod key;

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64;

pub use key::{KeyError, KeyKind, SigningKey, VerifierKey};

/// The largest note that is read, in bytes.
pub const MAX_NOTE_BYTES: usize = 64 * 1024;

/// The most signatures that one note may carry.
pub const MAX_SIGNATURES: usize = 64;

/// What each line of a signature begins with.
pub(crate) const MARK: &str = "\u{2014} ";

/// The bytes of a key's id.
const ID_BYTES: usize = 4;

/// Why a text is no signed note.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Over [`MAX_NOTE_BYTES`].
    #[error("a note of {0} bytes is over the limit of {MAX_NOTE_BYTES}")]
    TooLarge(usize),
    /// Over [`MAX_SIGNATURES`].
    #[error("a note with more than {MAX_SIGNATURES} signatures is not read")]
    TooManySignatures,
    /// A control character that is not a line break.
    #[error("it is not a signed note: it has a control character")]
    Control,
    /// No empty line, no signatures, or no line break at an end.
    #[error(
        "it is not a signed note: a text, an empty line and lines of signatures, each ended by a line break"
    )]
    Form,
    /// A line after the text that is no signature.
    #[error("line {0} of the signatures is not `\u{2014} NAME BASE64`")]
    Signature(usize),
}

/// Why a note's text is not to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// No signature carries that key's name and id.
    #[error("it is not signed by the key `{0}`")]
    Unsigned(String),
    /// One does, and it does not fit the text.
    #[error("its signature by the key `{0}` does not hold: it was forged, or the text was changed")]
    Forged(String),
}

/// A signature, checked or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    name: String,
    id: [u8; ID_BYTES],
    bytes: Vec<u8>,
}

impl Signature {
    /// The name of the key that is said to have made it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn is_by(&self, key: &VerifierKey) -> bool {
        self.name == key.name() && self.id == key.id()
    }

    fn parse(line: &str) -> Option<Self> {
        let (name, base64) = line.strip_prefix(MARK)?.split_once(' ')?;
        let bytes = unbase64(base64)?;
        let (id, bytes) = bytes.split_first_chunk::<ID_BYTES>()?;
        let fits = key::is_name(name) && !bytes.is_empty();
        fits.then(|| Self { name: name.to_owned(), id: *id, bytes: bytes.to_vec() })
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{MARK}{} {}", self.name, BASE64.encode(&[self.id.as_slice(), &self.bytes].concat()))
    }
}

/// A text with signatures. Its `Display` is the note itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

impl Note {
    /// A note with `text`, signed by `keys`.
    ///
    /// # Errors
    /// When the text does not end with a line break, has a control character or is too large.
    pub fn sign<'a>(text: String, keys: impl IntoIterator<Item = &'a SigningKey>) -> Result<Self, NoteError> {
        check_characters(&text)?;
        if !text.ends_with('\n') {
            return Err(NoteError::Form);
        }
        let made = |key: &SigningKey| Signature {
            name: key.verifier().name().to_owned(),
            id: key.verifier().id(),
            bytes: key.sign(text.as_bytes()),
        };
        let signatures = keys.into_iter().map(made).collect();
        Ok(Self { text, signatures })
    }

    /// The notes in `text`, one after the other with an empty line between, as a history of checkpoints has them.
    ///
    /// # Errors
    /// When one of them is none.
    pub fn all(text: &str) -> Result<Vec<Self>, NoteError> {
        let mut parts = text.strip_suffix('\n').unwrap_or_default().trim_end_matches('\n').split("\n\n");
        let mut notes = Vec::new();
        while let Some(body) = parts.next() {
            let lines = parts.next().ok_or(NoteError::Form)?;
            notes.push(format!("{body}\n\n{lines}\n").parse()?);
        }
        Ok(notes)
    }

    /// The text, with its last line break.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its signatures, none of them checked.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Whether `key` signed the text; for a witness, when it did last, in seconds since 1970.
    ///
    /// # Errors
    /// When it did not.
    pub fn check(&self, key: &VerifierKey) -> Result<Option<u64>, Distrust> {
        let mut by = self.signatures.iter().filter(|signature| signature.is_by(key)).peekable();
        if by.peek().is_none() {
            return Err(Distrust::Unsigned(key.to_string()));
        }
        let mut time = None;
        for signature in by {
            let held = key.verify(self.text.as_bytes(), &signature.bytes);
            time = time.max(held.ok_or_else(|| Distrust::Forged(key.to_string()))?);
        }
        Ok(time)
    }

    /// Its signatures that carry the name and id of `key`.
    pub(crate) fn by(&self, key: &VerifierKey) -> Vec<Signature> {
        self.signatures.iter().filter(|signature| signature.is_by(key)).cloned().collect()
    }

    /// Its text with these signatures alone.
    ///
    /// # Errors
    /// When they are too many.
    pub(crate) fn signed_by(&self, signatures: Vec<Signature>) -> Result<Self, NoteError> {
        let mut other = Self { text: self.text.clone(), signatures: Vec::new() };
        other.add(&signatures)?;
        Ok(other)
    }

    /// Adds signatures that it does not have yet; whether there were any.
    ///
    /// # Errors
    /// When it would have too many.
    pub fn add(&mut self, signatures: &[Signature]) -> Result<bool, NoteError> {
        let before = self.signatures.len();
        for signature in signatures {
            if !self.signatures.contains(signature) {
                self.signatures.push(signature.clone());
            }
        }
        if self.signatures.len() > MAX_SIGNATURES {
            return Err(NoteError::TooManySignatures);
        }
        Ok(self.signatures.len() > before)
    }
}

/// Lines of signatures without a text, as a witness answers.
///
/// # Errors
/// When a line is none, or there are too many.
pub fn signatures(lines: &str) -> Result<Vec<Signature>, NoteError> {
    if lines.len() > MAX_NOTE_BYTES {
        return Err(NoteError::TooLarge(lines.len()));
    }
    let mut found = Vec::new();
    for (number, line) in (1..).zip(lines.strip_suffix('\n').ok_or(NoteError::Form)?.split('\n')) {
        if number > MAX_SIGNATURES {
            return Err(NoteError::TooManySignatures);
        }
        found.push(Signature::parse(line).ok_or(NoteError::Signature(number))?);
    }
    Ok(found)
}

/// The bytes of `base64`, which has one form for each: the decoder alone would take several pieces one after the other, each
/// with its own padding.
pub(crate) fn unbase64(base64: &str) -> Option<Vec<u8>> {
    let bytes = BASE64.decode(base64.as_bytes()).ok()?;
    (!base64.trim_end_matches('=').contains('=')).then_some(bytes)
}

fn check_characters(text: &str) -> Result<(), NoteError> {
    if text.len() > MAX_NOTE_BYTES {
        return Err(NoteError::TooLarge(text.len()));
    }
    if text.chars().any(|char| char < ' ' && char != '\n') { Err(NoteError::Control) } else { Ok(()) }
}

impl FromStr for Note {
    type Err = NoteError;

    fn from_str(note: &str) -> Result<Self, NoteError> {
        check_characters(note)?;
        let (text, lines) = note.rsplit_once("\n\n").ok_or(NoteError::Form)?;
        Ok(Self { text: format!("{text}\n"), signatures: signatures(lines)? })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| signature.fmt(f))
    }
}

#[cfg(test)]
pub(crate) mod tests;
