//! Looking into the record: metadata, proofs, verification. Of what is about others, a right of its own.
//!
//! No words of anybody are here: `content.rs` has those. An administrator, and whose group may, sees all records; anybody
//! else those that name them and those of their own conversations.

use std::sync::Arc;
use std::time::Duration;

use journal::read::{ProveError, Query, Reader, Record};
use journal::verify::{MAX_GIVEN, Note, Options, Report, verify_with};
use journal::{Facts, Kind, checkpoint};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use vocab::{Person, PersonId, SessionId};

use crate::gateway::Gateway;
use crate::{Refusal, RefusalKind};

/// The most records in one page.
pub const MAX_RECORDS: u32 = 500;

/// How many there are in one when nobody says.
const USUAL_RECORDS: u32 = 100;

/// How many people look into the record or their conversations at once; more wait, in bounded number.
pub(crate) const MAX_LOOKERS: usize = 4;

/// How far a verification may be ahead of who hears of it. What is more is not told.
const MAX_PROGRESS_BEHIND: usize = 16;

/// How long a verification waits for the one before it.
const MAX_VERIFY_WAIT: Duration = Duration::from_secs(10);

/// A page of records.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Records {
    /// The records: oldest first after `after`, else newest first.
    pub records: Vec<Record>,
    /// Where to go on towards the beginning; none at it, or when the page goes the other way.
    pub before: Option<u64>,
    /// Where to go on towards the end; none when the page goes the other way. There may be none there yet.
    pub after: Option<u64>,
}

/// What a verification says.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Verified {
    /// How far it has come.
    Progress {
        /// Records that were good.
        records: u64,
        /// Records that there are.
        total: u64,
    },
    /// What it found; nothing comes after it.
    Report {
        /// As `bulkhead audit verify --json` prints it.
        #[serde(flatten)]
        report: Report,
    },
    /// It could not be verified at all; nothing comes after it.
    Failed {
        /// Why, in one sentence.
        message: String,
    },
}

impl Gateway {
    /// Records, as far as this person may see them: those that `query` asks for, after `query.after` oldest first, else
    /// newest first before `query.before`.
    ///
    /// # Errors
    /// When it is about others and this person may not look into that, or the record cannot be read.
    pub async fn records(&self, by: &Person, mut query: Query) -> Result<Records, Refusal> {
        query.limit = if query.limit == 0 { USUAL_RECORDS } else { query.limit.min(MAX_RECORDS) };
        if query.after.is_some() && query.before.is_some() {
            let message =
                "give `after`, to go on towards the end, or `before`, towards the beginning: not both";
            return Err(Refusal::new(RefusalKind::Invalid, message));
        }
        if !self.sees_all(by)? {
            match (&query.session, &query.person) {
                (Some(session), _) => {
                    let session = session.clone();
                    if !self.owns(by, session.clone()).await? {
                        return Err(self.not_theirs(by, Facts::new().with("session", session.as_str())));
                    }
                }
                (None, Some(person)) if *person != by.id => {
                    return Err(self.not_theirs(by, Facts::new().with("of", person.as_str())));
                }
                (None, _) => query.person = Some(by.id.clone()),
            }
        }
        self.looking(move |reader| page(reader, query)).await
    }

    /// One record.
    ///
    /// # Errors
    /// When there is none that this person may see, or the record cannot be read.
    pub async fn record_at(&self, by: &Person, seq: u64) -> Result<Record, Refusal> {
        let none = || {
            let message = "there is no such record; `bulkhead audit tail` shows the newest";
            Refusal::new(RefusalKind::NotFound, message)
        };
        let record = self.looking(move |reader| Ok(reader.show(seq)?)).await?.ok_or_else(none)?;
        if self.sees_all(by)? || record.person.as_ref() == Some(&by.id) {
            return Ok(record);
        }
        let own = match &record.session {
            Some(session) => self.owns(by, session.clone()).await?,
            None => false,
        };
        if own {
            return Ok(record);
        }
        drop(self.not_theirs(by, Facts::new().with("record", seq)));
        // What is about others is not told apart from none.
        Err(none())
    }

    /// The proof that a record is under the newest checkpoint, as a file in the C2SP `tlog-proof` form. The record's
    /// metadata is part of it.
    ///
    /// # Errors
    /// When there is no such record that this person may see, or no checkpoint over it yet.
    pub async fn proof(&self, by: &Person, seq: u64) -> Result<String, Refusal> {
        drop(self.record_at(by, seq).await?);
        self.looking(move |reader| prove(reader, seq)).await
    }

