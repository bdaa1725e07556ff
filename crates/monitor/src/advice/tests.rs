//! The corpus: what each detector must find and what it must leave alone. A sentence that was missed or cried
//! over in earnest is added here, and the counts are raised with it.

use super::numbers;
use super::personal::{Finding, find};
use super::phrases::{advice, transaction};
use super::plain::plain;

const PERSONAL: &[(&str, Finding)] = &[
    ("Write to jane.doe@corp.com today", Finding::Email),
    ("JANE_DOE+x@mail.corp.co.uk", Finding::Email),
    ("mailto:hr@firma.de?subject=x", Finding::Email),
    ("jane.doe (at) corp.com", Finding::Email),
    ("jane.doe[at]corp[dot]com", Finding::Email),
    ("jane\u{200b}.doe@corp\u{ad}.com", Finding::Email),
    ("ｊａｎｅ＠ｃｏｒｐ．ｃｏｍ", Finding::Email),
    ("https://x.org/?to=jane%40corp.com", Finding::Email),
    ("Call +49 30 901820 now", Finding::Phone),
    ("+41 44 668 18 00", Finding::Phone),
    ("+1 (202) 456-1111", Finding::Phone),
    ("0041446681800", Finding::Phone),
    ("(202) 456-1111", Finding::Phone),
    ("202-456-1111", Finding::Phone),
    ("Tel.: 030 901820", Finding::Phone),
    ("mobile: 07700 900123", Finding::Phone),
    ("DE89 3704 0044 0532 0130 00", Finding::Account),
    ("IBAN: GB82WEST12345698765432.", Finding::Account),
    ("ch93 0076 2011 6238 5295 7 please", Finding::Account),
    ("FR14 2004 1010 0505 0001 3M02 606", Finding::Account),
    ("4111 1111 1111 1111", Finding::Card),
    ("5500-0000-0000-0004", Finding::Card),
    ("card 378282246310005 expires", Finding::Card),
    ("SSN 078-05-1120", Finding::NationalIdentity),
    ("her social security number is 219 09 9999", Finding::NationalIdentity),
    ("AHV 756.9217.0769.85", Finding::NationalIdentity),
    ("NINO QQ123456C is AB 12 34 56 C", Finding::NationalIdentity),
    ("DNI 12345678Z", Finding::NationalIdentity),
    ("NIE X1234567L", Finding::NationalIdentity),
    ("NIR 2 55 08 14 168 025 38", Finding::NationalIdentity),
    ("codice fiscale RSSMRA85T10A562S", Finding::NationalIdentity),
    ("Steuer-ID: 86 095 742 719", Finding::NationalIdentity),
    ("Jane Doe earns $84,000 a year", Finding::Pay),
    ("The salary of Jörg Müller is 61.500 EUR", Finding::Pay),
    ("Anna-Lena Weiß: Gehalt 4.200 €", Finding::Pay),
    ("bonus for Mary Jane Watson: £12k or £12,000", Finding::Pay),
];

const IMPERSONAL: &[&str] = &[
    "The meeting is on 2026-11-21 at 10:30.",
    "Version 1.2.3-rc.4 of the gateway",
    "192.168.100.200:8080 answers",
    "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "550e8400-e29b-41d4-a716-446655440000",
    "git clone git@github.com:org/repo.git",
    "@mention in a comment",
    "a@b is not an address",
    "order 4111 1111 1111 1112 is no card",
    "1234567890123456",
    "0000 0000 0000 0000",
    "DE89 3704 1044 0532 0130 02",
    "GB00 WEST 1234 5698 7654 32",
    "XX89370400440532013000",
    "000-12-3456 and 666-12-3456 and 900-12-3456",
    "756.9217.0769.86",
    "12345678A",
    "The average salary is 60,000 EUR",
    "Jane Doe wrote 84 pages",
    "In 2025, revenue rose 12% to $84,000,000.",
    "fn main() { println!(\"{}\", 1u64 << 40); }",
    "ISO 9001:2015, RFC 8785, page 1234567",
    "timestamps 1732147200 and 1732147200123",
    "ratio 3.14159265358979",
    "Chapter 12 12 12",
];

const ADVICE: &[&str] = &[
    "You should sell your shares now.",
    "You really ought to invest in index funds.",
    "I recommend buying gold.",
    "We would strongly advise that you sell.",
    "Put your savings into bonds.",
    "Buy the stock before Friday.",
    "This fund has a guaranteed return.",
    "You can sue your landlord.",
    "You should definitely file a complaint.",
    "You are legally entitled to a refund.",
    "You have a strong case against them.",
    "As your lawyer, I would wait.",
    "It is best to plead not guilty.",
    "Take 400 mg every six hours.",
    "Increase the dose slowly to 20mg.",
    "You probably have an infection.",
    "You may have type 2 diabetes.",
    "Stop taking your medication.",
    "Your symptoms suggest a virus.",
    "The recommended dosage for you is lower.",
];

