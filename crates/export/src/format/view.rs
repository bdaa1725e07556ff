//! What is exported of a record: the metadata that is named here, and nothing else.

use journal::read::Record;
use journal::{Event, Fact, Facts, Ground, Kind, ModelCall};
use serde::Serialize;
use vocab::{
    AgentName, Decision, Digest, Labels, PersonId, ProposalId, Resource, SessionId, Status, Timestamp,
    TurnId, Verb,
};

use super::text::plain;

/// A record without any content. The names in JSON are those of `audit query --json`.
#[derive(Debug, Clone, Serialize)]
pub struct View<'a> {
    /// Its place in the record, from 1.
    pub seq: u64,
    /// When it was written.
    pub time: Timestamp,
    /// What it is about.
    pub kind: Kind,
    /// What happened, where kind and verb do not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<Event>,
    /// In which conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<&'a SessionId>,
    /// In which turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn: Option<&'a TurnId>,
    /// About which proposal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proposal: Option<&'a ProposalId>,
    /// About which agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<&'a AgentName>,
    /// About which person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<&'a PersonId>,
    /// What is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verb: Option<Verb>,
    /// To what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<&'a Resource>,
    /// What was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Why it was decided so.
    #[serde(skip_serializing_if = "<[Ground]>::is_empty")]
    pub reasons: &'a [Ground],
    /// The labels of the data concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<&'a Labels>,
    /// What is known of the event without any content.
    #[serde(skip_serializing_if = "Facts::is_empty")]
    pub facts: &'a Facts,
    /// What is known of a model call without its words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<&'a ModelCall>,
    /// What it was judged by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_version: Option<&'a Digest>,
    /// The hash of the record before.
    pub prev: &'a Digest,
    /// Its own hash.
    pub hash: &'a Digest,
}

/// The names of [`View::fields`].
pub(super) const FIELDS: [&str; 20] = [
    "seq",
    "time",
    "kind",
    "event",
    "agent",
    "person",
    "verb",
    "resource",
    "decision",
    "status",
    "reasons",
    "labels",
    "facts",
    "call",
    "session",
    "turn",
    "proposal",
    "policy_version",
    "prev",
    "hash",
];

/// How much somebody should care, as systems for logs ask it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// What happens all day.
    Info,
    /// What an auditor looks for: who was let in, what was held, changed, approved.
    Notice,
    /// What did not go as it was meant to: denied, failed, refused.
    Warning,
    /// What a person should look at.
    High,
    /// An agent was stopped for what it proposed.
    Critical,
}

