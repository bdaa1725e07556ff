//! What a person who follows a turn is told, as it happens.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::broadcast;
use vocab::{
    Action, AgentName, ApprovalId, Decision, Digest, Intent, Labels, ProposalId, Reason, SessionId, Status,
    Timestamp, TurnId,
};

/// The most events that one follower may be behind before it is told that it missed some.
pub const MAX_EVENTS_BEHIND: usize = 1024;

/// The most events that are kept for who was away for a moment.
pub const MAX_KEPT_EVENTS: usize = 4096;

/// About how many bytes of them are.
const MAX_KEPT_BYTES: usize = 16 * 1024 * 1024;

/// About how many bytes an event takes beside its words.
const EVENT_BYTES: usize = 512;

/// One event. In JSON a flat object with `type`, `seq`, `session`, `turn` and `agent`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    /// Counts up over all events of this gateway's run; not the record's number.
    pub seq: u64,
    /// Which conversation.
    pub session: SessionId,
    /// Which turn.
    pub turn: TurnId,
    /// Which agent.
    pub agent: AgentName,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

impl Event {
    /// About how many bytes of memory it takes.
    fn weight(&self) -> usize {
        let words = match &self.what {
            What::Proposal { action, .. } => {
                action.args.iter().map(|(name, value)| name.len() + size(value)).sum()
            }
            What::Verdict { reasons, .. } => reasons.iter().map(|reason| reason.message.len()).sum(),
            What::Outcome { summary: text, .. }
            | What::Approval { action: text, .. }
            | What::Reply { text }
            | What::Part { text, .. }
            | What::Notice { message: text }
            | What::Error { message: text, .. } => text.len(),
            What::End => 0,
        };
        words.saturating_add(EVENT_BYTES)
    }
}

fn size(value: &Value) -> usize {
    let within = match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(size).sum(),
        Value::Object(values) => values.iter().map(|(name, value)| name.len() + size(value)).sum(),
    };
    size_of::<Value>().saturating_add(within)
}

/// What happened.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum What {
    /// The agent proposes an action.
    Proposal {
        /// Which proposal.
        proposal: ProposalId,
        /// Its canonical action; a model call's arguments are left out here and whole in the record.
        action: Action,
    },
    /// The monitor has judged it, and proposal and verdict are durable.
    Verdict {
        /// Which proposal.
        proposal: ProposalId,
        /// The answer.
        decision: Decision,
        /// Why.
        reasons: Vec<Reason>,
        /// From proposal to verdict, in microseconds.
        micros: u64,
    },
    /// The effect has ended.
    Outcome {
        /// Which proposal.
        proposal: ProposalId,
        /// How.
        status: Status,
        /// The labels of what came back.
        labels: Labels,
        /// What came back, shortened; empty when it is above `internal`.
        summary: String,
    },
    /// An action waits for a person, or no longer does.
    Approval {
        /// Which approval.
        approval: ApprovalId,
        /// Its state.
        state: ApprovalState,
        /// The digest that an approval binds to, for who may read the action: by it a guess at the words can be checked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        binding: Option<Digest>,
        /// The action, one line.
        action: String,
    },
    /// What has come whole of the agent's answer while the model is still making it: judged and delivered, and of no other
    /// event. The parts since the last model call make one text. The reply has it all again and stands for them.
    Part {
        /// Which proposal.
        proposal: ProposalId,
        /// The words, which follow those of the part before.
        text: String,
    },
    /// The agent's answer, judged and delivered.
    Reply {
        /// The words.
        text: String,
    },
    /// Something that the person should know, such as what was left out of the model's context.
    Notice {
        /// One sentence.
        message: String,
    },
    /// The turn ended without an answer.
    Error {
        /// One sentence.
        message: String,
        /// Somebody ended the turn, or its time was up: nothing failed.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        stopped: bool,
    },
    /// The turn is over; nothing more comes of it.
    End,
}

impl What {
    /// The same without any content: no arguments, no words, no sentences.
    fn without_content(self) -> Self {
        match self {
            Self::Proposal { proposal, action } => {
                let action =
                    Action { verb: action.verb, resource: action.resource, args: Default::default() };
                Self::Proposal { proposal, action }
            }
            Self::Verdict { proposal, decision, mut reasons, micros } => {
                reasons.iter_mut().for_each(|reason| reason.message.clear());
                Self::Verdict { proposal, decision, reasons, micros }
            }
            Self::Outcome { proposal, status, labels, .. } => {
                Self::Outcome { proposal, status, labels, summary: String::new() }
            }
            Self::Part { proposal, .. } => Self::Part { proposal, text: String::new() },
            Self::Reply { .. } => Self::Reply { text: String::new() },
            Self::Notice { .. } => Self::Notice { message: String::new() },
            Self::Error { stopped, .. } => Self::Error { message: String::new(), stopped },
            Self::Approval { approval, state, action, .. } => {
                Self::Approval { approval, state, binding: None, action }
            }
            Self::End => self,
        }
    }

