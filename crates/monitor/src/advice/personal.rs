//! Personal data: addresses, accounts, cards, national identities, and pay with a name beside it.

use std::sync::LazyLock;

use regex::Regex;

use super::numbers;

/// What was found. The text itself is never kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Finding {
    Account,
    Card,
    NationalIdentity,
    Pay,
    Email,
    Phone,
}

impl Finding {
    pub(crate) const fn named(self) -> &'static str {
        match self {
            Self::Account => "a bank account number",
            Self::Card => "a payment card number",
            Self::NationalIdentity => "a national identity or social security number",
            Self::Pay => "a person's pay",
            Self::Email => "an e-mail address",
            Self::Phone => "a phone number",
        }
    }

    /// Whether one of them is enough to call a text personal data. A contact line on a page is not.
    pub(crate) const fn weighty(self) -> bool {
        !matches!(self, Self::Email | Self::Phone)
    }
}

/// How many findings of one kind are looked for; more change nothing.
const MAX_FINDINGS: usize = 16;

/// No pattern has more characters between two of its digits: the blanks and brackets of a phone number.
const MAX_GAP: usize = 3;

/// Digits of a phone number, at least and at most (ITU-T E.164).
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

type Check = fn(&str) -> bool;

/// A pattern, what its match must prove, and how many digits close together no match can do without.
struct Detector {
    finding: Finding,
    digits: usize,
    pattern: Regex,
    check: Check,
}

/// The patterns, and one for the words without which nothing is about pay.
struct Detectors {
    all: Vec<Detector>,
    pay: Regex,
}

/// Patterns, and checks for what a pattern cannot say. Compiled once; a test compiles them all, so a
/// pattern that is not one cannot ship, and `None` here denies.
static DETECTORS: LazyLock<Option<Detectors>> = LazyLock::new(|| {
    let all = PATTERNS.iter().map(|(finding, digits, pattern, check)| {
        let pattern = Regex::new(pattern)?;
        Ok(Detector { finding: *finding, digits: *digits, pattern, check: *check })
    });
    let all = all.collect::<Result<_, regex::Error>>().ok()?;
    Some(Detectors { all, pay: Regex::new(PAY).ok()? })
});

const NAME: &str = r"[A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ'’]{1,30}(?:[ -][A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ'’]{1,30}){1,3}";
const PAY: &str = r"(?i:salary|salaries|wages?|base pay|annual pay|compensation|bonus|earns|earned|gehalt|lohn|verdient|salaire|sueldo|stipendio)";
const AMOUNT: &str = r"(?:(?:[$€£]|\b(?:USD|EUR|CHF|GBP)) ?\d[\d.,' ]{0,14}|\b\d[\d.,']{2,14} ?(?:[kK]\b|USD|EUR|CHF|GBP|euros?|dollars?|[$€£]))";

static PATTERNS: LazyLock<Vec<(Finding, usize, String, Check)>> = LazyLock::new(|| {
    let gap = r"[^.\n]{0,60}";
    vec![
        (Finding::Account, 2, r"(?i)\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,34}".to_owned(), numbers::iban as Check),
        (Finding::Card, 13, r"\b\d(?:[ -]?\d){12,18}\b".to_owned(), numbers::card),
        (Finding::NationalIdentity, 9, r"\b\d{3}-\d{2}-\d{4}\b".to_owned(), numbers::social_security),
        (Finding::NationalIdentity, 9, r"(?i)\b(?:ssn|social security)[^\n\d]{0,20}\d{3}[- ]?\d{2}[- ]?\d{4}\b".to_owned(), any),
        (Finding::NationalIdentity, 13, r"\b756[. ]?\d{4}[. ]?\d{4}[. ]?\d{2}\b".to_owned(), numbers::swiss),
        (Finding::NationalIdentity, 6, r"(?i)\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b".to_owned(), any),
        (Finding::NationalIdentity, 7, r"(?i)\b(?:[XYZ]-?\d{7}|\d{8})-?[A-HJ-NP-TV-Z]\b".to_owned(), numbers::spanish),
        (Finding::NationalIdentity, 15, r"\b[12] ?\d{2} ?(?:0[1-9]|1[0-2]) ?\d{2} ?\d{3} ?\d{3} ?\d{2}\b".to_owned(), numbers::french),
        (Finding::NationalIdentity, 7, r"(?i)\b[A-Z]{6}\d{2}[A-EHLMPR-T]\d{2}[A-Z]\d{3}[A-Z]\b".to_owned(), any),
        (Finding::NationalIdentity, 11, r"(?i)(?:steuer|tax)[^\n\d]{0,40}\d{2} ?\d{3} ?\d{3} ?\d{3}\b".to_owned(), numbers::german_tax),
        (Finding::Pay, 1, format!(r"{NAME}{gap}\b{PAY}\b{gap}{AMOUNT}"), any),
        (Finding::Pay, 1, format!(r"\b{PAY}\b{gap}{NAME}{gap}{AMOUNT}"), any),
        (Finding::Email, 0, r"(?i)\b[a-z0-9][a-z0-9._%+-]{0,63}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,8}[a-z]{2,24}\b".to_owned(), email),
        (Finding::Phone, 7, r"(?:\+|\b00)[1-9](?:[ ./()-]{0,3}\d){6,14}\b".to_owned(), phone),
        (Finding::Phone, 10, r"(?:\(\d{3}\) ?|\b\d{3}[-. ])\d{3}[-. ]\d{4}\b".to_owned(), any),
        (Finding::Phone, 6, r"(?i)\b(?:tel|telefon|phone|mobile|mobil|cell|handy|fax)[a-z ]{0,10}[.:]{0,2} ?\(?\d(?:[ ./()-]{0,3}\d){5,13}\b".to_owned(), phone),
    ]
});

