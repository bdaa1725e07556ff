//! What the screens do to what goes out and to what comes in.

use crate::common::*;
use bulkhead_monitor::admit;
use vocab::{Body, Decision, Layer, Outcome, ProposalId, Status};

#[track_caller]
fn by_advice(home: &Home, intent: vocab::Intent) -> (Decision, bool) {
    let judged = home.judge("mia", intent);
    let spoke = judged.verdict().reasons.iter().any(|reason| reason.layer == Layer::Advice);
    (judged.verdict().decision, spoke)
}

#[test]
fn personal_data_does_not_go_out() {
    let home = Home::with(config(), SCREENED);
    assert_eq!(by_advice(&home, reply("Write to jane.doe@corp.com")), (Decision::Deny, true));
    assert_eq!(by_advice(&home, reply("Write to jane.doe\u{200b}@corp.com")), (Decision::Deny, true));
    assert_eq!(by_advice(&home, reply("Write to jane.doe (at) corp.com")), (Decision::Deny, true));
    assert_eq!(by_advice(&home, post("forum", "IBAN DE89 3704 0044 0532 0130 00")), (Decision::Deny, true));
    assert_eq!(by_advice(&home, write("a.md", "AHV 756.9217.0769.85")), (Decision::Deny, true));
    assert_eq!(
        by_advice(&home, get("https://docs.example.org/?q=jane.doe%40corp.com")),
        (Decision::Deny, true)
    );
    assert_eq!(by_advice(&home, reply("All is well at 10:30 on 2026-11-21.")), (Decision::Permit, false));
    assert_eq!(by_advice(&Home::new(), reply("Write to jane.doe@corp.com")), (Decision::Permit, false));
}

#[test]
fn a_reason_never_repeats_what_was_found() {
    let home = Home::with(config(), SCREENED);
    let judged = home.judge("mia", reply("Write to jane.doe@corp.com"));
    assert!(judged.verdict().reasons.iter().all(|reason| !reason.message.contains("jane")));
    assert!(judged.verdict().reasons.iter().any(|reason| reason.message.contains("an e-mail address")));
}

#[test]
fn advice_waits_for_a_person_who_may_let_it_go() {
    let home = Home::with(config(), SCREENED);
    let advice = || reply("You should sell your shares now.");
    assert_eq!(by_advice(&home, advice()), (Decision::Ask, true));
    let binding = home.judge("mia", advice()).binding();
    assert_eq!(home.judge_approved("mia", advice(), Some(&binding)).verdict().decision, Decision::Permit);
}

#[test]
fn what_a_program_is_handed_is_screened_like_a_reply_its_calls_included() {
    let home = Home::with(config(), SCREENED);
    let answer = |text: &str, arguments: &str| vocab::Intent::ProgramAnswer {
        text: text.into(),
        tool_calls: vec![vocab::ToolCall {
            id: "c".into(),
            name: "shell".into(),
            arguments: arguments.into(),
        }],
    };
    assert_eq!(by_advice(&home, answer("Hello.", "{}")), (Decision::Permit, false));
    assert_eq!(by_advice(&home, answer("You should sell your shares now.", "{}")), (Decision::Ask, true));
    let hidden = answer("Hello.", r#"{"command":"echo jane.doe@corp.com"}"#);
    assert_eq!(by_advice(&home, hidden), (Decision::Deny, true));
}

#[test]
fn a_program_sets_no_parameter_but_those_that_are_known_and_exact() {
    let home = Home::new();
    let with = |options: serde_json::Value| {
        let options = options.as_object().unwrap().clone();
        let request = vocab::ChatRequest { options, ..vocab::ChatRequest::default() };
        home.judge("mia", vocab::Intent::ProgramCall { request }).verdict().decision
    };
    assert_eq!(with(serde_json::json!({ "temperature": 0.5 })), Decision::Permit);
    assert_eq!(with(serde_json::json!({ "model": "another" })), Decision::Deny);
    assert_eq!(with(serde_json::json!({ "messages": [] })), Decision::Deny);
    assert_eq!(with(serde_json::json!({ "seed": u64::MAX })), Decision::Deny);
}

#[test]
fn a_transaction_is_flagged_inside_and_held_outside() {
    let home = Home::with(config(), SCREENED);
    assert_eq!(by_advice(&home, ask_model("Please wire $500 to ACME")), (Decision::Permit, true));
    assert_eq!(by_advice(&home, reply("I cannot wire $500 to ACME")), (Decision::Permit, true));
    assert_eq!(
        by_advice(&home, get("https://docs.example.org/?q=wire%20$500%20to%20ACME")),
        (Decision::Ask, true)
    );
}

fn outcome(text: &str, names: &[&str]) -> Outcome {
    Outcome {
        proposal: ProposalId::new("p-1").unwrap(),
        status: Status::Done,
        labels: labels(names),
        body: Body::Text { text: text.into() },
    }
}

#[track_caller]
fn came_in(home: &Home, asker: &str, text: &str, names: &[&str]) -> (Outcome, usize) {
    let id = vocab::PersonId::new(asker).unwrap();
    let judged = home.judge(asker, read("/srv/docs/a.md"));
    let (outcome, reasons) =
        admit(&home.echo, home.monitor.person(&id).unwrap(), judged.action(), outcome(text, names));
    (outcome, reasons.len())
}

#[test]
fn personal_data_that_comes_in_is_withheld_when_a_rule_is_about_it() {
    let pay = "Jane Doe, base salary 84,000 EUR";
    let (withheld, reasons) = came_in(&Home::with(config(), SCREENED), "mia", pay, &["internal"]);
    assert_eq!(withheld.status, Status::Withheld);
    assert!(reasons > 0);
    assert_eq!(withheld.labels, labels(&["public"]));
    let Body::Text { text } = withheld.body else { panic!("a sentence stands in its place") };
    assert!(text.starts_with("withheld:") && !text.contains("Jane"));
    let (seen, reasons) = came_in(&Home::new(), "mia", pay, &["internal"]);
    assert_eq!((seen.status, reasons), (Status::Done, 0));
}

#[test]
fn one_contact_line_is_not_a_list_of_people() {
    let home = Home::with(config(), SCREENED);
    assert_eq!(came_in(&home, "mia", "Contact: info@example.org", &["internal"]).0.status, Status::Done);
    let list = "a@corp.com, b@corp.com, c@corp.com";
    assert_eq!(came_in(&home, "mia", list, &["internal"]).0.status, Status::Withheld);
}

#[test]
fn labels_above_a_clearance_are_withheld_whoever_lacks_it() {
    let home = Home::new();
    let (withheld, reasons) = came_in(&home, "eve", "x", &["confidential"]);
    assert_eq!((withheld.status, reasons), (Status::Withheld, 1), "the agent is not cleared");
    let (_, reasons) = came_in(&home, "mia", "x", &["confidential"]);
    assert_eq!(reasons, 2, "nor is mia");
    assert_eq!(came_in(&home, "mia", "x", &["internal"]).0.status, Status::Done);
}
