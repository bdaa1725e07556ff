//! `bulkhead audit hold`: legal holds, which keep content from being erased.

use clap::Subcommand;
use serde_json::json;
use turn::{Hold, HoldScope};
use vocab::{AgentName, Ambient as _, HoldId, PersonId, SessionId, Timestamp};

use super::{Why, when};
use crate::ambient::Machine;
use crate::client::Client;
use crate::command::Place;
use crate::failure::{Exit, Failure};
use crate::terminal::{Keep, Screen, Table, age, visible};

/// Legal holds: content that nobody erases
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  bulkhead audit hold add --person eve --reason \"lawsuit 4711\"\n  bulkhead audit hold list\n  bulkhead audit hold remove h-xxxxxxxx --reason \"settled\""
)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Hold content: of records for which all that is named is true
    #[command(
        after_help = "Examples:\n  bulkhead audit hold add --person eve --reason \"lawsuit 4711\"\n  bulkhead audit hold add --label finance --since 2026-01-01 --until 2027-01-01 --reason \"audit of 2026\""
    )]
    Add {
        /// About this person, or in their conversations
        #[arg(long)]
        person: Option<PersonId>,
        /// In this conversation
        #[arg(long)]
        session: Option<SessionId>,
        /// About this agent
        #[arg(long)]
        agent: Option<AgentName>,
        /// Whose data carries this label
        #[arg(long)]
        label: Option<String>,
        /// Written from then on: a date, a time, or how long ago (`7d`, `24h`, `30m`)
        #[arg(long, value_name = "WHEN", value_parser = when)]
        since: Option<Timestamp>,
        /// Written until then
        #[arg(long, value_name = "WHEN", value_parser = when)]
        until: Option<Timestamp>,
        #[command(flatten)]
        why: Why,
    },
    /// The holds that there are
    #[command(after_help = "Examples:\n  bulkhead audit hold list\n  bulkhead audit hold list --json")]
    List,
    /// Take a hold off: what it held goes when its time is over or somebody asks for it
    #[command(after_help = "Example:\n  bulkhead audit hold remove h-xxxxxxxx --reason \"settled\"")]
    Remove {
        /// The hold, as `audit hold list` names it
        id: HoldId,
        #[command(flatten)]
        why: Why,
    },
}

pub(crate) fn run(place: &Place, args: Args) -> Result<Exit, Failure> {
    let screen = place.screen;
    place.ask(async move |client: Client| match args.verb {
        Verb::Add { person, session, agent, label, since, until, why } => {
            let of = HoldScope { person, session, agent, label, since, until };
            let hold: Hold = client.post("holds", &json!({ "of": of, "reason": why.reason })).await?;
            told(screen, &hold, "holds")
        }
        Verb::List => {
            let holds: Vec<Hold> = client.list("holds").await?;
            list(screen, &holds)
        }
        Verb::Remove { id, why } => {
            let hold: Hold = client.post(&format!("holds/{id}/remove"), &why).await?;
            told(screen, &hold, "no longer holds")
        }
    })
}

fn told(screen: Screen, hold: &Hold, does: &str) -> Result<Exit, Failure> {
    if screen.json() {
        screen.value(hold)?;
    } else {
        screen.line(&format!("{} {does} {}", hold.id, scope(&hold.of)))?;
    }
    Ok(Exit::Done)
}

fn list(screen: Screen, holds: &[Hold]) -> Result<Exit, Failure> {
    if screen.json() {
        screen.value(&holds)?;
        return Ok(Exit::Done);
    }
    if holds.is_empty() {
        screen.line("nothing is held")?;
        return Ok(Exit::Done);
    }
    let now = Machine.now();
    let mut table = Table::new(&["ID", "OF", "BY", "SINCE", "REASON"]);
    for hold in holds {
        table.row(vec![
            hold.id.to_string(),
            scope(&hold.of),
            hold.by.to_string(),
            age(now, hold.since),
            visible(&hold.reason, Keep::Nothing),
        ]);
    }
    table.print(screen)?;
    Ok(Exit::Done)
}

/// What is held, in a few words.
fn scope(of: &HoldScope) -> String {
    let parts = [
        of.person.as_ref().map(|person| format!("person {person}")),
        of.session.as_ref().map(|session| format!("session {session}")),
        of.agent.as_ref().map(|agent| format!("agent {agent}")),
        of.label.as_ref().map(|label| format!("label {}", visible(label, Keep::Nothing))),
        of.since.map(|since| format!("since {since}")),
        of.until.map(|until| format!("until {until}")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