    /// The notice of how much of the conversation the model does not see. `told` is the number that was said
    /// last in this turn: it is said again only when it has grown.
    pub(crate) fn left_out(intent: &Intent, told: &mut u32) -> Option<Self> {
        let Intent::ModelCall { dropped, .. } = intent else { return None };
        if *dropped <= *told {
            return None;
        }
        *told = *dropped;
        let message = format!(
            "{dropped} older messages of this conversation were left out: with them it is longer than the model's context window; no rule was left out"
        );
        Some(Self::Notice { message })
    }
}

/// Where an approval stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApprovalState {
    /// It waits.
    Waiting,
    /// A person said yes, and it has not been used yet.
    Approved,
    /// A person said no.
    Denied,
    /// Nobody answered in time, which is a no.
    Expired,
    /// Its agent was stopped.
    Cancelled,
    /// It was approved and the action was let through, once.
    Used,
    /// It was approved, and judged again it no longer held.
    Void,
}

impl ApprovalState {
    /// The event of an approval coming to stand so, as the record has it.
    pub(crate) const fn event(self) -> journal::Event {
        match self {
            Self::Waiting => journal::Event::ApprovalShown,
            Self::Approved | Self::Used => journal::Event::ApprovalApproved,
            Self::Denied => journal::Event::ApprovalDenied,
            Self::Expired => journal::Event::ApprovalExpired,
            Self::Cancelled => journal::Event::ApprovalCancelled,
            Self::Void => journal::Event::ApprovalVoid,
        }
    }
}

/// The gateway's events, for everyone who follows.
#[derive(Debug, Clone)]
pub(crate) struct Bus {
    sender: broadcast::Sender<Arc<Event>>,
    kept: Arc<Mutex<Kept>>,
}

/// The last events, for who was away for a moment.
#[derive(Debug)]
struct Kept {
    /// Which run of the gateway this is: its events are counted from 1.
    life: i64,
    next: u64,
    events: VecDeque<Arc<Event>>,
    bytes: usize,
}

impl Bus {
    /// For a run of the gateway that began at `now`.
    pub(crate) fn new(now: Timestamp) -> Self {
        let kept = Kept { life: now.as_microsecond(), next: 1, events: VecDeque::new(), bytes: 0 };
        Self { sender: broadcast::channel(MAX_EVENTS_BEHIND).0, kept: Arc::new(Mutex::new(kept)) }
    }

    /// What happens from now on, or after the event with the id `since`.
    pub(crate) fn follow(&self, since: Option<&str>) -> Followed {
        // Under the lock, so that nothing is told between what was kept and what is to come.
        let kept = self.kept.lock();
        let (missed, before) = since.map_or_else(Default::default, |since| kept.since(since));
        let last = kept.next.saturating_sub(1);
        Followed { receiver: self.sender.subscribe(), life: kept.life, last, missed, kept: before }
    }

    /// Tells every follower. Nobody following is not an error: the record has it all.
    pub(crate) fn tell(&self, session: &SessionId, turn: &TurnId, agent: &AgentName, what: What) {
        let mut kept = self.kept.lock();
        let seq = kept.next;
        kept.next = seq.saturating_add(1);
        let event = Event { seq, session: session.clone(), turn: turn.clone(), agent: agent.clone(), what };
        let event = Arc::new(event);
        kept.keep(Arc::clone(&event));
        if self.sender.send(event).is_err() {
            tracing::trace!("nobody follows");
        }
    }

    /// The conversation of a turn that something was told of a short while ago.
    pub(crate) fn session_of(&self, turn: &TurnId) -> Option<SessionId> {
        let kept = self.kept.lock();
        kept.events.iter().rev().find(|event| event.turn == *turn).map(|event| event.session.clone())
    }

    /// Forgets what was told of conversations.
    pub(crate) fn forget(&self, sessions: &BTreeSet<SessionId>) {
        let mut kept = self.kept.lock();
        kept.events.retain(|event| !sessions.contains(&event.session));
        kept.bytes = kept.events.iter().map(|event| event.weight()).sum();
    }
}

