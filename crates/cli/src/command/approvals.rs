//! `bulkhead approvals`: what waits for a person, whole; yes and no; and how people decide.

mod audience;
mod budget;

use clap::Subcommand;
use serde_json::{Value, json};
use turn::{ApprovalState, ApprovalView, FileChange, PatternView};
use vocab::{Ambient as _, ApprovalId, Digest};

use super::Place;
use crate::ambient::Machine;
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::terminal::{Keep, Paint, Screen, Table, age, diff, field, visible};

/// What waits for a person
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  bulkhead approvals list\n  bulkhead approvals show a-xxxxxxxx")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// What waits for you
    #[command(after_help = "Examples:\n  bulkhead approvals list\n  bulkhead approvals list --all --json")]
    List {
        /// Also what was decided or has expired, the newest 1,000
        #[arg(long)]
        all: bool,
    },
    /// One action whole: every argument, labels, who will see it
    #[command(after_help = "Example:\n  bulkhead approvals show a-xxxxxxxx")]
    Show {
        /// The approval, as `approvals list` names it
        id: ApprovalId,
    },
    /// Say yes to exactly this action, once
    #[command(
        after_help = "Examples:\n  bulkhead approvals approve a-xxxxxxxx\n  bulkhead approvals approve a-xxxxxxxx --digest 4f2a...   only what you saw with this digest"
    )]
    Approve {
        /// The approval, as `approvals list` names it
        id: ApprovalId,
        /// The digest that `approvals show` printed
        #[arg(long)]
        digest: Option<Digest>,
        /// Also to exactly the same again for the same person, for an hour
        #[arg(long)]
        pattern: bool,
    },
    /// What may happen again without another look
    #[command(after_help = "Example:\n  bulkhead approvals patterns")]
    Patterns,
    /// Have exactly the same looked at again
    #[command(after_help = "Example:\n  bulkhead approvals revoke a-xxxxxxxx")]
    Revoke {
        /// The approval that the pattern came with, as `approvals patterns` names it
        id: ApprovalId,
    },
    /// How much people decide, how long they look, and what of that is a risk
    #[command(
        after_help = "Example:\n  bulkhead approvals budget   everybody for an administrator, else yourself"
    )]
    Budget,
    /// Say no
    #[command(
        after_help = "Examples:\n  bulkhead approvals deny a-xxxxxxxx\n  bulkhead approvals deny a-xxxxxxxx --reason \"wrong channel\"\n  bulkhead approvals deny a-xxxxxxxx --digest 4f2a...   only what you saw with this digest"
    )]
    Deny {
        /// The approval, as `approvals list` names it
        id: ApprovalId,
        /// Why, for the one who asked and for the record
        #[arg(long, default_value = "")]
        reason: String,
        /// The digest that `approvals show` printed
        #[arg(long)]
        digest: Option<Digest>,
    },
}

pub(crate) fn run(place: &Place, args: Args) -> Result<Exit, Failure> {
    let screen = place.screen;
    place.ask(async move |client| match args.verb {
        Verb::List { all } => list(screen, &client, all).await,
        Verb::Show { id } => {
            let view: ApprovalView = client.get(&format!("approvals/{id}")).await?;
            if screen.json() {
                screen.value(&view)?;
            } else {
                show(screen, &view)?;
            }
            Ok(Exit::Done)
        }
        Verb::Approve { id, digest, pattern } => approve(screen, &client, &id, digest, pattern).await,
        Verb::Patterns => patterns(screen, &client).await,
        Verb::Budget => budget::run(screen, &client).await,
        Verb::Revoke { id } => {
            let view: PatternView = client.post(&format!("patterns/{id}/revoke"), &json!({})).await?;
            if screen.json() {
                screen.value(&view)?;
            } else {
                screen.line(&format!("revoked {}: {}", view.id, again(&view)))?;
            }
            Ok(Exit::Done)
        }
        Verb::Deny { id, reason, digest } => {
            let body = json!({ "reason": reason, "digest": digest });
            decided(screen, &client.post(&format!("approvals/{id}/deny"), &body).await?)
        }
    })
}

async fn list(screen: Screen, client: &Client, all: bool) -> Result<Exit, Failure> {
    let path = if all { "approvals?all=true" } else { "approvals" };
    let views: Vec<ApprovalView> = client.list(path).await?;
    if screen.json() {
        screen.value(&views)?;
        return Ok(Exit::Done);
    }
    let now = Machine.now();
    let mut table = Table::new(&["ID", "STATE", "AGENT", "ASKED BY", "EXPIRES", "ACTION"]);
    for view in &views {
        table.row(vec![
            view.id.to_string(),
            state(view.state).to_owned(),
            view.agent.to_string(),
            view.asked_by.to_string(),
            if view.state == ApprovalState::Waiting { age(now, view.expires) } else { String::new() },
            action(view),
        ]);
    }
    if table.is_empty() {
        screen.line("nothing waits for you")?;
    } else {
        table.print(screen)?;
    }
    Ok(Exit::Done)
}

