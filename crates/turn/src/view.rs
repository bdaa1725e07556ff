//! What people are shown of agents, approvals and conversations. The field names are those of the commands' JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use journal::Facts;
use monitor::{Grant, Members, Risk};
use serde::{Deserialize, Serialize};
use vocab::{Action, AgentName, ApprovalId, Digest, Labels, PersonId, Reason, SessionId, Timestamp, TurnId};

use crate::ApprovalState;
use crate::budget::{Budget, Thresholds};
use crate::deadline::is_over;
use crate::diff::Diff;
use crate::page::Page;

/// An agent, as `agents list` shows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AgentView {
    /// Its name.
    pub name: AgentName,
    /// Its role, from SOUL.md; empty when SOUL.md does not compile.
    pub role: String,
    /// `running`, `paused`, `killed` or `idle`.
    pub state: String,
    /// The version of its SOUL.md.
    pub version: Option<Digest>,
    /// How many turns it is running.
    pub sessions: u32,
    /// Its skills.
    pub skills: Vec<String>,
    /// When it last did something.
    pub last_active: Option<Timestamp>,
    /// Errors since midnight UTC.
    pub errors_today: u32,
    /// Anomalies since midnight UTC.
    pub anomalies: u32,
    /// Why it cannot run, when it cannot.
    pub problem: Option<String>,
    /// Whether it may run where this machine lacks a layer of containment.
    pub reduced: bool,
}

/// How much waits for a person, and nothing of what it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HowMany {
    /// In all.
    pub waiting: u32,
    /// Of each agent of which something waits.
    pub agents: BTreeMap<AgentName, u32>,
}

/// An action that waits, or waited, for a person.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ApprovalView {
    /// Which.
    pub id: ApprovalId,
    /// The agent that wants to act.
    pub agent: AgentName,
    /// The person on whose behalf.
    pub asked_by: PersonId,
    /// The whole action.
    pub action: Action,
    /// What an approval binds to: the action, the policy version and the labels.
    pub digest: Digest,
    /// Why it waits.
    pub reasons: Vec<Reason>,
    /// The labels of the data that would move.
    pub labels: Labels,
    /// When silence becomes a no.
    pub expires: Timestamp,
    /// Where it stands.
    pub state: ApprovalState,
    /// The conversation.
    pub session: SessionId,
    /// The turn.
    pub turn: TurnId,
    /// The queue of the settings that it waits in; none where none has it.
    #[serde(default)]
    pub queue: Option<String>,
    /// What it may do if it is wrong.
    #[serde(default)]
    pub risk: Risk,
    /// How many people have to say yes.
    #[serde(default = "one")]
    pub needed: u8,
    /// Who has said yes so far.
    #[serde(default)]
    pub approved_by: Vec<PersonId>,
    /// Since when it waits.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// When more people are asked; none where nobody else is.
    #[serde(default)]
    pub escalates: Option<Timestamp>,
    /// Whether they are by now.
    #[serde(default)]
    pub escalated: bool,
    /// How many of the yeses that it still takes nobody is there to say, by the rights as they are now: unless somebody gets the
    /// right, it ends in a no.
    #[serde(default)]
    pub missing: u8,
    /// Whether the one who is shown this may say yes to it now.
    #[serde(default)]
    pub decidable: bool,
    /// Whether that yes may also be for exactly the same again, for an hour.
    #[serde(default)]
    pub patternable: bool,
    /// For a write that is shown by itself to who decides on it: what would change.
    #[serde(default)]
    pub change: Option<FileChange>,
    /// For a write that is shown by itself, and a command that is: who has a right by the settings to read that file, or what
    /// lies where the command may write, by group. None for all else: who reads a channel is not known here.
    #[serde(default)]
    pub readers: Option<Vec<Members>>,
    /// For what is shown by itself and tells a model something: which. None where that is not known, too.
    #[serde(default)]
    pub model: Option<ModelSeen>,
}

impl ApprovalView {
    /// Whether its time is over at `now`.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        is_over(self.since, self.expires, now)
    }
}

/// The model that sees the words of a held call, or what comes back of another held action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelSeen {
    /// Its name, with its server's.
    pub name: String,
    /// Whether that server is another machine by the settings: what is told it leaves this one.
    pub remote: bool,
}

/// What a held write would change, by the file as it was when the agent asked. A yes lets that be replaced and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// Whether nothing was there.
    pub created: bool,
    /// The size of what was there.
    pub bytes: u64,
    /// What the file carries.
    pub labels: Labels,
    /// The way from what was there to what would be.
    pub diff: Option<Diff>,
    /// Why there is no diff.
    pub why: Option<String>,
}

const fn one() -> u8 {
    1
}

/// What a kill ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KillReport {
    /// Every agent that was stopped.
    pub killed: Vec<KilledAgent>,
}

/// One agent that was stopped.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KilledAgent {
    /// Which.
    pub agent: AgentName,
    /// How many processes it had.
    pub processes: u32,
    /// How many of them were not seen to end in time; anything but 0 needs a look at the machine.
    pub left: u32,
    /// From the order until the last was dead, in milliseconds.
    pub ms: f64,
}

