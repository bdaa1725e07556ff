//! What agents can do, a file each: read and write files, fetch a page, post a message, run a command, read tables, search and read
//! documents.
//!
//! A [`monitor::Permit`] comes in and is consumed; an [`vocab::Outcome`] goes out. Every effect is
//! private to this room, so nothing happens without a permit; what a held write would replace is looked at by its judgement. Files, databases, documents and pages are handled by jailed
//! workers ([`work`] is what the role [`WORKER`] does in the jail); the gateway itself fetches (`egress`), since
//! a worker has no network, and keeps the boards, since they are the home's.
//!
//! This room decides nothing: which path, host or channel is allowed was judged before. It makes sure
//! that what happens is what was judged, and that a failure is one sentence.

mod bench;
mod browser;
mod documents;
mod egress;
mod exec;
mod file_reader;
mod file_writer;
mod heard;
mod message;
mod plain;
mod programs;
mod specs;
mod sql;
mod told;
mod wire;
mod worker;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use monitor::{Compartment, Granted, Judgement, Permit, Refused};
use sandbox::Roster;
use tokio::sync::Mutex;
use vocab::{Body, Digest, Outcome, PersonId, ProposalId, Status, Timestamp, Verb};

pub use bench::{Bench, CALL_WAIT, MAX_DEATHS, Seat, WORKER};
pub use egress::{Addresses, Egress, HeaderError, HostHeader, Resolve};
pub use heard::{heard, looked};
pub use programs::Machine;
pub use specs::specs;
pub use worker::{WorkError, work};

use crate::egress::Broker;
use crate::told::Failure;
use crate::wire::Sight;

/// A file that a write would replace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The SHA-256 of all of it.
    pub digest: Digest,
    /// Its size, in bytes.
    pub size: u64,
    /// Its text, if it is text of at most 128 KiB.
    pub text: Option<String>,
}

/// What the skills need to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder of the boards. It is made when the first post comes.
    pub board_dir: PathBuf,
    /// What an administrator says about places outside of the gateway.
    pub egress: Egress,
}

/// The skills of a gateway.
pub struct Skills {
    board_dir: PathBuf,
    broker: Broker,
    posting: Arc<Mutex<()>>,
}

impl Skills {
    /// Skills that look hosts up with the machine's resolver.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self::with_resolver(config, Arc::new(egress::System::new()))
    }

    /// Skills that look hosts up with `resolver`.
    #[must_use]
    pub fn with_resolver(config: Config, resolver: Arc<dyn Resolve>) -> Self {
        Self {
            board_dir: config.board_dir,
            broker: Broker::new(config.egress, resolver),
            posting: Arc::default(),
        }
    }

    /// The bench for one turn of an agent that `asker` has asked. No worker is started yet.
    #[must_use]
    pub fn bench(
        &self,
        roster: &Roster,
        compartment: &Compartment,
        asker: &PersonId,
        reduced: bool,
    ) -> Bench {
        Bench::new(roster.clone(), Seat::of(compartment, asker.clone(), reduced))
    }

    /// Takes what was posted for a person, and what was posted by these proposals, off every board.
    ///
    /// # Errors
    /// One sentence, when a board cannot be read or written.
    pub async fn forget_posts(
        &self,
        asker: Option<&PersonId>,
        proposals: &BTreeSet<ProposalId>,
    ) -> Result<(), String> {
        message::forget(self.boards(), asker, proposals).await
    }

    fn boards(&self) -> message::Boards<'_> {
        message::Boards { dir: &self.board_dir, turn: &self.posting }
    }

    /// What a write that was judged would replace, if anything is there: for a person who is to decide on it, and for nobody
    /// else. Nothing is changed.
    ///
    /// # Errors
    /// One sentence, when it cannot be looked at.
    pub async fn look(&self, bench: &mut Bench, held: &Judgement) -> Result<Option<Seen>, String> {
        let seen = file_writer::look(bench, held.action(), held.bounds()).await;
        let seen = seen.map_err(Failure::into_text)?;
        Ok(seen.map(|Sight { digest, size, text }| Seen { digest, size, text }))
    }

    /// Does what `permit` allows, in the jailed workers of `bench` where there are files or pages. What comes
    /// back carries the labels that the permit names, a failure's sentence too.
    ///
    /// # Errors
    /// When the permit can no longer be redeemed; then nothing has happened. A failure of the effect
    /// itself is an outcome.
    pub async fn perform(
        &self,
        permit: Permit,
        bench: &mut Bench,
        now: Timestamp,
    ) -> Result<Outcome, Refused> {
        let Granted { proposal, action, bounds, labels, over, .. } = permit.redeem(now)?;
        let told = match action.verb {
            Verb::FileRead => file_reader::read(bench, &action, &bounds).await,
            Verb::FileWrite => file_writer::write(bench, &action, &bounds, over).await,
            Verb::WebGet => browser::get(self, bench, &action, &bounds).await,
            Verb::MessagePost => {
                let (seat, stopped) = (bench.seat(), bench.stopped());
                message::post(self.boards(), seat, stopped, &action, &proposal, now).await
            }
            Verb::CommandRun => exec::run(bench, &action, &bounds).await,
            Verb::TableRead => sql::read(bench, &action, &bounds).await,
            Verb::DocumentsSearch => documents::search(bench, &action, &bounds).await,
            Verb::DocumentsRead => documents::read(bench, &action, &bounds).await,
            Verb::ModelCall | Verb::Reply | Verb::ReplyPart | Verb::SkillCall => {
                Err(Failure::misfit(&action))
            }
        };
        let (status, text) = match told {
            Ok(text) => (Status::Done, text),
            Err(failure) => (Status::Failed, failure.into_text()),
        };
        Ok(Outcome { proposal, status, labels, body: Body::Text { text } })
    }
}
