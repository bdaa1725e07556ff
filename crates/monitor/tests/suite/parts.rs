//! A part of a reply is judged as the reply would be that ends with it.

use bulkhead_monitor::Rates;
use proptest::prelude::*;
use vocab::{Decision, Labels, Verb};

use crate::common::*;

fn after(said: &str) -> At {
    At { said: said.to_owned(), ..At::default() }
}

#[test]
fn what_no_part_has_by_itself_is_found_with_the_words_before_it() {
    let home = Home::with(config(), SCREENED);
    let decide = |said: &str, text: &str| home.judge_at("mia", part(text), &after(said)).verdict().decision;
    // Somebody's pay over two parts, and a sentence of advice.
    assert_eq!(decide("", "All is well.\n\n"), Decision::Permit);
    assert_eq!(decide("All is well.\n\n", "So is this.\n\n"), Decision::Permit);
    assert_eq!(decide("", "Write to jane.doe@corp.com\n\n"), Decision::Deny);
    assert_eq!(decide("", "Salary of "), Decision::Permit);
    assert_eq!(decide("", "Jane Doe: EUR 90.000"), Decision::Permit);
    assert_eq!(decide("Salary of ", "Jane Doe: EUR 90.000"), Decision::Deny);
    assert_eq!(decide("You should sell ", "your shares now."), Decision::Deny);
    assert_eq!(decide("", "your shares now."), Decision::Permit);
}

#[test]
fn a_part_goes_no_further_than_the_labels_the_rights_and_the_limits_let_the_reply() {
    let home = Home::new();
    let decide = |asker: &str, at: &At| home.judge_at(asker, part("Hello.\n\n"), at).verdict().decision;
    assert_eq!(decide("mia", &after("")), Decision::Permit);
    assert_eq!(decide("nobody", &after("")), Decision::Deny);
    let session = Labels::from_names(["restricted"]).unwrap();
    assert_eq!(decide("mia", &At { session, ..At::default() }), Decision::Deny);
    let rates = Rates { in_turn: u32::MAX, ..Rates::default() };
    assert_eq!(decide("mia", &At { rates, ..At::default() }), Decision::Kill);
    home.echo.gate().close();
    assert_eq!(decide("mia", &after("")), Decision::Deny);
}

#[test]
fn what_is_done_and_recorded_are_the_words_of_the_part_alone() {
    let home = Home::new();
    let judged = home.judge_at("mia", part("two"), &after("one "));
    assert_eq!((judged.action().verb, judged.action().text("text")), (Verb::ReplyPart, Some("two")));
    assert_eq!(judged.action().args.len(), 1);
    let entry = judged.entry();
    assert_eq!(entry.records[0].written.as_ref().unwrap().as_str(), r#"{"args":{"text":"two"}}"#);
    assert_ne!(
        judged.binding(),
        home.judge("mia", reply("two")).binding(),
        "no approval of one is for the other"
    );
}

#[test]
fn every_part_is_decided_as_the_whole_is() {
    let home = Home::with(config(), SCREENED);
    let said = "(You should |sell |jane\\.doe|@corp\\.com |All is well\\. |756\\.9217|\\n\\n){0,6}";
    let text = "(your shares now\\.|@corp\\.com|\\.0769\\.85|So it is\\.|\\n\\n){0,4}";
    proptest!(|(said in said, text in text)| {
        let whole = home.judge("mia", reply(&format!("{said}{text}")));
        let judged = home.judge_at("mia", part(&text), &after(&said));
        if whole.verdict().decision == Decision::Ask {
            // Who would be asked is asked about the whole.
            prop_assert_eq!(judged.verdict().decision, Decision::Deny);
            prop_assert_eq!(judged.verdict().reasons[0].policy.as_str(), "approval:part");
            prop_assert_eq!(&judged.verdict().reasons[1], &whole.verdict().reasons[0]);
        } else {
            prop_assert_eq!(judged.verdict(), whole.verdict());
        }
    });
}
