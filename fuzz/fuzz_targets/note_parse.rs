//! Whatever is given for a note, a key or a witness's answer, reading it ends; what was read is written as it was; and
//! nothing but the key's own signature is taken for one. The verifier, which reads with code of its own, reads it alike.

#![no_main]

use std::sync::LazyLock;

use journal::checkpoint::{Checkpoint, Keys, Rotation, Sealed};
use journal::note::{KeyKind, Note, SigningKey, VerifierKey, signatures};
use journal::verify;
use libfuzzer_sys::fuzz_target;

const ORIGIN: &str = "bulkhead/example";

static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::from_seed(ORIGIN, [5; 32]).unwrap());

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let record_key = text.parse::<VerifierKey>().ok().filter(|key| key.kind() == KeyKind::Note);
    let read = text.parse::<verify::Key>().ok();
    assert_eq!(read.map(|key| key.to_string()), record_key.map(|key| key.to_string()));
    if let Ok(key) = text.parse::<VerifierKey>() {
        assert_eq!(key.to_string().parse::<VerifierKey>().unwrap(), key);
    }
    if let Ok(key) = text.parse::<SigningKey>() {
        assert_eq!(key.private_text().parse::<SigningKey>().unwrap().verifier(), key.verifier());
    }
    drop(signatures(text));
    // A history is the same history however it is read.
    let read = verify::Given::default().read(text.as_bytes());
    assert_eq!(verify::Note::all(text).is_ok(), read.is_ok());
    assert_eq!(text.parse::<verify::Note>().is_ok(), text.parse::<Note>().is_ok());
    let Ok(note) = text.parse::<Note>() else { return };
    assert_eq!(note.to_string(), text, "a note is written as it was read");
    drop(Rotation::check(&note));
    let keys = Keys::from_changes(KEY.verifier().clone(), ORIGIN, std::slice::from_ref(&note));
    let keys = keys.unwrap_or_else(|_| Keys::only(KEY.verifier().clone()));
    if let Ok(sealed) = Sealed::check(note.clone(), ORIGIN, &keys) {
        // The seeds have such a note. Any other that passes was signed by nobody.
        assert_eq!(Checkpoint::read(&note).unwrap().to_string(), sealed.checkpoint().to_string());
        assert_eq!(sealed.tree().size, 12, "a forged checkpoint was believed");
    }
});
