//! What of a gateway adds to the log, and how it goes on after each way of failing.
//!
//! A group of entries is one statement and one round trip. When the connection goes in the middle of it, the session is ended at the
//! server, and the log itself is asked what became of the group: nothing is told to a caller that is not so, and
//! nothing is sent twice.

mod aside;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio_postgres::error::SqlState;
use vocab::Ambient;

use self::aside::Aside;
use super::PostgresConfig;
use super::apart::{self, is_apart};
use super::append::{add, confirm, send};
use super::batch::Batch;
use super::edge::{self, Trouble};
use super::foreign::{MEND, foreign};
use super::link::{Fault, Link};
use super::session::{self, Append, Session, TURN, Unfit};
use crate::body::{genesis, time_text};
use crate::edge::Edge;
use crate::entry::Head;
use crate::group::Group;
use crate::journal::AppendError;
use crate::queue::{Item, MAX_GROUP_BYTES, MAX_GROUP_ENTRIES, Patience, Queue, Wake};
use crate::writer::{Shared, answer};

/// How often one group is tried: other gateways may be first, the connection may go.
const MAX_ATTEMPTS: u32 = 4;

/// How long after a failure the writer tries again, and what comes meanwhile is refused.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// The longest that a commit is held back for callers who were answered a moment ago and come again.
const MAX_GATHER: Duration = Duration::from_millis(2);

/// And which part of a commit's own time that may be at most.
const GATHER_PART: u32 = 8;

/// How long the writer looks for the next entry before it sleeps, when it has just answered somebody who may come again.
pub(super) const SPIN: Duration = Duration::from_micros(60);

/// A group that was sent and not answered.
struct Sent {
    /// Where the log stands after it, if it is in.
    last: Head,
    /// Where the log stands after each of its entries.
    heads: Vec<Head>,
    /// How many of its entries nobody waits for. They come first in what is left of it.
    behind: usize,
    /// It was sent as the eraser.
    erasing: bool,
}

/// What became of a group.
enum Outcome {
    /// It is durable.
    In(Vec<Head>),
    /// Another gateway was first, or waits for its turn. Nothing of it is in.
    Beaten,
    /// It cannot be done, for a reason of its own. Nothing of it is in.
    Misfit(AppendError),
    /// Nobody knows.
    Unknown(String),
    /// The eraser is not there. Nothing of it was sent.
    Aside,
}

/// What is tried again, and what is not.
enum Failure {
    Again(String),
    /// The server refuses whoever asked, and may take it from another.
    Refused(String),
    Final(AppendError),
}

impl Failure {
    /// What a caller is told when it is not tried again.
    fn into_error(self) -> AppendError {
        match self {
            Self::Again(why) | Self::Refused(why) => AppendError::Write(why),
            Self::Final(error) => error,
        }
    }
}

/// The writer's own things.
pub(super) struct Writer {
    config: PostgresConfig,
    instance: String,
    session: Option<Session>,
    log: String,
    head: Head,
    edge: Edge,
    sent: Option<Sent>,
    /// Since when, and why, nothing can be written.
    failing: Option<(Instant, AppendError)>,
    /// How many entries the last group had, and how long it took.
    last_group: (usize, Duration),
    aside: Aside,
    ambient: Arc<dyn Ambient>,
    queue: Arc<Queue>,
    shared: Arc<Shared>,
}

impl Writer {
    /// Opens the log; `instance` is this process's name at the server.
    pub(super) async fn open(
        config: PostgresConfig,
        instance: String,
        ambient: Arc<dyn Ambient>,
        queue: Arc<Queue>,
        shared: Arc<Shared>,
    ) -> Result<Self, Unfit> {
        let (session, log) = session::open(&config, &instance).await?;
        let (head, edge) = edge::read(&session.link, genesis(&log)).await?;
        let writer = Self {
            config,
            instance,
            session: Some(session),
            log,
            head,
            edge,
            sent: None,
            failing: None,
            last_group: (0, Duration::ZERO),
            aside: Aside::default(),
            ambient,
            queue,
            shared,
        };
        writer.tell();
        Ok(writer)
    }

    /// Lets others know where the log stands.
    fn tell(&self) {
        self.tell_edge();
        self.shared.update(|known| {
            known.commit = None;
            // What the server keeps of a row that is gone, the server tidies up.
            known.traces = false;
        });
    }

