//! Whatever somebody gives as a place in a list is refused, or is one that reads back as it was; and a list that goes on behind
//! it, however many at a time, gives what comes behind it, once and in order, and nothing else.

#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use turn::{MAX_PAGE, Page, Place, Portion};

/// The most items of one list: pages of one item each are walked to the end.
const MOST: usize = 64;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let json = serde_json::to_string(text).unwrap();
    let read = text.parse::<Place>();
    assert_eq!(serde_json::from_str::<Place>(&json).ok(), read.clone().ok(), "{text:?}");
    if let Ok(place) = &read {
        assert_eq!(place.to_string(), text);
    }
    // As a body has it: an unknown field, or anything that is no place, is refused.
    if let Ok(Portion { after: Some(after), .. }) = serde_json::from_str::<Portion>(text) {
        assert_eq!(after.to_string().parse(), Ok(after));
    }
    let mut lines = text.split('\n');
    let after = lines.next().and_then(|line| line.parse::<Place>().ok());
    let all: BTreeSet<Place> = lines.filter_map(|line| line.parse().ok()).take(MOST).collect();
    let limit = u32::from(bytes.last().copied().unwrap_or(0));
    let mut wanted = Portion { after: after.clone(), limit: Some(limit) };
    let mut found = Vec::new();
    for _ in 0..=all.len() {
        // From the last to the first: the order that they come in says nothing.
        let page = Page::of(all.iter().rev().collect(), &wanted, |place| (*place).clone());
        assert!(page.items.len() <= MAX_PAGE && (limit == 0 || page.items.len() <= limit as usize));
        found.extend(page.items.into_iter().cloned());
        wanted.after = page.after;
        if wanted.after.is_none() {
            break;
        }
    }
    let behind: Vec<Place> =
        all.into_iter().filter(|place| after.as_ref().is_none_or(|after| place > after)).collect();
    assert_eq!((found, wanted.after), (behind, None), "{text:?}");
});