impl Kept {
    fn keep(&mut self, event: Arc<Event>) {
        self.bytes = self.bytes.saturating_add(event.weight());
        self.events.push_back(event);
        while self.events.len() > MAX_KEPT_EVENTS || self.bytes > MAX_KEPT_BYTES {
            let Some(oldest) = self.events.pop_front() else { return };
            self.bytes = self.bytes.saturating_sub(oldest.weight());
        }
    }

    /// What came after the event with this id, and what of that is not there any more.
    fn since(&self, id: &str) -> (Option<Missed>, VecDeque<Arc<Event>>) {
        let number = id.split_once('-').and_then(|(life, seq)| {
            let same = life.parse() == Ok(self.life);
            seq.parse::<u64>().ok().filter(|seq| same && *seq < self.next)
        });
        let Some(last) = number else { return (Some(Missed(None)), VecDeque::new()) };
        let events: VecDeque<_> = self.events.iter().filter(|event| event.seq > last).cloned().collect();
        let expected = self.next.saturating_sub(last).saturating_sub(1);
        let missed = expected.saturating_sub(events.len() as u64);
        ((missed > 0).then_some(Missed(Some(missed))), events)
    }
}

/// A follower from the moment that it began.
#[derive(Debug)]
pub(crate) struct Followed {
    receiver: broadcast::Receiver<Arc<Event>>,
    life: i64,
    /// The last event that there was when this began.
    last: u64,
    missed: Option<Missed>,
    kept: VecDeque<Arc<Event>>,
}

/// The events of one turn, or of the whole gateway, in order.
#[derive(Debug)]
pub struct Events {
    followed: Followed,
    /// The turn that is followed, with its words; without one it is all turns, without words.
    turn: Option<TurnId>,
    ended: bool,
}

/// A follower was too slow or away for too long and missed this many events, or who knows how many; the record has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed(pub Option<u64>);

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(count) => write!(f, "{count} events were missed; `bulkhead audit query` has them"),
            None => {
                write!(f, "what happened before is not known here any more; `bulkhead audit query` has it")
            }
        }
    }
}

impl std::error::Error for Missed {}

impl Events {
    pub(crate) const fn of_turn(followed: Followed, turn: TurnId) -> Self {
        Self { followed, turn: Some(turn), ended: false }
    }

    pub(crate) const fn all(followed: Followed) -> Self {
        Self { followed, turn: None, ended: false }
    }

    /// The id of an event, by which a follower who was away goes on.
    #[must_use]
    pub fn id(&self, event: &Event) -> String {
        format!("{}-{}", self.followed.life, event.seq)
    }

    /// The id of the last event that there was when this began to follow: who goes on behind it hears the same again.
    #[must_use]
    pub fn before(&self) -> String {
        format!("{}-{}", self.followed.life, self.followed.last)
    }

