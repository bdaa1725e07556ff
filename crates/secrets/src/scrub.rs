//! Takes secrets out of what came back from where they were sent.
//!
//! A server may repeat a key, in an error most of all, and in a form of its own: in base64, in hexadecimal,
//! percent-encoded, with the escapes of JSON or HTML, or one of these in another. So the text is looked at as it is and
//! with its escapes undone, up to [`MAX_LAYERS`] times, and compared with the secret in each of its forms, whatever the
//! case of letters. Work is linear in the text; what is found is replaced by `(secret:NAME)`,
//! or by `(secret)` where that is shorter: no text grows by it.
//!
//! A server that wants to hide what it was given in some other form can: it was given it. This is against a repetition.

mod escape;
mod forms;

use std::fmt;
use std::ops::Range;

use memchr::memmem::Finder;
use secrecy::zeroize::Zeroizing;

use crate::store::Secret;
use escape::undone;
use forms::{folded, forms};

/// How many encodings on top of each other are undone.
const MAX_LAYERS: usize = 3;

/// A secret's beginning at the cut-off end of a text is taken out from this length on, in bytes.
const MIN_BEGINNING_BYTES: usize = 4;

/// A cut may leave a piece of an escape behind a secret's beginning: this many bytes at most.
const MAX_TORN_BYTES: usize = 8;

/// What stands for a secret that is shorter than its name. No form is shorter than this.
const UNNAMED: &str = "(secret)";

/// Whether the end of a text is its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It is.
    Whole,
    /// There was more, so a secret may have begun there.
    Cut,
}

/// What must not come back. It holds copies of the secrets, which are overwritten when it is dropped.
#[derive(Default)]
pub struct Scrub {
    wanted: Vec<Wanted>,
}

struct Wanted {
    shown: String,
    forms: Vec<Zeroizing<Vec<u8>>>,
}

impl fmt::Debug for Scrub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.wanted.iter().map(|wanted| &wanted.shown)).finish()
    }
}

/// A text with escapes undone, and where in the original each byte of it begins. One place more than bytes: the end.
struct Layer {
    bytes: Zeroizing<Vec<u8>>,
    places: Vec<usize>,
}

/// A place that is replaced, and by what.
struct Hit<'a> {
    place: Range<usize>,
    shown: &'a str,
}

impl Scrub {
    /// What takes these secrets out.
    #[must_use]
    pub fn of<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let wanted = secrets.into_iter().map(|secret| Wanted {
            shown: secret.shown(),
            forms: forms(secret.reveal().as_bytes(), MAX_LAYERS),
        });
        Self { wanted: wanted.collect() }
    }

    /// `text` without the secrets.
    #[must_use]
    pub fn text(&self, text: String, end: End) -> String {
        match self.replaced(text.as_bytes(), end) {
            // Whatever is replaced begins and ends with ASCII, so nothing is lost here.
            Some(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            None => text,
        }
    }

    /// `bytes` without the secrets.
    #[must_use]
    pub fn bytes(&self, bytes: Vec<u8>, end: End) -> Vec<u8> {
        self.replaced(&bytes, end).unwrap_or(bytes)
    }

    /// `bytes` with the secrets replaced, when there are any.
    fn replaced(&self, bytes: &[u8], end: End) -> Option<Vec<u8>> {
        let hits = self.hits(bytes, end);
        if hits.is_empty() {
            return None;
        }
        let mut clean = Vec::with_capacity(bytes.len());
        let mut at = 0_usize;
        for hit in hits {
            // One secret may lie in another, or be found in two layers.
            if hit.place.start >= at {
                clean.extend_from_slice(bytes.get(at..hit.place.start).unwrap_or_default());
                let shown = if hit.place.len() < hit.shown.len() { UNNAMED } else { hit.shown };
                clean.extend_from_slice(shown.as_bytes());
            }
            at = at.max(hit.place.end);
        }
        clean.extend_from_slice(bytes.get(at..).unwrap_or_default());
        Some(clean)
    }

    fn hits(&self, bytes: &[u8], end: End) -> Vec<Hit<'_>> {
        let mut hits = Vec::new();
        if self.wanted.is_empty() || bytes.is_empty() {
            return hits;
        }
        let mut layer = Layer::bottom(bytes);
        for _ in 0..=MAX_LAYERS {
            self.search(&layer, end, &mut hits);
            match layer.above() {
                Some(above) => layer = above,
                None => break,
            }
        }
        // Of those that begin together the longest first, so that it names itself.
        hits.sort_by_key(|hit| (hit.place.start, std::cmp::Reverse(hit.place.end)));
        hits
    }

    fn search<'a>(&'a self, layer: &Layer, end: End, hits: &mut Vec<Hit<'a>>) {
        let text = folded(&layer.bytes);
        for wanted in &self.wanted {
            for form in &wanted.forms {
                let found = Finder::new(form.as_slice());
                let places =
                    found.find_iter(&text).map(|from| layer.place(from, from.saturating_add(form.len())));
                hits.extend(places.map(|place| Hit { place, shown: &wanted.shown }));
                if end == End::Cut
                    && let Some(from) = beginning_at_end(&text, form)
                {
                    let place = layer.place(from, text.len());
                    hits.push(Hit { place, shown: &wanted.shown });
                }
            }
        }
    }
}

/// Where the longest beginning of `form` stands that `text` ends with, a torn escape behind it or not.
fn beginning_at_end(text: &[u8], form: &[u8]) -> Option<usize> {
    let first = text.len().saturating_sub(form.len().saturating_add(MAX_TORN_BYTES));
    let last = text.len().checked_sub(MIN_BEGINNING_BYTES)?;
    (first..=last).find(|from| {
        let tail = text.get(*from..).unwrap_or_default();
        let same = tail.iter().zip(form).take_while(|(a, b)| a == b).count();
        same >= MIN_BEGINNING_BYTES && is_torn(tail.get(same..).unwrap_or_default())
    })
}

/// Whether `rest` is nothing, or what a cut leaves of an escape.
fn is_torn(rest: &[u8]) -> bool {
    let opens = matches!(rest.first(), None | Some(b'%' | b'\\' | b'&'));
    opens && rest.len() <= MAX_TORN_BYTES
}

impl Layer {
    fn bottom(bytes: &[u8]) -> Self {
        Self { bytes: Zeroizing::new(bytes.to_vec()), places: (0..=bytes.len()).collect() }
    }

    /// The same with one more encoding undone; `None` when there is none.
    fn above(&self) -> Option<Self> {
        let (bytes, from) = undone(&self.bytes)?;
        let places = from.into_iter().map(|index| self.places.get(index).copied().unwrap_or(usize::MAX));
        Some(Self { bytes, places: places.collect() })
    }

    /// Where in the original the bytes `from..to` are.
    fn place(&self, from: usize, to: usize) -> Range<usize> {
        let at = |index: usize| self.places.get(index).copied().unwrap_or(usize::MAX);
        at(from)..at(to)
    }
}

#[cfg(test)]
mod tests;