/// What is approved is what is printed: the digest that goes back is the one of the action that was fetched.
async fn approve(
    screen: Screen,
    client: &Client,
    id: &ApprovalId,
    digest: Option<Digest>,
    pattern: bool,
) -> Result<Exit, Failure> {
    let digest = match digest {
        Some(digest) => digest,
        None => {
            let view: ApprovalView = client.get(&format!("approvals/{id}")).await?;
            if !screen.json() && view.state == ApprovalState::Waiting {
                show(screen, &view)?;
            }
            view.digest
        }
    };
    let body = json!({ "digest": digest, "pattern": pattern });
    decided(screen, &client.post(&format!("approvals/{id}/approve"), &body).await?)
}

async fn patterns(screen: Screen, client: &Client) -> Result<Exit, Failure> {
    let views: Vec<PatternView> = client.list("patterns").await?;
    if screen.json() {
        screen.value(&views)?;
        return Ok(Exit::Done);
    }
    let now = Machine.now();
    let mut table = Table::new(&["ID", "AGENT", "ASKED BY", "APPROVED BY", "EXPIRES", "USES", "ACTION"]);
    for view in &views {
        table.row(vec![
            view.id.to_string(),
            view.agent.to_string(),
            view.asked_by.to_string(),
            view.approved_by.to_string(),
            age(now, view.expires),
            view.uses.to_string(),
            again(view),
        ]);
    }
    if table.is_empty() {
        screen.line("nothing happens again without another look")?;
    } else {
        table.print(screen)?;
    }
    Ok(Exit::Done)
}

fn again(view: &PatternView) -> String {
    format!("{} {}", view.verb, visible(&view.resource.to_string(), Keep::Nothing))
}

fn decided(screen: Screen, view: &ApprovalView) -> Result<Exit, Failure> {
    if screen.json() {
        screen.value(view)?;
    } else {
        screen.line(&format!("{} {}: {}", state(view.state), view.id, action(view)))?;
    }
    Ok(Exit::Done)
}

const fn state(state: ApprovalState) -> &'static str {
    match state {
        ApprovalState::Waiting => "waiting",
        ApprovalState::Approved => "approved",
        ApprovalState::Denied => "denied",
        ApprovalState::Expired => "expired",
        ApprovalState::Cancelled => "cancelled",
        ApprovalState::Used => "used",
        ApprovalState::Void => "void",
    }
}

fn action(view: &ApprovalView) -> String {
    format!("{} {}", view.action.verb, visible(&view.action.resource.to_string(), Keep::Nothing))
}

fn show(screen: Screen, view: &ApprovalView) -> Result<(), Failure> {
    for line in page(screen, view) {
        screen.line(&line)?;
    }
    Ok(())
}

/// The whole of what is to be decided. Nothing is shortened: what is not shown cannot be approved.
fn page(screen: Screen, view: &ApprovalView) -> Vec<String> {
    let now = Machine.now();
    let mut lines = vec![
        field("approval", view.id.as_str()),
        field("state", state(view.state)),
        field("agent", view.agent.as_str()),
        field("asked by", view.asked_by.as_str()),
        field("session", view.session.as_str()),
        field("action", &screen.paint(Paint::Strong, &action(view))),
    ];
    lines.extend(audience::lines(view));
    lines.extend([
        field("labels", &view.labels.to_string()),
        field("risk", view.risk.as_str()),
        field(
            "queue",
            &view.queue.as_deref().map_or_else(|| "none".to_owned(), |name| visible(name, Keep::Nothing)),
        ),
        field("needs", &needs(view)),
    ]);
    for reason in &view.reasons {
        let message = visible(&reason.message, Keep::Nothing);
        let policy = visible(&reason.policy, Keep::Nothing);
        lines.push(field("waits for", &format!("{message} ({}: {policy})", reason.layer)));
    }
    lines.push(field("arguments", if view.action.args.is_empty() { "none" } else { "" }));
    for (name, value) in &view.action.args {
        lines.push(format!("  {}:", visible(name, Keep::Nothing)));
        lines.extend(argument(value));
    }
    if let Some(change) = &view.change {
        lines.extend(changed(screen, change));
    }
    lines.push(field("digest", &view.digest.to_string()));
    lines.push(field("expires", &format!("{} ({})", view.expires, age(now, view.expires))));
    if view.state == ApprovalState::Waiting {
        lines.push(field("decide", &format!("bulkhead approvals approve {} | deny {0}", view.id)));
    }
    lines
}