    fn tell_edge(&self) {
        self.shared.update(|known| {
            known.head = self.head;
            known.tree.clone_from(&self.edge.frontier);
        });
    }

    /// Waits a little for as many entries as the last group had. Its callers were answered together and come again
    /// together; without them half of them would wait for two commits, and each commit would carry half.
    pub(super) fn gather(&self, group: &mut Group) {
        let (count, took) = self.last_group;
        let until = Instant::now() + (took / GATHER_PART).min(MAX_GATHER);
        while group.items.len() < count && self.failing.is_none() {
            let left = until.saturating_duration_since(Instant::now());
            let patience = Patience { spin: left.min(SPIN), sleep: Some(left) };
            if left.is_zero() || self.queue.take(&mut group.items, patience) != Wake::Work {
                return;
            }
        }
    }

    /// How long it has to wait until it may try again, if nothing can be written.
    pub(super) fn resting(&self) -> Option<Duration> {
        self.failing.as_ref().map(|(since, _)| RETRY_DELAY.saturating_sub(since.elapsed()))
    }

    /// Whether it has a session, knows where the log stands, and nothing but the next commit is to be done.
    pub(super) fn is_well(&self) -> bool {
        self.failing.is_none()
            && self.sent.is_none()
            && self.session.as_ref().is_some_and(|session| !session.link.is_gone())
    }

    /// Says goodbye.
    pub(super) async fn leave(&mut self) {
        self.give_up_aside();
        if let Some(session) = self.session.take() {
            session.link.close().await;
        }
    }

    /// When there is nothing to write: is the database there, and has somebody else added to the log?
    pub(super) fn look(&mut self, runtime: &Runtime, group: &mut Group) {
        let settled = self.settle(runtime, group);
        match settled.and_then(|()| runtime.block_on(self.keep_up())) {
            Ok(()) => {
                self.failing = None;
                self.tell();
            }
            Err(error) => self.fail(group, error),
        }
    }

    async fn keep_up(&mut self) -> Result<(), AppendError> {
        self.ready().await?;
        let Some(session) = &self.session else { return Ok(()) };
        if self.failing.is_some() {
            // That it can be read does not say that it takes anything.
            let (gateway, ambient) = (self.config.gateway(), self.ambient.as_ref());
            let taken = confirm(&session.link, gateway, ambient).await;
            taken.map_err(|fault| {
                self.session.take_if(|session| session.link.is_gone());
                refusal(fault.into())
            })?;
        }
        let Some(session) = &self.session else { return Ok(()) };
        own(&session.link).await.map_err(Failure::into_error)?;
        let caught = edge::catch_up(&session.link, genesis(&self.log), &mut self.head, &mut self.edge).await;
        caught.map_err(|trouble| {
            self.session = None;
            refusal(trouble)
        })
    }

    /// Adds the group to the log and answers. After a failure only those are left in it that nobody waits for: they
    /// come before all that follows, or not at all.
    pub(super) fn commit(&mut self, runtime: &Runtime, group: &mut Group) {
        if let Some((since, error)) = &self.failing
            && since.elapsed() < RETRY_DELAY
        {
            let (since, error) = (*since, error.clone());
            refuse(group, &error);
            self.failing = Some((since, error));
            return;
        }
        group.begun = None;
        if let Err(error) = self.settle(runtime, group) {
            return self.fail(group, error);
        }
        while !group.is_empty() {
            if group.items.first().is_some_and(|first| self.has_to_wait(first)) {
                self.put_aside(group.items.remove(0));
                continue;
            }
            let begun = Instant::now();
            let plain = together(&group.items);
            let count = plain.max(1);
            match runtime.block_on(self.bring_in(group.items.get(..count).unwrap_or_default(), plain == 0)) {
                Ok(Outcome::In(heads)) => {
                    self.failing = None;
                    self.last_group = (count, begun.elapsed());
                    self.tell();
                    for (item, head) in group.items.drain(..count).zip(heads) {
                        answer(item, Ok(head));
                    }
                }
                Ok(Outcome::Misfit(error)) => {
                    // What others have added is known by now, and whoever looks again is to see it.
                    self.tell_edge();
                    group.items.drain(..count).for_each(|item| answer(item, Err(error.clone())));
                }
                Ok(Outcome::Aside) => group.items.drain(..count).for_each(|item| self.put_aside(item)),
                Ok(Outcome::Beaten | Outcome::Unknown(_)) => {
                    let why = format!("it was tried {MAX_ATTEMPTS} times, and other gateways were first");
                    return self.fail(group, AppendError::Write(why));
                }
                Err(error) => return self.fail(group, error),
            }
        }
    }

