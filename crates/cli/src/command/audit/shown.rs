//! Records as people and programs are shown them.

use journal::read::Record;
use journal::{Event, Fact, Facts};
use serde::Serialize;
use vocab::{AgentName, Decision, PersonId};

use crate::failure::Failure;
use crate::terminal::{Keep, Paint, Screen, field, visible};

/// The most characters of a resource in a line of `tail` and `query`; `show` has it whole.
const MAX_SHOWN: usize = 80;

/// A record as a line, or its metadata as JSON.
pub(super) fn line(screen: Screen, record: &Record) -> Result<(), Failure> {
    if screen.json() { screen.value(record) } else { screen.line(&summary(screen, record)) }
}

/// A record in one line: when, what about, who, and how it ended.
fn summary(screen: Screen, record: &Record) -> String {
    let name = |name: Option<&str>| name.unwrap_or("-").to_owned();
    let action = record.action.as_ref().map(|action| {
        let verb = action.verb.map_or_else(String::new, |verb| verb.to_string());
        let resource = action.resource.as_ref().map_or_else(String::new, ToString::to_string);
        let shown: String = visible(&resource, Keep::Nothing).chars().take(MAX_SHOWN).collect();
        format!("{verb} {shown}")
    });
    let what = action.or_else(|| Some(told(record.event?, &record.facts)));
    let ended = match (record.decision, record.status) {
        (Some(decision), _) => {
            let paint = if decision == Decision::Permit { Paint::Good } else { Paint::Bad };
            screen.paint(paint, decision.as_str())
        }
        (None, Some(status)) => status.as_str().to_owned(),
        (None, None) => String::new(),
    };
    let reasons: Vec<String> = record
        .reasons
        .iter()
        .filter(|_| record.decision != Some(Decision::Permit))
        .map(|reason| format!("{}: {}", reason.layer, visible(&reason.policy, Keep::Nothing)))
        .collect();
    let parts = [
        format!("{:>6}", record.seq),
        record.time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        format!("{:<8}", record.kind.as_str()),
        name(record.agent.as_ref().map(AgentName::as_str)),
        name(record.person.as_ref().map(PersonId::as_str)),
        what.unwrap_or_default(),
        ended,
        reasons.join(", "),
    ];
    parts.join("  ").trim_end().to_owned()
}

/// An event with its facts, shortened.
fn told(event: Event, facts: &Facts) -> String {
    let fact = |(name, fact): (&str, &Fact)| match fact {
        Fact::Flag(flag) => format!("{name}={flag}"),
        Fact::Number(number) => format!("{name}={number}"),
        Fact::Text(text) => format!("{name}={text}"),
        Fact::List(list) => format!("{name}={}", list.join("+")),
    };
    let facts: Vec<String> = facts.iter().map(fact).collect();
    let shown: String = visible(&facts.join(" "), Keep::Nothing).chars().take(MAX_SHOWN).collect();
    format!("{} {shown}", event.as_str()).trim_end().to_owned()
}

/// What stands beneath a record's line.
pub(super) fn beneath(screen: Screen, value: &serde_json::Value) -> Result<(), Failure> {
    let text = match value {
        serde_json::Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other)
            .map_err(|error| Failure::internal(format!("the content has no JSON form: {error}")))?,
    };
    for line in visible(&text, Keep::Prose).lines() {
        screen.line(&format!("        {line}"))?;
    }
    Ok(())
}

/// Every field of record `seq` that says something, or all of it as JSON.
pub(super) fn fields(screen: Screen, seq: u64, record: &impl Serialize) -> Result<(), Failure> {
    if screen.json() {
        return screen.value(record);
    }
    let formless =
        |error: serde_json::Error| Failure::internal(format!("record {seq} has no JSON form: {error}"));
    let value = serde_json::to_value(record).map_err(formless)?;
    for (name, value) in value.as_object().into_iter().flatten() {
        match value {
            serde_json::Value::Null => {}
            serde_json::Value::String(text) => screen.line(&field(name, &visible(text, Keep::Nothing)))?,
            other => {
                let text = serde_json::to_string_pretty(other).map_err(formless)?;
                screen.line(&field(name, &visible(&text, Keep::Prose).replace('\n', "\n             ")))?;
            }
        }
    }
    Ok(())
}
