//! `bulkhead gateway`: the process that judges, records and does everything.

use clap::Subcommand;
use serde_json::{Value, json};

use super::{Place, agents};
use crate::client::Client;
use crate::daemon::{Said, foreground, start, stop};
use crate::failure::{Exit, Failure};
use crate::terminal::{Keep, Paint, REDUCED, Screen, field, visible};

/// The gateway: start, stop, how it is
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  bulkhead gateway start\n  bulkhead gateway status\n  bulkhead gateway stop"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Start it; returns when it answers
    #[command(
        after_help = "Examples:\n  bulkhead gateway start\n  bulkhead gateway start --foreground   for a service manager; logs to standard error"
    )]
    Start {
        /// Stay, and log to standard error
        #[arg(long)]
        foreground: bool,
        /// Say on standard output how the start went
        #[arg(long, hide = true, requires = "foreground")]
        announce: bool,
    },
    /// Kill every agent, cancel what waits for a person, then stop
    #[command(after_help = "Example:\n  bulkhead gateway stop")]
    Stop,
    /// Stop and start; what waits for a person waits on
    #[command(after_help = "Example:\n  bulkhead gateway restart")]
    Restart,
    /// Whether it runs and is ready
    #[command(after_help = "Examples:\n  bulkhead gateway status\n  bulkhead gateway status --json")]
    Status,
}

pub(crate) fn run(place: &Place, args: &Args) -> Result<Exit, Failure> {
    place.home.must_exist()?;
    if let Verb::Start { .. } | Verb::Restart = args.verb {
        crate::init::private_folder(&place.home.data())?;
    }
    match args.verb {
        Verb::Start { foreground: true, announce } => {
            foreground(&place.home, place.screen, if announce { Said::Starter } else { Said::Terminal })
        }
        Verb::Start { foreground: false, .. } => begin(place),
        Verb::Stop => end(place),
        Verb::Restart => {
            stop(&place.home, true)?;
            begin(place)
        }
        Verb::Status => place.ask(async |client| status(place.screen, &client).await),
    }
}

fn begin(place: &Place) -> Result<Exit, Failure> {
    let about = start(&place.home)?;
    if place.screen.json() {
        place.screen.value(&about)?;
    } else {
        let text = |name: &str| about.get(name).map(ToString::to_string).unwrap_or_default();
        place.screen.line(&format!(
            "the gateway answers (process {}); the console is at {}/",
            text("pid"),
            text("origin").trim_matches('"')
        ))?;
        if about.get("containment").and_then(Value::as_str) == Some("reduced") {
            place.screen.line(&place.screen.paint(Paint::Bad, REDUCED))?;
        }
    }
    Ok(Exit::Done)
}

fn end(place: &Place) -> Result<Exit, Failure> {
    let screen = place.screen;
    match stop(&place.home, false)? {
        Some(report) if screen.json() => {
            screen.value(&json!({ "stopped": true, "killed": report.killed }))?
        }
        None if screen.json() => screen.value(&json!({ "stopped": false, "killed": [] }))?,
        Some(report) => {
            for agent in report.killed.iter().filter(|agent| agent.processes > 0) {
                screen.line(&agents::ended(agent))?;
            }
            screen.line("the gateway has stopped")?;
        }
        None => screen.line("no gateway was running")?,
    }
    Ok(Exit::Done)
}

async fn status(screen: Screen, client: &Client) -> Result<Exit, Failure> {
    let status: Value = client.get("status").await?;
    let ready = status.get("ready") == Some(&Value::Bool(true));
    if screen.json() {
        screen.value(&status)?;
        return Ok(if ready { Exit::Done } else { Exit::Unreachable });
    }
    let text = |name: &str| {
        let value = status.get(name);
        let text = value
            .and_then(Value::as_str)
            .map_or_else(|| value.map_or_else(String::new, ToString::to_string), str::to_owned);
        visible(&text, Keep::Nothing)
    };
    let state =
        if ready { screen.paint(Paint::Good, "ready") } else { screen.paint(Paint::Bad, "not ready") };
    let contained = match text("containment").as_str() {
        "reduced" => screen.paint(Paint::Bad, "reduced: an agent runs even where this machine lacks a layer"),
        full => full.to_owned(),
    };
    let mut lines = vec![
        field("state", &state),
        field("version", &text("version")),
        field("process", &text("pid")),
        field("health", &text("origin")),
        field("containment", &contained),
        field("you are", &text("person")),
    ];
    if !ready {
        lines.push(field("why", &text("why")));
    }
    let exports = status.get("exports").cloned().unwrap_or_default();
    let exports: Vec<export::Standing> = serde_json::from_value(exports).unwrap_or_default();
    lines.extend(exports.iter().map(|export| field(kind(export), &standing(screen, export))));
    let unpublished = status.get("unpublished").and_then(Value::as_array);
    for fault in unpublished.into_iter().flatten().filter_map(Value::as_str) {
        lines.push(field("checkpoint", &screen.paint(Paint::Bad, &visible(fault, Keep::Nothing))));
    }
    lines.iter().try_for_each(|line| screen.line(line))?;
    Ok(if ready { Exit::Done } else { Exit::Unreachable })
}

/// What a place is called where it is listed.
fn kind(export: &export::Standing) -> &'static str {
    match export.format.as_str() {
        "witness" => "witness",
        "chat" => "chat",
        _ => "export",
    }
}

/// How an export stands, in one line.
fn standing(screen: Screen, export: &export::Standing) -> String {
    let shown = |text: &str| visible(text, Keep::Nothing);
    let to = format!("{} to {}", shown(&export.name), shown(&export.to));
    let refused = match export.refused {
        0 => String::new(),
        count => format!(", {count} refused for good"),
    };
    let cosigned = export.cosigned.map(|at| format!(", cosigned last at {at}, {} records", export.taken));
    let stands = match kind(export) {
        "chat" => format!("{to}: {} messages taken", export.taken),
        _ => format!("{to}: {} records behind{refused}{}", export.behind, cosigned.unwrap_or_default()),
    };
    match &export.last_error {
        None if export.refused == 0 => stands,
        None => screen.paint(Paint::Bad, &stands),
        Some(error) => screen.paint(Paint::Bad, &format!("{stands}: {}", shown(error))),
    }
}
