//! `bulkhead approvals budget`: how much each person decides, how long they look, how often they say yes.

use turn::{Approvers, Budget, BudgetRisk, Spent, Thresholds};

use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::terminal::{Screen, Table};

pub(super) async fn run(screen: Screen, client: &Client) -> Result<Exit, Failure> {
    let budgets: Approvers = client.whole("approvers", |page: &mut Approvers| &mut page.people).await?;
    if screen.json() {
        screen.value(&budgets)?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&[
        "PERSON",
        "HOUR",
        "DAY",
        "30 DAYS",
        "BUSIEST HOUR",
        "LOOK",
        "SHORTEST TENTH",
        "APPROVED",
    ]);
    for Budget { person, hour, day, month } in &budgets.people.items {
        table.row(vec![
            person.to_string(),
            hour.decisions.to_string(),
            day.decisions.to_string(),
            month.decisions.to_string(),
            month.busiest_hour.to_string(),
            look(month.look_median_ms),
            look(month.look_p10_ms),
            share(month),
        ]);
    }
    if table.is_empty() {
        screen.line("nobody has decided anything in thirty days")?;
    } else {
        table.print(screen)?;
    }
    for line in risks(&budgets) {
        screen.line(&line)?;
    }
    if !budgets.whole {
        screen.line("there was more than is read at once: the oldest decisions are left out")?;
    }
    Ok(Exit::Done)
}

/// A look of so many milliseconds.
fn look(ms: Option<u64>) -> String {
    match ms {
        None => "-".to_owned(),
        Some(ms) if ms < 60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        Some(ms) if ms < 3_600_000 => format!("{} min", ms / 60_000),
        Some(ms) => format!("{} h", ms / 3_600_000),
    }
}

/// The share of yeses, in whole percent, rounded down.
fn share(spent: &Spent) -> String {
    let percent = u64::from(spent.approved).saturating_mul(100).checked_div(u64::from(spent.decisions));
    percent.map_or_else(|| "-".to_owned(), |percent| format!("{percent} %"))
}

/// Each risk in a sentence. What a shorter time has is said for the shortest.
fn risks(budgets: &Approvers) -> Vec<String> {
    let mut lines = Vec::new();
    for Budget { person, hour, day, month } in &budgets.people.items {
        for risk in [BudgetRisk::TooMany, BudgetRisk::TooFast, BudgetRisk::NearlyAlwaysYes] {
            let spans = [("the last hour", hour), ("the last day", day), ("the last 30 days", month)];
            let shortest = spans.into_iter().find(|(_, spent)| spent.risks.contains(&risk));
            if let Some((when, spent)) = shortest {
                lines.push(format!("risk: {person}, in {when}: {}", said(risk, spent, &budgets.thresholds)));
            }
        }
    }
    lines
}

fn said(risk: BudgetRisk, spent: &Spent, thresholds: &Thresholds) -> String {
    match risk {
        BudgetRisk::TooMany => format!(
            "{} decisions within an hour, more than {}; let others decide too, or have less asked",
            spent.busiest_hour, thresholds.an_hour
        ),
        BudgetRisk::TooFast => format!(
            "half of the actions of high risk were looked at for {} or less, under {}; ask what was seen, or have two people decide",
            look(spent.high_risk_look_median_ms),
            look(Some(thresholds.look_ms))
        ),
        BudgetRisk::NearlyAlwaysYes => format!(
            "{} of {} approved, at least {} %; what is always approved needs no person, or is not looked at",
            spent.approved, spent.decisions, thresholds.approved_percent
        ),
    }
}

#[cfg(test)]
mod tests {
    use turn::Page;

    use super::*;

    #[test]
    fn looks_and_shares_are_said_without_a_figure_that_nobody_has() {
        assert_eq!(
            [None, Some(0), Some(950), Some(59_999), Some(60_000), Some(7_200_000)].map(look),
            ["-", "0.0 s", "0.9 s", "59.9 s", "1 min", "2 h"]
        );
        let spent = |approved, decisions| share(&Spent { approved, decisions, ..Spent::default() });
        assert_eq!([spent(0, 0), spent(0, 3), spent(2, 3), spent(3, 3)], ["-", "0 %", "66 %", "100 %"]);
    }

    #[test]
    fn a_risk_is_said_once_for_the_shortest_time_that_has_it() {
        let quiet = Spent { decisions: 3, approved: 3, ..Spent::default() };
        let busy = Spent {
            decisions: 60,
            approved: 60,
            busiest_hour: 40,
            high_risk_look_median_ms: Some(1_250),
            risks: vec![BudgetRisk::TooMany, BudgetRisk::TooFast, BudgetRisk::NearlyAlwaysYes],
            ..Spent::default()
        };
        let many = Spent { risks: vec![BudgetRisk::TooMany], ..busy.clone() };
        let people = vec![Budget { person: "ben".parse().unwrap(), hour: quiet, day: many, month: busy }];
        let people = Page { items: people, after: None };
        let lines = risks(&Approvers { thresholds: Thresholds::default(), whole: true, people });
        assert_eq!(lines.len(), 3, "{lines:?}");
        for (line, words) in lines.iter().zip([
            "ben, in the last day: 40 decisions within an hour, more than 30",
            "in the last 30 days: half of the actions of high risk were looked at for 1.2 s or less, under 10.0 s",
            "60 of 60 approved, at least 98 %",
        ]) {
            assert!(line.contains(words), "{line}");
        }
    }
}
