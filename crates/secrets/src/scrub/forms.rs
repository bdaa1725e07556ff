//! The forms in which a secret is looked for.

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER};
use secrecy::zeroize::Zeroizing;

use super::escape::undone;
use crate::store::MIN_VALUE_BYTES;

/// Bytes in lower case, and in the one of base64's alphabets.
pub(super) fn folded(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let fold = |byte: &u8| match byte {
        b'-' => b'+',
        b'_' => b'/',
        byte => byte.to_ascii_lowercase(),
    };
    Zeroizing::new(bytes.iter().map(fold).collect())
}

/// The forms of `secret`, folded: itself, with what looks like escapes in it undone as often as a text's are, in
/// hexadecimal, in base64 wherever in the encoded text it begins, and what it says when it is base64 itself.
pub(super) fn forms(secret: &[u8], layers: usize) -> Vec<Zeroizing<Vec<u8>>> {
    let mut all = vec![folded(secret)];
    let mut clear = Zeroizing::new(secret.to_vec());
    for _ in 0..layers {
        let Some((bytes, _)) = undone(&clear) else { break };
        all.push(folded(&bytes));
        clear = bytes;
    }
    all.push(Zeroizing::new(HEXLOWER.encode(secret).into_bytes()));
    all.extend((0..3).map(|offset| in_base64(secret, offset)));
    all.extend(from_base64(secret));
    all.retain(|form| form.len() >= MIN_VALUE_BYTES);
    all.sort_by(|a, b| a.as_slice().cmp(b));
    all.dedup_by(|a, b| a.as_slice() == b.as_slice());
    all
}

/// The part of the base64 of `secret`, `offset` bytes behind others, that is the same whatever stands around it.
fn in_base64(secret: &[u8], offset: usize) -> Zeroizing<Vec<u8>> {
    let behind = Zeroizing::new([vec![0; offset], secret.to_vec()].concat());
    let encoded = Zeroizing::new(BASE64_NOPAD.encode(&behind).into_bytes());
    // A character holds six bits: those that share one with what is before or after are left out.
    let first = offset.saturating_mul(8).div_ceil(6);
    let last = behind.len().saturating_mul(8).checked_div(6).unwrap_or(0);
    folded(encoded.get(first..last).unwrap_or_default())
}

/// What `secret` says when it is base64, as the credentials of HTTP's basic authentication are.
fn from_base64(secret: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let encodings = [&BASE64, &BASE64_NOPAD, &BASE64URL_NOPAD];
    let clear = encodings.iter().find_map(|encoding| encoding.decode(secret).ok()).map(Zeroizing::new)?;
    let visible = clear.len() >= MIN_VALUE_BYTES && clear.iter().all(u8::is_ascii_graphic);
    visible.then(|| folded(&clear))
}