    fn fail(&mut self, group: &mut Group, error: AppendError) {
        self.shared.update(|known| known.commit = Some(error.clone()));
        refuse(group, &error);
        if let Some(sent) = &mut self.sent {
            sent.behind = sent.behind.min(group.items.len());
        }
        self.failing = Some((Instant::now(), error));
    }

    /// Brings entries into the log together. One that is `apart` comes alone.
    async fn bring_in(&mut self, items: &[Item], apart: bool) -> Result<Outcome, AppendError> {
        let mut turn = false;
        let mut why = String::new();
        for _ in 0..MAX_ATTEMPTS {
            if let Some(sent) = self.ready().await? {
                return Ok(Outcome::In(sent.heads));
            }
            let tried = match items {
                [item] if apart => self.try_apart(item).await,
                _ => self.try_once(items, turn).await,
            };
            match tried {
                Ok(Outcome::Beaten) => turn = true,
                Ok(Outcome::Unknown(lost)) | Err(Failure::Again(lost)) => {
                    self.session = None;
                    why = lost;
                }
                Ok(outcome) => return Ok(outcome),
                Err(failure) => {
                    // A turn that failed has left its transaction open.
                    self.session.take_if(|_| turn || apart);
                    return Err(failure.into_error());
                }
            }
        }
        match &self.sent {
            Some(_) => Err(AppendError::Unsure(why)),
            None if turn => Ok(Outcome::Beaten),
            None => Err(AppendError::Write(format!("it was tried {MAX_ATTEMPTS} times: {why}"))),
        }
    }

    /// Finds out what became of a group whose callers have been told that it is not known: if it is in, those that
    /// nobody waits for are done.
    fn settle(&mut self, runtime: &Runtime, group: &mut Group) -> Result<(), AppendError> {
        if self.sent.is_none() {
            return Ok(());
        }
        if let Some(sent) = runtime.block_on(self.ready())? {
            let behind = sent.behind.min(group.items.len());
            group.items.drain(..behind);
        }
        Ok(())
    }

    /// Makes sure of a session. If a group was sent and not answered, it is clear then what became of it: it comes back
    /// if it is in.
    async fn ready(&mut self) -> Result<Option<Sent>, AppendError> {
        if self.session.as_ref().is_some_and(|session| !session.link.is_gone()) && self.sent.is_none() {
            return Ok(None);
        }
        self.session = None;
        let unsure = self.sent.is_some();
        self.renew().await.map_err(|unfit| match unfit {
            Unfit::Trouble(trouble @ Trouble::Astray { .. }) => refusal(trouble),
            unfit if unsure => AppendError::Unsure(in_words(&unfit, &self.config)),
            Unfit::Trouble(trouble) => refusal(trouble),
            unfit => AppendError::Write(in_words(&unfit, &self.config)),
        })
    }

    async fn renew(&mut self) -> Result<Option<Sent>, Unfit> {
        let (session, log) = session::open(&self.config, &self.instance).await?;
        if log != self.log {
            return Err(Unfit::AnotherLog);
        }
        // Nothing of the former session can come to be any more, so what is not there now never will be.
        // The eraser is not asked in while the log can do without: an erasure that can still come to be holds the turn, and keeps
        // everybody from adding to it.
        if self.sent.as_ref().is_some_and(|sent| sent.erasing)
            && !session::turn_is_free(&session.link).await?
            && let Some(eraser) = self.config.as_eraser()
            && session::open_eraser(&eraser, &self.instance).await.is_err()
        {
            // Whoever is not let in any more ends nothing. But what it began holds the turn for as long as it can come to be.
            session.link.run(&format!("SELECT pg_catalog.pg_advisory_xact_lock({TURN})")).await?;
        }
        let is_in = match &self.sent {
            Some(sent) => edge::hash_of(&session.link, sent.last.records).await? == Some(sent.last.hash),
            None => false,
        };
        edge::catch_up(&session.link, genesis(&self.log), &mut self.head, &mut self.edge).await?;
        confirm(&session.link, self.config.gateway(), self.ambient.as_ref()).await?;
        self.session = Some(session);
        Ok(self.sent.take().filter(|_| is_in))
    }

