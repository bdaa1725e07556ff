//! Cedar text: permits for grants, forbids for rules.
//!
//! Nothing here reads Cedar. Every string that a SOUL.md can influence goes through [`literal`].

use std::fmt::Write as _;

use vocab::{AgentName, Verb};

/// `text` as a Cedar string literal, quotes included.
#[must_use]
pub fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len().saturating_add(2));
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || crate::source::is_hidden(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// What a permit covers.
pub(crate) enum Target<'a> {
    /// Whatever the action is done to.
    Any,
    /// Exactly this one, of an entity type.
    Is(&'static str, &'a str),
    /// This one and all beneath it.
    In(&'static str, &'a str),
}

/// One permit.
pub(crate) fn permit(id: &str, agent: &AgentName, verbs: &[Verb], target: &Target<'_>) -> String {
    // None would be all.
    debug_assert!(!verbs.is_empty(), "a permit names what it permits");
    let resource = match target {
        Target::Any => "resource".to_owned(),
        Target::Is(kind, name) => format!("resource == {kind}::{}", literal(name)),
        Target::In(kind, name) => format!("resource in {kind}::{}", literal(name)),
    };
    format!(
        "@id({})\npermit(\n  principal == Agent::{},\n  {},\n  {resource}\n);\n",
        literal(id),
        literal(agent.as_str()),
        scope(verbs),
    )
}

/// One forbid.
pub(crate) struct Forbid<'a> {
    pub(crate) id: &'a str,
    /// A person may allow it: [`context.approved`] lifts it.
    pub(crate) ask: bool,
    /// The reason in one sentence.
    pub(crate) message: &'a str,
    /// The actions; none means all.
    pub(crate) verbs: &'a [Verb],
    /// A condition that is a constant of this crate.
    pub(crate) when: Option<&'static str>,
}

/// Which actions it is about; no verb means all.
fn scope(verbs: &[Verb]) -> String {
    match verbs {
        [] => "action".to_owned(),
        [verb] => format!("action == {}", action(*verb)),
        verbs => {
            let all: Vec<String> = verbs.iter().copied().map(action).collect();
            format!("action in [{}]", all.join(", "))
        }
    }
}

/// The text of a forbid.
pub(crate) fn forbid(agent: &AgentName, forbid: &Forbid<'_>) -> String {
    let mut out = format!("@id({})\n", literal(forbid.id));
    if forbid.ask {
        out.push_str("@decision(\"ask\")\n");
    }
    let scope = scope(forbid.verbs);
    let written = write!(
        out,
        "@message({})\nforbid(\n  principal == Agent::{},\n  {scope},\n  resource\n)",
        literal(forbid.message),
        literal(agent.as_str()),
    );
    debug_assert!(written.is_ok(), "writing to a string cannot fail");
    if let Some(when) = forbid.when {
        out.push_str("\nwhen { ");
        out.push_str(when);
        out.push_str(" }");
    }
    if forbid.ask {
        out.push_str("\nunless { context.approved }");
    }
    out.push_str(";\n");
    out
}

fn action(verb: Verb) -> String {
    format!("Action::{}", literal(verb.as_str()))
}
