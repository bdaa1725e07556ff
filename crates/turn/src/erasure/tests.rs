//! Whatever is written, held, erased and kept no longer in whatever order: the record verifies, what is held stays, and
//! what was erased is not to be had.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use journal::read::Reader;
use journal::verify::verify;
use journal::{Draft, Entry, Erased, Event, Facts, Journal, Kind, Place};
use proptest::prelude::*;
use serde_json::json;
use vocab::{Ambient, Digest, HoldId, Labels, PersonId, SessionId, Timestamp};

use super::retention::outlived;
use super::select::{Found, Selection};
use super::{Hold, HoldScope, Period, Retention, RetentionRule, Scope};

const DAY: i64 = 24 * 60 * 60;

struct Clock(AtomicI64, AtomicU64);

impl Ambient for Clock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::Relaxed)).unwrap()
    }

    fn random(&self) -> [u8; 16] {
        u128::from(self.1.fetch_add(1, Ordering::Relaxed)).to_le_bytes()
    }
}

fn person(number: u8) -> PersonId {
    PersonId::new(["eve", "bob", "ann"][usize::from(number % 3)]).unwrap()
}

/// A conversation, of which one person is the owner: that of the same number.
fn session(number: u8) -> SessionId {
    SessionId::new(&format!("s-{}", number % 6)).unwrap()
}

fn label(number: u8) -> &'static str {
    ["internal", "employee", "finance", "restricted"][usize::from(number % 4)]
}

#[derive(Debug, Clone)]
enum Step {
    /// A message of a conversation's owner; an approver's word in it; a record about a person alone.
    Write(u8, u8, u8),
    Hold(HoldScope),
    Release(prop::sample::Index),
    Erase(Scope),
    Retain,
    Days(u8),
}

