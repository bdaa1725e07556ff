//! `bulkhead audit erase`: asking for content to be erased, agreeing to that, refusing it.

use clap::Subcommand;
use serde_json::json;
use turn::{ErasureState, ErasureView, Scope};
use vocab::{Ambient as _, ErasureId, PersonId, SessionId};

use super::Why;
use crate::ambient::Machine;
use crate::client::Client;
use crate::command::Place;
use crate::failure::{Exit, Failure};
use crate::terminal::{Keep, Screen, Table, age, field, visible};

/// Erase content: asked for by one person, agreed to by another
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  bulkhead audit erase request --person eve --reason \"she left and asked for it\"\n  bulkhead audit erase list\n  bulkhead audit erase consent e-xxxxxxxx"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Ask for content to be erased; a second person has to agree
    #[command(
        after_help = "Examples:\n  bulkhead audit erase request --person eve --reason \"she left and asked for it\"\n  bulkhead audit erase request --session s-xxxxxxxxxxxxxxxx --reason \"sent to the wrong agent\"\n  bulkhead audit erase request --records 17-20 --reason \"a password was pasted\""
    )]
    Request {
        #[command(flatten)]
        what: What,
        #[command(flatten)]
        why: Why,
    },
    /// What was asked for and is not over
    #[command(
        after_help = "Examples:\n  bulkhead audit erase list\n  bulkhead audit erase list --all --json"
    )]
    List {
        /// Also what is done, was refused or has expired
        #[arg(long)]
        all: bool,
    },
    /// Agree, as a second person, and have it erased
    #[command(after_help = "Example:\n  bulkhead audit erase consent e-xxxxxxxx")]
    Consent {
        /// The request, as `audit erase list` names it
        id: ErasureId,
    },
    /// Say no, or take one's own request back
    #[command(
        after_help = "Example:\n  bulkhead audit erase refuse e-xxxxxxxx --reason \"there is a lawsuit\""
    )]
    Refuse {
        /// The request, as `audit erase list` names it
        id: ErasureId,
        #[command(flatten)]
        why: Why,
    },
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct What {
    /// All that is about this person, and all of their conversations
    #[arg(long)]
    person: Option<PersonId>,
    /// A conversation
    #[arg(long)]
    session: Option<SessionId>,
    /// Records: a number, or the first and the last
    #[arg(long, value_name = "N or N-M", value_parser = records)]
    records: Option<(u64, u64)>,
}

impl What {
    fn scope(self) -> Result<Scope, Failure> {
        let person = self.person.map(Scope::Person);
        let session = self.session.map(Scope::Session);
        let records = self.records.map(|(first, last)| Scope::Records(first, last));
        person
            .or(session)
            .or(records)
            .ok_or_else(|| Failure::usage("say what is to be erased; `--help` shows how"))
    }
}

/// `17` or `17-20`.
fn records(text: &str) -> Result<(u64, u64), String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let range = first.parse().ok().zip(last.parse().ok());
    range
        .filter(|(first, last): &(u64, u64)| *first >= 1 && first <= last)
        .ok_or_else(|| "records are a number from 1 on, or the first and the last as in `17-20`".to_owned())
}

pub(crate) fn run(place: &Place, args: Args) -> Result<Exit, Failure> {
    let screen = place.screen;
    place.ask(async move |client: Client| match args.verb {
        Verb::Request { what, why } => {
            let body = json!({ "of": what.scope()?, "reason": why.reason });
            told(screen, &client.post("erasures", &body).await?)
        }
        Verb::List { all } => list(screen, &client, all).await,
        Verb::Consent { id } => {
            told(screen, &client.post(&format!("erasures/{id}/consent"), &json!({})).await?)
        }
        Verb::Refuse { id, why } => told(screen, &client.post(&format!("erasures/{id}/refuse"), &why).await?),
    })
}

async fn list(screen: Screen, client: &Client, all: bool) -> Result<Exit, Failure> {
    let path = if all { "erasures?all=true" } else { "erasures" };
    let views: Vec<ErasureView> = client.list(path).await?;
    if screen.json() {
        screen.value(&views)?;
        return Ok(Exit::Done);
    }
    if views.is_empty() {
        screen.line("no erasure waits")?;
        return Ok(Exit::Done);
    }
    let now = Machine.now();
    let mut table = Table::new(&["ID", "STATE", "OF", "ASKED BY", "ASKED", "CONTENTS", "REASON"]);
    for view in views {
        table.row(vec![
            view.id.to_string(),
            state(view.state).to_owned(),
            view.of.to_string(),
            view.asked_by.to_string(),
            age(now, view.asked),
            view.contents.to_string(),
            visible(&view.reason, Keep::Nothing),
        ]);
    }
    table.print(screen)?;
    Ok(Exit::Done)
}

fn told(screen: Screen, view: &ErasureView) -> Result<Exit, Failure> {
    if screen.json() {
        screen.value(view)?;
        return Ok(Exit::Done);
    }
    let records: Vec<String> = view.records.iter().map(u64::to_string).collect();
    match view.state {
        ErasureState::Waiting => {
            screen.line(&format!(
                "{} asks for the content of {} records to be erased",
                view.id, view.contents
            ))?;
            screen.line(&field("until", &view.expires.to_string()))?;
            screen.line(&format!(
                "another person with the right to erase agrees with `bulkhead audit erase consent {}`",
                view.id
            ))?;
        }
        ErasureState::Done => {
            screen.line(&format!("erased: the content of {} records", view.contents))?;
            screen.line(&field("record", &records.join(", ")))?;
            if view.traces {
                screen.line("somebody reads an older state of the record: the database's files give it up when they are done")?;
            }
        }
        other => screen.line(&format!("{} is {}", view.id, state(other)))?,
    }
    Ok(Exit::Done)
}

const fn state(state: ErasureState) -> &'static str {
    match state {
        ErasureState::Waiting => "waiting",
        ErasureState::Running => "running",
        ErasureState::Done => "done",
        ErasureState::Refused => "refused",
        ErasureState::Expired => "expired",
    }
}

#[cfg(test)]
mod tests {
    use super::records;

    #[test]
    fn records_are_one_or_a_range_in_order() {
        assert_eq!(records("17"), Ok((17, 17)));
        assert_eq!(records("1-18446744073709551615"), Ok((1, u64::MAX)));
        for bad in
            ["", "0", "0-3", "5-4", "-3", "3-", "1-2-3", "a", "1..3", " 1", "18446744073709551616", "+-1"]
        {
            assert!(records(bad).is_err(), "{bad}");
        }
    }
}
