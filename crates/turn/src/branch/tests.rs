//! Whatever goes on from whatever, and is erased in between: each conversation is given the entries of its own line and no
//! others, and its labels are never below those of what it goes on from.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use journal::read::Reader;
use journal::{Change, Place};
use proptest::prelude::*;
use proptest::sample::Index;
use vocab::limits::MAX_TRANSCRIPT_ENTRIES;
use vocab::{AgentName, Ambient, Answer, Digest, PersonId, Timestamp};

use super::*;

struct Clock(AtomicU64);

impl Ambient for Clock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_790_000_000).unwrap()
    }

    fn random(&self) -> [u8; 16] {
        u128::from(self.0.fetch_add(1, Ordering::Relaxed)).to_le_bytes()
    }
}

const LABELS: [&str; 4] = ["internal", "confidential", "employee", "restricted"];

/// A turn as it is known without the record: where it was, and what it said.
#[derive(Debug, Clone)]
struct Turn {
    id: TurnId,
    session: SessionId,
    entries: Vec<Entry>,
    /// Those of the conversation at its end.
    labels: Labels,
}

/// A conversation, with all turns that it is told from.
#[derive(Debug, Clone)]
struct Known {
    id: SessionId,
    turns: Vec<Turn>,
}

#[derive(Debug, Clone)]
enum Step {
    /// In one of the conversations a message, so many entries after it, and data with a label.
    Say(Index, u8, u8),
    Begin,
    Branch(Index, Index, bool),
    Erase(Index),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (any::<Index>(), 0..4_u8, 0..8_u8).prop_map(|(which, more, label)| Step::Say(which, more, label)),
        1 => Just(Step::Begin),
        4 => (any::<Index>(), any::<Index>(), any::<bool>()).prop_map(|(which, at, before)| Step::Branch(which, at, before)),
        1 => any::<Index>().prop_map(Step::Erase),
    ]
}

struct World {
    journal: Journal,
    place: Place,
    clock: Arc<Clock>,
    known: Vec<Known>,
    erased: BTreeSet<SessionId>,
}

impl World {
    fn new(folder: &Path) -> Self {
        let clock = Arc::new(Clock(AtomicU64::new(1)));
        let place = Place::Sqlite(folder.join("journal.sqlite"));
        let journal = Journal::open(journal::Config { place: place.clone() }, clock.clone()).unwrap();
        Self { journal, place, clock, known: Vec::new(), erased: BTreeSet::new() }
    }

    async fn append(&self, records: Vec<Draft>, state: Vec<Change>) {
        let entry = journal::Entry { subject: Digest::of(b"x"), records, state };
        self.journal.follow(entry).await.unwrap();
        self.journal.flush().await.unwrap();
    }

    fn row(&self, id: &SessionId) -> SessionRow {
        session::session(&self.journal, id).unwrap().unwrap()
    }

    async fn begin(&mut self) {
        let id = SessionId::from_random(self.clock.random());
        let row = SessionRow::new(
            AgentName::new("echo").unwrap(),
            PersonId::new("ada").unwrap(),
            Labels::default(),
        );
        self.append(Vec::new(), vec![session::put_session(&id, &row).unwrap()]).await;
        self.known.push(Known { id, turns: Vec::new() });
    }

    async fn say(&mut self, at: usize, more: u8, label: u8) {
        let id = self.known[at].id.clone();
        let mut row = self.row(&id);
        let turn = TurnId::from_random(self.clock.random());
        let mut entries = vec![Entry::Person { text: format!("{turn}") }];
        let answer =
            |nth| Entry::Answer { answer: Answer { text: format!("{turn} {nth}"), ..Answer::default() } };
        entries.extend((0..more).map(answer));
        let draft = |event| {
            let mut draft = Draft::of_event(Kind::Message, event, Facts::new());
            (draft.turn, draft.session) = (Some(turn.clone()), Some(id.clone()));
            (draft.agent, draft.person) = (Some(row.agent.clone()), Some(row.person.clone()));
            draft
        };
        let (began, mut ended) = (draft(Event::MessageReceived), draft(Event::TurnEnded));
        if let Some(label) = LABELS.get(usize::from(label)) {
            row.labels = row.labels.join(&Labels::from_names([*label]).unwrap());
        }
        ended.labels = Some(row.labels.clone());
        let mut state: Vec<Change> =
            entries.iter().map(|entry| session::grow(&id, &mut row, entry).unwrap()).collect();
        row.turns += 1;
        state.push(session::put_session(&id, &row).unwrap());
        self.append(vec![began], Vec::new()).await;
        self.append(vec![ended], state).await;
        self.known[at].turns.push(Turn { id: turn, session: id, entries, labels: row.labels });
    }

