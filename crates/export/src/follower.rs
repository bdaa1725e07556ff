//! Follows the record for one export: reads on from its cursor, sends, and moves the cursor when the receiver has taken
//! what was sent.
//!
//! The cursor is a row of state. It is written after the receiver has taken a batch and at most once a second, so that
//! after a crash some records are sent twice and none is left out. Nothing is kept of what waits: it is in the record.

use std::sync::Arc;
use std::time::Duration;

use journal::read::{ReadError, Reader, Record};
use journal::{Change, Entry, Event, Journal, Place};
use secrets::Store;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use vocab::{Ambient, Digest};

use crate::board::{Board, Spot, Standing};
use crate::declare::failed;
use crate::format::Origin;
use crate::send::{Batch, Packer, Sender};
use crate::settings::{Fault, Target};

/// The family of the rows that keep cursors.
pub(crate) const CURSOR: &str = "export";

/// How long a receiver may take nothing before somebody is told, where the settings say nothing.
pub const LATE_AFTER: Duration = Duration::from_secs(5 * 60);

/// How often the record is looked at for more.
const LOOK_PAUSE: Duration = Duration::from_millis(500);

/// The first pause after a failure; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How often the cursor is written, at most.
const CURSOR_PAUSE: Duration = Duration::from_secs(1);

/// How often it is told that a receiver refuses records for good, at most: what comes in between is one sum.
const REFUSED_PAUSE: Duration = Duration::from_secs(60);

/// The most records that are read at once.
const PAGE: u32 = 1_000;

/// How many records before the cursor are read again at a start, for spans that began there.
const LOOK_BACK: u64 = 5_000;

/// What a follower needs of the gateway.
#[derive(Clone)]
pub struct Parts {
    /// The record, for the cursor and for alerts.
    pub journal: Journal,
    /// Where the record is read.
    pub place: Place,
    /// Time.
    pub ambient: Arc<dyn Ambient>,
    /// Where secrets are.
    pub secrets: Store,
    /// As what the gateway speaks of itself.
    pub origin: Origin,
}

/// Follows the record for one export.
pub struct Follower {
    parts: Parts,
    target: Target,
    sender: Sender,
    packer: Packer,
    spot: Spot,
    reader: Option<Reader>,
    /// The last record that was taken, or that is not for this export.
    taken: u64,
    /// What of that is written down, and when.
    written: (u64, Instant),
    /// Since when nothing is taken.
    failing: Option<Instant>,
    /// Whether this outage is in the record.
    told_late: bool,
    /// What the receiver refuses for good.
    refusals: Refusals,
    /// That the cursor was beyond the record's end, or no cursor at all, as long as the record does not know it.
    set_back: Option<String>,
}

/// How many records a receiver refuses for good, and which of them are on the record.
#[derive(Debug, Default)]
struct Refusals {
    untold: u64,
    told: Option<Instant>,
}

impl Refusals {
    /// How many there are to tell of at `now`.
    fn due(&self, now: Instant) -> Option<u64> {
        let due = self.told.is_none_or(|told| now.saturating_duration_since(told) >= REFUSED_PAUSE);
        (self.untold > 0 && due).then_some(self.untold)
    }
}

/// A row of state.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Cursor {
    /// The last record that was taken.
    pub(crate) seq: u64,
    /// What the export was when it was last said in the record; nothing when it was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) what: Option<Digest>,
}

impl Cursor {
    /// That of the export `name`, if it has one. Where its row cannot be read all is sent once more: a record that comes twice is seen,
    /// and one that is missing is not.
    pub(crate) fn read(
        journal: &Journal,
        name: &str,
    ) -> Result<Option<Result<Self, &'static str>>, ReadError> {
        let row = match journal.state(CURSOR, name) {
            Ok(row) => row.map(|row| serde_json::from_value(row).ok()),
            Err(ReadError::State { .. }) => Some(None),
            Err(error) => return Err(error),
        };
        let unread = "the row of state with its place cannot be read, so somebody has changed it: it begins again with the first record";
        Ok(row.map(|cursor| cursor.ok_or(unread)))
    }
}

