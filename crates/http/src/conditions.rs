//! Which records somebody asks for: the conditions of `bulkhead audit query`, as a query or a body carries them.

use journal::read::Query;
use journal::{Event, Kind};
use serde::Deserialize;
use vocab::{AgentName, Decision, Labels, PersonId, SessionId, Timestamp, Verb};

use crate::problem::{Problem, ProblemKind};

/// The conditions; each verb refuses those that it does not go by.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Conditions {
    agent: Option<AgentName>,
    person: Option<PersonId>,
    session: Option<SessionId>,
    kind: Option<Kind>,
    event: Option<Event>,
    decision: Option<Decision>,
    action: Option<Verb>,
    label: Option<String>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    /// Oldest first, from there on.
    after: Option<u64>,
    /// Newest first, from there back.
    before: Option<u64>,
    #[serde(default)]
    limit: u32,
    /// Words that the content has.
    text: Option<String>,
}

impl Conditions {
    /// What metadata alone answers.
    ///
    /// # Errors
    /// When a label is none, or there are words.
    pub(crate) fn of_metadata(self) -> Result<Query, Problem> {
        if self.text.is_some() {
            let message = "`text` is about content: ask with `POST /api/v1/content/search`";
            return Err(Problem::new(ProblemKind::Invalid, message));
        }
        self.query().map(|(query, _)| query)
    }

    /// What a search answers, with its words, if there are any.
    ///
    /// # Errors
    /// When a label is none, or it is to go back.
    pub(crate) fn of_content(self) -> Result<(Query, Option<String>), Problem> {
        if self.before.is_some() {
            let message = "a search goes on towards the end only: give `after` instead of `before`";
            return Err(Problem::new(ProblemKind::Invalid, message));
        }
        self.query()
    }

    fn query(self) -> Result<(Query, Option<String>), Problem> {
        if let Some(label) = &self.label {
            Labels::from_names([label.as_str()])
                .map_err(|error| Problem::new(ProblemKind::Invalid, error.to_string()))?;
        }
        let query = Query {
            agent: self.agent,
            person: self.person,
            session: self.session,
            kind: self.kind,
            event: self.event,
            decision: self.decision,
            verb: self.action,
            label: self.label,
            since: self.since,
            until: self.until,
            after: self.after,
            before: self.before,
            limit: self.limit,
            ..Query::default()
        };
        Ok((query, self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(conditions: serde_json::Value) -> Conditions {
        serde_json::from_value(conditions).unwrap()
    }

    #[test]
    fn each_condition_reaches_the_query_under_its_own_name() {
        let all = serde_json::json!({
            "agent": "echo", "person": "ada", "session": "s-1", "kind": "outcome", "event": "turn.ended",
            "decision": "deny", "action": "file.read", "label": "secret", "since": "2026-01-01T00:00:00Z",
            "until": "2026-02-01T00:00:00Z", "after": 3, "limit": 7,
        });
        let query = of(all.clone()).of_metadata().unwrap();
        let (searched, words) = of(all).of_content().unwrap();
        assert_eq!((format!("{query:?}"), words), (format!("{searched:?}"), None));
        let told = format!("{query:?}");
        let parts = [
            "echo",
            "ada",
            "s-1",
            "Outcome",
            "TurnEnded",
            "Deny",
            "FileRead",
            "secret",
            "2026-01",
            "2026-02",
        ];
        for part in parts {
            assert!(told.contains(part), "{part} is not in {told}");
        }
        assert_eq!((query.after, query.before, query.limit), (Some(3), None, 7));
        assert_eq!(of(serde_json::json!({ "before": 9 })).of_metadata().unwrap().before, Some(9));
        let (_, words) = of(serde_json::json!({ "text": "sesame" })).of_content().unwrap();
        assert_eq!(words.as_deref(), Some("sesame"));
    }

    #[test]
    fn what_a_verb_does_not_go_by_is_refused_and_not_passed_over() {
        let kind = |no: Result<(), Problem>| no.unwrap_err().kind;
        let words = of(serde_json::json!({ "text": "sesame" })).of_metadata().map(drop);
        assert_eq!(kind(words), ProblemKind::Invalid);
        let back = of(serde_json::json!({ "before": 9 })).of_content().map(drop);
        assert_eq!(kind(back), ProblemKind::Invalid);
        for wrong in ["no such label!", ""] {
            let label = serde_json::json!({ "label": wrong });
            assert_eq!(kind(of(label.clone()).of_metadata().map(drop)), ProblemKind::Invalid, "{wrong}");
            assert_eq!(kind(of(label).of_content().map(drop)), ProblemKind::Invalid, "{wrong}");
        }
        assert!(serde_json::from_value::<Conditions>(serde_json::json!({ "agnet": "echo" })).is_err());
    }
}
