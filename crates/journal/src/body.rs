//! The canonical body of a record, as the writer forms it. [`crate::verify`] reads bodies in a way of its own.

use serde::Serialize;
use vocab::{
    AgentName, Decision, Digest, Labels, PersonId, ProposalId, Resource, SessionId, Status, Timestamp,
    TurnId, Verb,
};

use crate::entry::{Draft, Ground, Head, Kind};
use crate::erase::Erased;
use crate::event::{Event, Facts, ModelCall};

/// The version of the body's form.
const BODY_VERSION: u8 = 2;

/// Text that the hash before the first record is made of, with the log's id after it.
pub(crate) const GENESIS: &str = "bulkhead journal\n";

/// Where an empty log with this id ends.
pub(crate) fn genesis(log_id: &str) -> Head {
    Head { records: 0, hash: Digest::of(format!("{GENESIS}{log_id}").as_bytes()) }
}

/// The body's fields in alphabetical order, in runs: between them stand `prev`, `seq` and `time`, which only the
/// record's place decides, and `call`. There is no number in them but small integers, and `serde_json` escapes as RFC 8785
/// section 3.2.2.2 demands, so that plain serialisation is canonical.
#[derive(Serialize)]
struct BeforeCall<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<&'a AgentName>,
}

#[derive(Serialize)]
struct BeforePrev<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<&'a Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<Decision>,
    #[serde(skip_serializing_if = "Option::is_none")]
    erases: Option<&'a Erased>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<Event>,
    #[serde(skip_serializing_if = "Facts::is_empty")]
    facts: &'a Facts,
    kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<&'a Labels>,
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<&'a PersonId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_version: Option<&'a Digest>,
}

#[derive(Serialize)]
struct BeforeSeq<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    proposal: Option<&'a ProposalId>,
    #[serde(skip_serializing_if = "<[Ground]>::is_empty")]
    reasons: &'a [Ground],
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<&'a Resource>,
}

#[derive(Serialize)]
struct BeforeTime<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<&'a SessionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
}

#[derive(Serialize)]
struct AfterTime<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    turn: Option<&'a TurnId>,
    v: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    verb: Option<Verb>,
}

/// A body that lacks only its place. It is made on the caller's thread, since the writer's time is everybody's.
pub(crate) struct Form {
    /// The runs one after the other, a comma after each field.
    runs: String,
    /// Where in them `prev`, `seq` and `time` belong.
    places: [usize; 3],
}

impl Form {
    /// The form of `draft`, whose content has the commitment `commit`.
    pub(crate) fn of(draft: &Draft, commit: Option<&Digest>) -> Result<Self, serde_json::Error> {
        let mut runs = Vec::with_capacity(RUNS_BYTES);
        fields(&mut runs, &BeforeCall { agent: draft.agent.as_ref() })?;
        if let Some(of) = &draft.call {
            call(&mut runs, of)?;
        }
        let before_prev = BeforePrev {
            commit,
            decision: draft.decision,
            erases: draft.erases.as_ref(),
            event: draft.event,
            facts: &draft.facts,
            kind: draft.kind,
            labels: draft.labels.as_ref(),
            person: draft.person.as_ref(),
            policy_version: draft.policy_version.as_ref(),
        };
        let prev = fields(&mut runs, &before_prev)?;
        let before_seq = BeforeSeq {
            proposal: draft.proposal.as_ref(),
            reasons: &draft.reasons,
            resource: draft.resource.as_ref(),
        };
        let seq = fields(&mut runs, &before_seq)?;
        let before_time = BeforeTime { session: draft.session.as_ref(), status: draft.status };
        let time = fields(&mut runs, &before_time)?;
        fields(&mut runs, &AfterTime { turn: draft.turn.as_ref(), v: BODY_VERSION, verb: draft.verb })?;
        let runs = String::from_utf8(runs).map_err(serde::ser::Error::custom)?;
        Ok(Self { runs, places: [prev, seq, time] })
    }

    /// The bytes of its texts.
    pub(crate) const fn len(&self) -> usize {
        self.runs.len()
    }

