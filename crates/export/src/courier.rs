//! Carries each new checkpoint of the record to a place off this machine, and brings what it answers back.

use std::sync::Arc;

use journal::checkpoint::Sealed;
use journal::{Draft, Entry, Event, Facts, Kind};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use vocab::Digest;

use crate::board::{Board, Spot, Standing};
use crate::follower::Parts;
use crate::rounds::Rounds;
use crate::send::{SendError, Sender};
use crate::settings::{Fault, Target};

/// Carries checkpoints to one place.
pub struct Courier {
    parts: Parts,
    sender: Sender,
    spot: Spot,
    name: String,
    rounds: Rounds,
    answers: mpsc::Sender<String>,
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
        let (name, rounds) = (target.name.clone(), Rounds::new(newest));
        Ok(Self { parts, sender, spot, name, rounds, answers, told: false })
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
        while let Some(sealed) = self.rounds.next().await {
            let (size, text) = (sealed.tree().size, sealed.note().to_string());
            let time = self.parts.ambient.now();
            match self.sender.note(&text, time, &self.parts.origin).await {
                Ok(answer) => {
                    self.taken(size);
                    if let Some(answer) = answer
                        && self.answers.send(answer).await.is_err()
                    {
                        tracing::debug!("nobody takes in what a place of checkpoints answers");
                    }
                }
                Err(error) => {
                    self.failed(size, &error).await;
                    self.rounds.wait().await;
                }
            }
        }
    }

    fn taken(&mut self, size: u64) {
        self.rounds.taken(size);
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
