//! What a person may type: nouns, then verbs. Each noun's verbs stand in its file under `command/`.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};

use crate::command::{
    agents, approvals, audit, chat, check, completion, doctor, explain, gateway, init, people, record, run,
    version,
};
use crate::demo;
use crate::failure::{Exit, Failure};
use crate::terminal::{Keep, visible};

const EXAMPLES: &str = "Examples:
  bulkhead demo                              see an incident contained, in seconds
  bulkhead init                              make a home in ~/.bulkhead
  bulkhead doctor                            what is missing or unsafe here
  bulkhead check                             what each agent's SOUL.md comes to
  bulkhead gateway start                     start; returns when it answers
  bulkhead chat echo \"Write a post about X\"  one message, every step shown
  bulkhead run echo -- python3 agent.py      any program as that agent, contained
  bulkhead approvals list                    what waits for a person
  bulkhead people invite ada                 a code to sign in with, in a browser
  bulkhead audit verify                      whether the record is whole

Exit codes: 0 done; 1 a check found something; 2 usage; 3 refused by policy;
4 cannot reach what it needs; 5 internal.";

/// Runs AI agents and decides, before it happens, everything that they do.
#[derive(Debug, Parser)]
#[command(name = "bulkhead", version, after_help = EXAMPLES, subcommand_required = true, arg_required_else_help = true)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// The home [default: ~/.bulkhead]
    #[arg(long, global = true, value_name = "PATH", env = "BULKHEAD_HOME", hide_env_values = true)]
    pub(crate) home: Option<PathBuf>,
    /// Print JSON: one value, or a line for each of a stream
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// The nouns.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(demo::Args),
    Init(init::Args),
    Doctor(doctor::Args),
    Check(check::Args),
    Explain(explain::Args),
    Gateway(gateway::Args),
    Agents(agents::Args),
    Chat(chat::Args),
    Run(run::Args),
    Approvals(approvals::Args),
    People(people::Args),
    Audit(audit::Args),
    Record(record::Args),
    Completion(completion::Args),
    Version(version::Args),
}

/// Takes the command line apart. Help and the version are printed here and end the process.
///
/// # Errors
/// One sentence, when it is not a command.
pub(crate) fn parse() -> Result<Cli, Failure> {
    Cli::try_parse().map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match error.print() {
            Ok(()) => Failure::new(Exit::Done, ""),
            Err(_) => Failure::reader_gone(),
        },
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => match error.print() {
            Ok(()) => Failure::usage(""),
            Err(_) => Failure::reader_gone(),
        },
        _ => Failure::usage(sentence(&error.render().to_string())),
    })
}

/// clap's message up to its usage lines, as one sentence with the way out.
fn sentence(message: &str) -> String {
    let said = message.strip_prefix("error: ").unwrap_or(message);
    let lines = said.lines().take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"));
    let words: Vec<&str> = lines.flat_map(str::split_whitespace).collect();
    format!("{}; `--help` shows how it is used", visible(&words.join(" "), Keep::Nothing))
}

#[cfg(test)]
mod documents;
#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_examples_in_its_help() {
        fn look(command: &clap::Command, path: &str) {
            for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
                let path = format!("{path} {}", verb.get_name());
                let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains(&format!("bulkhead{path}")), "`bulkhead{path} --help` has no example");
                assert!(verb.get_about().is_some(), "{path} is not described");
                look(verb, &path);
            }
        }
        look(&Cli::command(), "");
    }

    #[test]
    fn a_mistyped_command_is_one_safe_sentence() {
        for words in
            [vec!["frobnicate"], vec!["chat"], vec!["agents", "kill", "a", "--all"], vec!["\x1b[2J\u{202e}"]]
        {
            let words = std::iter::once("bulkhead").chain(words);
            let error = Cli::try_parse_from(words).unwrap_err();
            let sentence = sentence(&error.render().to_string());
            assert!(sentence.ends_with("shows how it is used"), "{sentence}");
            assert!(!sentence.contains(['\n', '\x1b', '\u{202e}']), "{sentence}");
        }
    }
}