    /// The next event; `None` after a followed turn's [`What::End`] or when the gateway stops.
    ///
    /// # Errors
    /// When this follower was too slow, or away for too long.
    pub async fn next(&mut self) -> Result<Option<Arc<Event>>, Missed> {
        if let Some(missed) = self.followed.missed.take() {
            return Err(missed);
        }
        while !self.ended {
            let event = match self.followed.kept.pop_front() {
                Some(event) => event,
                None => match self.followed.receiver.recv().await {
                    Ok(event) => event,
                    Err(broadcast::error::RecvError::Lagged(missed)) => return Err(Missed(Some(missed))),
                    Err(broadcast::error::RecvError::Closed) => break,
                },
            };
            if self.turn.as_ref().is_some_and(|turn| *turn != event.turn) {
                continue;
            }
            self.ended = self.turn.is_some() && matches!(event.what, What::End);
            return Ok(Some(if self.turn.is_some() {
                event
            } else {
                let event = Event::clone(&event);
                Arc::new(Event { what: event.what.without_content(), ..event })
            }));
        }
        self.ended = true;
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_follows_everyone_is_told_of_an_approval_without_what_it_binds_to() {
        let bus = Bus::new(Timestamp::UNIX_EPOCH);
        let (session, turn) = (SessionId::new("s-1").unwrap(), TurnId::new("t-1").unwrap());
        let agent = AgentName::new("echo").unwrap();
        let (mut own, mut all) =
            (Events::of_turn(bus.follow(None), turn.clone()), Events::all(bus.follow(None)));
        let binding = Digest::of(b"the very words");
        let what = What::Approval {
            approval: ApprovalId::new("a-1").unwrap(),
            state: ApprovalState::Waiting,
            binding: Some(binding),
            action: "message.post board:forum".to_owned(),
        };
        bus.tell(&session, &turn, &agent, what);
        let told = serde_json::to_string(&own.next().await.unwrap().unwrap()).unwrap();
        assert!(told.contains(&binding.to_string()), "{told}");
        let told = serde_json::to_string(&all.next().await.unwrap().unwrap()).unwrap();
        assert!(told.contains("a-1") && told.contains("message.post") && !told.contains("binding"), "{told}");
    }

    fn say(bus: &Bus, turn: &TurnId, text: &str) {
        let agent = AgentName::new("echo").unwrap();
        bus.tell(&SessionId::new("s-1").unwrap(), turn, &agent, What::Reply { text: text.to_owned() });
    }

    async fn next(events: &mut Events) -> Result<(String, String), Missed> {
        let event = events.next().await?.unwrap();
        let What::Reply { text } = &event.what else { panic!("{event:?}") };
        Ok((events.id(&event), text.clone()))
    }

    #[tokio::test]
    async fn who_was_away_goes_on_behind_the_last_that_they_heard() {
        let bus = Bus::new(Timestamp::UNIX_EPOCH);
        let (own, other) = (TurnId::new("t-1").unwrap(), TurnId::new("t-2").unwrap());
        let mut first = Events::of_turn(bus.follow(None), own.clone());
        ["a", "b", "c"].iter().for_each(|text| say(&bus, &own, text));
        say(&bus, &other, "of another");
        let mut over = Events::of_turn(bus.follow(Some(&first.before())), own.clone());
        for expected in ["a", "b", "c"] {
            assert_eq!(next(&mut over).await.unwrap().1, expected);
        }
        let (id, text) = next(&mut first).await.unwrap();
        assert_eq!(text, "a");
        let mut again = Events::of_turn(bus.follow(Some(&id)), own.clone());
        say(&bus, &own, "d");
        for expected in ["b", "c", "d"] {
            assert_eq!(next(&mut again).await.unwrap().1, expected);
        }
        assert_eq!(
            (bus.session_of(&own).unwrap().as_str(), bus.session_of(&TurnId::new("t-3").unwrap())),
            ("s-1", None)
        );
    }

    #[tokio::test]
    async fn who_was_away_for_too_long_is_told_so_and_how_much_they_missed() {
        let bus = Bus::new(Timestamp::UNIX_EPOCH);
        let turn = TurnId::new("t-1").unwrap();
        say(&bus, &turn, "first");
        for _ in 0..MAX_KEPT_EVENTS + 10 {
            say(&bus, &turn, "x");
        }
        let mut late = Events::of_turn(bus.follow(Some("0-1")), turn.clone());
        assert_eq!(next(&mut late).await, Err(Missed(Some(10))));
        assert_eq!(next(&mut late).await.unwrap().0, "0-12");
        for strange in
            ["", "0", "-", "0-", "0--1", "1-0", "0-99999", "0-18446744073709551616", "0-0x1", "\u{1F600}-0"]
        {
            let mut events = Events::of_turn(bus.follow(Some(strange)), turn.clone());
            assert_eq!(next(&mut events).await, Err(Missed(None)), "{strange}");
            say(&bus, &turn, "on");
            assert_eq!(next(&mut events).await.unwrap().1, "on");
        }
    }

    #[test]
    fn what_is_kept_is_bounded_in_bytes_and_what_is_erased_goes() {
        let bus = Bus::new(Timestamp::UNIX_EPOCH);
        let turn = TurnId::new("t-1").unwrap();
        for _ in 0..64 {
            say(&bus, &turn, &"x".repeat(MAX_KEPT_BYTES / 16));
        }
        assert!((1..=16).contains(&bus.kept.lock().events.len()));
        say(&bus, &turn, &"x".repeat(2 * MAX_KEPT_BYTES));
        let kept = bus.kept.lock();
        assert_eq!((kept.events.len(), kept.bytes), (0, 0));
        drop(kept);
        say(&bus, &turn, "sesame");
        bus.forget(&[SessionId::new("s-1").unwrap()].into_iter().collect());
        assert!(!format!("{:?}", bus.kept.lock()).contains("sesame"));
        let deep = What::Proposal {
            proposal: ProposalId::new("p-1").unwrap(),
            action: Action {
                verb: vocab::Verb::FileWrite,
                resource: vocab::Resource::Path("/x".into()),
                args: [("a".to_owned(), serde_json::json!([["x".repeat(4096)]]))].into_iter().collect(),
            },
        };
        bus.tell(&SessionId::new("s-2").unwrap(), &turn, &AgentName::new("echo").unwrap(), deep);
        assert!(bus.kept.lock().bytes > 4096);
    }
}
