//! Has each new checkpoint cosigned by a witness, as C2SP `tlog-witness` says: it is sent with a proof that it goes on
//! from what the witness cosigned last, and the cosignature comes back in the answer.
//!
//! What a witness cosigned last is what the record keeps of its cosignatures; where the witness knows better it says so,
//! and is sent the proof from there. So a witness that was away misses nothing: the next proof begins where it stopped.
//! Whether a cosignature holds, the notary says, as for one that a person brings.

pub mod answer;
mod trouble;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use journal::checkpoint::Sealed;
use journal::merkle::TreeHead;
use journal::note::VerifierKey;
use journal::read::{Cosigned, ProveError, Reader};
use journal::{Draft, Entry, Kind, Notary};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use vocab::{Digest, Timestamp};

use self::answer::Said;
use self::trouble::{Telling, Trouble};
use crate::board::{Board, Spot, Standing};
use crate::follower::Parts;
use crate::rounds::Rounds;
use crate::send::http::Http;
use crate::settings::{Fault, Target, Where};

/// How long a gateway that stops waits for a witness.
const FAREWELL: Duration = Duration::from_secs(1);

/// How long it is waited for what a witness says.
enum Until {
    Stop(CancellationToken),
    Time(Instant),
}

impl Until {
    /// What comes of `waiting`, unless the time is over first.
    async fn unless<T>(&self, waiting: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.over() => None,
            come = waiting => Some(come),
        }
    }

    async fn over(&self) {
        match self {
            Self::Stop(stop) => stop.cancelled().await,
            Self::Time(time) => tokio::time::sleep_until(*time).await,
        }
    }
}

/// Has checkpoints cosigned by one witness.
pub struct Witness {
    parts: Parts,
    http: Http,
    spot: Spot,
    name: String,
    key: VerifierKey,
    notary: Arc<Notary>,
    rounds: Rounds,
    /// What it cosigned last, once that was looked up.
    last: Option<Option<Cosigned>>,
    /// What is in the record of the time since it cosigned last.
    told: BTreeSet<Telling>,
}

impl Witness {
    /// Readies the witness of `target`, which [`Target::of_witness`] made, and puts it on the `board`. Only what `key`
    /// signed counts.
    ///
    /// # Errors
    /// When there can be no such place.
    pub fn new(
        target: &Target,
        key: VerifierKey,
        parts: Parts,
        board: &Board,
        notary: Arc<Notary>,
    ) -> Result<Self, Fault> {
        let to = target.to()?;
        let spot = board.add(Standing::new(target, "witness", &to));
        let Where::Http(url) = to else { return Err(target.fault("is a witness, which is asked over http")) };
        let (http, rounds) = (Http::new(url, target, parts.secrets.clone()), Rounds::new(notary.newest()));
        let (name, told) = (target.name.clone(), BTreeSet::new());
        Ok(Self { parts, http, spot, name, key, notary, rounds, last: None, told })
    }

    /// Goes on until `stop`; then the last checkpoint is asked for once more, for a second and not longer. What came
    /// back by then is still kept: to break off there would leave it open whether the record has it.
    pub async fn run(mut self, stop: CancellationToken) {
        self.go_on(stop).await;
        let Some(sealed) = self.rounds.untaken().filter(|_| self.told.is_empty()) else { return };
        match self.cosign(&sealed, &Until::Time(Instant::now() + FAREWELL)).await {
            Ok(cosigned) => self.taken(sealed.tree().size, cosigned),
            Err(Trouble::Stopped) => tracing::warn!(
                "the witness `{}` has not cosigned the end of the record within {FAREWELL:?}: the next gateway asks it",
                self.name
            ),
            Err(trouble) => {
                tracing::warn!(
                    "the witness `{}` has not cosigned the end of the record: {trouble}",
                    self.name
                );
            }
        }
    }

    async fn go_on(&mut self, stop: CancellationToken) {
        let until = Until::Stop(stop);
        while let Some(Some(sealed)) = until.unless(self.rounds.next()).await {
            let size = sealed.tree().size;
            match self.cosign(&sealed, &until).await {
                Ok(cosigned) => self.taken(size, cosigned),
                Err(Trouble::Stopped) => return,
                Err(trouble) => {
                    self.failed(size, trouble).await;
                    if until.unless(self.rounds.wait()).await.is_none() {
                        return;
                    }
                }
            }
        }
    }

