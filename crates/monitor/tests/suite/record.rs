//! From judgement to permit: only by way of the journal, once, for a while.

use std::sync::Arc;

use bulkhead_monitor::{Bounds, Granted, Held, Judgement, Permit, Refused, Ruling};
use journal::{Draft, Journal, Receipt};
use vocab::limits::PERMIT_LIFETIME;
use vocab::{Ambient, Decision, Timestamp};

use crate::common::*;

struct Still;

impl Ambient for Still {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
    fn random(&self) -> [u8; 16] {
        [7; 16]
    }
}

/// Makes each of `judgements` durable, in order.
fn record(judgements: &[&Judgement]) -> Vec<Receipt> {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let config = journal::Config { place: folder.path().join("journal.sqlite").into() };
        let journal = Journal::open(config, Arc::new(Still)).unwrap();
        let mut receipts = Vec::new();
        for judgement in judgements {
            receipts.push(journal.append(judgement.entry()).await.unwrap());
        }
        journal.close().await.unwrap();
        receipts
    })
}

fn settled(judgement: Judgement) -> Ruling {
    let receipt = record(&[&judgement]).pop().unwrap();
    judgement.settle(receipt).unwrap()
}

/// What a judgement that permits grants.
pub(crate) fn permitted(judgement: Judgement) -> Granted {
    match settled(judgement) {
        Ruling::Permit(permit) => permit.redeem(at(1)).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn permit(home: &Home) -> Permit {
    match settled(home.judge("mia", read("/srv/docs/team/a.md"))) {
        Ruling::Permit(permit) => permit,
        other => panic!("{other:?}"),
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

#[test]
fn a_permit_grants_exactly_what_was_judged_within_the_narrowest_root() {
    let mut settings = config();
    settings.groups[0].rights.read = strings(&["/srv/docs/team"]);
    let home = Home::with(settings, SOUL);
    let granted = permit(&home).redeem(at(1)).unwrap();
    assert_eq!(granted.action.text("path"), Some("/srv/docs/team/a.md"));
    let Bounds::File { root, .. } = granted.bounds else { panic!("a file has bounds") };
    assert_eq!(root.to_str(), Some("/srv/docs/team"), "the right lies deeper than the grant");
    assert_eq!(granted.labels, labels(&["internal"]));
}

#[test]
fn a_permit_expires() {
    let home = Home::new();
    let lifetime = i64::try_from(PERMIT_LIFETIME.as_secs()).unwrap();
    assert!(permit(&home).redeem(at(lifetime)).is_ok());
    assert_eq!(permit(&home).redeem(at(lifetime + 1)).unwrap_err(), Refused::Expired);
    let before = permit(&home).redeem(at(-lifetime - 1));
    assert_eq!(before.unwrap_err(), Refused::Expired, "a clock set back does not help");
}

#[test]
fn a_permit_dies_when_the_agent_is_stopped_or_its_policies_are_replaced() {
    let home = Home::new();
    let (first, second, third) = (permit(&home), permit(&home), permit(&home));
    home.echo.gate().advance();
    assert_eq!(first.redeem(at(1)).unwrap_err(), Refused::Replaced);
    home.echo.gate().close();
    assert_eq!(second.redeem(at(1)).unwrap_err(), Refused::Stopped);
    home.echo.gate().open();
    assert_eq!(third.redeem(at(1)).unwrap_err(), Refused::Replaced);
    assert!(permit(&home).redeem(at(1)).is_ok());
}

#[test]
fn a_judgement_from_before_a_stop_gives_a_permit_that_is_worth_nothing() {
    let home = Home::new();
    let judgement = home.judge("mia", read("/srv/docs/a.md"));
    home.echo.gate().close();
    home.echo.gate().open();
    let Ruling::Permit(permit) = settled(judgement) else { panic!("it was judged before") };
    assert_eq!(permit.redeem(at(1)).unwrap_err(), Refused::Replaced);
}

#[test]
fn a_receipt_for_anything_else_permits_nothing() {
    let home = Home::new();
    let asked = home.judge("mia", post("forum", "Hello"));
    let other = home.judge("mia", read("/srv/docs/b.md"));
    let wanted = home.judge("mia", read("/srv/docs/a.md"));
    for receipt in record(&[&asked, &other]) {
        assert!(home.judge("mia", read("/srv/docs/a.md")).settle(receipt).is_err());
    }
    // The receipt of the question does not answer it: the approved judgement needs its own.
    let approved = home.judge_approved("mia", post("forum", "Hello"), Some(&asked.binding()));
    assert_eq!(approved.verdict().decision, Decision::Permit);
    let receipt = record(&[&asked]).pop().unwrap();
    assert!(approved.settle(receipt).is_err());
    assert!(matches!(settled(wanted), Ruling::Permit(_)));
}

#[test]
fn what_is_not_permitted_settles_into_what_it_is() {
    let mut home = Home::new();
    assert!(matches!(settled(home.judge("mia", post("forum", "x"))), Ruling::Ask(_)));
    assert!(matches!(settled(home.judge("mia", read("/etc/passwd"))), Ruling::Deny(_)));
    home.at.rates.in_turn = 20;
    assert!(matches!(settled(home.judge("mia", reply("x"))), Ruling::Kill(_)));
}

#[test]
fn a_held_action_survives_its_row_and_is_permitted_by_its_binding() {
    let home = Home::new();
    let Ruling::Ask(held) = settled(home.judge("mia", post("forum", "Hello"))) else {
        panic!("a post waits")
    };
    let row = serde_json::to_value(&held).unwrap();
    let back: Held = serde_json::from_value(row).unwrap();
    assert_eq!(back, held);
    let again = home.judge_approved("mia", back.proposal.intent, Some(&back.binding));
    assert!(matches!(settled(again), Ruling::Permit(_)));
}

#[test]
fn the_entry_holds_the_arguments_in_its_payload_and_not_on_the_chain() {
    let home = Home::new();
    let entry = home.judge("mia", get("https://docs.example.org/page?q=needle")).entry();
    let [proposal, verdict] = entry.records.as_slice() else { panic!("two records") };
    let content = |draft: &Draft| -> serde_json::Value {
        serde_json::from_str(draft.written.as_ref().unwrap().as_str()).unwrap()
    };
    assert_eq!(content(proposal)["args"]["url"], "https://docs.example.org/page?q=needle");
    assert_eq!(proposal.resource.as_ref().unwrap().name(), "docs.example.org", "the host, not the address");
    assert_eq!(verdict.decision, Some(Decision::Permit));
    assert!(!verdict.reasons.is_empty() && content(verdict)["reasons"][0]["message"].is_string());
    let metadata =
        format!("{:?}", (&proposal.resource, &proposal.reasons, &verdict.reasons, &verdict.labels));
    assert!(!metadata.contains("needle"));
}

#[test]
fn a_permit_says_nothing_of_its_content_when_it_is_printed() {
    let home = Home::new();
    assert!(!format!("{:?}", permit(&home)).contains("a.md"));
}
