use super::*;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Noon of a day, and so many milliseconds later.
fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_790_000_000_000 + ms).unwrap()
}

fn facts(approval: &str) -> journal::Facts {
    journal::Facts::new().with("approval", approval)
}

fn record(event: Event, ms: i64, facts: journal::Facts) -> Record {
    let body = serde_json::json!({
        "seq": 1, "time": at(ms), "kind": "approval", "session": null, "agent": "echo", "person": "ben", "action": null,
        "decision": null, "reasons": [], "labels": null, "prev": "0".repeat(64), "hash": "0".repeat(64), "turn": null,
        "proposal": null, "status": null, "policy_version": null, "event": event.as_str(), "facts": facts, "call": null,
    });
    serde_json::from_value(body).unwrap()
}

fn shown(id: &str, ms: i64) -> Record {
    record(Event::ApprovalShown, ms, facts(id).with("own", false))
}

fn decides(event: Event, id: &str, ms: i64, risk: Risk) -> Record {
    record(event, ms, facts(id).with("risk", risk.as_str()))
}

fn yes(id: &str, ms: i64) -> Record {
    decides(Event::ApprovalApproved, id, ms, Risk::High)
}

fn no(id: &str, ms: i64) -> Record {
    decides(Event::ApprovalDenied, id, ms, Risk::High)
}

/// What it comes to in the month before `now`.
fn spent(records: &[Record], now: i64) -> Spent {
    let mut seen = Seen::default();
    for record in records {
        seen.take_in(record);
    }
    let since = earlier(at(now), MONTH).unwrap();
    Spent::of(&seen.decided, since, &Thresholds::default())
}

#[test]
fn a_look_is_from_the_first_showing_or_the_decision_before_until_the_decision() {
    let records = [
        shown("a", 0),
        shown("b", 0),
        shown("c", 0),
        shown("a", 9_000),
        yes("a", 10_000),
        no("b", 13_000),
        decides(Event::ApprovalSupported, "c", 14_000, Risk::Low),
    ];
    let spent = spent(&records, 20_000);
    assert_eq!((spent.decisions, spent.approved, spent.busiest_hour), (3, 2, 3));
    // 10 s, 3 s, 1 s.
    assert_eq!((spent.look_median_ms, spent.look_p10_ms), (Some(3_000), Some(1_000)));
    assert_eq!((spent.high_risk, spent.high_risk_look_median_ms), (2, Some(3_000)));
    assert_eq!((spent.unseen, spent.untimed, spent.risks.as_slice()), (0, 0, [].as_slice()));
}

#[test]
fn what_was_never_shown_is_a_look_of_no_time_and_not_none_at_all() {
    let answer = |id: &str, ms: i64| {
        record(Event::ApprovalShown, ms, facts(id).with("own", false).with("deciding", true))
    };
    let mut records = Vec::new();
    for (nth, id) in (0_i64..).zip(["a", "b", "c", "d", "e"]) {
        let ms = nth * 60_000;
        records.extend([answer(id, ms), yes(id, ms)]);
    }
    let hasty = spent(&records, 600_000);
    assert_eq!((hasty.unseen, hasty.look_median_ms, hasty.untimed), (5, Some(0), 0));
    assert_eq!(hasty.risks, [BudgetRisk::TooFast]);
    // Four say nothing yet.
    assert_eq!(spent(&records[..8], 600_000).risks, []);
    // Whoever saw it before the gateway was restarted did see it.
    let restarted = [shown("a", 0), answer("a", 60_000), yes("a", 60_000)];
    let seen = spent(&restarted, 60_000);
    assert_eq!((seen.unseen, seen.look_median_ms), (0, Some(60_000)));
}

#[test]
fn a_clock_that_was_set_back_makes_no_look_and_hides_no_decision() {
    let records = [
        shown("a", 0),
        shown("b", 0),
        yes("a", 5_000),
        // An hour back.
        yes("b", -3_600_000),
        shown("c", -3_590_000),
        yes("c", -3_585_000),
    ];
    let spent = spent(&records, -3_580_000);
    assert_eq!((spent.decisions, spent.untimed), (3, 1), "what is dated after now counts, too");
    assert_eq!((spent.look_p10_ms, spent.look_median_ms), (Some(5_000), Some(5_000)));
    // What was shown before the part that was read has no look, long or short.
    let lost = super::tests::spent(&[yes("z", 0)], 0);
    assert_eq!((lost.decisions, lost.untimed, lost.unseen, lost.look_median_ms), (1, 1, 0, None));
}

#[test]
fn what_somebody_takes_back_is_no_decision_and_what_they_approve_for_themselves_is_one() {
    let own = |id: &str, ms: i64| record(Event::ApprovalShown, ms, facts(id).with("own", true));
    let spent = spent(&[own("a", 0), no("a", 5_000), own("b", 6_000), yes("b", 9_000)], 10_000);
    assert_eq!((spent.decisions, spent.approved, spent.look_median_ms), (1, 1, Some(3_000)));
}

#[test]
fn each_threshold_is_passed_by_one_more_and_not_before() {
    let minute = |nth: i64| nth * 60_000;
    let decided = |count: i64, every: i64, noes: i64| {
        let mut records = Vec::new();
        for nth in 0..count {
            let id = format!("a-{nth}");
            let event = if nth < noes { Event::ApprovalDenied } else { Event::ApprovalApproved };
            records.extend([shown(&id, nth * every), decides(event, &id, nth * every + 20_000, Risk::Low)]);
        }
        spent(&records, count * every)
    };
    assert_eq!(decided(30, minute(1), 15).risks, []);
    assert_eq!(decided(31, minute(1), 15).risks, [BudgetRisk::TooMany]);
    // However many in all: within any sixty minutes there are thirty.
    let steady = decided(300, minute(2), 150);
    assert_eq!((steady.busiest_hour, steady.risks.len()), (30, 0));
    // 49 of 50 is the share; and 49 decisions are too few to say it of.
    assert_eq!(decided(50, minute(10), 1).risks, [BudgetRisk::NearlyAlwaysYes]);
    assert_eq!(decided(50, minute(10), 2).risks, []);
    assert_eq!(decided(49, minute(10), 0).risks, []);
    assert_eq!(decided(0, minute(1), 0), Spent::default());
}

#[test]
fn what_is_older_than_the_time_that_is_asked_for_does_not_count() {
    let records = [shown("a", -31 * DAY_MS), yes("a", -30 * DAY_MS - 1), shown("b", 0), yes("b", 1_000)];
    let spent = spent(&records, 2_000);
    assert_eq!((spent.decisions, spent.look_median_ms), (1, Some(1_000)));
}

#[test]
fn a_part_of_sorted_values_is_by_nearest_rank() {
    let all: Vec<u64> = (1..=100).collect();
    assert_eq!((part(&all, 2), part(&all, 10)), (Some(50), Some(10)));
    assert_eq!((part(&[7], 2), part(&[7], 10), part(&[], 2)), (Some(7), Some(7), None));
    assert_eq!((part(&[1, 2, 3], 2), part(&[1, 2, 3], 10)), (Some(2), Some(1)));
}