    /// Sends the group once: as it is, or in a turn that no other gateway comes between.
    async fn try_once(&mut self, items: &[Item], turn: bool) -> Result<Outcome, Failure> {
        let Some(session) = &self.session else { return Ok(Outcome::Beaten) };
        if turn {
            begin_turn(&session.link, &self.log, &mut self.head, &mut self.edge).await?;
        }
        let time = time_text(self.ambient.now());
        let entries = items.iter().map(|item| &item.entry);
        let batch = Batch::form(entries, self.head, &self.edge, &time);
        let last = batch.heads.last().copied().unwrap_or(self.head);
        let sent = send(session, &self.config, self.head, &batch, turn).await;
        match sent {
            Ok(true) => {
                let heads = batch.heads.clone();
                batch.advance(&mut self.edge);
                self.head = last;
                Ok(Outcome::In(heads))
            }
            Ok(false) => Ok(Outcome::Beaten),
            Err(Fault::Lost(why)) => {
                if last.records > self.head.records {
                    let behind = items.iter().filter(|item| item.reply.is_none()).count();
                    self.sent = Some(Sent { last, heads: batch.heads, behind, erasing: false });
                }
                Ok(Outcome::Unknown(why))
            }
            Err(fault) => Err(failure(fault)),
        }
    }

    /// Sends one entry in a transaction of its own. What the server refuses to whoever erases is the trouble of the erasure alone.
    async fn try_apart(&mut self, item: &Item) -> Result<Outcome, Failure> {
        if !item.entry.erases() {
            return self.try_alone(item, None).await;
        }
        if self.config.as_eraser().is_none() {
            return Ok(Outcome::Misfit(AppendError::NoEraser));
        }
        let tried = match self.eraser().await {
            Ok(Some(eraser)) => self.try_alone(item, eraser.session()).await,
            Ok(None) => return Ok(Outcome::Aside),
            Err(failure) => Err(failure),
        };
        match tried {
            Err(Failure::Refused(why)) => Ok(Outcome::Misfit(self.without_eraser(why))),
            tried => tried,
        }
    }

    /// Sends one entry in a transaction of its own, as the eraser where that is given.
    async fn try_alone(&mut self, item: &Item, eraser: Option<&(Append, Link)>) -> Result<Outcome, Failure> {
        let Some(session) = &self.session else { return Ok(Outcome::Beaten) };
        let (append, link) = match eraser {
            Some((append, link)) => (append, link),
            None => (&session.append, &session.link),
        };
        if item.entry.erases() {
            // What is erased must not live on where a trigger has put it.
            own(link).await?;
        }
        begin_turn(link, &self.log, &mut self.head, &mut self.edge).await?;
        let misfit = apart::misfit(link, &item.entry, self.head.records).await.map_err(failure)?;
        if let Some(error) = misfit {
            link.run("ROLLBACK").await.map_err(failure)?;
            return Ok(Outcome::Misfit(error));
        }
        let (time, gateway) = (time_text(self.ambient.now()), self.config.gateway());
        let mut batch = Batch::form([&item.entry].into_iter(), self.head, &self.edge, &time);
        batch.rows.clear();
        let last = batch.heads.last().copied().unwrap_or(self.head);
        if !batch.seqs.is_empty()
            && !add(link, append, gateway, self.head, &batch, false).await.map_err(failure)?
        {
            return Ok(Outcome::Beaten);
        }
        let first = self.head.records.saturating_add(1);
        apart::carry_out(link, gateway, &item.entry, first).await.map_err(failure)?;
        match link.run("COMMIT").await {
            Ok(()) => {
                let heads = batch.heads.clone();
                batch.advance(&mut self.edge);
                self.head = last;
                Ok(Outcome::In(heads))
            }
            Err(Fault::Lost(why)) => {
                // An erasure waits aside, so that it is not among those that come first.
                let behind = usize::from(item.reply.is_none() && eraser.is_none());
                if last.records > self.head.records {
                    let erasing = eraser.is_some();
                    self.sent = Some(Sent { last, heads: batch.heads, behind, erasing });
                }
                Ok(Outcome::Unknown(why))
            }
            Err(fault) => Err(failure(fault)),
        }
    }
}