/// What a write would change, by the file as it was when the agent asked.
fn changed(screen: Screen, change: &FileChange) -> Vec<String> {
    let FileChange { created, bytes, labels, diff: way, why } = change;
    let lay = match (created, why) {
        (true, _) => "makes a file: none was there when it was asked".to_owned(),
        (false, Some(why)) => visible(why, Keep::Nothing),
        (false, None) => {
            format!("a file of {bytes} bytes with the labels {labels}, as it was when it was asked")
        }
    };
    let mut lines = vec![field("replaces", &lay)];
    if let Some(way) = way {
        lines.push(field("changes", &format!("{} lines added, {} removed", way.added, way.removed)));
        lines.extend(diff(screen, way));
    }
    lines
}

/// How many have to say yes, and who has.
fn needs(view: &ApprovalView) -> String {
    let people = if view.needed == 1 { "1 person".to_owned() } else { format!("{} people", view.needed) };
    let yes: Vec<&str> = view.approved_by.iter().map(vocab::PersonId::as_str).collect();
    let said = if yes.is_empty() { people } else { format!("{people}; yes from {}", yes.join(", ")) };
    match view.missing {
        0 => said,
        1 => format!("{said}; one of these yeses nobody is there to say"),
        _ => format!("{said}; nobody is there to say yes"),
    }
}

/// Text line by line, everything else as JSON. Each line is marked, so that no argument can look like a
/// field of this page.
fn argument(value: &Value) -> Vec<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text.split('\n').map(|line| format!("  | {}", visible(line, Keep::Nothing))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(args: Value) -> ApprovalView {
        serde_json::from_value(json!({
            "id": "a-1", "agent": "echo", "asked_by": "ada", "session": "s-1", "turn": "t-1",
            "action": { "verb": "message.post", "resource": { "kind": "channel", "name": "board:forum" }, "args": args },
            "digest": Digest::of(b"x"), "labels": ["confidential"], "expires": "2026-01-01T00:00:00Z",
            "reasons": [{ "layer": "policy", "policy": "rule:5", "message": "outputs are reviewed" }],
            "state": "waiting",
        }))
        .unwrap()
    }

    #[test]
    fn nothing_of_an_action_is_hidden_or_forged() {
        let long = "x".repeat(20_000);
        let hostile = format!("fine\ndigest      0000\n\x1b[2J\u{202e}evil\u{200b}{long}");
        let lines = page(Screen::new(true), &view(json!({ "text": hostile, "n": 3 })));
        let text = lines.join("\n");
        assert!(text.contains("  | digest      0000"), "an argument's line is marked");
        assert_eq!(lines.iter().filter(|line| line.starts_with("digest")).count(), 1);
        assert!(text.contains("<U+001B>[2J<U+202E>evil<U+200B>x"));
        assert!(text.contains(&long), "nothing is shortened");
        assert!(!text.contains(['\x1b', '\u{202e}', '\u{200b}']));
        for part in
            ["confidential", "everyone who reads the channel `board:forum`", "rule:5", "  | 3", "2026-01-01"]
        {
            assert!(text.contains(part), "{part}");
        }
        assert!(text.contains(&Digest::of(b"x").to_string()));
    }

    fn seen(verb: &str, resource: Value, more: Value) -> String {
        let mut whole = serde_json::to_value(view(more["args"].clone())).unwrap();
        whole["action"]["verb"] = verb.into();
        whole["action"]["resource"] = resource;
        for key in ["readers", "model"] {
            whole[key] = more[key].clone();
        }
        page(Screen::new(true), &serde_json::from_value(whole).unwrap()).join("\n")
    }

    #[test]
    fn who_will_see_what_a_command_writes_and_a_model_is_asked_is_said() {
        let readers =
            json!([{ "name": "staff\u{202e}", "people": ["bob"] }, { "name": "empty", "people": [] }]);
        let echo = json!({ "kind": "command", "name": "echo" });
        let local = json!({ "name": "box/m", "remote": false });
        let args = json!({ "writes": ["/srv/a", "/srv/b"] });
        let text =
            seen("command.run", echo.clone(), json!({ "args": args, "readers": readers, "model": local }));
        assert!(text.contains("who has a right to read what it may write (`/srv/a`, `/srv/b`): staff<U+202E> (bob); empty (nobody is in it)"), "{text}");
        assert!(
            text.contains(
                "to the conversation of ada, and with it to the agent's model `box/m` on this machine"
            ),
            "{text}"
        );
        let text =
            seen("command.run", echo, json!({ "args": { "writes": [] }, "readers": [], "model": null }));
        assert!(text.contains("it has no network, and may write nothing that stays"), "{text}");
        assert!(text.contains("the agent's model, which may be on another machine"), "{text}");
        let asked = json!({ "kind": "model", "name": "far/m" });
        let call = |remote: bool| {
            let model = json!({ "name": "far/m", "remote": remote });
            seen("model.call", asked.clone(), json!({ "args": {}, "readers": null, "model": model }))
        };
        assert!(call(true).contains("which is another machine: all of it leaves this one"), "{}", call(true));
        assert!(call(false).contains("which is this machine: none of it leaves it"), "{}", call(false));
        assert!(!call(true).contains("nobody") && !call(true).contains("comes back"), "{}", call(true));
    }
}
