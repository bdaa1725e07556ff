//! Phrases of professional advice and of financial transactions.

use std::sync::LazyLock;

use regex::RegexSet;

/// What is said of a text when the patterns of this build cannot be used: it is held.
const UNREADABLE: &str = "something that this build cannot screen";

const FINANCIAL: &[&str] = &[
    r"\byou (?:\w+ )?(?:should|ought to|must|need to|want to|had better)(?: \w+){0,3} (?:buy|sell|short|invest|hold|refinance|remortgage|diversify)\b",
    r"\b(?:i|we)(?: would|'d)?(?: strongly)? (?:recommend|advise|suggest)(?: that)?(?: you)?(?: \w+){0,2} (?:buy|buying|sell|selling|invest|investing|shorting|holding)\b",
    r"\b(?:put|move|invest) your (?:money|savings|pension|cash|401k|ira) (?:in|into|in to)\b",
    r"\b(?:buy|sell|short) (?:\w+ ){0,2}(?:shares|stocks?|bonds?|bitcoin|crypto|options|futures)\b",
    r"\bguaranteed (?:return|profit|yield)s?\b",
    r"\bmy (?:financial|investment) advice\b",
];
const LEGAL: &[&str] = &[
    r"\byou (?:\w+ )?(?:should|can|could|must|may|ought to)(?: \w+){0,2} (?:sue|press charges|file (?:a |an )?(?:lawsuit|suit|claim|motion|appeal|complaint)|plead)\b",
    r"\byou(?:'re| are| would be| may be)? (?:legally|not legally) (?:entitled|obliged|obligated|required|liable|bound|allowed)\b",
    r"\byou have (?:a |an )?(?:strong |good |solid |valid )?(?:legal )?(?:case|claim|grounds) (?:against|for|to)\b",
    r"\b(?:my|our) legal (?:advice|opinion)\b",
    r"\bas your (?:lawyer|attorney|solicitor|counsel)\b",
    r"\bplead (?:not )?guilty\b",
];
const MEDICAL: &[&str] = &[
    r"\b(?:take|increase|reduce|double|use)(?: \w+){0,4} \d+(?:[.,]\d+)? ?(?:mg|mcg|µg|ml|milligrams?|tablets?|pills?|capsules?|drops)\b",
    r"\byou (?:probably |likely |may |might |could |clearly |almost certainly )?(?:have|suffer from|are suffering from) (?:\w+ ){0,2}(?:diabetes|cancer|depression|anxiety disorder|pneumonia|an? infection|hypertension|influenza|covid|asthma|adhd|arthritis|migraines?)\b",
    r"\b(?:stop|start|keep|begin|quit) taking (?:\w+ ){0,3}(?:medication|medicine|pills?|antidepressants?|antibiotics?|insulin|statins?|ibuprofen|aspirin|paracetamol|tablets?)\b",
    r"\bthe (?:recommended|usual|right|correct) dos(?:e|age) (?:for you|is|would be)\b",
    r"\b(?:my|the) diagnosis is\b",
    r"\byour symptoms (?:suggest|indicate|point to|mean|are consistent with)\b",
    r"\bas your (?:doctor|physician|therapist)\b",
];
const TRANSACTION: &[&str] = &[
    r"\b(?:wire|transfer|send|remit|pay|refund|deposit|withdraw)(?: \w+){0,4} (?:[$€£]|usd|eur|chf|gbp) ?\d",
    r"\b(?:wire|transfer|send|remit|pay|refund|deposit|withdraw)(?: \w+){0,3} \d[\d.,']*(?:k|m)? ?(?:[$€£]|usd|eur|chf|gbp|dollars?|euros?|pounds?|francs?)",
    r"(?:[$€£]|\b(?:usd|eur|chf|gbp)) ?\d[\d.,']*(?:k|m)?(?: \w+){0,3} (?:wire|wired|transfer|transferred|payment|refund)\b",
    r"\b(?:wire|bank|money|funds) transfers?\b",
    r"\b(?:make|process|approve|authori[sz]e|execute|initiate|submit|schedule|release|confirm)(?: \w+){0,3} (?:payments?|transactions?|refunds?|trades?|payouts?|wires?)\b",
    r"\bpay (?:the |this |that |our |their |your )?(?:\w+ )?(?:invoice|bill|vendor|supplier)s?\b",
    r"\bcharge (?:the|your|my|their|a) (?:\w+ ){0,2}card\b",
    r"\b(?:place|submit|issue) (?:a |the |an )?(?:purchase|buy|sell) order\b",
    r"\btransfer (?:the |all |some )?(?:money|funds|balance)\b",
];

static FINANCIAL_SET: LazyLock<Option<RegexSet>> = LazyLock::new(|| set(FINANCIAL));
static LEGAL_SET: LazyLock<Option<RegexSet>> = LazyLock::new(|| set(LEGAL));
static MEDICAL_SET: LazyLock<Option<RegexSet>> = LazyLock::new(|| set(MEDICAL));
static TRANSACTION_SET: LazyLock<Option<RegexSet>> = LazyLock::new(|| set(TRANSACTION));

/// A test compiles all of them, so what is not a pattern cannot ship.
fn set(patterns: &[&str]) -> Option<RegexSet> {
    RegexSet::new(patterns.iter().map(|pattern| format!("(?i){pattern}"))).ok()
}

/// What kind of professional advice `text` seems to give.
pub(crate) fn advice(text: &str) -> Option<&'static str> {
    first_of(
        text,
        [
            (&FINANCIAL_SET, "financial advice"),
            (&LEGAL_SET, "legal advice"),
            (&MEDICAL_SET, "medical advice"),
        ],
    )
}

/// Whether `text` seems to be about moving money.
pub(crate) fn transaction(text: &str) -> Option<&'static str> {
    first_of(text, [(&TRANSACTION_SET, "a financial transaction")])
}

fn first_of<const N: usize>(
    text: &str,
    sets: [(&LazyLock<Option<RegexSet>>, &'static str); N],
) -> Option<&'static str> {
    sets.into_iter().find_map(|(set, what)| match set.as_ref() {
        None => Some(UNREADABLE),
        Some(set) => set.is_match(text).then_some(what),
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_pattern_compiles() {
        for set in [&super::FINANCIAL_SET, &super::LEGAL_SET, &super::MEDICAL_SET, &super::TRANSACTION_SET] {
            assert!(set.is_some());
        }
    }
}