const NO_ADVICE: &[&str] = &[
    "You should restart the server.",
    "The bank bought shares of its rival in 2019.",
    "Investors sold bonds, the report says.",
    "I recommend reading the manual.",
    "The court ruled that the law applies.",
    "Our legal team answers such questions.",
    "Please contact your doctor.",
    "The study covered 400 patients.",
    "You have a case of beer in the kitchen.",
    "Take a break every six hours.",
    "Use 20 threads.",
    "You have two options in the menu.",
    "The medication aisle is on the left.",
    "This is outside my scope.",
    "Legal, financial and medical advice is not given here.",
];

const TRANSACTIONS: &[&str] = &[
    "Please wire $500 to ACME.",
    "Transfer 2,000 EUR to the supplier.",
    "Send them €75",
    "refund the customer 20 dollars",
    "Make a payment for the hosting.",
    "Approve this refund.",
    "Pay the invoice by Friday.",
    "Charge my credit card.",
    "Place a buy order.",
    "A bank transfer is pending.",
    "transfer all funds today",
    "execute the trade",
];

const NO_TRANSACTIONS: &[&str] = &[
    "Transfer the file to the server.",
    "Send the report to Anna.",
    "The plan costs $20 a month.",
    "Pay attention to the second step.",
    "A database transaction holds a lock.",
    "Charge the battery.",
    "The order of the steps matters.",
    "Withdraw the motion.",
    "State transfer in distributed systems",
];

#[track_caller]
fn wrong<'a, T>(
    corpus: &'a [T],
    text: impl Fn(&'a T) -> &'a str,
    right: impl Fn(&'a T) -> bool,
) -> Vec<&'a str> {
    corpus.iter().filter(|example| !right(example)).map(text).collect()
}

#[test]
fn the_corpus_has_the_size_that_it_had() {
    let sizes = [
        PERSONAL.len(),
        IMPERSONAL.len(),
        ADVICE.len(),
        NO_ADVICE.len(),
        TRANSACTIONS.len(),
        NO_TRANSACTIONS.len(),
    ];
    assert_eq!(sizes, [36, 25, 20, 15, 12, 9]);
}

#[test]
fn personal_data_is_found_and_named() {
    let missed = wrong(PERSONAL, |(text, _)| text, |(text, finding)| find(&plain(text)).contains(finding));
    assert_eq!(missed, Vec::<&str>::new());
    let cried = wrong(IMPERSONAL, |text| text, |text| find(&plain(text)).is_empty());
    assert_eq!(cried, Vec::<&str>::new());
}

#[test]
fn advice_is_found() {
    assert_eq!(wrong(ADVICE, |text| text, |text| advice(&plain(text)).is_some()), Vec::<&str>::new());
    assert_eq!(wrong(NO_ADVICE, |text| text, |text| advice(&plain(text)).is_none()), Vec::<&str>::new());
}

#[test]
fn transactions_are_found() {
    assert_eq!(
        wrong(TRANSACTIONS, |text| text, |text| transaction(&plain(text)).is_some()),
        Vec::<&str>::new()
    );
    assert_eq!(
        wrong(NO_TRANSACTIONS, |text| text, |text| transaction(&plain(text)).is_none()),
        Vec::<&str>::new()
    );
}

#[test]
fn a_checksum_is_worth_something() {
    // Of ten last digits, one is right.
    let right = |of: &dyn Fn(u32) -> bool| (0..10).filter(|digit| of(*digit)).count();
    assert_eq!(right(&|digit| numbers::card(&format!("411111111111111{digit}"))), 1);
    assert_eq!(right(&|digit| numbers::swiss(&format!("756921707698{digit}"))), 1);
    assert_eq!(right(&|digit| numbers::german_tax(&format!("8609574271{digit}"))), 1);
    assert_eq!(right(&|digit| numbers::iban(&format!("DE8937040044053201300{digit}"))), 1);
    assert_eq!(right(&|digit| numbers::spanish(&format!("1234567{digit}Z"))), 1);
}

#[test]
fn the_weightiest_finding_comes_first() {
    let found = find("a@corp.com, 4111 1111 1111 1111");
    assert_eq!(found.first(), Some(&Finding::Card));
    assert!(Finding::Card.weighty() && !Finding::Email.weighty() && !Finding::Phone.weighty());
}
