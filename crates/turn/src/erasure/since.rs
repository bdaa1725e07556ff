//! What was recorded with words that another gateway had erased by then: until a gateway comes across the record that says so,
//! what runs there goes on, and its prompts have them. It goes by the same order, on a further record that says which it follows.

use std::collections::BTreeSet;
use std::sync::Arc;

use journal::Erased;
use journal::read::{Reader, Record};
use vocab::{ErasureId, PersonId, SessionId};

use super::agreed::{Agreed, Course};
use super::carry::done;
use super::select::{Found, Selection};
use super::{ErasureState, ErasureView, Scope};
use crate::gateway::Gateway;
use crate::{Refusal, RefusalKind};

/// How often what was recorded meanwhile is looked for again, because other gateways erase or hold some of it at the same time.
pub(super) const MAX_FURTHER: u32 = 8;

/// An order by which another gateway has erased something.
pub(super) struct Order {
    view: ErasureView,
    agreed: Agreed,
    /// The record that says what was erased.
    follows: u64,
    /// The conversations that it is about and this gateway has.
    pub(super) here: BTreeSet<SessionId>,
}

impl Order {
    /// The order by which `said` says that something was erased. None, which is said, where the record does not bear out that there was one: then
    /// nothing more is erased by it.
    pub(super) fn of(
        reader: &Reader,
        said: &Record,
        of: Scope,
        solo: Option<&PersonId>,
    ) -> Result<Option<Self>, Refusal> {
        let seq = said.seq;
        let Some(view) = view(reader, said, of)? else {
            tracing::error!(
                "record {seq} does not say by whose order it erased, so nothing more is erased by it"
            );
            return Ok(None);
        };
        match Course::of(reader, &view)?.agreed(&view, solo) {
            Ok(agreed) => Ok(Some(Self { view, agreed, follows: seq, here: BTreeSet::new() })),
            Err(why) => {
                tracing::error!("nothing more is erased by the order that record {seq} was done by: {why}");
                Ok(None)
            }
        }
    }

    /// What stays on the record of it, in words.
    fn left(&self, seqs: &BTreeSet<u64>) -> String {
        let here: Vec<&str> = self.here.iter().map(SessionId::as_str).collect();
        format!(
            "what was recorded in `{}`, or in what goes on from there, since the erasure `{}` stays: {} contents from record {} to {}",
            here.join("`, `"),
            self.view.id,
            seqs.len(),
            seqs.first().copied().unwrap_or_default(),
            seqs.last().copied().unwrap_or_default()
        )
    }

    /// The conversations that it is about: of a person, those in which they had said something when it began to be carried out.
    pub(super) fn sessions(&self, selection: &Selection<'_>) -> Result<BTreeSet<SessionId>, Refusal> {
        match &self.agreed.of {
            Scope::Person(person) => selection.own(person, self.agreed.before),
            Scope::Session(session) => Ok(BTreeSet::from([session.clone()])),
            Scope::Records(..) => Ok(BTreeSet::new()),
        }
    }
}

/// The request as the record of what was erased has it.
fn view(reader: &Reader, said: &Record, of: Scope) -> Result<Option<ErasureView>, Refusal> {
    let content = reader.committed(said)?;
    let reason = content.and_then(|content| Some(content.get("why")?.as_str()?.to_owned()));
    let id = said.facts.text("erasure").and_then(|id| ErasureId::new(id).ok());
    let consent = said.facts.text("consent").and_then(|person| PersonId::new(person).ok());
    let (Some(reason), Some(id), Some(asked_by)) = (reason, id, said.person.clone()) else { return Ok(None) };
    Ok(Some(ErasureView {
        id,
        of,
        reason,
        asked_by,
        asked: said.time,
        expires: said.time,
        state: ErasureState::Done,
        decided_by: consent,
        why: None,
        contents: 0,
        records: Vec::new(),
        traces: false,
    }))
}

/// What stays on the record of what was recorded since, in words for the log. To be said once the files beside the record are
/// done with: the log is one of them, and its lines go.
#[must_use]
pub(super) enum Stays {
    /// All of it went.
    Nothing,
    /// A hold is on it.
    Held(String),
    /// Nobody was named who may erase.
    Unerased(String),
}

impl Stays {
    pub(super) fn say(self) {
        match self {
            Self::Nothing => {}
            Self::Held(what) => tracing::warn!("{what}"),
            Self::Unerased(what) => tracing::error!("{what}"),
        }
    }
}

impl Gateway {
    /// Erases what is there still of an order's conversations here, in which nothing goes on, and what models were asked in those
    /// that go on from them. What is held stays.
    pub(super) async fn erase_since(self: &Arc<Self>, order: &Order) -> Result<Stays, Refusal> {
        for _ in 0..MAX_FURTHER {
            let seen = self.journal.head().records;
            let (holds, of) = (self.holds().await?, order.here.clone());
            let found = self.look(move |reader| Selection::new(reader, &holds).since(&of)).await?;
            if found.seqs.is_empty() {
                let held = |(hold, seq)| {
                    format!(
                        "what was recorded since an erasure stays where the legal hold `{hold}` is on it, first at record {seq}"
                    )
                };
                return Ok(found.held.map_or(Stays::Nothing, |hold| Stays::Held(held(hold))));
            }
            let found = Found { seen, ..found };
            self.erase_files(&found, self.ambient.now()).await?;
            let make = |erased: Erased, (): &mut ()| {
                Ok((done(&order.view, &order.agreed, erased, Some(order.follows)), None))
            };
            if let Err(refusal) = self.erase(&found, &mut (), make).await?.is_done() {
                // Its own copies go all the same.
                return Ok(Stays::Unerased(format!("{}: {refusal}", order.left(&found.seqs))));
            }
        }
        let message = "other gateways erase or hold the same all the while, so not everything is erased yet";
        Err(Refusal::new(RefusalKind::Unavailable, message))
    }
}

#[cfg(test)]
mod tests {
    use vocab::Timestamp;

    use super::*;

    #[test]
    fn what_a_gateway_without_an_eraser_leaves_can_be_found_by_its_log() {
        let person = |name: &str| PersonId::new(name).unwrap();
        let session = |name: &str| SessionId::new(name).unwrap();
        let of = Scope::Session(session("s-1"));
        let view = ErasureView {
            id: ErasureId::new("e-7").unwrap(),
            of: of.clone(),
            reason: "a test".to_owned(),
            asked_by: person("ann"),
            asked: Timestamp::UNIX_EPOCH,
            expires: Timestamp::UNIX_EPOCH,
            state: ErasureState::Done,
            decided_by: Some(person("bob")),
            why: None,
            contents: 0,
            records: Vec::new(),
            traces: false,
        };
        let agreed = Agreed { of, asked_by: person("ann"), consent: person("bob"), before: None };
        let here = BTreeSet::from([session("s-1"), session("s-2")]);
        let order = Order { view, agreed, follows: 5, here };
        let left = order.left(&BTreeSet::from([9, 12, 31]));
        for part in ["`s-1`, `s-2`", "`e-7`", "3 contents", "record 9 to 31"] {
            assert!(left.contains(part), "{part}: {left}");
        }
    }
}