    fn past(&self, from: &SessionId, point: &Point) -> Result<Branch, Refusal> {
        let reader = Reader::open(&self.place)?;
        past_at(&self.journal, &reader, from.clone(), &self.row(from), point)
    }

    async fn branch(&mut self, from: usize, at: usize, before: bool) -> Result<(), TestCaseError> {
        let Known { id: from, turns } = self.known[from].clone();
        let point = match before {
            true => Point::Before(turns[at].id.clone()),
            false => Point::After(turns[at].id.clone()),
        };
        let kept = if before { at } else { at + 1 };
        let branch = match self.past(&from, &point) {
            Ok(branch) => branch,
            Err(refusal) => {
                // Only what was erased, or a line that is too long, is nothing to go on from.
                let erased = self.erased.contains(&turns[at].session);
                let long = turns[..kept].iter().map(|turn| &turn.session).collect::<BTreeSet<_>>().len();
                prop_assert!(erased || long > MAX_STRETCHES, "{refusal}");
                return Ok(());
            }
        };
        let id = SessionId::from_random(self.clock.random());
        let old = self.row(&from);
        let mut row = SessionRow::new(old.agent, old.person, session::past_labels(&branch.past));
        prop_assert_eq!(branch.upto.as_ref(), turns[..kept].last().map(|turn| &turn.id));
        prop_assert!(branch.past.iter().all(|stretch| stretch.entries > 0 && stretch.session != id));
        // What stands on the record leads back to the same.
        let reads: Vec<(SessionId, u64)> =
            branch.past.iter().map(|stretch| (stretch.session.clone(), stretch.end)).collect();
        let mut draft = Draft::of_event(Kind::Message, Event::ConversationBranched, facts(&branch));
        (draft.session, draft.person) = (Some(id.clone()), Some(row.person.clone()));
        row.branch = Some(branch);
        self.append(vec![draft], vec![session::put_session(&id, &row).unwrap()]).await;
        let reader = Reader::open(&self.place).unwrap();
        let written = reader.show(reader.last().unwrap()).unwrap().unwrap();
        prop_assert_eq!(past_of(&written), Some(reads));
        self.known.push(Known { id, turns: turns[..kept].to_vec() });
        Ok(())
    }

    async fn erase(&mut self, which: usize) {
        let id = self.known[which].id.clone();
        if self.erased.insert(id.clone()) {
            let changes = session::erase(&id, &self.row(&id));
            self.append(Vec::new(), changes).await;
        }
    }

