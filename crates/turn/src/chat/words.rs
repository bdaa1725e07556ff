//! What the chat is told, in words: the whole action as `approvals show` has it, or that something waits and nothing of it.

use serde_json::Value;
use vocab::{Keep, Labels, Verb, visible};

use super::Once;
use crate::Risk;
use crate::view::ApprovalView;

/// The longest message, in characters as they are sent: beyond 4,000 Slack may break a message up or cut it, and nobody approves what was cut.
pub(super) const MAX_MESSAGE_CHARS: usize = 3_500;

/// Why the chat is told no more than that something waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Untold {
    /// It is not of low risk.
    Risk,
    /// It carries more than the chat may.
    Labels,
    /// It is a reply that is held from who asked, who may read the chat.
    Reply,
    /// It does not fit a message.
    Size,
    /// Nobody who may decide is known there.
    Approvers,
}

impl Untold {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Risk => "risk",
            Self::Labels => "labels",
            Self::Reply => "reply",
            Self::Size => "size",
            Self::Approvers => "approvers",
        }
    }
}

/// Whether this may be told, and answered, in a chat that may carry `clearance`. The arguments are the model's words, so they count as what
/// the conversation `carried` as well, which the labels of a read leave out; where that is not known, nothing is told.
pub(super) fn may_be_told(
    view: &ApprovalView,
    carried: Option<&Labels>,
    clearance: &Labels,
) -> Result<(), Untold> {
    let labels = carried.ok_or(Untold::Labels)?.join(&view.labels);
    if view.risk.max(Risk::of(view.action.verb, &labels)) != Risk::Low {
        return Err(Untold::Risk);
    }
    if !labels.within(clearance) {
        return Err(Untold::Labels);
    }
    if matches!(view.action.verb, Verb::Reply | Verb::ReplyPart) {
        return Err(Untold::Reply);
    }
    Ok(())
}

/// That something waits, without anything of what it is.
pub(super) fn announcement(view: &ApprovalView) -> String {
    format!(
        "An action of the agent {} waits for a person. It is decided in the console or with `bulkhead approvals show {}`, not here.",
        view.agent, view.id
    )
}

/// Said of an action whose agent may run without a layer of containment: who decides on it here sees no other page.
const REDUCED: &str = "containment: reduced; agents may run where this machine lacks a layer";

/// The whole action, and how it is answered.
pub(super) fn whole(view: &ApprovalView, once: &Once, reduced: bool) -> Result<String, Untold> {
    let resource = visible(&view.action.resource.to_string(), Keep::Nothing);
    let mut lines = vec![
        format!("agent: {}", view.agent),
        format!("asked by: {}", view.asked_by),
        format!("action: {} {resource}", view.action.verb),
        format!("labels: {}", view.labels),
        format!("risk: {}", view.risk.as_str()),
    ];
    if view.needed > 1 {
        let yes: Vec<&str> = view.approved_by.iter().map(vocab::PersonId::as_str).collect();
        let yes = if yes.is_empty() { "nobody yet".to_owned() } else { yes.join(", ") };
        lines.push(format!("needs: {} people; yes from {yes}", view.needed));
    }
    for reason in &view.reasons {
        let message = visible(&reason.message, Keep::Nothing);
        let policy = visible(&reason.policy, Keep::Nothing);
        lines.push(format!("waits for: {message} ({}: {policy})", reason.layer));
    }
    lines.push(if view.action.args.is_empty() { "arguments: none".into() } else { "arguments:".into() });
    for (name, value) in &view.action.args {
        lines.push(format!("  {}:", visible(name, Keep::Nothing)));
        lines.extend(argument(value));
    }
    if reduced {
        lines.push(REDUCED.to_owned());
    }
    lines.push(format!("expires: {}", view.expires));
    lines.push(format!("digest: {}", view.digest));
    let text = format!(
        "An action waits for a person ({id}):\n```\n{block}\n```\nAnswer once: `/bulkhead approve {once}` or `/bulkhead deny {once} reason`",
        id = view.id,
        block = escaped(&lines.join("\n")),
    );
    if text.chars().count() > MAX_MESSAGE_CHARS { Err(Untold::Size) } else { Ok(text) }
}

/// Text line by line, everything else as JSON. Each line is marked, so that no argument has a line of this message. How a client that is
/// narrower than a line goes on with it is the client's own.
fn argument(value: &Value) -> Vec<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text.split('\n').map(|line| format!("  | {}", visible(line, Keep::Nothing))).collect()
}

/// Text as it has to be sent for Slack to show exactly that: the three characters that begin a mention or a link, and what would end the block
/// in which nothing else is changed. <https://api.slack.com/reference/surfaces/formatting>
fn escaped(text: &str) -> String {
    let text = text.replace('`', "<U+0060>");
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests;
