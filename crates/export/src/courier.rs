//! Carries each new checkpoint of the record to a place off this machine, and brings a witness's answer back.
//!
//! Only the newest counts: one that comes while another could not be delivered takes its place, since it holds for all
//! that the older one held for.

use std::sync::Arc;
use std::time::Duration;

use journal::checkpoint::Sealed;
use journal::{Draft, Entry, Event, Facts, Kind};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use vocab::Digest;

use crate::board::{Board, Spot, Standing};
use crate::follower::Parts;
use crate::send::{SendError, Sender};
use crate::settings::{Fault, Target};

/// The first pause after a failure; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

/// Carries checkpoints to one place.
pub struct Courier {
    parts: Parts,
    sender: Sender,
    spot: Spot,
    name: String,
    newest: watch::Receiver<Option<Arc<Sealed>>>,
    answers: mpsc::Sender<String>,
    /// The size of the last that was taken.
    carried: Option<u64>,
    /// Whether this outage is in the record.
    told: bool,
}

impl Courier {
    /// Readies a place, which is `tcp`, `tls`, `udp`, `http` or `https`, and puts it on the `board`. What an HTTP server
    /// answers goes to `answers`, as it is and unchecked.
    ///
    /// # Errors
    /// When there can be no such place.
    pub fn new(
        target: &Target,
        parts: Parts,
        board: &Board,
        newest: watch::Receiver<Option<Arc<Sealed>>>,
        answers: mpsc::Sender<String>,
    ) -> Result<Self, Fault> {
        let sender = Sender::new(target, parts.secrets.clone())?;
        let spot = board.add(Standing::new(target, "checkpoint", &target.to()?));
        Ok(Self {
            parts,
            sender,
            spot,
            name: target.name.clone(),
            newest,
            answers,
            carried: None,
            told: false,
        })
    }

    /// Carries until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.carry() => {}
        }
    }

    /// Until there are no more checkpoints to come.
    async fn carry(&mut self) {
        loop {
            let newest = self.newest.borrow_and_update().clone();
            // Each size once: the same checkpoint with a witness's signature comes back as another, and sent again it
            // would be signed again.
            let fresh = newest.filter(|sealed| self.carried.is_none_or(|size| size < sealed.tree().size));
            if let Some(sealed) = fresh {
                self.deliver(&sealed).await;
            }
            if self.newest.changed().await.is_err() {
                return;
            }
        }
    }

    /// Tries until it is taken or there is a newer one.
    async fn deliver(&mut self, sealed: &Sealed) {
        let (size, text) = (sealed.tree().size, sealed.note().to_string());
        let mut pause = FIRST_PAUSE;
        loop {
            let time = self.parts.ambient.now();
            match self.sender.note(&text, time, &self.parts.origin).await {
                Ok(answer) => {
                    self.taken(size);
                    if let Some(answer) = answer
                        && self.answers.send(answer).await.is_err()
                    {
                        tracing::debug!("nobody takes in what a witness answers");
                    }
                    return;
                }
                Err(error) => self.failed(size, &error).await,
            }
            tokio::select! {
                // When none is to come any more, this one is still tried.
                Ok(()) = self.newest.changed() => {
                    // What is there now is looked at next.
                    self.newest.mark_changed();
                    return;
                }
                () = tokio::time::sleep(pause) => {}
            }
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }

    fn taken(&mut self, size: u64) {
        self.carried = Some(size);
        self.told = false;
        self.spot.change(|standing| {
            standing.taken = size;
            standing.behind = 0;
            standing.failing_since = None;
            standing.last_error = None;
            standing.late = false;
        });
    }

    /// Says so, and once for each outage in the record.
    async fn failed(&mut self, size: u64, error: &SendError) {
        let now = self.parts.ambient.now();
        self.spot.change(|standing| {
            standing.behind = size.saturating_sub(standing.taken);
            standing.failing_since.get_or_insert(now);
            standing.last_error = Some(error.to_string());
            standing.late = true;
        });
        if self.told {
            return;
        }
        tracing::error!("the checkpoint at {size} records is not published by `{}`: {error}", self.name);
        let facts = Facts::new().with("place", self.name.as_str()).with("error", error.to_string());
        let draft = Draft::of_event(Kind::Alert, Event::PublishingFailed, facts);
        let subject = Digest::of_parts(&[b"publishing failed", self.name.as_bytes()]);
        let entry = Entry { subject, records: vec![draft], state: Vec::new() };
        match self.parts.journal.follow(entry).await {
            Ok(()) => self.told = true,
            Err(error) => {
                tracing::error!("that a checkpoint is not published cannot be recorded yet: {error}")
            }
        }
    }
}
