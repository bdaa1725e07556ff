//! `bulkhead run`: any program as an agent, contained, as if it ran right here.
//!
//! The gateway starts the program; this command hands it its own standard input, output and error, passes
//! signals on and ends as the program ended. Only a terminal is not handed over: the program gets one of its
//! own, and this command carries what is typed in and what is drawn out.

mod course;
mod raw;
mod streams;
mod suspend;

use std::ffi::OsString;
use std::path::PathBuf;

use bulkhead_http::run::{Ask, Variable, check_name};
use vocab::AgentName;

use super::Place;
use crate::failure::{Exit, Failure};

const EXAMPLES: &str = "Examples:
  bulkhead run echo -- python3 agent.py           a program that finds OPENAI_BASE_URL and its key set
  git diff | bulkhead run reviewer -- cat | wc    standard input and output go straight through
  bulkhead run coder --folder src -- bash         at a terminal, with a terminal of its own
  bulkhead run echo --env LANGUAGE -- ./report    with a variable of yours, which the program then sees

Exit codes: the program's own; 128 and the signal's number when a signal ended it; 126 and 127 when it
cannot be started or is not there; 3 when Bulkhead refused or stopped it, 4 when the gateway is not there.";

/// Run any program as an agent, contained
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The agent whose grants it gets
    name: AgentName,
    /// Work in this folder [default: the agent's workspace]
    #[arg(long, value_name = "PATH")]
    folder: Option<PathBuf>,
    /// Pass this variable of your environment on; the program sees its value
    #[arg(long, value_name = "NAME")]
    env: Vec<String>,
    /// Say nothing but why it did not run
    #[arg(long, short)]
    quiet: bool,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

pub(crate) fn run(place: &Place, args: Args) -> Result<Exit, Failure> {
    place.home.must_exist()?;
    let quiet = args.quiet;
    let ask = ask(args)?;
    super::alone(course::run(&place.home, place.screen, ask, quiet))
}

/// What the gateway is asked for, but for what becomes known with the streams.
fn ask(args: Args) -> Result<Ask, Failure> {
    let folder = args.folder.map(std::path::absolute).transpose();
    let folder = folder.map_err(|error| Failure::usage(format!("`--folder` is no path: {error}")))?;
    let mut env = Vec::new();
    for name in args.env {
        check_name(&name).map_err(|error| Failure::usage(error.to_string()))?;
        let value = std::env::var_os(&name).ok_or_else(|| {
            Failure::usage(format!("`{name}` is not set here; set it, or leave out `--env {name}`"))
        })?;
        env.push(Variable { name, value: value.into() });
    }
    let plain = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let ask = Ask {
        agent: args.name,
        command: args.command.into_iter().map(Into::into).collect(),
        folder: folder.map(|folder| folder.into_os_string().into()),
        term: plain("TERM"),
        lang: plain("LANG"),
        env,
        terminal: false,
    };
    ask.check().map_err(|error| Failure::usage(error.to_string()))?;
    Ok(ask)
}