    async fn take(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Say(which, more, label) => {
                let at = which.index(self.known.len());
                if !self.erased.contains(&self.known[at].id) {
                    self.say(at, more, label).await;
                }
            }
            Step::Begin => self.begin().await,
            Step::Branch(which, at, before) => {
                let from = which.index(self.known.len());
                let Known { id, turns } = &self.known[from];
                if !turns.is_empty() && !self.erased.contains(id) {
                    self.branch(from, at.index(turns.len()), before).await?;
                }
            }
            Step::Erase(which) => self.erase(which.index(self.known.len())).await,
        }
        Ok(())
    }

    fn holds(&self) {
        for Known { id, turns } in self.known.iter().filter(|known| !self.erased.contains(&known.id)) {
            let row = self.row(id);
            let left = turns.iter().filter(|turn| !self.erased.contains(&turn.session));
            let meant: Vec<Entry> = left.flat_map(|turn| turn.entries.clone()).collect();
            assert_eq!(&session::transcript(&self.journal, id, &row).unwrap(), &meant);
            for turn in turns {
                assert_eq!(&row.labels.join(&turn.labels), &row.labels, "of {}", id);
            }
            let alone = with_their_past(&self.journal, BTreeSet::from([id.clone()])).unwrap();
            let apart = turns.iter().map(|turn| turn.session.clone()).chain([id.clone()]);
            assert_eq!(alone, apart.collect());
            let gone = turns.iter().any(|turn| self.erased.contains(&turn.session));
            assert_eq!(view(&self.journal, &row).unwrap().is_some_and(|view| view.erased), gone);
            let line = line(&self.journal, id, &row).unwrap();
            let mut sessions: Vec<SessionId> = turns.iter().map(|turn| turn.session.clone()).collect();
            sessions.retain(|session| session != id && !self.erased.contains(session));
            sessions.dedup();
            sessions.push(id.clone());
            assert_eq!(line.into_iter().map(|(session, _)| session).collect::<Vec<_>>(), sessions);
        }
    }
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn each_conversation_of_any_tree_is_given_its_own_line_and_no_label_is_lost(steps in prop::collection::vec(step(), 1..40)) {
        let folder = tempfile::tempdir()?;
        let mut world = World::new(folder.path());
        run(async {
            world.begin().await;
            for step in steps {
                world.take(step).await?;
                world.holds();
            }
            Ok::<_, TestCaseError>(())
        })?;
    }
}

#[test]
fn a_line_of_conversations_has_an_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path());
    run(async {
        world.begin().await;
        for nth in 0..MAX_STRETCHES {
            world.say(nth, 1, 9).await;
            world.branch(nth, nth, false).await.unwrap();
        }
        world.say(MAX_STRETCHES, 1, 9).await;
        let known = world.known[MAX_STRETCHES].clone();
        let last = known.turns.last().unwrap().id.clone();
        let refusal = world.past(&known.id, &Point::After(last.clone())).unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Conflict);
        // Before it, nothing is added to the line: the same question can be asked again and again.
        assert_eq!(world.past(&known.id, &Point::Before(last)).unwrap().past.len(), MAX_STRETCHES);
        world.holds();
    });
}

#[test]
fn the_room_of_a_conversation_is_that_of_its_past_too() {
    let (id, other) = (SessionId::new("s-1").unwrap(), SessionId::new("s-2").unwrap());
    let stretch = |entries: usize, bytes| Stretch {
        session: other.clone(),
        entries: u32::try_from(entries).unwrap(),
        bytes,
        end: 1,
        labels: Labels::default(),
    };
    let row = |stretch| SessionRow {
        branch: Some(Branch { from: other.clone(), upto: None, past: vec![stretch] }),
        ..SessionRow::new(AgentName::new("echo").unwrap(), PersonId::new("ada").unwrap(), Labels::default())
    };
    let entry = Entry::Person { text: "hello".into() };
    assert!(session::grow(&id, &mut row(stretch(MAX_TRANSCRIPT_ENTRIES - 1, 0)), &entry).is_ok());
    assert!(session::grow(&id, &mut row(stretch(MAX_TRANSCRIPT_ENTRIES, 0)), &entry).is_err());
    assert!(session::grow(&id, &mut row(stretch(1, u64::MAX)), &entry).is_err());
}

#[test]
fn what_a_record_says_of_a_past_in_no_form_is_no_past() {
    for odd in [vec!["s-1"], vec!["s-1:"], vec!["s-1:-1"], vec![":3"], vec!["s-1:3", "../x:4"]] {
        let past: Vec<String> = odd.iter().map(|&text| text.to_owned()).collect();
        let folder = tempfile::tempdir().unwrap();
        let mut world = World::new(folder.path());
        run(async {
            let facts = Facts::new().with("from", "s-1").with("past", past);
            world
                .append(vec![Draft::of_event(Kind::Message, Event::ConversationBranched, facts)], Vec::new())
                .await;
            world.begin().await;
        });
        let reader = Reader::open(&world.place).unwrap();
        assert_eq!(past_of(&reader.show(1).unwrap().unwrap()), None, "{odd:?}");
    }
}
