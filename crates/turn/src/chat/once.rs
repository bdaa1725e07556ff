//! The one-time id of an approval in the chat: 80 random bits, of which only a digest is kept, together with what it is for.

use std::fmt;

use aws_lc_rs::constant_time;
use data_encoding::BASE32_NOPAD;
use vocab::Digest;

/// Random bytes of an id.
const BYTES: usize = 10;

/// Characters of it without hyphens, and between two of them.
const CHARS: usize = 16;
const GROUP: usize = 4;

/// A one-time id. Not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Once([u8; BYTES]);

impl Once {
    /// The id of these bytes, which nobody can guess.
    pub(crate) fn from_random(random: [u8; 16]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, ..] = random;
        Self([a, b, c, d, e, f, g, h, i, j])
    }

    /// The id that somebody typed, in capital or small letters, with the hyphens where they belong or without any; none
    /// where it is no id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain = match text.len() {
            CHARS => text.to_owned(),
            _ => {
                let groups: Vec<&str> = text.split('-').collect();
                let whole = groups.len() == CHARS / GROUP && groups.iter().all(|group| group.len() == GROUP);
                whole.then(|| groups.concat())?
            }
        };
        let bytes = BASE32_NOPAD.decode(plain.to_ascii_uppercase().as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// What is kept of it: good for what `binding` is the digest of and nothing else.
    pub(crate) fn digest(&self, binding: &Digest) -> Digest {
        Digest::of_parts(&[b"bulkhead chat once", binding.as_bytes(), &self.0])
    }

    /// Whether it is the one of which this was kept, in a time that does not tell how far.
    pub(crate) fn is(&self, kept: &Digest, binding: &Digest) -> bool {
        constant_time::verify_slices_are_equal(self.digest(binding).as_bytes(), kept.as_bytes()).is_ok()
    }
}

impl fmt::Display for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, c) in BASE32_NOPAD.encode(&self.0).chars().enumerate() {
            if nth > 0 && nth.is_multiple_of(GROUP) {
                f.write_str("-")?;
            }
            write!(f, "{c}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Once")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_typed_as_it_is_read_or_plainly_and_nothing_else_is_one() {
        let once = Once::from_random([0x5a; 16]);
        let shown = once.to_string();
        assert_eq!(shown, "LJNF-UWS2-LJNF-UWS2");
        for typed in [shown.clone(), shown.to_lowercase(), shown.replace('-', ""), "lJnFuWs2LjNfUwS2".into()]
        {
            assert_eq!(Once::parse(&typed), Some(once.clone()), "{typed}");
        }
        let digest = Digest::of(b"x").to_string();
        for typed in [
            "",
            "1",
            "4711",
            "a-k3mx7q2p",
            &digest,
            "LJNF-UWS2-LJNF",
            "LJNF-UWS2-LJNF-UWS2-LJNF",
            "LJNFU-WS2-LJNF-UWS2",
            "-LJNFUWS2LJNFUWS2",
            "LJNF-UWS2LJNFUWS2",
            "LJN1-UWS2-LJNF-UWS2",
            "LJNF UWS2 LJNF UWS2",
            "LJNF-UWS2-LJNF-UWS2-",
            "ÄÄ-ÄÄ-ÄÄ-ÄÄ",
            "LJNFUWS2LJNFUWS2====",
        ] {
            assert_eq!(Once::parse(typed), None, "{typed}");
        }
        assert!(!format!("{once:?}").contains("LJNF"));
    }

    #[test]
    fn it_is_good_for_what_it_was_made_for_alone() {
        let (once, other) = (Once::from_random([1; 16]), Once::from_random([2; 16]));
        let (this, that) = (Digest::of(b"this"), Digest::of(b"that"));
        let kept = once.digest(&this);
        assert!(once.is(&kept, &this) && !other.is(&kept, &this) && !once.is(&kept, &that));
        assert_ne!(once.digest(&that), kept);
    }
}
