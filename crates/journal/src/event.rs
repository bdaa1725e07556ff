//! What happened, in one word, where a record's kind and verb do not say it; and the facts that belong to it.
//!
//! All of this is metadata: it stands on the chain, is read by whoever may read the record, and outlives the erasure of
//! its content. No words of a person or a model, and no reason that somebody wrote down, belong here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use vocab::{Digest, Fault};

macro_rules! events {
    ($($(#[$doc:meta])* $event:ident = $name:literal),+ $(,)?) => {
        /// What happened. The name is `thing.what-became-of-it`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Event {
            $($(#[$doc])* #[serde(rename = $name)] $event,)+
        }

        impl Event {
            /// All events.
            pub const ALL: &[Self] = &[$(Self::$event),+];

            /// The event's name, as records write it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$event => $name,)+
                }
            }
        }
    };
}

events! {
    /// A person's words came in.
    MessageReceived = "message.received",
    /// A conversation of a person's began that goes on from another of theirs.
    ConversationBranched = "conversation.branched",
    /// A program of somebody else's began to work as an agent.
    RunStarted = "run.started",
    /// A turn or a run is over.
    TurnEnded = "turn.ended",
    /// A person stopped a turn, and nothing else of its agent.
    TurnStopped = "turn.stopped",

    /// Somebody saw a held action whole, in order to decide on it or because it is theirs.
    ApprovalShown = "approval.shown",
    /// The chat was told of what waits: all of it, with a one-time id, or that something does.
    ApprovalPosted = "approval.posted",
    /// A person said yes.
    ApprovalApproved = "approval.approved",
    /// A person said yes, and it takes another one, too.
    ApprovalSupported = "approval.supported",
    /// Nobody decided for a while, and more people are asked.
    ApprovalEscalated = "approval.escalated",
    /// A person said yes to exactly the same again, for a while.
    PatternApproved = "pattern.approved",
    /// What a person had said yes to for a while was done again.
    PatternUsed = "pattern.used",
    /// A yes to the same again is over.
    PatternEnded = "pattern.ended",
    /// A person said no.
    ApprovalDenied = "approval.denied",
    /// Nobody answered in time.
    ApprovalExpired = "approval.expired",
    /// What waited was cancelled.
    ApprovalCancelled = "approval.cancelled",
    /// A yes did not hold any more when it was to be used.
    ApprovalVoid = "approval.void",

    /// Somebody was identified on a socket of the gateway, or signed in on its address.
    SignedIn = "signed.in",
    /// A sign-in is over.
    SignedOut = "signed.out",
    /// A password, code, cookie or token was wrong, over, or one of too many.
    SignInRefused = "sign-in.refused",
    /// Somebody who is signed in showed again that it is they.
    SignInConfirmed = "sign-in.confirmed",
    /// An API token was used.
    TokenUsed = "token.used",
    /// Somebody whom the settings do not know was turned away from a socket of the gateway.
    CallerRefused = "caller.refused",
    /// Somebody asked an agent that they have no right to.
    AskRefused = "ask.refused",
    /// Somebody wanted a program run that is not there for this agent.
    RunRefused = "run.refused",

    /// Somebody who is known wanted what they have no right to.
    RightRefused = "right.refused",

    /// The gateway began to work.
    GatewayStarted = "gateway.started",
    /// The gateway was stopped.
    GatewayStopped = "gateway.stopped",
    /// An agent was stopped, with all its processes.
    AgentKilled = "agent.killed",
    /// An agent takes no new messages.
    AgentPaused = "agent.paused",
    /// An agent takes messages again.
    AgentResumed = "agent.resumed",
    /// An agent's SOUL.md is there that was not.
    AgentAdded = "agent.added",
    /// An agent's SOUL.md is gone.
    AgentRemoved = "agent.removed",
    /// A SOUL.md is another than before.
    SoulChanged = "soul.changed",
    /// bulkhead.toml is another than before.
    SettingsChanged = "settings.changed",
    /// A file of guardrails is there that was not.
    GuardrailAdded = "guardrail.added",
    /// A file of guardrails is another than before.
    GuardrailChanged = "guardrail.changed",
    /// A file of guardrails is gone.
    GuardrailRemoved = "guardrail.removed",
    /// The settings name a person whom they did not.
    PersonAdded = "person.added",
    /// The settings say something else of a person.
    PersonChanged = "person.changed",
    /// The settings do not name a person any more.
    PersonRemoved = "person.removed",
    /// The settings have a group that they had not.
    GroupAdded = "group.added",
    /// A group has other rights.
    GroupChanged = "group.changed",
    /// The settings have a group no more.
    GroupRemoved = "group.removed",

    /// A one-time code was made, with which somebody can set a password.
    InviteMade = "invite.made",
    /// Somebody signed in with a code that somebody else made for them.
    InviteUsed = "invite.used",
    /// Somebody set their password.
    PasswordSet = "password.set",
    /// An API token was made.
    TokenMade = "token.made",
    /// An API token was ended.
    TokenEnded = "token.ended",
    /// A person has a passkey more.
    PasskeyAdded = "passkey.added",
    /// A person has a passkey less.
    PasskeyRemoved = "passkey.removed",
    /// An account of the organisation's directory is there that was not.
    AccountAdded = "account.added",
    /// An account of the directory is another than before.
    AccountChanged = "account.changed",
    /// An account of the directory is gone.
    AccountRemoved = "account.removed",
    /// A group of the directory is there that was not.
    AccountGroupAdded = "account-group.added",
    /// A group of the directory is another than before.
    AccountGroupChanged = "account-group.changed",
    /// A group of the directory is gone.
    AccountGroupRemoved = "account-group.removed",
    /// What a person signed in with was forgotten, because the settings do not name them any more.
    CredentialsForgotten = "credentials.forgotten",

    /// Somebody read content: that of records, or a conversation.
    ContentRead = "content.read",
    /// Somebody searched content for words.
    ContentSearched = "content.searched",
    /// Somebody wanted to read content and may not.
    ContentRefused = "content.refused",
    /// Records were exported by a person's order.
    ExportMade = "export.made",
    /// An export to another system began, changed or was given up by the settings.
    ExportChanged = "export.changed",

    /// Somebody asked for content to be erased.
    ErasureAsked = "erasure.asked",
    /// A second person agreed to an erasure.
    ErasureConsented = "erasure.consented",
    /// An erasure was refused or withdrawn.
    ErasureRefused = "erasure.refused",
    /// Content was erased.
    ErasureDone = "erasure.done",
    /// Content was erased because its time was over.
    RetentionApplied = "retention.applied",
    /// A legal hold was put on content.
    HoldAdded = "hold.added",
    /// A legal hold was taken off.
    HoldRemoved = "hold.removed",

    /// A home goes on with another record than the one that it wrote before.
    RecordBegun = "record.begun",
    /// The key that checkpoints are signed with was made.
    KeyMade = "key.made",
    /// The key that checkpoints are signed with was replaced.
    KeyRotated = "key.rotated",
    /// A checkpoint was signed.
    CheckpointMade = "checkpoint.made",
    /// A witness's cosignature of a checkpoint was taken in.
    CheckpointCosigned = "checkpoint.cosigned",
    /// What is stored as the newest checkpoint was not signed by a key that was the record's then.
    CheckpointDistrusted = "checkpoint.distrusted",
    /// A witness has cosigned more of this record than there is, or another record under its name.
    CheckpointContradicted = "checkpoint.contradicted",
    /// What a witness sent as its cosignature does not hold.
    CosignatureRefused = "cosignature.refused",

    /// The record could not be written for a while.
    RecordFailed = "record.failed",
    /// An export did not get through for a while.
    ExportFailed = "export.failed",
    /// The chat took no message about what waits.
    ChatFailed = "chat.failed",
    /// A checkpoint could not be published.
    PublishingFailed = "publishing.failed",
    /// Processes of a stopped agent were not seen to end.
    KillIncomplete = "kill.incomplete",
    /// The settings or guardrails were changed and do not hold, so that nothing new is let through.
    SettingsInvalid = "settings.invalid",
    /// A SOUL.md was changed and does not hold, so that its agent does nothing.
    SoulInvalid = "soul.invalid",
    /// A row of state claims what the record does not say, or lacks what it says. It was not believed.
    RowUnfounded = "row.unfounded",
    /// The monitor stopped an agent for what it proposed.
    AgentStopped = "agent.stopped",
}

impl Event {
    /// The event of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|event| event.as_str() == name)
    }
}

