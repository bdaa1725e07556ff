//! Guardrails and agents: whether they compile.

use std::collections::BTreeSet;

use super::{Finding, State};
use crate::home::Home;
use crate::souls::{self, Rules};

/// The most agents that are named one by one.
const MAX_NAMED: usize = 50;

/// Looks at the guardrails and every agent, and gives the models that the agents name.
pub(super) fn look(home: &Home, findings: &mut Vec<Finding>) -> BTreeSet<String> {
    let mut models = BTreeSet::new();
    let rules = match Rules::of(home) {
        Ok(rules) => rules,
        Err(failure) => {
            let mend = "mend that guardrail; until then no agent was looked at and none runs";
            findings.push(Finding::of("guardrails", State::Missing, failure.sentence, mend));
            return models;
        }
    };
    findings
        .push(Finding::ok("guardrails", format!("the guardrails in `{}` hold", home.guardrails().display())));
    let souls = match souls::all(home) {
        Ok(souls) => souls,
        Err(failure) => {
            findings.push(Finding::of(
                "agents",
                State::Missing,
                failure.sentence,
                "let the folder be readable",
            ));
            return models;
        }
    };
    let mut bad = Vec::new();
    for path in &souls {
        let shown = path.display();
        let mend = format!("`bulkhead check {shown}` says how");
        match rules.check(path) {
            Ok(checked) => match checked.compiled {
                Ok(loaded) => drop(models.insert(loaded.compartment.model().to_owned())),
                Err(errors) => {
                    let first = errors
                        .first()
                        .map_or_else(String::new, |e| format!(" line {}: {}", e.line, e.message));
                    bad.push(Finding::of("agents", State::Missing, format!("`{shown}`{first}"), mend));
                }
            },
            Err(failure) => bad.push(Finding::of("agents", State::Missing, failure.sentence, mend)),
        }
    }
    match (souls.is_empty(), bad.is_empty()) {
        (true, _) => {
            findings.push(Finding::of(
                "agents",
                State::Warning,
                "there are no agents",
                "`bulkhead agents add NAME` makes one",
            ));
        }
        (false, true) => {
            findings.push(Finding::ok("agents", format!("every agent compiles: {}", souls.len())))
        }
        (false, false) => findings.extend(bad.into_iter().take(MAX_NAMED)),
    }
    models
}