fn scope() -> impl Strategy<Value = Scope> {
    prop_oneof![
        any::<u8>().prop_map(|number| Scope::Person(person(number))),
        any::<u8>().prop_map(|number| Scope::Session(session(number))),
        (1..60_u64, 0..20_u64).prop_map(|(first, more)| Scope::Records(first, first + more)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let hold = (any::<u8>(), 0..4_u8).prop_map(|(number, what)| match what {
        0 => HoldScope { person: Some(person(number)), ..HoldScope::default() },
        1 => HoldScope { session: Some(session(number)), ..HoldScope::default() },
        2 => HoldScope { label: Some(label(number).to_owned()), ..HoldScope::default() },
        _ => HoldScope {
            person: Some(person(number)),
            label: Some(label(number / 3).to_owned()),
            ..HoldScope::default()
        },
    });
    prop_oneof![
        8 => (any::<u8>(), any::<u8>(), 0..3_u8).prop_map(|(session, label, how)| Step::Write(session, label, how)),
        2 => hold.prop_map(Step::Hold),
        1 => any::<prop::sample::Index>().prop_map(Step::Release),
        3 => scope().prop_map(Step::Erase),
        2 => Just(Step::Retain),
        2 => (1..60_u8).prop_map(Step::Days),
    ]
}

fn retention() -> Retention {
    let rule = |label: &str, period| RetentionRule { label: label.to_owned(), period };
    let rules = vec![
        rule("employee", Period::AtMost(20)),
        rule("finance", Period::AtLeast(200)),
        rule("restricted", Period::AtMost(40)),
    ];
    Retention { days: Some(90), rules }
}

/// What is known of a record without the record: whose it is, in whose conversation, with which label, since when.
#[derive(Debug, Clone)]
struct Written {
    persons: BTreeSet<PersonId>,
    session: Option<SessionId>,
    label: &'static str,
    second: i64,
}

impl Written {
    fn is_held(&self, holds: &[Hold]) -> bool {
        holds.iter().any(|hold| {
            hold.of.person.as_ref().is_none_or(|person| self.persons.contains(person))
                && hold.of.session.as_ref().is_none_or(|session| self.session.as_ref() == Some(session))
                // A category alone is of the level `internal`, too.
                && hold.of.label.as_ref().is_none_or(|label| {
                    label == self.label || (label == "internal" && self.label != "restricted")
                })
        })
    }

    fn days(&self) -> i64 {
        match self.label {
            "employee" => 20,
            "finance" => 200,
            "restricted" => 40,
            _ => 90,
        }
    }

    fn is_of(&self, seq: u64, scope: &Scope) -> bool {
        match scope {
            Scope::Person(person) => self.persons.contains(person),
            Scope::Session(session) => self.session.as_ref() == Some(session),
            Scope::Records(first, last) => (*first..=*last).contains(&seq),
        }
    }
}

struct World {
    journal: Journal,
    place: Place,
    clock: Arc<Clock>,
    holds: Vec<Hold>,
    there: BTreeMap<u64, Written>,
    gone: BTreeSet<u64>,
}

impl World {
    fn new(folder: &Path) -> Self {
        let clock = Arc::new(Clock(AtomicI64::new(1_790_000_000), AtomicU64::new(1)));
        let place = Place::Sqlite(folder.join("journal.sqlite"));
        let journal = Journal::open(journal::Config { place: place.clone() }, clock.clone()).unwrap();
        Self { journal, place, clock, holds: Vec::new(), there: BTreeMap::new(), gone: BTreeSet::new() }
    }

    fn second(&self) -> i64 {
        self.clock.0.load(Ordering::Relaxed)
    }

    async fn append(&self, draft: Draft) -> u64 {
        let entry = Entry { subject: Digest::of(b"x"), records: vec![draft], state: Vec::new() };
        self.journal.append(entry).await.unwrap().seq()
    }

    async fn write(&mut self, number: u8, labelled: u8, how: u8) {
        let owner = person(number % 6);
        let mut draft = Draft::new(if how == 0 { Kind::Message } else { Kind::Approval });
        let mut persons = BTreeSet::new();
        if how < 2 {
            draft.session = Some(session(number));
            // Whose it is stands in its first record.
            let mut first = Draft::new(Kind::Message);
            first.session = Some(session(number));
            first.person = Some(owner.clone());
            self.append(first).await;
            persons.insert(owner.clone());
        }
        let by = if how == 0 { owner } else { person(number / 6) };
        persons.insert(by.clone());
        draft.person = Some(by);
        let label = label(labelled);
        draft.labels = Labels::from_names([label]).ok();
        draft.payload = json!({ "words": "x" });
        let written = Written { persons, session: draft.session.clone(), label, second: self.second() };
        let seq = self.append(draft).await;
        self.there.insert(seq, written);
    }

    async fn erase(&mut self, found: Found, event: Event) {
        let mut draft = Draft::of_event(Kind::Admin, event, Facts::new());
        draft.payload = json!({ "why": "x" });
        draft.erases = Some(Erased::of(&found.seqs).0);
        self.append(draft).await;
        for seq in found.seqs {
            assert!(self.there.remove(&seq).is_some(), "{seq} was not there");
            self.gone.insert(seq);
        }
    }

    async fn order(&mut self, scope: &Scope) -> Result<(), TestCaseError> {
        let reader = Reader::open(&self.place).unwrap();
        let found = Selection::new(&reader, &self.holds).of(scope).unwrap();
        let of = |(seq, written): (&u64, &Written)| written.is_of(*seq, scope).then_some(*seq);
        let meant: BTreeSet<u64> = self.there.iter().filter_map(of).collect();
        prop_assert_eq!(&found.seqs, &meant);
        let held = meant.iter().any(|seq| self.there[seq].is_held(&self.holds));
        prop_assert_eq!(found.held.is_some(), held, "{:?} {:?}", scope, self.holds);
        if !held {
            self.erase(found, Event::ErasureDone).await;
        }
        Ok(())
    }

    async fn retain(&mut self) -> Result<(), TestCaseError> {
        let reader = Reader::open(&self.place).unwrap();
        let (found, ..) =
            outlived(&reader, &self.holds, &retention(), &BTreeSet::new(), 0, self.clock.now()).unwrap();
        let over = |written: &Written| {
            self.second() - written.second > written.days() * DAY && !written.is_held(&self.holds)
        };
        let meant: BTreeSet<u64> =
            self.there.iter().filter_map(|(seq, written)| over(written).then_some(*seq)).collect();
        prop_assert_eq!(&found.seqs, &meant);
        self.erase(found, Event::RetentionApplied).await;
        Ok(())
    }

    async fn take(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Write(number, label, how) => self.write(number, label, how).await,
            Step::Hold(of) => {
                let id = HoldId::from_random(self.clock.random());
                let since = self.clock.now();
                self.holds.push(Hold { id, of, reason: "x".into(), by: person(0), since });
            }
            Step::Release(which) if !self.holds.is_empty() => {
                self.holds.remove(which.index(self.holds.len()));
            }
            Step::Release(_) => {}
            Step::Erase(scope) => self.order(&scope).await?,
            Step::Retain => self.retain().await?,
            Step::Days(days) => {
                self.clock.0.fetch_add(i64::from(days) * DAY, Ordering::Relaxed);
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn what_is_held_stays_what_was_erased_is_gone_and_the_record_verifies(steps in prop::collection::vec(step(), 1..50)) {
        let folder = tempfile::tempdir()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut world = World::new(folder.path());
        let heads = runtime.block_on(async {
            let mut heads = Vec::new();
            for step in steps {
                world.take(step).await?;
                heads.push(world.journal.head());
            }
            Ok::<_, TestCaseError>(heads)
        })?;
        let reader = Reader::open(&world.place).unwrap();
        for seq in &world.gone {
            let record = reader.show(*seq).unwrap().unwrap();
            prop_assert!(record.erased && reader.content(*seq).unwrap().is_none());
        }
        for seq in world.there.keys() {
            prop_assert!(reader.content(*seq).unwrap().is_some());
        }
        for head in heads {
            let report = verify(&world.place, Some(head)).unwrap();
            prop_assert!(report.ok, "{:?}", report);
        }
    }
}
