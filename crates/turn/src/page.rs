//! Lists, page by page. Where a list goes on is a place: what its items are sorted by, and an item's name. So it stays good
//! when items come and go, and is worth nothing to anybody but where to go on: what a page has is asked anew each time.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use vocab::{Digest, MAX_ID_BYTES, Timestamp};

/// The most items in one page.
pub const MAX_PAGE: usize = 200;

/// How many there are in one when nobody says.
const USUAL_PAGE: usize = 100;

/// The digits of what items are sorted by.
const RANK_DIGITS: usize = 20;

/// Which page of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Portion {
    /// Behind this place; from the beginning without.
    #[serde(default)]
    pub after: Option<Place>,
    /// At most so many; never more than [`MAX_PAGE`].
    #[serde(default)]
    pub limit: Option<u32>,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Where to go on, when there is more.
    pub after: Option<Place>,
}

/// A place in a list: `00001790000000000000-a-k3mx7q2p`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Place {
    /// Any number of twenty digits: what is within the gateway's own is below 2^64.
    rank: u128,
    id: String,
}

/// What is no place in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`after` is no place in a list: give back what the last page said")]
pub struct NoPlace;

impl Place {
    /// In a list by name.
    #[must_use]
    pub fn named(id: &str) -> Self {
        Self { rank: 0, id: id.to_owned() }
    }

    /// In a list by a first name, of items whose second name may be anything: among those in no order that says anything.
    #[must_use]
    pub fn of_two(first: &str, second: &str) -> Self {
        let second = Digest::of(second.as_bytes()).to_string();
        let room = MAX_ID_BYTES.saturating_sub(first.len()).saturating_sub(1);
        let id = [first, "."].into_iter().flat_map(str::chars).chain(second.chars().take(room)).collect();
        Self { rank: 0, id }
    }

    /// In a list of what is oldest first.
    #[must_use]
    pub fn at(time: Timestamp, id: &str) -> Self {
        Self { rank: u128::from(micros(time)), id: id.to_owned() }
    }

    /// In a list of what is newest first.
    #[must_use]
    pub fn back(time: Timestamp, id: &str) -> Self {
        Self { rank: u128::from(u64::MAX.saturating_sub(micros(time))), id: id.to_owned() }
    }
}

fn micros(time: Timestamp) -> u64 {
    u64::try_from(time.as_microsecond()).unwrap_or(0)
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0width$}-{}", self.rank, self.id, width = RANK_DIGITS)
    }
}

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let (rank, id) = text.split_once('-').ok_or(NoPlace)?;
        let digits = rank.len() == RANK_DIGITS && rank.bytes().all(|byte| byte.is_ascii_digit());
        let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let fits = id.len() <= MAX_ID_BYTES
            && id.bytes().next().is_some_and(letter)
            && id.bytes().all(|byte| letter(byte) || matches!(byte, b'-' | b'_' | b'.'));
        if !digits || !fits {
            return Err(NoPlace);
        }
        Ok(Self { rank: rank.parse().map_err(|_| NoPlace)?, id: id.to_owned() })
    }
}

impl TryFrom<String> for Place {
    type Error = NoPlace;

    fn try_from(text: String) -> Result<Self, NoPlace> {
        text.parse()
    }
}

impl From<Place> for String {
    fn from(place: Place) -> Self {
        place.to_string()
    }
}

