//! Rules to policies and screens, with the honest strength of each.
//!
//! A rule is compared with a table of forms (`forms.rs`) by its normalised words and as a whole: a word
//! that no form expects ("unless", "except", "customer") makes it another rule, which is then advisory.
//! Every form only ever adds a forbid or a screen, so no rule can widen what an agent may do. What is
//! in a form's strength must hold whatever the model does; where it cannot, the strength is lower.

mod forms;
mod scope;
mod words;

use vocab::AgentName;
use vocab::label::EMPLOYEE_PERSONAL_DATA;

use crate::cedar::{Forbid, forbid};
use crate::charter::{Place, Rule, Screen, Strength};
use crate::diagnostic::{Findings, Spot, quoted};
use crate::limits::{MAX_RULE_BYTES, MAX_RULES};
use crate::markdown::{Block, Section};
use forms::{ALL, Effect, FORMS, Form};
use words::Words;

/// The rules of a file and what they became.
#[derive(Debug, Default)]
pub(crate) struct Compiled {
    pub(crate) rules: Vec<Rule>,
    pub(crate) screens: Vec<Screen>,
    pub(crate) refusal: Option<String>,
    /// The section as the model is told it: every rule, and headings between them.
    pub(crate) verbatim: Vec<String>,
}

/// Whether a rule begins with a negative or an obligation, so that `check --strict` asks for more than
/// advice behind it.
pub(crate) fn sounds_binding(text: &str) -> bool {
    Words::of(text).sounds_binding()
}

/// Compiles `## Rules`. Without a name the rules are only checked.
pub(crate) fn compile(
    section: Option<&Section>,
    agent: Option<&AgentName>,
    place: &Place,
    findings: &mut Findings,
) -> Compiled {
    let mut compiled = Compiled::default();
    let Some(section) = section else { return compiled };
    for block in &section.blocks {
        let (spot, text) = match block {
            Block::Item(item) => (item.spot, item.whole.as_str()),
            Block::Prose(spot, text) if text.starts_with('#') => {
                findings.warn(
                    *spot,
                    "a heading inside `## Rules` is only shown to the model",
                    "each rule stands by its own words",
                );
                compiled.verbatim.push(text.clone());
                continue;
            }
            Block::Prose(spot, text) => {
                findings.warn(
                    *spot,
                    format!("{} is not a list item; it is taken as one rule", quoted(text)),
                    "write `- rule`",
                );
                (*spot, text.as_str())
            }
        };
        add(&mut compiled, spot, text, agent, place, findings);
    }
    compiled
}

fn add(
    compiled: &mut Compiled,
    spot: Spot,
    text: &str,
    agent: Option<&AgentName>,
    place: &Place,
    findings: &mut Findings,
) {
    if text.is_empty() {
        return findings.error(
            spot,
            "a rule was expected and nothing is here",
            "write it, or delete the line",
        );
    }
    if text.len() > MAX_RULE_BYTES {
        let message = format!("a rule of {} bytes is over the limit of {MAX_RULE_BYTES}", text.len());
        return findings.error(spot, message, "part it into several");
    }
    if compiled.rules.len() == MAX_RULES {
        return findings.error(spot, format!("more than {MAX_RULES} rules"), "remove some");
    }
    if compiled.rules.iter().any(|rule| rule.text == text) {
        findings.warn(
            spot,
            format!("the rule {} stands here a second time", quoted(text)),
            "keep one of them",
        );
    }
    compiled.verbatim.push(format!("- {}", text.replace('\n', "\n  ")));
    let words = Words::of(text);
    let rule = if let Some(refusal) = scope::refusal(text) {
        scoped(compiled, spot, text, refusal, findings)
    } else {
        let form = FORMS.iter().find(|form| (form.fits)(&words));
        match (form, agent) {
            (Some(form), Some(agent)) => {
                let rule = enforce(form, spot, text, agent, place);
                if let Some(detector) = form.detector {
                    let rule = format!("rule:{}", spot.line);
                    compiled.screens.push(Screen { rule, detector, message: message(form, text, spot) });
                }
                rule
            }
            _ => advisory(spot, text, near(&words)),
        }
    };
    if let Some(near) = &rule.near {
        let message = format!("the rule {} is advisory: only the model is told", quoted(text));
        findings.warn(spot, message, format!("worded as `{near}` it would be more"));
    }
    compiled.rules.push(rule);
}

fn advisory(spot: Spot, text: &str, near: Option<&str>) -> Rule {
    Rule {
        text: text.to_owned(),
        line: spot.line,
        strength: Strength::Advisory,
        by: Vec::new(),
        policy: None,
        near: near.map(str::to_owned),
    }
}

/// The known form that a rule of other words seems to mean.
fn near(words: &Words) -> Option<&'static str> {
    let hints = |form: &&Form| !form.near.is_empty() && form.near.iter().all(|group| words.has_any(group));
    words.demands().then(|| FORMS.iter().find(hints).map(|form| form.canonical)).flatten()
}

fn scoped(compiled: &mut Compiled, spot: Spot, text: &str, refusal: String, findings: &mut Findings) -> Rule {
    if compiled.refusal.is_some() {
        let message = "a second refusal text; people see the first";
        findings.warn(
            spot,
            message,
            "keep one rule of the form `If a request falls outside X, respond: TEXT`",
        );
        return advisory(spot, text, None);
    }
    compiled.refusal = Some(refusal);
    // Whether a request falls outside is the model's judgement, so the rule itself stays advisory.
    let by = vec!["refusal text: people see it when something is denied for scope".to_owned()];
    Rule { by, ..advisory(spot, text, None) }
}

fn enforce(form: &Form, spot: Spot, text: &str, agent: &AgentName, place: &Place) -> Rule {
    let labelled = place.labelled.contains(EMPLOYEE_PERSONAL_DATA);
    let id = format!("rule:{}", spot.line);
    let message = message(form, text, spot);
    let policy = match form.effect {
        Effect::None => None,
        Effect::Forbid { verbs, when } => Some((false, verbs, when)),
        Effect::Ask { when } => Some((true, ALL, Some(when))),
    };
    let policy = policy
        .map(|(ask, verbs, when)| forbid(agent, &Forbid { id: &id, ask, message: &message, verbs, when }));
    let strength = match form.strength {
        forms::Claim::Always(strength) => strength,
        forms::Claim::OnceLabelled if labelled => Strength::Enforced,
        forms::Claim::OnceLabelled => Strength::Screened,
    };
    let by = form.by.iter().map(|by| (*by).to_owned()).collect();
    Rule { text: text.to_owned(), line: spot.line, strength, by, policy, near: None }
}

/// What a person reads when the rule decides.
fn message(form: &Form, text: &str, spot: Spot) -> String {
    format!("{}: rule {} on line {} of SOUL.md", form.reason, quoted(text), spot.line)
}
