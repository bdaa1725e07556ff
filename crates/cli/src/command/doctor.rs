//! `bulkhead doctor`: what is missing or unsafe, each with its mend.

use super::{Place, alone};
use crate::doctor::{Finding, State, examine};
use crate::failure::{Exit, Failure};
use crate::terminal::{Keep, Paint, Screen, visible};

const EXAMPLES: &str = "Examples:
  bulkhead doctor
  bulkhead doctor --json | jq '.findings[] | select(.state != \"ok\")'

Each layer of containment is tried for real. No gateway is needed, and without a home the machine alone is
looked at. Exit codes: 0 all that is needed is there; 1 something is missing or unsafe; 4 there is no home.";

/// What is missing or unsafe here, each with its mend
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {}

pub(crate) fn run(place: &Place, _: &Args) -> Result<Exit, Failure> {
    let report = alone(async { Ok(examine(&place.home).await) })?;
    let screen = place.screen;
    if screen.json() {
        screen.value(&report)?;
        return Ok(report.exit);
    }
    report
        .findings
        .iter()
        .flat_map(|finding| lines(screen, finding))
        .try_for_each(|line| screen.line(&line))?;
    let count = |state| report.findings.iter().filter(|finding| finding.state == state).count();
    let (bad, heed) = (count(State::Missing) + count(State::Unsafe), count(State::Warning));
    let summary = match (bad, heed) {
        (0, 0) => screen.paint(Paint::Good, "all that is needed is there"),
        (0, heed) => screen.paint(Paint::Good, &format!("all that is needed is there; {heed} to know of")),
        (bad, heed) => screen.paint(Paint::Bad, &format!("{bad} missing or unsafe, {heed} to know of")),
    };
    screen.line(&summary)?;
    Ok(report.exit)
}

fn lines(screen: Screen, finding: &Finding) -> Vec<String> {
    let paint = match finding.state {
        State::Ok => Paint::Good,
        State::Warning => Paint::Heed,
        State::Missing | State::Unsafe => Paint::Bad,
    };
    let state = screen.paint(paint, &format!("{:<7}", finding.state.as_str()));
    let check = visible(&finding.check, Keep::Nothing);
    let mut lines = vec![format!("{state}  {check:<24}  {}", visible(&finding.message, Keep::Nothing))];
    if !finding.mend.is_empty() {
        lines.push(format!("{:>33}  mend: {}", "", visible(&finding.mend, Keep::Nothing)));
    }
    lines
}
