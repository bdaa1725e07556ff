//! Notes and keys, read here by code of the verifier's own: what the notary signs and publishes with is `crate::note`, and a
//! mistake there is to be found here and not made once more. Both are held to C2SP `signed-note`, and in tests against each other.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use data_encoding::BASE64;
use sha2::{Digest as _, Sha256};

/// The largest note that is read, in bytes.
pub(super) const MAX_BYTES: usize = 64 * 1024;

/// The most signatures that one note may carry.
pub(super) const MAX_SIGNATURES: usize = 64;

/// The longest name of a key, in bytes.
const MAX_NAME_BYTES: usize = 256;

/// The kind of key that signs a record: Ed25519 over the text as it is.
const ED25519_OF_NOTES: u8 = 1;

/// Why a text cannot be read as what it should be. A key's text is never part of the sentence: it may be a private one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// Over the limit.
    #[error("it has {0} bytes, and a note has {MAX_BYTES} at most")]
    Long(usize),
    /// A control character that is not a line break.
    #[error("it is not a signed note: it has a control character")]
    Control,
    /// Not its parts.
    #[error(
        "it is not a signed note: a text, an empty line and lines of signatures, each ended by a line break"
    )]
    Parts,
    /// A line after the text that is no signature, or too many that are.
    #[error(
        "it is not a signed note: after the text come 1 to {MAX_SIGNATURES} lines `\u{2014} NAME BASE64`"
    )]
    Signatures,
    /// No key that signs a record.
    #[error("the public key of a record is `NAME+ID+BASE64`, with the ID that fits the others and type 1")]
    Key,
}

/// A public key of a record. Its text is `NAME+ID+BASE64`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    name: String,
    id: u32,
    public: [u8; 32],
}

impl Key {
    /// Its name, which is the record's.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn holds(&self, text: &str, signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.public).verify(text.as_bytes(), signature).is_ok()
    }
}

impl FromStr for Key {
    type Err = Unread;

    fn from_str(text: &str) -> Result<Self, Unread> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(base64)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Unread::Key);
        };
        let digits = id.len() == 8 && id.bytes().all(|digit| digit.is_ascii_hexdigit());
        let said = u32::from_str_radix(id, 16).ok().filter(|_| digits).ok_or(Unread::Key)?;
        let bytes = decoded(base64).ok_or(Unread::Key)?;
        let public = match bytes.split_first() {
            Some((&ED25519_OF_NOTES, public)) => public.try_into().map_err(|_| Unread::Key)?,
            _ => return Err(Unread::Key),
        };
        let hash = Sha256::digest([name.as_bytes(), b"\n", &bytes].concat());
        let id = number(&hash).map(|(id, _)| id);
        if id != Some(said) || !may_be_called(name) {
            return Err(Unread::Key);
        }
        Ok(Self { name: name.to_owned(), id: said, public })
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [[ED25519_OF_NOTES].as_slice(), &self.public].concat();
        write!(f, "{}+{:08x}+{}", self.name, self.id, BASE64.encode(&bytes))
    }
}

/// Whether a note is signed by a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signed {
    /// It is, and every signature that says to be this key's holds.
    Well,
    /// None says so.
    Not,
    /// One does and does not hold.
    Falsely,
}

/// A signed note. Its `Display` is what it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    whole: String,
    /// How much of it is the text.
    text: usize,
    signatures: Vec<Signature>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Signature {
    name: String,
    id: u32,
    bytes: Vec<u8>,
}

impl Note {
    /// The notes in `text`, with an empty line between two, as a history of checkpoints has them.
    ///
    /// # Errors
    /// When one of them is none.
    pub fn all(text: &str) -> Result<Vec<Self>, Unread> {
        // The last line break is the last note's own.
        if !text.ends_with('\n') {
            return Err(Unread::Parts);
        }
        let (mut notes, mut parting) = (Vec::new(), Parting::default());
        for line in text.trim_end_matches('\n').split('\n') {
            notes.extend(parting.line(line)?);
        }
        notes.extend(parting.end()?);
        Ok(notes)
    }

    /// What is signed, with its last line break.
    pub(super) fn text(&self) -> &str {
        self.whole.get(..self.text).unwrap_or_default()
    }