impl<'a> View<'a> {
    /// Who changed somebody's account or way in, where that is known: the record's person is whose it is.
    pub(super) fn changed_by(&self) -> Option<&'a str> {
        // Nobody sets another's password or makes another's token.
        let own = matches!(self.event, Some(Event::PasswordSet | Event::TokenMade));
        let own = self.person.filter(|_| own).map(PersonId::as_str);
        self.facts.text("by").or(own)
    }

    /// What may leave of `record`.
    #[must_use]
    pub fn of(record: &'a Record) -> Self {
        let action = record.action.as_ref();
        Self {
            seq: record.seq,
            time: record.time,
            kind: record.kind,
            event: record.event,
            session: record.session.as_ref(),
            turn: record.turn.as_ref(),
            proposal: record.proposal.as_ref(),
            agent: record.agent.as_ref(),
            person: record.person.as_ref(),
            verb: action.and_then(|action| action.verb),
            resource: action.and_then(|action| action.resource.as_ref()),
            decision: record.decision,
            status: record.status,
            reasons: &record.reasons,
            labels: record.labels.as_ref(),
            facts: &record.facts,
            call: record.call.as_ref(),
            policy_version: record.policy_version.as_ref(),
            prev: &record.prev,
            hash: &record.hash,
        }
    }

    /// Every field in the order of [`FIELDS`], as text in one line of at most `max` bytes; empty where there is none.
    pub(super) fn fields(&self, max: usize) -> [(&'static str, String); FIELDS.len()] {
        let text = |text: Option<&str>| plain(text.unwrap_or_default(), max);
        let digest = |digest: Option<&Digest>| digest.map_or_else(String::new, Digest::to_string);
        let values = [
            self.seq.to_string(),
            self.time.to_string(),
            self.kind.as_str().to_owned(),
            text(self.event.map(Event::as_str)),
            text(self.agent.map(AgentName::as_str)),
            text(self.person.map(PersonId::as_str)),
            text(self.verb.map(Verb::as_str)),
            text(self.resource.map(Resource::to_string).as_deref()),
            text(self.decision.map(Decision::as_str)),
            text(self.status.map(Status::as_str)),
            plain(&self.reasons(), max),
            text(self.labels.map(Labels::to_string).as_deref()),
            plain(&self.facts(), max),
            plain(&self.call(), max),
            text(self.session.map(SessionId::as_str)),
            text(self.turn.map(TurnId::as_str)),
            text(self.proposal.map(ProposalId::as_str)),
            digest(self.policy_version),
            self.prev.to_string(),
            self.hash.to_string(),
        ];
        let mut values = values.into_iter();
        FIELDS.map(|name| (name, values.next().unwrap_or_default()))
    }

    fn reasons(&self) -> String {
        let reasons = self.reasons.iter().map(|reason| format!("{}: {}", reason.layer, reason.policy));
        reasons.collect::<Vec<_>>().join("; ")
    }

    fn facts(&self) -> String {
        let facts = self.facts.iter().map(|(name, fact)| format!("{name}: {}", fact_text(fact)));
        facts.collect::<Vec<_>>().join("; ")
    }

    fn call(&self) -> String {
        let Some(call) = self.call else { return String::new() };
        let finish = call.finish.as_deref().map_or_else(String::new, |finish| format!("; finish: {finish}"));
        format!(
            "prompt_tokens: {}; completion_tokens: {}{finish}",
            call.prompt_tokens, call.completion_tokens
        )
    }

    /// What happened, in one word: the event's name, or the kind with the verb.
    pub(super) fn name(&self) -> String {
        match (self.event, self.verb) {
            (Some(event), _) => event.as_str().to_owned(),
            (None, Some(verb)) => format!("{}.{verb}", self.kind.as_str()),
            (None, None) => self.kind.as_str().to_owned(),
        }
    }

    /// The record in one line for people.
    pub(super) fn sentence(&self) -> String {
        let mut words = vec![self.name()];
        let decision = self.decision.map(|decision| decision.as_str().to_owned());
        words.extend(decision.or_else(|| self.status.map(|status| status.as_str().to_owned())));
        words.extend(self.resource.map(Resource::to_string));
        words.extend(self.agent.map(|agent| format!("agent {agent}")));
        words.extend(self.person.map(|person| format!("person {person}")));
        if self.decision != Some(Decision::Permit) && !self.reasons.is_empty() {
            words.push(format!("({})", self.reasons()));
        }
        if !self.facts.is_empty() {
            words.push(format!("({})", self.facts()));
        }
        words.join(" ")
    }

    /// How much somebody should care.
    #[must_use]
    pub fn severity(&self) -> Severity {
        if self.decision == Some(Decision::Kill) || self.event == Some(Event::AgentStopped) {
            return Severity::Critical;
        }
        if self.kind == Kind::Alert {
            return Severity::High;
        }
        let refused = matches!(
            self.event,
            Some(Event::CallerRefused | Event::AskRefused | Event::RunRefused | Event::ContentRefused)
        );
        let bad = matches!(
            self.status,
            Some(Status::Failed | Status::Denied | Status::Withheld | Status::Unknown | Status::Late)
        );
        if self.decision == Some(Decision::Deny) || refused || bad {
            return Severity::Warning;
        }
        let quiet = matches!(self.kind, Kind::Message | Kind::Proposal | Kind::Verdict | Kind::Outcome);
        if quiet && self.decision != Some(Decision::Ask) { Severity::Info } else { Severity::Notice }
    }

    /// Milliseconds since 1970.
    pub(super) fn millis(&self) -> i64 {
        self.time.as_millisecond()
    }

    /// Nanoseconds since 1970; 0 before.
    pub(super) fn nanos(&self) -> u64 {
        u64::try_from(self.time.as_nanosecond()).unwrap_or(0)
    }
}

/// A fact as text.
pub(super) fn fact_text(fact: &Fact) -> String {
    match fact {
        Fact::Flag(flag) => flag.to_string(),
        Fact::Number(number) => number.to_string(),
        Fact::Text(text) => text.clone(),
        Fact::List(list) => list.join(", "),
    }
}
