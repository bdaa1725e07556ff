//! What came back, before the agent sees it.

use soul::{Detector, Screen};
use vocab::label::EMPLOYEE_PERSONAL_DATA;
use vocab::{Action, AgentName, Body, Labels, Layer, Outcome, Person, Reason, Status, Verb};

use super::{personal, plain};

/// So many addresses or phone numbers in one text are a list of people; fewer are somebody's contact line.
const LIST_OF_PEOPLE: usize = 3;

/// Whose outcome it is, and what they may see.
pub(crate) struct Readers<'a> {
    pub(crate) agent: &'a AgentName,
    pub(crate) agent_clearance: &'a Labels,
    pub(crate) asker: &'a Person,
    pub(crate) screens: &'a [Screen],
}

/// Screens what came back. Text that a file, a table, a collection, a page or a command brought in is looked at when a rule of the agent is
/// about personal data: one account, card or identity number or a person's pay, or [`LIST_OF_PEOPLE`] addresses and
/// numbers, make it `employee-personal-data`, which that rule forbids. Whatever its labels, agent and asker must
/// be cleared for them. What may not be seen is replaced by one sentence, and with it go its labels.
pub(crate) fn admit(readers: &Readers<'_>, action: &Action, mut outcome: Outcome) -> (Outcome, Vec<Reason>) {
    let mut reasons = Vec::new();
    let reads = matches!(
        action.verb,
        Verb::FileRead
            | Verb::TableRead
            | Verb::DocumentsSearch
            | Verb::DocumentsRead
            | Verb::WebGet
            | Verb::CommandRun
    );
    if let (true, Body::Text { text }) = (reads, &outcome.body) {
        let rule = readers.screens.iter().find(|screen| screen.detector == Detector::PersonalData);
        if let Some(rule) = rule
            && let Some(what) = personal_data(text)
        {
            if let Ok(found) = Labels::from_names([outcome.labels.level().as_str(), EMPLOYEE_PERSONAL_DATA]) {
                outcome.labels = outcome.labels.join(&found);
            }
            let message = format!(
                "{} ({what} was found in what `{}` brought back, which makes it `{EMPLOYEE_PERSONAL_DATA}`)",
                rule.message.trim_end_matches('.'),
                action.resource.name()
            );
            reasons.push(Reason { layer: Layer::Advice, policy: rule.rule.clone(), message });
        }
    }
    let cleared = [
        ("clearance:agent", readers.agent.as_str(), readers.agent_clearance),
        ("clearance:asker", readers.asker.id.as_str(), &readers.asker.clearance),
    ];
    for (policy, who, clearance) in cleared {
        if !outcome.labels.within(clearance) {
            let message = format!(
                "what came back carries `{}`, and `{who}` is cleared for `{clearance}`",
                outcome.labels
            );
            reasons.push(Reason { layer: Layer::Flow, policy: policy.to_owned(), message });
        }
    }
    if let Some(first) = reasons.first() {
        outcome.status = Status::Withheld;
        outcome.body = Body::Text { text: format!("withheld: {}", first.message) };
        outcome.labels = Labels::public();
    }
    (outcome, reasons)
}

fn personal_data(text: &str) -> Option<&'static str> {
    let found = personal::find(&plain::plain(text));
    let first = *found.first()?;
    (first.weighty() || found.len() >= LIST_OF_PEOPLE).then(|| first.named())
}