    pub(super) fn signed_by(&self, key: &Key) -> Signed {
        let mut signed = Signed::Not;
        for signature in &self.signatures {
            if (signature.id, &signature.name) != (key.id, &key.name) {
                continue;
            }
            if !key.holds(self.text(), &signature.bytes) {
                return Signed::Falsely;
            }
            signed = Signed::Well;
        }
        signed
    }
}

/// Parts notes that come line by line, with an empty line between two.
#[derive(Debug, Default)]
pub(super) struct Parting {
    note: String,
    /// Whether the signatures have begun.
    ends: bool,
    /// Empty lines since the last note: at the end they are nothing.
    empty: usize,
    /// Whether there was a note.
    some: bool,
}

impl Parting {
    /// Takes the next line, without its line break; the note that ended before it.
    pub(super) fn line(&mut self, line: &str) -> Result<Option<Note>, Unread> {
        match (line.is_empty(), self.note.is_empty(), self.empty) {
            (true, true, _) => {
                self.empty = self.empty.saturating_add(1);
                return Ok(None);
            }
            (true, false, _) if self.ends => {
                (self.ends, self.some) = (false, true);
                return std::mem::take(&mut self.note).parse().map(Some);
            }
            (_, _, 0) => {}
            (_, _, 1) => {
                self.note.push('\n');
                (self.ends, self.empty) = (true, 0);
            }
            _ => return Err(Unread::Parts),
        }
        // No text of a checkpoint has an empty line, so the first is where its signatures begin.
        self.ends |= line.is_empty();
        self.note.push_str(line);
        self.note.push('\n');
        if self.note.len() > MAX_BYTES { Err(Unread::Long(self.note.len())) } else { Ok(None) }
    }

    /// The last note, where none ended before.
    pub(super) fn end(self) -> Result<Option<Note>, Unread> {
        if self.note.is_empty() && self.some {
            return Ok(None);
        }
        self.note.parse().map(Some)
    }
}

impl FromStr for Note {
    type Err = Unread;

    /// From its end, since a text may have empty lines and the signatures have none.
    fn from_str(whole: &str) -> Result<Self, Unread> {
        if whole.len() > MAX_BYTES {
            return Err(Unread::Long(whole.len()));
        }
        if whole.bytes().any(|byte| byte < b' ' && byte != b'\n') {
            return Err(Unread::Control);
        }
        let mut before = whole.strip_suffix('\n').ok_or(Unread::Parts)?;
        let mut signatures = Vec::new();
        loop {
            let (rest, line) = before.rsplit_once('\n').ok_or(Unread::Parts)?;
            if line.is_empty() {
                if signatures.is_empty() {
                    return Err(Unread::Parts);
                }
                // With the line break that `rest` has lost.
                let text = rest.len().saturating_add(1);
                return Ok(Self { whole: whole.to_owned(), text, signatures });
            }
            if signatures.len() == MAX_SIGNATURES {
                return Err(Unread::Signatures);
            }
            signatures.push(signature(line).ok_or(Unread::Signatures)?);
            before = rest;
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.whole)
    }
}

fn signature(line: &str) -> Option<Signature> {
    let (name, base64) = line.strip_prefix("\u{2014} ")?.rsplit_once(' ')?;
    let bytes = decoded(base64)?;
    let (id, bytes) = number(&bytes)?;
    let whole = may_be_called(name) && !bytes.is_empty();
    whole.then(|| Signature { name: name.to_owned(), id, bytes: bytes.to_vec() })
}

/// Whether a key may have this name.
fn may_be_called(name: &str) -> bool {
    let odd = |char: char| char == '+' || char.is_whitespace() || char.is_control();
    !name.is_empty() && name.len() <= MAX_NAME_BYTES && !name.chars().any(odd)
}

/// The number that `bytes` begin with, and what follows it.
fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_be_bytes(*number), rest))
}

/// What `base64` stands for, if it is the one text that does.
pub(super) fn decoded(base64: &str) -> Option<Vec<u8>> {
    let bytes = BASE64.decode(base64.as_bytes()).ok()?;
    (BASE64.encode(&bytes) == base64).then_some(bytes)
}

#[cfg(test)]
pub(super) mod tests;