/// One fact of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Fact {
    /// Yes or no.
    Flag(bool),
    /// How many, or which; below 2^53, as canonical JSON demands.
    Number(u64),
    /// A name, a digest, a key.
    Text(String),
    /// Several of those.
    List(Vec<String>),
}

/// The largest number of canonical JSON that every reader takes for the same.
const MAX_NUMBER: u64 = (1 << 53) - 1;

/// The facts of an event, by name. `docs/record.md` says which event has which.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Facts(BTreeMap<String, Fact>);

impl Facts {
    /// No facts.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// These and one more.
    #[must_use]
    pub fn with(mut self, name: &str, fact: impl Into<Fact>) -> Self {
        self.0.insert(name.to_owned(), fact.into());
        self
    }

    /// These and one more, if there is one.
    #[must_use]
    pub fn with_some(self, name: &str, fact: Option<impl Into<Fact>>) -> Self {
        match fact {
            Some(fact) => self.with(name, fact),
            None => self,
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Fact> {
        self.0.get(name)
    }

    /// A text among them.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Fact::Text(text) => Some(text),
            Fact::Flag(_) | Fact::Number(_) | Fact::List(_) => None,
        }
    }

    /// A number among them.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        match self.get(name)? {
            Fact::Number(number) => Some(*number),
            Fact::Flag(_) | Fact::Text(_) | Fact::List(_) => None,
        }
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Fact)> {
        self.0.iter().map(|(name, fact)| (name.as_str(), fact))
    }
}