/// Why nothing was sent just now.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("the record cannot be read: {0}")]
    Read(#[from] ReadError),
    #[error("{0}")]
    Send(#[from] crate::SendError),
    #[error("{0}")]
    Task(String),
}

impl Follower {
    /// Readies an export and puts it on the `board`. Nothing is sent before [`Follower::run`].
    ///
    /// # Errors
    /// When the export cannot be as the settings say.
    pub fn new(target: Target, parts: Parts, board: &Board) -> Result<Self, Fault> {
        let to = target.to()?;
        let spot = board.add(Standing::new(&target, target.format.as_str(), &to));
        let sender = Sender::new(&target, parts.secrets.clone())?;
        let packer = Packer::new(target.format, &to, parts.origin.clone());
        let written = (0, Instant::now());
        Ok(Self {
            parts,
            target,
            sender,
            packer,
            spot,
            reader: None,
            taken: 0,
            written,
            failing: None,
            told_late: false,
            refusals: Refusals::default(),
            set_back: None,
        })
    }

    /// Sends whatever the record holds for this export and goes on until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut pause = FIRST_PAUSE;
        let mut begun = false;
        loop {
            let work = async {
                if !begun {
                    self.begin().await?;
                    begun = true;
                }
                self.step().await
            };
            let done = tokio::select! {
                () = stop.cancelled() => break,
                done = work => done,
            };
            let wait = match done {
                Ok(more) => {
                    pause = FIRST_PAUSE;
                    self.took().await;
                    if more { continue } else { LOOK_PAUSE }
                }
                Err(trouble) => {
                    self.failed(&trouble).await;
                    let wait = pause;
                    pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
                    wait
                }
            };
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(wait) => {}
            }
        }
        self.write_cursor().await;
    }

    /// Takes up where the last run left off.
    async fn begin(&mut self) -> Result<(), Trouble> {
        self.taken = match Cursor::read(&self.parts.journal, &self.target.name)? {
            None => 0,
            Some(Ok(cursor)) => cursor.seq,
            Some(Err(unread)) => {
                self.set_back = Some(unread.to_owned());
                0
            }
        };
        self.written = (self.taken, Instant::now());
        if self.packer.remembers() {
            let mut from = self.taken.saturating_sub(LOOK_BACK);
            while from < self.taken {
                let (records, _) = self.read(from).await?;
                let before: Vec<Record> =
                    records.into_iter().take_while(|record| record.seq <= self.taken).collect();
                let Some(last) = before.last() else { break };
                from = last.seq;
                self.packer.remember(&before);
            }
        }
        Ok(())
    }

    /// Sends the next records; `false` when there are none.
    async fn step(&mut self) -> Result<bool, Trouble> {
        let (records, last) = self.read(self.taken).await?;
        if last < self.taken {
            // What was sent and is gone cannot be taken back; what is written from here on is new. Which of the rest was
            // sent is not known: to send all of it again could be millions, so a person decides that.
            self.set_back = Some(format!(
                "its place was {} and the record ends at {last}: the database was set back, or somebody moved the place; it goes on after {last}, and `bulkhead audit export` sends what is missing before",
                self.taken
            ));
            self.taken = last;
        }
        self.spot.change(|standing| {
            standing.taken = self.taken;
            standing.behind = last.saturating_sub(self.taken);
        });
        self.tell().await;
        if records.is_empty() {
            // Whatever lies between is not for this export.
            self.taken = self.taken.max(last);
            self.spot.change(|standing| (standing.taken, standing.behind) = (self.taken, 0));
            return Ok(false);
        }
        let mut rest = records.as_slice();
        while !rest.is_empty() {
            let (batch, count) = self.packer.pack(rest).map_err(crate::SendError::from)?;
            let (sent, later) = rest.split_at_checked(count.max(1)).unwrap_or((rest, &[]));
            let own = self.are_own(sent);
            if !self.deliver(&batch, sent.len(), own).await {
                continue;
            }
            self.taken = sent.last().map_or(self.taken, |record| record.seq);
            self.spot.change(|standing| {
                standing.taken = self.taken;
                standing.behind = last.saturating_sub(self.taken);
            });
            rest = later;
            self.took().await;
        }
        Ok(true)
    }

    /// Sends one batch of so many records until it is taken: what a batch of spans holds cannot be made again. `own` are
    /// alerts of this export. False when the receiver finds it too long and is to have it in parts.
    async fn deliver(&mut self, batch: &Batch, count: usize, own: bool) -> bool {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.sender.send(batch).await {
                Ok(refused) => {
                    self.packer.widen();
                    if refused > 0 {
                        self.refused(refused, own).await;
                    }
                    return true;
                }
                Err(error) if error.is_too_long() && self.packer.halve(count) => return false,
                Err(error) => self.failed(&Trouble::Send(error)).await,
            }
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }

    /// The receiver will never take so many of what it was just sent.
    async fn refused(&mut self, count: u64, own: bool) {
        self.spot.change(|standing| standing.refused = standing.refused.saturating_add(count));
        if !own {
            self.refusals.untold = self.refusals.untold.saturating_add(count);
        }
        self.tell().await;
    }

    /// Says in the record what it does not know yet of a place that was set back and of records that are refused.
    async fn tell(&mut self) {
        if let Some(why) = self.set_back.take()
            && !self.alert(&why).await
        {
            self.set_back = Some(why);
        }
        if let Some(count) = self.refusals.due(Instant::now())
            && self.alert(&format!("it refuses {count} records for good")).await
        {
            self.refusals = Refusals { untold: 0, told: Some(Instant::now()) };
        }
    }

    /// Whether these are this export's own alerts alone: that they are refused, too, is no news.
    fn are_own(&self, records: &[Record]) -> bool {
        records.iter().all(|record| {
            record.event == Some(Event::ExportFailed)
                && record.facts.text("export") == Some(self.target.name.as_str())
        })
    }

    /// The next records for this export after `after`, and the last one of the whole record as of before they were
    /// looked for.
    async fn read(&mut self, after: u64) -> Result<(Vec<Record>, u64), Trouble> {
        let (place, reader) = (self.parts.place.clone(), self.reader.take());
        let query = self.target.filter.query(after, PAGE);
        let looked = tokio::task::spawn_blocking(move || {
            let reader = match reader {
                Some(reader) => reader,
                None => Reader::open(&place)?,
            };
            let last = reader.last()?;
            let records = if last > after { reader.query(&query)? } else { Vec::new() };
            Ok::<_, ReadError>((reader, records, last))
        });
        let (reader, records, last) = looked.await.map_err(|error| Trouble::Task(error.to_string()))??;
        self.reader = Some(reader);
        Ok((records, last))
    }

    /// Something was taken, or there was nothing to take.
    async fn took(&mut self) {
        if self.failing.take().is_some() {
            self.told_late = false;
            tracing::info!("the export `{}` gets through again", self.target.name);
            self.spot.change(|standing| {
                standing.failing_since = None;
                standing.last_error = None;
                standing.late = false;
            });
        }
        if self.written.1.elapsed() >= CURSOR_PAUSE {
            self.write_cursor().await;
        }
    }

    async fn failed(&mut self, trouble: &Trouble) {
        let now = self.parts.ambient.now();
        let error = trouble.to_string();
        let since = *self.failing.get_or_insert_with(|| {
            tracing::warn!("the export `{}` does not get through: {error}", self.target.name);
            Instant::now()
        });
        self.spot.change(|standing| {
            standing.failing_since.get_or_insert(now);
            standing.last_error = Some(error.clone());
        });
        if since.elapsed() >= self.target.late_after {
            self.spot.change(|standing| standing.late = true);
            if !self.told_late {
                self.told_late = self.alert(&error).await;
            }
        }
    }

    /// Writes into the record that this export does not do what it should; `false` when that cannot be written now.
    async fn alert(&mut self, error: &str) -> bool {
        let Some(standing) = self.spot.get() else { return true };
        tracing::error!("the export `{}` is {} records behind: {error}", self.target.name, standing.behind);
        let draft = failed(&self.target.name, standing.behind, error);
        let subject = Digest::of_parts(&[b"export failed", self.target.name.as_bytes()]);
        let entry = Entry { subject, records: vec![draft], state: Vec::new() };
        match self.parts.journal.follow(entry).await {
            Ok(()) => true,
            Err(error) => {
                tracing::error!("that an export is late cannot be recorded yet: {error}");
                false
            }
        }
    }

    /// Writes down how far the receiver is. It is durable with the next record or a moment later: until then, what it
    /// stands for is sent twice at worst.
    async fn write_cursor(&mut self) {
        if self.written.0 == self.taken {
            return;
        }
        let row = match Change::put(
            CURSOR,
            &self.target.name,
            &Cursor { seq: self.taken, what: Some(self.target.digest()) },
        ) {
            Ok(row) => row,
            Err(error) => return tracing::error!("a cursor has no JSON form: {error}"),
        };
        let entry =
            Entry { subject: Digest::of(self.target.name.as_bytes()), records: Vec::new(), state: vec![row] };
        match self.parts.journal.follow(entry).await {
            Ok(()) => self.written = (self.taken, Instant::now()),
            Err(error) => tracing::warn!("the cursor of `{}` cannot be written: {error}", self.target.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_told_each_time_that_it_grows_and_not_more_than_once_a_minute() {
        let now = Instant::now();
        let mut refusals = Refusals::default();
        assert_eq!(refusals.due(now), None);
        refusals.untold = 2;
        assert_eq!(refusals.due(now), Some(2));
        refusals = Refusals { untold: 3, told: Some(now) };
        assert_eq!(refusals.due(now), None);
        assert_eq!(refusals.due(now + REFUSED_PAUSE), Some(3));
        refusals.untold = 0;
        assert_eq!(refusals.due(now + REFUSED_PAUSE), None);
    }
}
