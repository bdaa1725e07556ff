//! The keys of signed notes, in the text form that `signed-note` and Go's `note` package give them. The
//! signatures themselves are aws-lc's.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use data_encoding::{BASE64, HEXLOWER, HEXLOWER_PERMISSIVE};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{ID_BYTES, unbase64};

/// The longest name of a key, in bytes.
const MAX_NAME_BYTES: usize = 256;

/// The bytes of an Ed25519 key, public or private.
const KEY_BYTES: usize = 32;

/// What a private key's text begins with.
const PRIVATE: &str = "PRIVATE+KEY+";

/// What a witness's statement begins with.
const COSIGNATURE: &str = "cosignature/v1";

/// Why a text is no key. The text is never part of the sentence: it may be a private one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not its form.
    #[error("a key is `NAME+ID+BASE64`, with 8 hexadecimal digits as ID")]
    Form,
    /// A private key is not in its form.
    #[error("a private key is `PRIVATE+KEY+NAME+ID+BASE64`, with 8 hexadecimal digits as ID")]
    Private,
    /// Another algorithm.
    #[error(
        "a key of this kind is not known: it has to be Ed25519 (type 1), or a witness's Ed25519 (type 4)"
    )]
    Kind,
    /// The id is not that of name and key.
    #[error("the key's id does not fit its name and its bytes: it was mistyped or changed")]
    Id,
    /// A name with a space, a plus sign or nothing in it.
    #[error("a key's name is 1 to {MAX_NAME_BYTES} bytes without spaces, control characters and `+`")]
    Name,
}

/// What a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// The text of a note: type 1.
    Note,
    /// A witness's statement about a checkpoint at a time: type 4 of `tlog-cosignature`.
    Cosignature,
}

impl KeyKind {
    const fn byte(self) -> u8 {
        match self {
            Self::Note => 1,
            Self::Cosignature => 4,
        }
    }
}

/// Whether keys may have this name.
pub(crate) fn is_name(name: &str) -> bool {
    let odd = |char: char| char.is_whitespace() || char.is_control() || char == '+';
    (1..=MAX_NAME_BYTES).contains(&name.len()) && !name.contains(odd)
}

/// A public key with its name. Text and JSON are `NAME+ID+BASE64`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VerifierKey {
    name: String,
    kind: KeyKind,
    key: [u8; KEY_BYTES],
}

impl VerifierKey {
    /// Its name; that of a log's key is the log's origin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it signs.
    #[must_use]
    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The bytes of the key, which another name does not make another key.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.key
    }

    /// The first bytes of the hash of name, kind and key. It tells keys apart and proves nothing.
    pub(super) fn id(&self) -> [u8; ID_BYTES] {
        let hash = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', self.kind.byte()])
            .chain_update(self.key)
            .finalize();
        let mut id = [0; ID_BYTES];
        id.iter_mut().zip(hash).for_each(|(byte, hash)| *byte = hash);
        id
    }

    /// Whether `signature` is this key's over `text`; for a witness, with the time that it states.
    pub(super) fn verify(&self, text: &[u8], signature: &[u8]) -> Option<Option<u64>> {
        let key = UnparsedPublicKey::new(&ED25519, self.key);
        match self.kind {
            KeyKind::Note => key.verify(text, signature).ok().map(|()| None),
            KeyKind::Cosignature => {
                let (time, signature) = signature.split_first_chunk()?;
                let time = u64::from_be_bytes(*time);
                let mut said = format!("{COSIGNATURE}\ntime {time}\n").into_bytes();
                said.extend_from_slice(text);
                key.verify(&said, signature).ok().map(|()| Some(time))
            }
        }
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [[self.kind.byte()].as_slice(), &self.key].concat();
        write!(f, "{}+{}+{}", self.name, HEXLOWER.encode(&self.id()), BASE64.encode(&key))
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (name, rest) = text.split_once('+').ok_or(KeyError::Form)?;
        let (id, kind, key) = id_and_key(rest).ok_or(KeyError::Form)?;
        let kind = match kind {
            1 => KeyKind::Note,
            4 => KeyKind::Cosignature,
            _ => return Err(KeyError::Kind),
        };
        if !is_name(name) {
            return Err(KeyError::Name);
        }
        let key = Self { name: name.to_owned(), kind, key: key.try_into().map_err(|_| KeyError::Form)? };
        if key.id() == id { Ok(key) } else { Err(KeyError::Id) }
    }
}

impl TryFrom<String> for VerifierKey {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, KeyError> {
        text.parse()
    }
}

impl From<VerifierKey> for String {
    fn from(key: VerifierKey) -> Self {
        key.to_string()
    }
}

/// `ID+BASE64`, taken apart into id, kind and the bytes of the key.
fn id_and_key(text: &str) -> Option<([u8; ID_BYTES], u8, Vec<u8>)> {
    let (id, base64) = text.split_once('+')?;
    let id = HEXLOWER_PERMISSIVE.decode(id.as_bytes()).ok()?.try_into().ok()?;
    let bytes = unbase64(base64)?;
    let (kind, key) = bytes.split_first()?;
    Some((id, *kind, key.to_vec()))
}

/// A private key. It shows itself to nobody but by [`SigningKey::private_text`].
pub struct SigningKey {
    pair: Ed25519KeyPair,
    seed: [u8; KEY_BYTES],
    verifier: VerifierKey,
}

impl SigningKey {
    /// The key that `seed`, which has to be random and secret, makes under this name.
    ///
    /// # Errors
    /// When a key may not have that name.
    pub fn from_seed(name: &str, seed: [u8; KEY_BYTES]) -> Result<Self, KeyError> {
        if !is_name(name) {
            return Err(KeyError::Name);
        }
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| KeyError::Private)?;
        let key = pair.public_key().as_ref().try_into().map_err(|_| KeyError::Private)?;
        let verifier = VerifierKey { name: name.to_owned(), kind: KeyKind::Note, key };
        Ok(Self { pair, seed, verifier })
    }

    /// Its public half.
    #[must_use]
    pub const fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    pub(super) fn sign(&self, text: &[u8]) -> Vec<u8> {
        self.pair.sign(text).as_ref().to_vec()
    }

    /// The key itself as text, for its file and nothing else.
    #[must_use]
    pub fn private_text(&self) -> String {
        let seed = [[KeyKind::Note.byte()].as_slice(), &self.seed].concat();
        let Self { verifier, .. } = self;
        format!("{PRIVATE}{}+{}+{}", verifier.name, HEXLOWER.encode(&verifier.id()), BASE64.encode(&seed))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.verifier)
    }
}

impl FromStr for SigningKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (name, rest) =
            text.strip_prefix(PRIVATE).and_then(|rest| rest.split_once('+')).ok_or(KeyError::Private)?;
        let (id, kind, seed) = id_and_key(rest).ok_or(KeyError::Private)?;
        if kind != KeyKind::Note.byte() {
            return Err(KeyError::Kind);
        }
        let key = Self::from_seed(name, seed.try_into().map_err(|_| KeyError::Private)?)?;
        if key.verifier.id() == id { Ok(key) } else { Err(KeyError::Id) }
    }
}
