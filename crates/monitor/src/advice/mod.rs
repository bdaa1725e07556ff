//! Screens: what a text says, for the rules of SOUL.md that no policy can hold.
//!
//! Comes in: an action or an outcome and the agent's screens. Goes out: reasons. A detector is patterns and
//! checksums over the text; it can miss and it can cry wolf, and that is why such a rule is called `screened`
//! and never `enforced`. Patterns run in linear time, on text whose length is bounded elsewhere.
//!
//! What a hit does:
//!
//! | detector | reply, post, fetched address, written file, command | what came in |
//! |---|---|---|
//! | personal data | deny | withheld, see [`admit`] |
//! | professional advice | a person decides (ask) | |
//! | financial transaction | ask for what leaves (post, fetch); a notice for replies and files | a notice at the model call that carries the person's request |
//!
//! Personal data denies rather than asks because the rules say "never", and because a person who approves would
//! have to be shown it first. Advice asks: whether a sentence is medical advice is for a person to say, and
//! refusing every near miss would make the agent useless. A transaction is only to be flagged; what would go to
//! somebody else waits all the same. A reason says what kind of thing was found, never the thing.
//!
//! Model calls are not screened for personal data: a model is a destination with a clearance, which is the labels' matter.

use std::borrow::Cow;

use serde_json::Value;
use soul::{Detector, Screen};
use vocab::{Action, Layer, Reason, Verb};

mod incoming;
mod numbers;
mod personal;
mod phrases;
mod plain;

pub(crate) use incoming::{Readers, admit};
pub(crate) use plain::invisible;

/// What the screens say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Screened {
    pub(crate) denies: Vec<Reason>,
    pub(crate) asks: Vec<Reason>,
    pub(crate) notices: Vec<Reason>,
}

/// Screens an action before it happens.
pub(crate) fn screen(screens: &[Screen], action: &Action) -> Screened {
    let mut screened = Screened::default();
    if screens.is_empty() {
        return screened;
    }
    let text = match action.verb {
        Verb::Reply
        | Verb::ReplyPart
        | Verb::MessagePost
        | Verb::FileWrite
        | Verb::WebGet
        | Verb::CommandRun => Cow::Owned(words_of(&action.args)),
        Verb::ModelCall => request(action).map(plain::plain).unwrap_or_default(),
        Verb::FileRead | Verb::TableRead | Verb::DocumentsSearch | Verb::DocumentsRead | Verb::SkillCall => {
            return screened;
        }
    };
    for screen in screens {
        match (screen.detector, action.verb) {
            (
                Detector::FinancialTransaction,
                Verb::ModelCall | Verb::Reply | Verb::ReplyPart | Verb::FileWrite,
            ) => {
                let hit = phrases::transaction(&text);
                screened.notices.extend(hit.map(|what| reason(screen, what)));
            }
            (_, Verb::ModelCall) => {}
            (Detector::FinancialTransaction, _) => {
                screened.asks.extend(phrases::transaction(&text).map(|what| reason(screen, what)));
            }
            (Detector::ProfessionalAdvice, _) => {
                screened.asks.extend(phrases::advice(&text).map(|what| reason(screen, what)));
            }
            (Detector::PersonalData, _) => {
                let first = personal::find(&text).first().copied();
                screened.denies.extend(first.map(|finding| reason(screen, finding.named())));
            }
        }
    }
    screened
}

fn reason(screen: &Screen, what: &str) -> Reason {
    let message = format!("{} ({what} was found)", screen.message.trim_end_matches('.'));
    Reason { layer: Layer::Advice, policy: screen.rule.clone(), message }
}

/// Every text of an action's arguments, in its plain form, a line each.
fn words_of(args: &serde_json::Map<String, Value>) -> String {
    let mut text = String::new();
    let mut left: Vec<&Value> = args.values().rev().collect();
    while let Some(value) = left.pop() {
        match value {
            Value::String(words) => {
                text.push_str(&plain::plain(words));
                text.push('\n');
            }
            Value::Array(items) => left.extend(items.iter().rev()),
            Value::Object(fields) => left.extend(fields.values().rev()),
            Value::Number(number) => {
                text.push_str(&number.to_string());
                text.push('\n');
            }
            Value::Null | Value::Bool(_) => {}
        }
    }
    text
}

/// What the person asked last, as a model call carries it.
fn request(action: &Action) -> Option<&str> {
    let messages = action.args.get("messages")?.as_array()?;
    let last =
        messages.iter().rev().find(|message| message.get("role").is_some_and(|role| role == "user"))?;
    last.get("content")?.as_str()
}

#[cfg(test)]
mod tests;