impl KilledAgent {
    /// What the record says of it.
    pub(crate) fn facts(&self) -> Facts {
        // A kill is timed in milliseconds, and the record keeps whole microseconds.
        let micros = Duration::try_from_secs_f64(self.ms / 1_000.0).unwrap_or_default().as_micros();
        Facts::new()
            .with("processes", u64::from(self.processes))
            .with("left", u64::from(self.left))
            .with("micros", u64::try_from(micros).unwrap_or(u64::MAX))
    }
}

/// Some of a person's conversations, the newest first.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Conversations {
    /// The conversations.
    pub sessions: Vec<ConversationView>,
    /// Where to go on, when there may be more.
    pub before: Option<String>,
}

/// A conversation in a list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ConversationView {
    /// Which.
    pub session: SessionId,
    /// With which agent.
    pub agent: AgentName,
    /// When the first message came in.
    pub started: Option<Timestamp>,
    /// When the last one did.
    pub last: Option<Timestamp>,
    /// How many messages the person has sent.
    pub turns: u32,
    /// The labels of all data that it has seen.
    pub labels: Labels,
    /// The turn that runs or waits, if one does.
    pub turn: Option<TurnId>,
    /// The approval that it waits for, if it does.
    pub waiting: Option<ApprovalId>,
    /// The first words of the first message of its own; none where there is none yet, or they have been erased.
    pub title: Option<String>,
    /// Where it came from, if it goes on from another.
    pub branch: Option<BranchView>,
}

/// Where a conversation came from that goes on from another of the same person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchView {
    /// The conversation that its person had before them.
    pub session: SessionId,
    /// The last turn of its past; none where it begins anew.
    pub upto: Option<TurnId>,
    /// Whether that conversation is still there.
    pub there: bool,
    /// Its first words, unless they have been erased.
    pub title: Option<String>,
    /// Whether something of the past has been erased. The agent is not given it, and nobody is shown it.
    pub erased: bool,
}

/// A conversation that began and goes on from another.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Branched {
    /// Which.
    pub session: SessionId,
    /// With which agent.
    pub agent: AgentName,
    /// The labels of all data that its past has seen.
    pub labels: Labels,
    /// Where it came from.
    pub branch: Option<BranchView>,
}

/// A page of what those who approve decide, by name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Approvers {
    /// What the risks are reckoned by.
    pub thresholds: Thresholds,
    /// Whether all of thirty days was read; otherwise there was too much, and the oldest is left out.
    pub whole: bool,
    /// The people.
    #[serde(flatten)]
    pub people: Page<Budget>,
}

/// A page of what is granted, by right.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Granted {
    /// All groups, by name, each with its members.
    pub groups: Vec<Members>,
    /// The resources.
    #[serde(flatten)]
    pub grants: Page<Grant>,
}

/// What a search of a person's own conversations found, the newest first.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Recalled {
    /// What has the words.
    pub items: Vec<Passage>,
    /// Where to go on, when there may be more.
    pub after: Option<u64>,
    /// When the oldest that was gone through was said: of what is older nothing is known yet. None at the beginning.
    pub until: Option<Timestamp>,
}

/// Something said that has the words of a search, with what stands around the first of them, on one line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Passage {
    /// In which conversation.
    pub session: SessionId,
    /// With which agent.
    pub agent: AgentName,
    /// The first words of the conversation, unless they have been erased.
    pub title: Option<String>,
    /// The record that has it: its place in the conversation.
    pub seq: u64,
    /// When.
    pub time: Timestamp,
    /// `person` or `agent`.
    pub by: String,
    /// What stands before the word.
    pub before: String,
    /// The word, as it was written.
    pub word: String,
    /// What stands behind it.
    pub after: String,
}

/// A turn that somebody stopped.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StoppedTurn {
    /// Which.
    pub turn: TurnId,
    /// Its conversation.
    pub session: SessionId,
    /// Its agent.
    pub agent: AgentName,
    /// Whether it had recorded its end when this was said. Otherwise its events say when it has.
    pub over: bool,
}

/// What was said in a conversation: the person's messages and the replies that were delivered.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Conversation {
    /// Which.
    pub session: SessionId,
    /// With which agent.
    pub agent: AgentName,
    /// The labels of all data that it has seen.
    pub labels: Labels,
    /// The turn that waits for a person, if one does.
    pub waiting: Option<ApprovalId>,
    /// Where it came from, if it goes on from another.
    pub branch: Option<BranchView>,
    /// What was said, oldest first: what is left of its past, and then its own.
    pub said: Vec<Said>,
}

/// One thing said.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Said {
    /// The record that has it: its place in the conversation.
    pub seq: u64,
    /// In which conversation it was said: another one in a past.
    pub session: SessionId,
    /// In which turn.
    pub turn: Option<TurnId>,
    /// When.
    pub time: Timestamp,
    /// `person` or `agent`.
    pub by: String,
    /// The words; `None` when they have been erased.
    pub text: Option<String>,
}