/// The most digits of `text` that stand close together: at most [`MAX_GAP`] other characters between each and the next.
fn densest(text: &str) -> usize {
    let (mut most, mut close, mut gap) = (0_usize, 0_usize, 0_usize);
    for c in text.chars() {
        if c.is_numeric() {
            close = if gap > MAX_GAP { 1 } else { close.saturating_add(1) };
            most = most.max(close);
            gap = 0;
        } else {
            gap = gap.saturating_add(1);
        }
    }
    most
}

/// What is in `text`, weightiest first, at most [`MAX_FINDINGS`] of a pattern.
pub(crate) fn find(text: &str) -> Vec<Finding> {
    let Some(detectors) = DETECTORS.as_ref() else { return vec![Finding::NationalIdentity] };
    // Few texts have as many digits as most patterns ask for, or speak of pay; one pattern asks for an `@` alone.
    let digits = densest(text);
    let pay = digits > 0 && detectors.pay.is_match(text);
    let mut found = Vec::new();
    for detector in &detectors.all {
        let possible = match detector.finding {
            Finding::Pay => pay,
            Finding::Email => text.contains('@'),
            _ => true,
        };
        if !possible || digits < detector.digits {
            continue;
        }
        let matches = detector.pattern.find_iter(text).filter(|hit| (detector.check)(hit.as_str()));
        found.extend(matches.take(MAX_FINDINGS).map(|_| detector.finding));
    }
    found.sort_unstable();
    found
}

const fn any(_: &str) -> bool {
    true
}

/// Not the address of a repository (`git@host`).
fn email(text: &str) -> bool {
    !text.to_ascii_lowercase().starts_with("git@")
}

fn phone(text: &str) -> bool {
    PHONE_DIGITS.contains(&numbers::digits(text).len())
}

#[cfg(test)]
mod tests {
    use proptest::strategy::{Strategy, ValueTree};
    use proptest::string::string_regex;
    use proptest::test_runner::TestRunner;
    use regex_syntax::hir::{Class, Hir, HirKind};

    use super::*;

    /// Texts that are made for each pattern.
    const MADE: usize = 256;

    #[test]
    fn what_is_not_looked_through_matches_no_pattern() {
        let texts = [
            "Anna Keller earns EUR xx.xxx a year; IBAN CHxx xxxx; SSN xxx-xx-xxxx; tel. xxx xxx xxxx",
            "Salary of Anna Keller: $ CHF EUR k; Steuer tax ABCDEFxxAxxAxxxA; fax phone +x (xxx) xxx-xxxx 756",
        ];
        for text in texts.map(|text| text.replace(char::is_numeric, "x")) {
            for detector in &DETECTORS.as_ref().unwrap().all {
                assert!(!detector.pattern.is_match(&text), "{text}: {}", detector.pattern);
            }
        }
    }

    /// How many digits every match of a pattern has at least.
    fn fewest(hir: &Hir) -> usize {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => 0,
            HirKind::Literal(literal) => literal.0.iter().filter(|byte| byte.is_ascii_digit()).count(),
            HirKind::Class(Class::Unicode(class)) => usize::from(
                class.ranges().iter().all(|range| (range.start()..=range.end()).all(char::is_numeric)),
            ),
            HirKind::Class(Class::Bytes(_)) => 0,
            HirKind::Repetition(repeated) => repeated.min as usize * fewest(&repeated.sub),
            HirKind::Capture(capture) => fewest(&capture.sub),
            HirKind::Concat(parts) => parts.iter().map(fewest).sum(),
            HirKind::Alternation(parts) => parts.iter().map(fewest).min().unwrap_or(0),
        }
    }

    #[test]
    fn no_pattern_is_passed_over_for_digits_that_it_does_not_need_or_words_that_it_does_not_have() {
        for (finding, digits, pattern, _) in PATTERNS.iter() {
            assert_eq!(fewest(&regex_syntax::parse(pattern).unwrap()), *digits, "{pattern}");
            match finding {
                Finding::Pay => assert!(pattern.contains(&format!(r"\b{PAY}\b")), "{pattern}"),
                Finding::Email => assert!(pattern.contains("]{0,63}@(?:"), "{pattern}"),
                _ => {}
            }
        }
    }

    #[test]
    fn the_digits_of_every_match_stand_close_together() {
        let mut runner = TestRunner::deterministic();
        for (_, digits, pattern, _) in PATTERNS.iter() {
            // Where a word ends changes nothing about its digits, and cannot be asked of a made text.
            let matches = string_regex(&pattern.replace(r"\b", "")).unwrap();
            for _ in 0..MADE {
                let made = matches.new_tree(&mut runner).unwrap().current();
                assert!(densest(&made) >= *digits, "{made:?} of {pattern}");
            }
        }
        assert_eq!(densest("12 a 34, and 5"), 4);
        assert_eq!(densest("12 abcd 34"), 2);
    }

    #[test]
    fn every_pattern_compiles() {
        for (_, _, pattern, _) in PATTERNS.iter() {
            assert!(regex::Regex::new(pattern).is_ok(), "{pattern}");
        }
        assert!(DETECTORS.is_some());
    }
}