impl From<bool> for Fact {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<u64> for Fact {
    fn from(number: u64) -> Self {
        Self::Number(number.min(MAX_NUMBER))
    }
}

impl From<&str> for Fact {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Fact {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Digest> for Fact {
    fn from(digest: Digest) -> Self {
        Self::Text(digest.to_string())
    }
}

impl From<Vec<String>> for Fact {
    fn from(list: Vec<String>) -> Self {
        Self::List(list)
    }
}

/// What is known of a model call without its words. The model is the record's resource.
///
/// The digests are salted, and the salt is content: whoever may read the content can check them, and once it is
/// erased they tell nothing, not even to somebody who guesses the words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelCall {
    /// `SHA-256(salt || SHA-256(canonical JSON of the answer))`; none without an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Digest>,
    /// Tokens out, as the server counted them; 0 when it did not say.
    pub completion_tokens: u64,
    /// Why there is no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// Why the model stopped: `stop`, `length`, `tool_calls`, `content_filter` or `other`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<String>,
    /// The server and the model that answered, as `server/model`; the resource has the name that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The parameters that were set and are numbers, yes or no, or one of a few words.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub options: Map<String, Value>,
    /// `SHA-256(salt || SHA-256(content of the proposal))`: of system message, tools, conversation and parameters, byte for
    /// byte as the proposal's record has them.
    pub prompt: Digest,
    /// Tokens in, as the server counted them; 0 when it did not say.
    pub prompt_tokens: u64,
}

impl ModelCall {
    /// A call of which only this digest of the prompt is known.
    #[must_use]
    pub fn new(prompt: Digest) -> Self {
        Self {
            answer: None,
            completion_tokens: 0,
            fault: None,
            finish: None,
            model: None,
            options: Map::new(),
            prompt,
            prompt_tokens: 0,
        }
    }

    /// A count of tokens as a server gave it, as it is recorded.
    #[must_use]
    pub fn tokens(count: u64) -> u64 {
        count.min(MAX_NUMBER)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_event_has_a_name_of_its_own_that_reads_back() {
        let names: BTreeSet<&str> = Event::ALL.iter().map(|event| event.as_str()).collect();
        assert_eq!(names.len(), Event::ALL.len());
        for event in Event::ALL {
            assert_eq!(Event::from_name(event.as_str()), Some(*event));
            assert_eq!(serde_json::to_value(event).unwrap(), event.as_str());
        }
        assert_eq!(Event::from_name("nothing.happened"), None);
    }

    #[test]
    fn facts_survive_their_text_and_no_number_is_beyond_what_json_keeps() {
        let facts = Facts::new()
            .with("count", u64::MAX)
            .with("old", Digest::of(b"x"))
            .with("own", true)
            .with("changed", vec!["groups".to_owned()])
            .with_some("none", None::<u64>);
        let text = serde_json::to_string(&facts).unwrap();
        assert_eq!(serde_json::from_str::<Facts>(&text).unwrap(), facts);
        assert_eq!(facts.number("count"), Some(9_007_199_254_740_991));
        assert_eq!((facts.text("count"), facts.number("none")), (None, None));
    }
}
