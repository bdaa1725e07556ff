//! `bulkhead agents`: which there are, how they are, and their end.

use std::fs;
use std::io::IsTerminal as _;
use std::path::PathBuf;

use bulkhead_http::stop::Word;
use clap::Subcommand;
use serde_json::{Value, json};
use turn::{AgentView, KillReport, KilledAgent};
use vocab::{AgentName, Ambient as _};

use super::Place;
use crate::ambient::Machine;
use crate::client::{Client, have_stopped};
use crate::daemon::holder;
use crate::failure::{Exit, Failure};
use crate::init::{private_file, private_folder};
use crate::souls::{self, Template};
use crate::terminal::{Keep, Paint, REDUCED, Screen, Table, age, field, visible};

mod past;

/// Agents: which there are, how they are, and their end
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  bulkhead agents list\n  bulkhead agents add press --from SOUL.md\n  bulkhead agents kill --all"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// All agents and how they are
    #[command(after_help = "Examples:\n  bulkhead agents list\n  bulkhead agents list --json")]
    List,
    /// One agent and how it is
    #[command(after_help = "Example:\n  bulkhead agents show echo")]
    Show {
        /// The agent
        name: AgentName,
    },
    /// Make an agent's folder with a SOUL.md
    #[command(
        after_help = "Examples:\n  bulkhead agents add press\n  bulkhead agents add press --template helper\n  bulkhead agents add echo --from ~/openclaw/SOUL.md"
    )]
    Add {
        /// The agent, as its SOUL.md names it
        name: AgentName,
        /// The SOUL.md to begin with
        #[arg(long, value_enum, default_value_t = Template::Echo, conflicts_with = "from")]
        template: Template,
        /// Take this SOUL.md
        #[arg(long, value_name = "PATH")]
        from: Option<PathBuf>,
    },
    /// Stop an agent and put its folder aside
    #[command(after_help = "Example:\n  bulkhead agents remove press --yes")]
    Remove {
        /// The agent
        name: AgentName,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Let an agent take up nothing new
    #[command(after_help = "Example:\n  bulkhead agents pause echo")]
    Pause {
        /// The agent
        name: AgentName,
    },
    /// Let a paused or stopped agent work again
    #[command(after_help = "Example:\n  bulkhead agents resume echo")]
    Resume {
        /// The agent
        name: AgentName,
    },
    /// End every process of an agent, now
    #[command(after_help = "Examples:\n  bulkhead agents kill echo\n  bulkhead agents kill --all")]
    Kill {
        /// The agent
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        name: Option<AgentName>,
        /// Every agent
        #[arg(long)]
        all: bool,
    },
    /// What an agent's SOUL.md was, the newest first
    #[command(after_help = "Example:\n  bulkhead agents versions echo")]
    Versions {
        /// The agent
        name: AgentName,
    },
    /// What two versions of an agent's SOUL.md differ in
    #[command(
        after_help = "Examples:\n  bulkhead agents diff echo        the version before, and what lies there\n  bulkhead agents diff echo 3      version 3, and what lies there\n  bulkhead agents diff echo 3 5"
    )]
    Diff {
        /// The agent
        name: AgentName,
        /// From this version, as `agents versions` numbers it [default: the one before]
        from: Option<u64>,
        /// To this version [default: what lies there]
        to: Option<u64>,
    },
    /// Make an earlier version an agent's SOUL.md again
    #[command(after_help = "Example:\n  bulkhead agents rollback echo 3 --yes")]
    Rollback {
        /// The agent
        name: AgentName,
        /// The version, as `agents versions` numbers it
        version: u64,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

pub(crate) fn run(place: &Place, args: Args) -> Result<Exit, Failure> {
    let screen = place.screen;
    match args.verb {
        Verb::List => place.ask(async move |client| list(screen, &client).await),
        Verb::Show { name } => place.ask(async move |client| show(screen, &client, &name).await),
        Verb::Add { name, template, from } => add(place, &name, template, from),
        Verb::Remove { name, yes } => remove(place, &name, yes),
        Verb::Pause { name } => place.ask(async move |client| toggle(screen, &client, &name, "pause").await),
        Verb::Resume { name } => {
            place.ask(async move |client| toggle(screen, &client, &name, "resume").await)
        }
        Verb::Versions { name } => {
            place.ask(async move |client| past::versions(screen, &client, &name).await)
        }
        Verb::Diff { name, from, to } => {
            place.ask(async move |client| past::compare(screen, &client, &name, from, to).await)
        }
        Verb::Rollback { name, version, yes } => {
            place.ask(async move |client| past::roll_back(screen, &client, &name, version, yes).await)
        }
        Verb::Kill { name, .. } => kill(place, name),
    }
}

async fn list(screen: Screen, client: &Client) -> Result<Exit, Failure> {
    let agents: Vec<AgentView> = client.list("agents").await?;
    if screen.json() {
        screen.value(&agents)?;
        return Ok(Exit::Done);
    }
    let now = Machine.now();
    let mut table = Table::new(&["NAME", "STATE", "ROLE", "SKILLS", "LAST ACTIVE", "ERRORS"]);
    for agent in &agents {
        table.row(vec![
            agent.name.to_string(),
            if agent.problem.is_some() { "invalid".to_owned() } else { agent.state.clone() },
            visible(&agent.role, Keep::Nothing),
            visible(&agent.skills.join(", "), Keep::Nothing),
            agent.last_active.map_or_else(|| "never".to_owned(), |then| age(now, then)),
            agent.errors_today.to_string(),
        ]);
    }
    if agents.iter().any(|agent| agent.reduced) {
        screen.line(&screen.paint(Paint::Bad, REDUCED))?;
    }
    if table.is_empty() {
        screen.line("there are no agents; `bulkhead agents add NAME` makes one")?;
    } else {
        table.print(screen)?;
    }
    Ok(Exit::Done)
}

async fn show(screen: Screen, client: &Client, name: &AgentName) -> Result<Exit, Failure> {
    let agent: AgentView = client.get(&format!("agents/{name}")).await?;
    if screen.json() {
        screen.value(&agent)?;
        return Ok(Exit::Done);
    }
    let now = Machine.now();
    let mut lines = vec![
        field("name", agent.name.as_str()),
        field("role", &visible(&agent.role, Keep::Nothing)),
        field("state", &agent.state),
        field("turns", &agent.sessions.to_string()),
        field("skills", &visible(&agent.skills.join(", "), Keep::Nothing)),
        field("last active", &agent.last_active.map_or_else(|| "never".to_owned(), |then| age(now, then))),
        field("errors", &format!("{} today", agent.errors_today)),
        field("anomalies", &agent.anomalies.to_string()),
    ];
    if agent.reduced {
        lines.push(field("contained", &screen.paint(Paint::Bad, REDUCED)));
    }
    lines.extend(agent.version.map(|version| field("SOUL.md", &version.to_string())));
    lines.extend(
        agent
            .problem
            .map(|why| screen.paint(Paint::Bad, &field("cannot run", &visible(&why, Keep::Nothing)))),
    );
    lines.iter().try_for_each(|line| screen.line(line))?;
    Ok(Exit::Done)
}

async fn toggle(screen: Screen, client: &Client, name: &AgentName, verb: &str) -> Result<Exit, Failure> {
    let answer: Value = client.post(&format!("agents/{name}/{verb}"), &json!({})).await?;
    if screen.json() {
        screen.value(&answer)?;
    } else {
        screen.line(&format!("{verb}d {name}"))?;
    }
    Ok(Exit::Done)
}

fn kill(place: &Place, agent: Option<AgentName>) -> Result<Exit, Failure> {
    place.home.must_exist()?;
    let word = agent.map_or(Word::KillAll {}, |agent| Word::Kill { agent });
    killed(place.screen, &have_stopped(&place.home, &word)?)?;
    Ok(Exit::Done)
}

fn killed(screen: Screen, report: &KillReport) -> Result<(), Failure> {
    if screen.json() {
        return screen.value(report);
    }
    for agent in &report.killed {
        screen.line(&format!(
            "{}; `bulkhead agents resume {}` lets it work again",
            ended(agent),
            agent.agent
        ))?;
    }
    if report.killed.is_empty() {
        screen.line("there was no agent to kill")?;
    }
    Ok(())
}

/// What a kill did to one agent, in words.
pub(super) fn ended(agent: &KilledAgent) -> String {
    let processes =
        if agent.processes == 1 { "1 process".to_owned() } else { format!("{} processes", agent.processes) };
    format!("killed {}: {processes}, {:.1} ms", agent.agent, agent.ms)
}

fn add(place: &Place, name: &AgentName, template: Template, from: Option<PathBuf>) -> Result<Exit, Failure> {
    place.home.must_exist()?;
    let folder = place.home.agents().join(name.as_str());
    if fs::symlink_metadata(&folder).is_ok() {
        return Err(Failure::usage(format!(
            "there is an agent `{name}` already, in `{}`: edit its SOUL.md, or choose another name",
            folder.display()
        )));
    }
    let source = match from {
        Some(path) => souls::read(&path)?,
        None => template.soul(name, &place.home),
    };
    private_folder(&folder)?;
    private_folder(&folder.join("workspace"))?;
    private_file(&folder.join("SOUL.md"), &source)?;
    let soul = folder.join("SOUL.md");
    let checked = souls::Rules::of(&place.home)?.check(&soul)?;
    let problem =
        checked.compiled.err().and_then(|errors| errors.into_iter().next()).map(|first| first.message);
    if place.screen.json() {
        place.screen.value(&json!({ "agent": name, "path": soul, "problem": problem }))?;
    } else {
        place
            .screen
            .line(&format!("added {name} in {}", visible(&folder.display().to_string(), Keep::Nothing)))?;
        let next = if problem.is_some() { "it cannot run yet" } else { "it can be asked at once" };
        place.screen.line(&format!("{next}; `bulkhead check {name}` says what its SOUL.md comes to"))?;
    }
    Ok(if problem.is_some() { Exit::Found } else { Exit::Done })
}

/// Nothing is deleted: what the agent wrote may be the only copy.
fn remove(place: &Place, name: &AgentName, yes: bool) -> Result<Exit, Failure> {
    place.home.must_exist()?;
    let folder = place.home.agents().join(name.as_str());
    if !folder.is_dir() {
        return Err(Failure::usage(format!(
            "there is no agent `{name}`; `bulkhead agents list` shows those that there are"
        )));
    }
    if !yes && !confirmed(&format!("stop {name} and put its folder aside"))? {
        return Ok(Exit::Refused);
    }
    match have_stopped(&place.home, &Word::Kill { agent: name.clone() }) {
        // Where no gateway runs, no agent does.
        Err(failure) if failure.exit == Exit::Unreachable && holder(&place.home)?.is_none() => {}
        stopped => drop(stopped?),
    }
    private_folder(&place.home.removed())?;
    let aside = place.home.removed().join(format!("{name}-{}", Machine.now().strftime("%Y%m%dT%H%M%S%.6fZ")));
    fs::rename(&folder, &aside).map_err(|error| {
        Failure::unreachable(format!(
            "`{}` cannot be moved to `{}`: {error}",
            folder.display(),
            aside.display()
        ))
    })?;
    if place.screen.json() {
        place.screen.value(&json!({ "agent": name, "moved_to": aside }))?;
    } else {
        place.screen.line(&format!(
            "removed {name}; its folder is now {}",
            visible(&aside.display().to_string(), Keep::Nothing)
        ))?;
    }
    Ok(Exit::Done)
}

/// Asks whether to do `what`.
fn confirmed(what: &str) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage(format!("nobody is here to ask whether to {what}: say `--yes`")));
    }
    crate::terminal::say(&format!("{what}? [y/N]"));
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .map_err(|error| Failure::unreachable(format!("the terminal cannot be read: {error}")))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