/// Makes sure that nobody has put anything to the tables.
async fn own(link: &Link) -> Result<(), Failure> {
    match foreign(link).await.map_err(failure)?.into_iter().next() {
        Some(what) => Err(Failure::Final(AppendError::Write(in_words_of(&what)))),
        None => Ok(()),
    }
}

/// Begins a transaction in which nobody else adds to the log, and takes in what others have added before.
async fn begin_turn(link: &Link, log: &str, head: &mut Head, edge: &mut Edge) -> Result<(), Failure> {
    let begin = format!("BEGIN; SELECT pg_catalog.pg_advisory_xact_lock({TURN})");
    link.run(&begin).await.map_err(failure)?;
    edge::catch_up(link, genesis(log), head, edge).await.map_err(|trouble| match trouble {
        Trouble::Fault(fault) => failure(fault),
        trouble => Failure::Final(refusal(trouble)),
    })
}

/// How many of the first entries go in by one statement: what an outage has left over comes through in parts, each within
/// the time that an answer may take. None when the first has a transaction of its own.
fn together(items: &[Item]) -> usize {
    let mut bytes = 0_usize;
    let fits = |item: &&Item| {
        let first = bytes == 0;
        bytes = bytes.saturating_add(item.entry.bytes.max(1));
        !is_apart(&item.entry) && (first || bytes <= MAX_GROUP_BYTES)
    };
    items.iter().take(MAX_GROUP_ENTRIES).take_while(fits).count()
}

/// Tells those that wait; the others stay.
fn refuse(group: &mut Group, error: &AppendError) {
    for item in group.take() {
        if item.reply.is_some() {
            answer(item, Err(error.clone()));
        } else {
            group.items.push(item);
        }
    }
}

fn failure(fault: Fault) -> Failure {
    // No room, and records that something kept out, are everybody's trouble.
    let all =
        [SqlState::DISK_FULL, SqlState::INTEGRITY_CONSTRAINT_VIOLATION].iter().any(|code| fault.is(code));
    match fault {
        Fault::Lost(why) => Failure::Again(why),
        fault if all => Failure::Final(refusal(fault.into())),
        Fault::Refused { why, .. } => Failure::Refused(why),
    }
}

/// What a caller is told about it.
fn refusal(trouble: Trouble) -> AppendError {
    match trouble {
        Trouble::Fault(fault) if fault.is(&SqlState::DISK_FULL) => AppendError::Full,
        Trouble::Fault(fault) => AppendError::Write(fault.why().to_owned()),
        Trouble::Astray { expected, found } => AppendError::Astray { expected, found },
        Trouble::Broken { seq } => AppendError::Write(format!(
            "record {seq} does not follow from the one before it: run `bulkhead audit verify`"
        )),
    }
}

/// Why a session cannot be had, in words.
pub(super) fn in_words(unfit: &Unfit, config: &PostgresConfig) -> String {
    match unfit {
        Unfit::Trouble(Trouble::Fault(fault)) => fault.why().to_owned(),
        Unfit::Trouble(Trouble::Astray { expected, found }) => {
            format!("the record has {found} records where this gateway left {expected}")
        }
        Unfit::Trouble(Trouble::Broken { seq }) => {
            format!("record {seq} does not follow from the one before it")
        }
        Unfit::NoRecord => "there is no record in it: make one with `bulkhead record init`".to_owned(),
        Unfit::Form(form) => format!("its record has form {form}, which this version does not know"),
        Unfit::AnotherLog => "another record stands in its place".to_owned(),
        Unfit::Held(holder) => format!("the gateway `{}` is {holder}", config.gateway()),
        Unfit::Unsafe(why) => (*why).to_owned(),
        Unfit::Foreign(what) => in_words_of(what),
    }
}

fn in_words_of(foreign: &str) -> String {
    format!("it {foreign}: {MEND}")
}
