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

use super::retention::{Way, outlived};
use super::select::{Found, Selection};
use super::{Hold, HoldScope, Period, Retention, RetentionRule, Scope};

const DAY: i64 = 24 * 60 * 60;

/// As each day's first round goes.
const WHOLE: Way = Way { after: 0, whole: true };

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

/// Of data that carries no label, which is then of the level `internal`.
const UNLABELLED: &str = "";

fn label(number: u8) -> &'static str {
    ["internal", "employee", "finance", "restricted", UNLABELLED][usize::from(number % 5)]
}

#[derive(Debug, Clone)]
enum Step {
    /// A message of a conversation's owner; an approver's word in it; a record about a person alone.
    Write(u8, u8, u8),
    /// A conversation that goes on from another.
    Branch(u8),
    /// What is asked of a model in one of those, and has the words of what it goes on from.
    Call(prop::sample::Index),
    Hold(HoldScope),
    /// A hold on one of those.
    HoldBranch(prop::sample::Index),
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
        2 => HoldScope { label: Some(label(number % 4).to_owned()), ..HoldScope::default() },
        _ => HoldScope {
            person: Some(person(number)),
            label: Some(label(number / 3 % 4).to_owned()),
            ..HoldScope::default()
        },
    });
    prop_oneof![
        8 => (any::<u8>(), any::<u8>(), 0..3_u8).prop_map(|(session, label, how)| Step::Write(session, label, how)),
        2 => any::<u8>().prop_map(Step::Branch),
        3 => any::<prop::sample::Index>().prop_map(Step::Call),
        1 => any::<prop::sample::Index>().prop_map(Step::HoldBranch),
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
    /// The conversation whose words it has besides.
    retells: Option<SessionId>,
}

/// A conversation that goes on from another: which, whose, from which, the last record of that, and its own, whether or not
/// their content is there.
#[derive(Debug, Clone)]
struct Branched {
    id: SessionId,
    owner: PersonId,
    from: SessionId,
    end: u64,
    records: Vec<Written>,
}

impl Branched {
    fn is_held(&self, holds: &[Hold]) -> bool {
        self.records.iter().any(|record| record.is_covered(u64::MAX, holds, &[]))
    }
}

impl Written {
    /// Whether a hold is on it, or on a record of a conversation that has it in its past.
    fn is_held(&self, seq: u64, holds: &[Hold], branches: &[Branched]) -> bool {
        let needs = |one: &&Branched| {
            Some(&one.from) == self.session.as_ref()
                && seq <= one.end
                && one.records.iter().any(|record| record.is_covered(u64::MAX, holds, &[]))
        };
        self.is_covered(seq, holds, branches) || branches.iter().any(|one| needs(&one))
    }