    /// The whole body of the record that comes after `head`.
    pub(crate) fn at(&self, head: &Head, time: &str) -> String {
        let [prev, seq, end] = self.places;
        let run = |range: std::ops::Range<usize>| self.runs.get(range).unwrap_or_default();
        let mut body = String::with_capacity(self.len() + PLACE_BYTES);
        body.push('{');
        body.push_str(run(0..prev));
        body.push_str("\"prev\":\"");
        data_encoding::HEXLOWER.encode_append(head.hash.as_bytes(), &mut body);
        body.push_str("\",");
        body.push_str(run(prev..seq));
        body.push_str("\"seq\":");
        body.push_str(&head.records.saturating_add(1).to_string());
        body.push(',');
        body.push_str(run(seq..end));
        body.push_str("\"time\":\"");
        body.push_str(time);
        body.push_str("\",");
        body.push_str(run(end..self.len()));
        // Each run ends with a comma; after the last comes the end.
        body.pop();
        body.push('}');
        body
    }
}

/// What `prev`, `seq` and `time` take with their names is less, in bytes.
const PLACE_BYTES: usize = 192;

/// Most bodies are smaller without them, in bytes.
const RUNS_BYTES: usize = 1024;

/// Adds the fields of `run` as JSON, a comma after each, without the braces around them; gives where they end.
fn fields(runs: &mut Vec<u8>, run: &impl Serialize) -> Result<usize, serde_json::Error> {
    let begin = runs.len();
    serde_json::to_writer(&mut *runs, run)?;
    if runs.len() == begin + "{}".len() {
        runs.truncate(begin);
    } else {
        runs.remove(begin);
        runs.pop();
        runs.push(b',');
    }
    Ok(runs.len())
}

/// Adds the field of a model call, a comma after it. Its parameters may be numbers of any form, which plain
/// serialisation does not write as RFC 8785 does.
fn call(runs: &mut Vec<u8>, call: &ModelCall) -> Result<(), serde_json::Error> {
    let text = vocab::digest::canonical(call).map_err(serde::ser::Error::custom)?;
    for part in [b"\"call\":".as_slice(), &text, b","] {
        runs.extend_from_slice(part);
    }
    Ok(())
}

/// RFC 3339 in UTC with six digits of fraction, so that times sort as text.
pub(crate) fn time_text(time: Timestamp) -> String {
    format!("{time:.6}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::Layer;

    #[test]
    fn a_body_is_canonical_json() {
        let mut draft = Draft::new(Kind::Verdict);
        draft.agent = Some(AgentName::new("echo").unwrap());
        draft.session = Some(SessionId::new("s-1").unwrap());
        draft.turn = Some(TurnId::new("t-1").unwrap());
        draft.proposal = Some(ProposalId::new("p-1").unwrap());
        draft.person = Some(PersonId::new("ann").unwrap());
        draft.verb = Some(Verb::FileRead);
        draft.resource = Some(Resource::Path("/a\u{1f}\"\\\u{7f}\u{2028}é😀\n\u{8}".into()));
        draft.decision = Some(Decision::Deny);
        draft.status = Some(Status::Denied);
        draft.reasons = vec![Ground { layer: Layer::Policy, policy: "rule:5 \t".into() }];
        draft.labels = Some(Labels::from_names(["restricted", "a", "b"]).unwrap());
        draft.policy_version = Some(Digest::of(b"x"));
        draft.erases = Some(Erased::of(&[3, 4, 9].into()).0);
        draft.event = Some(Event::ContentRead);
        draft.facts = Facts::new().with("z", 7_u64).with("a", vec!["é\u{1}".to_owned()]).with("b", true);
        draft.call = Some(Box::new(ModelCall {
            options: serde_json::from_str(r#"{"top_p":1.0,"temperature":1e-7,"seed":20}"#).unwrap(),
            completion_tokens: ModelCall::tokens(u64::MAX),
            ..ModelCall::new(Digest::of(b"z"))
        }));
        let time = Timestamp::from_nanosecond(1_790_000_000_123_456_789).unwrap();
        let form = Form::of(&draft, Some(&Digest::of(b"y"))).unwrap();
        let body = form.at(&genesis("id"), &time_text(time));
        let value: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(vocab::digest::canonical(&value).unwrap(), body.as_bytes());
        assert_eq!(value["time"], "2026-09-21T14:13:20.123456Z");
        assert_eq!(value.as_object().unwrap().len(), 22, "a field is missing from this test");

        let bare = Form::of(&Draft::new(Kind::Alert), None).unwrap().at(&genesis("id"), &time_text(time));
        let value: serde_json::Value = serde_json::from_str(&bare).unwrap();
        assert_eq!(vocab::digest::canonical(&value).unwrap(), bare.as_bytes());
    }
}