    /// Has one checkpoint cosigned, if it is not.
    async fn cosign(&mut self, sealed: &Arc<Sealed>, until: &Until) -> Result<Cosigned, Trouble> {
        let size = sealed.tree().size;
        let last = match self.last {
            Some(last) => last,
            None => self.look_up().await?,
        };
        self.last = Some(last);
        if let Some(last) = last.filter(|last| last.size >= size) {
            return Ok(last);
        }
        let old = last.map_or(0, |last| last.size);
        let lines = match self.ask(sealed, old, until).await? {
            Said::Cosigned(lines) => lines,
            Said::Inconsistent => return Err(Trouble::inconsistent(old, size)),
            Said::Conflict(seen) => {
                let seen = self.weigh(seen, old, size).await?;
                if seen < old {
                    tracing::warn!(
                        "the witness `{}` cosigned {old} records and says that it has seen {seen}: it was set back",
                        self.name
                    );
                }
                match self.ask(sealed, seen, until).await? {
                    Said::Cosigned(lines) => lines,
                    Said::Inconsistent => return Err(Trouble::inconsistent(seen, size)),
                    // It has this size, and another root there.
                    Said::Conflict(again) if seen == size && again.is_none_or(|again| again == size) => {
                        return Err(Trouble::Inconsistent { seen, size });
                    }
                    Said::Conflict(_) => return Err(Trouble::Unsteady),
                }
            }
        };
        let time = self.notary.cosigned_by(&self.key, sealed, &lines).await?;
        Ok(Cosigned { size, time })
    }

    /// The size from which a witness that did not take `old`, which is less than `size`, is to be asked once more.
    async fn weigh(&self, seen: Option<u64>, old: u64, size: u64) -> Result<u64, Trouble> {
        let Some(seen) = seen else { return Err(Trouble::Answer(answer::Unfit::Size)) };
        if seen == old {
            return Err(Trouble::Unsteady);
        }
        if seen <= size {
            return Ok(seen);
        }
        let looked = self.look(move |reader| Ok((reader.size()?, reader.has_signed(seen)?)));
        match looked.await? {
            (there, _) if seen > there => Err(Trouble::Longer { seen, there }),
            (_, true) => Err(Trouble::Ahead { seen, size }),
            // What it says proves nothing: to be believed it would have to be a checkpoint that the record has too.
            (_, false) => Err(Trouble::Unmade { seen, size }),
        }
    }

    /// Sends a checkpoint with the proof that it goes on from what there was at `old` records.
    async fn ask(&mut self, sealed: &Arc<Sealed>, old: u64, until: &Until) -> Result<Said, Trouble> {
        let sealed = Arc::clone(sealed);
        let proof = self.look(move |reader| {
            let root = reader.root(old)?;
            reader.consistency(&TreeHead { size: old, root }, &sealed)
        });
        let question = proof.await?.to_string();
        // Nothing else of a round is broken off.
        let answered = until.unless(self.http.ask(question)).await.ok_or(Trouble::Stopped)??;
        Ok(answer::read(answered.status, answered.kind.as_deref(), &answered.said)?)
    }

    /// What the record keeps of this witness.
    async fn look_up(&self) -> Result<Option<Cosigned>, Trouble> {
        let key = self.key.clone();
        self.look(move |reader| Ok(reader.cosigned(&key)?)).await
    }

    /// Looks into the record, which may take a while.
    async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Reader) -> Result<T, ProveError> + Send + 'static,
    ) -> Result<T, Trouble> {
        let place = self.parts.place.clone();
        let looked = tokio::task::spawn_blocking(move || look(&Reader::open(&place)?));
        Ok(looked.await.map_err(|error| Trouble::Record(error.to_string()))??)
    }

    fn taken(&mut self, size: u64, cosigned: Cosigned) {
        self.rounds.taken(size);
        self.last = Some(Some(cosigned));
        self.told.clear();
        let time = i64::try_from(cosigned.time).ok().and_then(|time| Timestamp::from_second(time).ok());
        self.spot.change(|standing| {
            (standing.taken, standing.behind, standing.cosigned) = (cosigned.size, 0, time);
            (standing.failing_since, standing.last_error) = (None, None);
            (standing.late, standing.contradiction) = (false, None);
        });
    }

    /// Says so, and of each kind once in the record, until it cosigns again.
    async fn failed(&mut self, size: u64, trouble: Trouble) {
        let now = self.parts.ambient.now();
        let telling = trouble.telling();
        let cosigned = self.last.flatten().map_or(0, |last| last.size);
        self.spot.change(|standing| {
            standing.taken = cosigned;
            standing.behind = size.saturating_sub(cosigned);
            standing.failing_since.get_or_insert(now);
            standing.last_error = Some(trouble.to_string());
            standing.late = telling.is_some();
            // An outage that comes after it takes nothing of it back.
            if telling.is_some_and(Telling::contradicts) {
                standing.contradiction = Some(trouble.to_string());
            }
        });
        let Some(telling) = telling.filter(|telling| !self.told.contains(telling)) else { return };
        tracing::error!("the witness `{}` has not cosigned the checkpoint at {size}: {trouble}", self.name);
        let mut draft = Draft::of_event(Kind::Alert, telling.event(), trouble.facts(&self.name, size));
        draft.payload = serde_json::json!({ "text": trouble.to_string() });
        let subject = Digest::of_parts(&[telling.event().as_str().as_bytes(), self.name.as_bytes()]);
        let entry = Entry { subject, records: vec![draft], state: Vec::new() };
        match self.parts.journal.follow(entry).await {
            Ok(()) => drop(self.told.insert(telling)),
            Err(error) => {
                tracing::error!("that a witness does not cosign cannot be recorded yet: {error}");
            }
        }
    }
}
