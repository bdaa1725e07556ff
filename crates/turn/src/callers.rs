//! Who came to the gateway's sockets: who was identified, and who is nobody here. Bounded, so that no flood of
//! connections fills the disk: the first of each is recorded at once, the rest with the end of their window.

use journal::{Draft, Event, Facts, Kind};
use parking_lot::Mutex;
use vocab::{Decision, Person, PersonId, Sum, Tally, Timestamp};

use crate::gateway::Gateway;
use crate::{Refusal, RefusalKind};

/// How long somebody who was identified counts as signed in without another record, in seconds.
const SIGN_IN_SECONDS: i64 = 600;

/// How long the refusals of one caller are summed up, in seconds.
const REFUSAL_SECONDS: i64 = 60;

/// The most callers that are told apart within a window; the rest are counted together.
const MAX_CALLERS: usize = 64;

/// How many refusals of a person's right are recorded one by one within a window.
const REFUSED_AT_ONCE: u64 = 32;

/// A socket of the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Socket {
    /// The local API.
    Api,
    /// Where programs are run.
    Run,
    /// Where kills and stops are heard.
    Stop,
}

impl Socket {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Run => "run",
            Self::Stop => "stop",
        }
    }
}

/// The operating-system user at the other end, as the kernel and the account database say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OsUser {
    /// The number.
    pub uid: u32,
    /// The name.
    pub name: String,
}

/// Who came.
#[derive(Debug)]
pub(crate) struct Callers {
    known: Mutex<Tally<(Socket, OsUser, PersonId)>>,
    unknown: Mutex<Tally<(Socket, OsUser)>>,
    /// Refusals of people who are known and lack a right.
    refused: Mutex<Tally<PersonId>>,
}

impl Callers {
    pub(crate) const fn new() -> Self {
        Self {
            known: Mutex::new(Tally::new(SIGN_IN_SECONDS, 1, MAX_CALLERS)),
            unknown: Mutex::new(Tally::new(REFUSAL_SECONDS, 1, MAX_CALLERS)),
            refused: Mutex::new(Tally::new(REFUSAL_SECONDS, REFUSED_AT_ONCE, MAX_CALLERS)),
        }
    }
}

impl Gateway {
    /// The person who is this operating-system user, with the record of it.
    ///
    /// # Errors
    /// When the settings name nobody by that user.
    pub fn identify(&self, socket: Socket, user: &OsUser) -> Result<Person, Refusal> {
        let found = self.person_of_os_user(&user.name);
        let now = self.ambient.now();
        let draft = match &found {
            Ok(person) => {
                let key = (socket, user.clone(), person.id.clone());
                self.callers.known.lock().count(&key, now).then(|| signed_in(Some(&key), 1))
            }
            Err(refusal) if refusal.kind == RefusalKind::Forbidden => {
                let key = (socket, user.clone());
                self.callers.unknown.lock().count(&key, now).then(|| refused_caller(Some(&key), 1))
            }
            Err(_) => None,
        };
        self.tell_callers(draft.into_iter().collect());
        found
    }

    /// Whether a refusal of this person's right is recorded by itself; else it is counted.
    pub(crate) fn tells_refusal(&self, by: &Person) -> bool {
        self.callers.refused.lock().count(&by.id, self.ambient.now())
    }

    /// Records a refusal of a person's right, at once or in the sum of their window.
    pub(crate) fn refused_right(&self, by: &Person, facts: Facts) {
        if self.tells_refusal(by) {
            let mut draft = Draft::of_event(Kind::Auth, Event::RightRefused, facts);
            draft.person = Some(by.id.clone());
            draft.decision = Some(Decision::Deny);
            self.tell_callers(vec![draft]);
        }
    }

    /// Records the sums of the windows that are over at `now`; of all without it.
    pub(crate) fn sum_up_callers(&self, now: Option<Timestamp>) {
        fn sums<K: Ord + Clone>(tally: &Mutex<Tally<K>>, now: Option<Timestamp>) -> Vec<Sum<K>> {
            let mut tally = tally.lock();
            match now {
                Some(now) => tally.over(now),
                None => tally.all(),
            }
        }
        let Callers { known, unknown, refused } = &self.callers;
        let mut drafts = Vec::new();
        drafts.extend(sums(known, now).iter().map(|sum| signed_in(sum.key.as_ref(), sum.count)));
        drafts.extend(sums(unknown, now).iter().map(|sum| refused_caller(sum.key.as_ref(), sum.count)));
        drafts.extend(sums(refused, now).into_iter().map(|sum| {
            let facts = Facts::new().with("count", sum.count);
            let mut draft = Draft::of_event(Kind::Auth, Event::RightRefused, facts);
            draft.person = sum.key;
            draft.decision = Some(Decision::Deny);
            draft
        }));
        self.tell_callers(drafts);
    }

    /// Nobody is kept from stopping an agent by a record that is busy, so this does not fail; what is lost then is said.
    fn tell_callers(&self, drafts: Vec<Draft>) {
        if drafts.is_empty() {
            return;
        }
        let count = drafts.len();
        if let Err(refusal) = self.note(drafts, Vec::new()) {
            tracing::error!("{count} records of who came could not be written: {refusal}");
        }
    }
}

fn signed_in(key: Option<&(Socket, OsUser, PersonId)>, count: u64) -> Draft {
    let facts = of_user(key.map(|(socket, user, _)| (*socket, user)), count);
    let mut draft = Draft::of_event(Kind::Auth, Event::SignedIn, facts);
    draft.person = key.map(|(_, _, person)| person.clone());
    draft.decision = Some(Decision::Permit);
    draft
}

fn refused_caller(key: Option<&(Socket, OsUser)>, count: u64) -> Draft {
    let facts = of_user(key.map(|(socket, user)| (*socket, user)), count);
    let mut draft = Draft::of_event(Kind::Auth, Event::CallerRefused, facts);
    draft.decision = Some(Decision::Deny);
    draft
}

fn of_user(key: Option<(Socket, &OsUser)>, count: u64) -> Facts {
    let facts = Facts::new().with("count", count);
    let Some((socket, user)) = key else { return facts };
    facts.with("socket", socket.as_str()).with("uid", u64::from(user.uid)).with("os_user", user.name.as_str())
}