    fn is_covered(&self, seq: u64, holds: &[Hold], branches: &[Branched]) -> bool {
        let past = |held: &SessionId| {
            branches
                .iter()
                .any(|one| one.id == *held && Some(&one.from) == self.session.as_ref() && seq <= one.end)
        };
        holds.iter().any(|hold| {
            hold.of.person.as_ref().is_none_or(|person| self.persons.contains(person))
                && hold.of.session.as_ref().is_none_or(|session| self.session.as_ref() == Some(session) || past(session))
                // A category alone is of the level `internal`, and so is what has no label.
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
            Scope::Session(session) => {
                self.session.as_ref() == Some(session) || self.retells.as_ref() == Some(session)
            }
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
    begun: BTreeSet<SessionId>,
    branches: Vec<Branched>,
}

impl World {
    fn new(folder: &Path) -> Self {
        let clock = Arc::new(Clock(AtomicI64::new(1_790_000_000), AtomicU64::new(1)));
        let place = Place::Sqlite(folder.join("journal.sqlite"));
        let journal = Journal::open(journal::Config { place: place.clone() }, clock.clone()).unwrap();
        Self {
            journal,
            place,
            clock,
            holds: Vec::new(),
            there: BTreeMap::new(),
            gone: BTreeSet::new(),
            begun: BTreeSet::new(),
            branches: Vec::new(),
        }
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
            self.begun.insert(session(number));
        }
        let by = if how == 0 { owner } else { person(number / 6) };
        persons.insert(by.clone());
        draft.person = Some(by);
        let label = label(labelled);
        draft.labels = (label != UNLABELLED).then(|| Labels::from_names([label]).unwrap());
        draft.payload = json!({ "words": "x" });
        let written =
            Written { persons, session: draft.session.clone(), label, second: self.second(), retells: None };
        let seq = self.append(draft).await;
        self.there.insert(seq, written);
    }

    async fn branch(&mut self, number: u8) {
        let (from, owner) = (session(number), person(number % 6));
        if !self.begun.contains(&from) {
            return;
        }
        let (id, end) = (SessionId::from_random(self.clock.random()), self.journal.head().records);
        let facts = Facts::new().with("from", from.as_str()).with("past", vec![format!("{from}:{end}")]);
        let mut draft = Draft::of_event(Kind::Message, Event::ConversationBranched, facts);
        (draft.session, draft.person) = (Some(id.clone()), Some(owner.clone()));
        self.append(draft).await;
        // It has no content.
        let first = Written {
            persons: BTreeSet::from([owner.clone()]),
            session: Some(id.clone()),
            label: UNLABELLED,
            second: self.second(),
            retells: None,
        };
        self.branches.push(Branched { id, owner, from, end, records: vec![first] });
    }

    async fn call(&mut self, which: usize) {
        let Branched { id, owner, from, .. } = self.branches[which].clone();
        let mut draft = Draft::new(Kind::Proposal);
        (draft.session, draft.person) = (Some(id.clone()), Some(owner.clone()));
        draft.verb = Some(vocab::Verb::ModelCall);
        draft.labels = Labels::from_names([label(0)]).ok();
        draft.payload = json!({ "args": { "messages": ["x"] } });
        let second = self.second();
        let seq = self.append(draft).await;
        let persons = BTreeSet::from([owner]);
        let written = Written { persons, session: Some(id), label: label(0), second, retells: Some(from) };
        self.branches[which].records.push(written.clone());
        self.there.insert(seq, written);
    }

    fn hold(&mut self, of: HoldScope) {
        let id = HoldId::from_random(self.clock.random());
        let since = self.clock.now();
        self.holds.push(Hold { id, of, reason: "x".into(), by: person(0), since });
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
        let held = meant.iter().any(|seq| self.there[seq].is_held(*seq, &self.holds, &self.branches));
        prop_assert_eq!(found.held.is_some(), held, "{:?} {:?}", scope, self.holds);
        if held {
            // What no hold is on could go alone, and of a conversation on some of which one is, no copy does.
            let free = |seq: &u64| !self.there[seq].is_held(*seq, &self.holds, &self.branches);
            let unheld = found.unheld();
            prop_assert_eq!(&unheld.seqs, &meant.iter().copied().filter(free).collect());
            let kept = |seq: &u64| (!free(seq)).then(|| self.there[seq].session.clone()).flatten();
            prop_assert!(unheld.sessions.is_disjoint(&meant.iter().filter_map(kept).collect()));
        } else {
            if let Scope::Session(one) = scope {
                prop_assert_eq!(&found.sessions, &BTreeSet::from([one.clone()]));
            }
            self.branches_of(&found)?;
            self.erase(found, Event::ErasureDone).await;
        }
        Ok(())
    }

    /// What goes on from what is erased goes on, and what it refers to is kept for it while it is held.
    fn branches_of(&self, found: &Found) -> Result<(), TestCaseError> {
        let of = |held: bool| {
            let of =
                move |one: &&Branched| found.sessions.contains(&one.from) && one.is_held(&self.holds) == held;
            self.branches.iter().filter(of)
        };
        let branches: BTreeSet<SessionId> = of(false).map(|one| one.id.clone()).collect();
        prop_assert_eq!(&found.branches, &branches);
        let mut kept = BTreeMap::<SessionId, BTreeSet<SessionId>>::new();
        for one in of(true) {
            kept.entry(one.from.clone()).or_default().insert(one.id.clone());
        }
        prop_assert_eq!(&found.kept, &kept);
        Ok(())
    }

    async fn retain(&mut self) -> Result<(), TestCaseError> {
        let reader = Reader::open(&self.place).unwrap();
        let (found, ..) =
            outlived(&reader, &self.holds, &retention(), &BTreeSet::new(), WHOLE, self.clock.now()).unwrap();
        let over = |seq: u64, written: &Written| {
            self.second() - written.second > written.days() * DAY
                && !written.is_held(seq, &self.holds, &self.branches)
        };
        let meant: BTreeSet<u64> =
            self.there.iter().filter_map(|(seq, written)| over(*seq, written).then_some(*seq)).collect();
        prop_assert_eq!(&found.seqs, &meant);
        self.branches_of(&found)?;
        self.erase(found, Event::RetentionApplied).await;
        Ok(())
    }

    async fn take(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Write(number, label, how) => self.write(number, label, how).await,
            Step::Branch(number) => self.branch(number).await,
            Step::Call(which) if !self.branches.is_empty() => {
                self.call(which.index(self.branches.len())).await;
            }
            Step::HoldBranch(which) if !self.branches.is_empty() => {
                let session = self.branches[which.index(self.branches.len())].id.clone();
                self.hold(HoldScope { session: Some(session), ..HoldScope::default() });
            }
            Step::Call(_) | Step::HoldBranch(_) => {}
            Step::Hold(of) => self.hold(of),
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

#[tokio::test]
async fn what_has_no_label_is_held_as_internal() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path());
    world.write(0, 4, 2).await;
    world.write(0, 3, 2).await;
    world.clock.0.fetch_add(100 * DAY, Ordering::Relaxed);
    world.hold(HoldScope { label: Some("internal".to_owned()), ..HoldScope::default() });
    let reader = Reader::open(&world.place).unwrap();
    let over = |holds: &[Hold]| {
        outlived(&reader, holds, &retention(), &BTreeSet::new(), WHOLE, world.clock.now()).unwrap().0.seqs
    };
    // The other one is `restricted`.
    assert_eq!((over(&world.holds), over(&[])), (BTreeSet::from([2]), BTreeSet::from([1, 2])));
    let scope = |seq| Scope::Records(seq, seq);
    let held = |seq| Selection::new(&reader, &world.holds).of(&scope(seq)).unwrap().held.is_some();
    assert_eq!((held(1), held(2)), (true, false));
}

#[tokio::test]
async fn what_is_behind_content_of_a_clock_that_was_ahead_goes_when_its_time_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path());
    let begin = world.second();
    world.write(0, 0, 2).await;
    // More than are looked at together.
    world.clock.0.store(begin + 4_000 * DAY, Ordering::Relaxed);
    for _ in 0..9 {
        let records = (0..250).map(|_| {
            let mut draft = Draft::new(Kind::Approval);
            draft.payload = json!({ "words": "x" });
            draft
        });
        let records = records.collect();
        let entry = Entry { subject: Digest::of(b"x"), records, state: Vec::new() };
        world.journal.follow(entry).await.unwrap();
    }
    world.clock.0.store(begin + DAY, Ordering::Relaxed);
    world.write(0, 0, 2).await;
    let behind = world.journal.head().records;
    let reader = Reader::open(&world.place).unwrap();
    let over = |day: i64, way| {
        let now = Timestamp::from_second(begin + day * DAY).unwrap();
        let (found, done, more) = outlived(&reader, &[], &retention(), &BTreeSet::new(), way, now).unwrap();
        (found.seqs, done, more)
    };
    let gone = BTreeSet::from([1, behind]);
    // While the wrong time is still to come, and when it is past but not long ago.
    for day in [100, 4_010] {
        assert_eq!(over(day, WHOLE), (gone.clone(), behind, false), "{day}");
    }
    // Until the next day it is gone on from there, to where nothing is old.
    let (found, done, _) = over(100, Way { after: behind, whole: false });
    assert_eq!((found, done), (BTreeSet::new(), behind));
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