impl<T> Page<T> {
    /// The page of `all` that is wanted, in the order of `place`, in which no two items are at the same.
    #[must_use]
    pub fn of(all: Vec<T>, wanted: &Portion, place: impl Fn(&T) -> Place) -> Self {
        let most = match wanted.limit {
            None | Some(0) => USUAL_PAGE,
            Some(limit) => usize::try_from(limit).unwrap_or(MAX_PAGE).min(MAX_PAGE),
        };
        let mut placed: Vec<(Place, T)> = all.into_iter().map(|item| (place(&item), item)).collect();
        placed.retain(|(place, _)| wanted.after.as_ref().is_none_or(|after| place > after));
        placed.sort_by(|(one, _), (other, _)| one.cmp(other));
        let more = placed.len() > most;
        placed.truncate(most);
        let after = placed.last().filter(|_| more).map(|(place, _)| place.clone());
        Self { items: placed.into_iter().map(|(_, item)| item).collect(), after }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(all: &[&'static str], after: Option<Place>, limit: Option<u32>) -> Page<&'static str> {
        Page::of(all.to_vec(), &Portion { after, limit }, |id| Place::named(id))
    }

    #[test]
    fn each_item_is_on_one_page_and_the_last_page_says_so() {
        let all: Vec<String> = (0..1_001).map(|nth| format!("p-{nth:04}")).collect();
        for limit in [None, Some(0), Some(1), Some(7), Some(200), Some(1_001), Some(u32::MAX)] {
            let (mut wanted, mut found) = (Portion { after: None, limit }, Vec::new());
            loop {
                let page = Page::of(all.iter().rev().collect(), &wanted, |id| Place::named(id));
                assert!((1..=MAX_PAGE).contains(&page.items.len()), "{limit:?}");
                found.extend(page.items.into_iter().cloned());
                wanted.after = page.after;
                if wanted.after.is_none() {
                    break;
                }
            }
            assert_eq!(found, all, "{limit:?}");
        }
        assert_eq!(page(&[], None, None), Page { items: vec![], after: None });
    }

    #[test]
    fn what_comes_and_goes_between_two_pages_moves_nothing_else() {
        let first = page(&["a", "b", "d"], None, Some(2));
        assert_eq!((first.items.as_slice(), first.after.is_some()), (["a", "b"].as_slice(), true));
        // `b` went, where the list goes on; `aa` came before it and `c` behind it.
        let second = page(&["a", "aa", "c", "d"], first.after, Some(2));
        assert_eq!(second, Page { items: vec!["c", "d"], after: None });
    }

    #[test]
    fn the_order_is_by_time_either_way_and_by_name_among_equals() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut places =
            [Place::at(at(9), "b"), Place::at(at(-5), "x"), Place::at(at(9), "a"), Place::at(at(3), "z")];
        places.sort();
        assert_eq!(places.each_ref().map(|place| place.id.as_str()), ["x", "z", "a", "b"]);
        assert!(Place::back(at(9), "a") < Place::back(at(3), "a"));
    }

    #[test]
    fn a_place_reads_back_and_anything_else_is_refused() {
        let at = Timestamp::from_second(1_790_000_000).unwrap();
        assert!(
            "99999999999999999999-a"
                .parse::<Place>()
                .is_ok_and(|last| last > Place::back(Timestamp::MIN, "z"))
        );
        let path = "/srv/\u{e4}rger \0 and \u{1f600}".repeat(99);
        for place in [Place::of_two("read", &path), Place::of_two("agents", "*"), Place::of_two("read", "")] {
            assert_eq!(place.to_string().parse(), Ok(place));
        }
        assert_ne!(Place::of_two("read", "/srv/a"), Place::of_two("read", "/srv/b"));
        assert!(Place::of_two("agents", "z") < Place::of_two("read", "a"));
        for place in [Place::named("ada"), Place::at(at, "a-k3mx7q2p"), Place::back(at, "s.i_g-n")] {
            assert_eq!(place.to_string().parse(), Ok(place));
        }
        let long = format!("{}-{}", "0".repeat(20), "a".repeat(MAX_ID_BYTES + 1));
        for wrong in [
            "",
            "-",
            "a",
            "-1",
            "17",
            "-0000000000000000001-a",
            "+0000000000000000001-a",
            "0000000000000000001-a",
            "000000000000000000001-a",
            "00000000000000000001-",
            "00000000000000000001--a",
            "00000000000000000001-A",
            "00000000000000000001-a b",
            "00000000000000000001-../x",
            "00000000000000000001-a\0",
            "\u{0660}0000000000000000001-a",
            "00000000000000000001-\u{1f600}",
            &long,
        ] {
            assert_eq!(wrong.parse::<Place>(), Err(NoPlace), "{wrong}");
        }
    }
}