    /// Goes through the whole record, holding it against `checkpoints` too, and says how far it has come and what it found.
    /// One goes on at a time; it goes on to its end when nobody listens any more.
    ///
    /// # Errors
    /// When this person may not see all records, there are too many checkpoints, or another goes on.
    pub async fn verify_record(
        &self,
        by: &Person,
        checkpoints: Vec<Note>,
    ) -> Result<mpsc::Receiver<Verified>, Refusal> {
        if !self.sees_all(by)? {
            return Err(self.no_right(by, Facts::new().with("what", "verify the record")));
        }
        if checkpoints.len() > MAX_GIVEN {
            let message = format!("more than {MAX_GIVEN} checkpoints at once; give fewer");
            return Err(Refusal::new(RefusalKind::Invalid, message));
        }
        let busy = || {
            let message = "the record is being verified already; ask again when that has ended";
            Refusal::new(RefusalKind::Busy, message)
        };
        let room = tokio::time::timeout(MAX_VERIFY_WAIT, Arc::clone(&self.verifying).acquire_owned());
        let room = room.await.map_err(|_| busy())?.map_err(|_| busy())?;
        let place = self.config.database.clone();
        // Room for the last word is kept back, so that nobody who does not listen holds the verification up.
        let (tell, told) = mpsc::channel(MAX_PROGRESS_BEHIND);
        tokio::task::spawn_blocking(move || {
            let options = Options { checkpoints, ..Options::default() };
            let mut last = None;
            let found = verify_with(&place, &options, &mut |come| {
                let share = come.records.saturating_mul(100).checked_div(come.total);
                if share != last && tell.capacity() > 1 {
                    last = share;
                    let progress = Verified::Progress { records: come.records, total: come.total };
                    drop(tell.try_send(progress));
                }
            });
            let end = match found {
                Ok(report) => Verified::Report { report },
                Err(error) => Verified::Failed { message: error.to_string() },
            };
            drop(tell.try_send(end));
            drop(room);
        });
        Ok(told)
    }

    /// Whether this person sees all records.
    fn sees_all(&self, by: &Person) -> Result<bool, Refusal> {
        Ok(self.is_solo(by) || self.monitor()?.may_see_records(by))
    }

    /// Whether a conversation is this person's: by what is kept of it, or else by who said something in it first.
    async fn owns(&self, by: &Person, session: SessionId) -> Result<bool, Refusal> {
        if let Some(row) = crate::session::session(&self.journal, &session)? {
            return Ok(row.person == by.id);
        }
        let owner = self.looking(move |reader| first_person(reader, session)).await?;
        Ok(owner.as_ref() == Some(&by.id))
    }

    /// A refusal to look at what is about others, on the record.
    fn not_theirs(&self, by: &Person, facts: Facts) -> Refusal {
        self.no_right(by, facts.with("what", "see records of others"))
    }

    fn no_right(&self, by: &Person, facts: Facts) -> Refusal {
        self.refused_right(by, facts);
        let message = format!(
            "`{}` may see records of their own only; a group's `record` in bulkhead.toml grants the others",
            by.id
        );
        Refusal::new(RefusalKind::Forbidden, message)
    }

    /// Reads on a thread that may wait for the database, few at once.
    ///
    /// # Errors
    /// What `look` says, and when too many wait already.
    pub(crate) async fn looking<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Reader) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let place = self.config.database.clone();
        self.lookers.work(move || look(&Reader::open(&place)?)).await
    }
}

fn first_person(reader: &Reader, session: SessionId) -> Result<Option<PersonId>, Refusal> {
    let query = Query { session: Some(session), kind: Some(Kind::Message), limit: 1, ..Query::default() };
    Ok(reader.query(&query)?.into_iter().next().and_then(|record| record.person))
}

pub(crate) fn page(reader: &Reader, query: Query) -> Result<Records, Refusal> {
    if query.after.is_some() {
        let records = reader.query(&query)?;
        let after = records.last().map(|last| last.seq).or(query.after);
        return Ok(Records { records, before: None, after });
    }
    let back = reader.back(&query)?;
    Ok(Records { records: back.records, before: back.before, after: None })
}

fn prove(reader: &Reader, seq: u64) -> Result<String, Refusal> {
    let none = || {
        let message = "the record has no checkpoint yet: `bulkhead audit checkpoint` makes one";
        Refusal::new(RefusalKind::Conflict, message)
    };
    let unavailable =
        |error: &dyn std::fmt::Display| Refusal::new(RefusalKind::Unavailable, error.to_string());
    // The name of a log's key is the log's own.
    let key = reader.keys()?.pop().ok_or_else(none)?;
    let origin = key.key.name().to_owned();
    let keys = reader.trusted(&origin, None)?.ok_or_else(none)?;
    let newest = reader.newest_checkpoint()?.ok_or_else(none)?;
    let sealed = checkpoint::Sealed::check(newest, &origin, &keys).map_err(|error| unavailable(&error))?;
    let proof = reader.inclusion(seq, &sealed).map_err(|error| match error {
        ProveError::Later { .. } => Refusal::new(RefusalKind::Conflict, error.to_string()),
        ProveError::Read(error) => error.into(),
        ProveError::NotOurs { .. } => unavailable(&error),
    })?;
    Ok(proof.to_string())
}
