//! The commands, a file for each noun. Each has its arguments, its help and what it does.

pub(crate) mod agents;
pub(crate) mod approvals;
pub(crate) mod audit;
pub(crate) mod chat;
pub(crate) mod check;
pub(crate) mod completion;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod gateway;
pub(crate) mod init;
pub(crate) mod people;
pub(crate) mod record;
pub(crate) mod run;
pub(crate) mod version;

use std::future::Future;

use crate::args::{Cli, Command, Common};
use crate::client::Client;
use crate::demo;
use crate::failure::{Exit, Failure};
use crate::home::Home;
use crate::terminal::Screen;

/// What a command works with.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) home: Home,
    pub(crate) screen: Screen,
}

impl Place {
    /// Runs `work` with a way to the gateway.
    ///
    /// # Errors
    /// When there is no home, or as `work`.
    fn ask<F>(&self, work: impl FnOnce(Client) -> F) -> Result<Exit, Failure>
    where
        F: Future<Output = Result<Exit, Failure>>,
    {
        self.home.must_exist()?;
        alone(async { work(Client::new(&self.home)?).await })
    }
}

/// Runs a command.
///
/// # Errors
/// As the command has it.
pub(crate) fn run(cli: Cli) -> Result<Exit, Failure> {
    let Common { home, json } = cli.common;
    let screen = Screen::new(json);
    let place = || Ok::<_, Failure>(Place { home: Home::choose(home.as_deref())?, screen });
    match cli.command {
        Command::Demo(args) => demo::run(screen, &args),
        Command::Init(args) => init::run(&place()?, args),
        Command::Doctor(args) => doctor::run(&place()?, &args),
        Command::Check(args) => check::run(&place()?, &args),
        Command::Explain(args) => explain::run(&place()?, &args),
        Command::Gateway(args) => gateway::run(&place()?, &args),
        Command::Agents(args) => agents::run(&place()?, args),
        Command::Chat(args) => chat::run(&place()?, args),
        Command::Run(args) => run::run(&place()?, args),
        Command::Approvals(args) => approvals::run(&place()?, args),
        Command::People(args) => people::run(&place()?, args),
        Command::Audit(args) => audit::run(&place()?, args),
        Command::Record(args) => record::run(&place()?, &args),
        Command::Completion(args) => completion::run(&place()?, &args),
        Command::Version(args) => version::run(&place()?, &args),
    }
}

/// Runs `work` on this thread alone: a command that asks one thing needs no more.
///
/// # Errors
/// As `work`, and when the machine gives no runtime.
pub(crate) fn alone<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::internal(format!("the runtime cannot be made: {error}")))?;
    let result = runtime.block_on(work);
    // A thread that still waits for a line of the terminal must not keep the command from ending.
    runtime.shutdown_background();
    result
}
