//! `bulkhead completion`: a script that teaches a shell the commands.

use std::io;

use clap::CommandFactory as _;
use clap_complete::{Shell, generate};

use super::Place;
use crate::args::Cli;
use crate::failure::{Exit, Failure};

const EXAMPLES: &str = "Examples:
  bulkhead completion bash > ~/.local/share/bash-completion/completions/bulkhead
  bulkhead completion zsh > ~/.zfunc/_bulkhead
  bulkhead completion fish > ~/.config/fish/completions/bulkhead.fish";

/// A script that completes commands in a shell
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(place: &Place, args: &Args) -> Result<Exit, Failure> {
    if place.screen.json() {
        return Err(Failure::usage(
            "`completion` prints a script for a shell and has no JSON; leave out `--json`",
        ));
    }
    // Collected first: the generator panics when a reader such as `head` goes away.
    let mut script = Vec::new();
    generate(args.shell, &mut Cli::command(), "bulkhead", &mut script);
    match io::Write::write_all(&mut io::stdout().lock(), &script) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Done),
        Err(error) => Err(Failure::unreachable(format!("standard output cannot be written: {error}"))),
        Ok(()) => Ok(Exit::Done),
    }
}
