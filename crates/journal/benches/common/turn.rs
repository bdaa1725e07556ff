//! An entry of a turn, as the gateway records one before it acts.

use bulkhead_journal::{Change, Draft, Entry, Ground, Kind};
use serde_json::json;
use vocab::{AgentName, Decision, Digest, Labels, PersonId, ProposalId, Resource, SessionId, TurnId, Verb};

use crate::common::Done;

/// A proposal and its verdict, with a row of state.
pub(crate) fn entry(number: usize) -> Done<Entry> {
    let mut proposal = Draft::new(Kind::Proposal);
    proposal.session = Some(SessionId::new(&format!("s-{}", number % 32))?);
    proposal.turn = Some(TurnId::new(&format!("t-{number}"))?);
    proposal.proposal = Some(ProposalId::new(&format!("p-{number}"))?);
    proposal.agent = Some(AgentName::new(&format!("agent-{}", number % 4))?);
    proposal.person = Some(PersonId::new(&format!("person-{}", number % 8))?);
    proposal.verb = Some(Verb::FileRead);
    proposal.resource = Some(Resource::Path("/srv/docs/handbook/chapter-3.md".into()));
    let mut verdict = Draft { kind: Kind::Verdict, ..proposal.clone() };
    proposal.payload =
        json!({ "args": { "path": "/srv/docs/handbook/chapter-3.md", "why": "x".repeat(200) } });
    verdict.decision = Some(Decision::Permit);
    verdict.reasons =
        vec![Ground { layer: vocab::Layer::Policy, policy: "skill:file-reader:paths:/srv/docs".into() }];
    verdict.labels = Some(Labels::default());
    verdict.policy_version = Some(Digest::of(b"policies"));
    verdict.payload = json!({ "reasons": ["The agent's file-reader covers this folder."] });
    let session = format!("s-{}", number % 32);
    let row =
        Change::put("session", &session, &json!({ "turn": format!("t-{number}"), "state": "running" }))?;
    Ok(Entry {
        subject: Digest::of(&number.to_be_bytes()),
        records: vec![proposal, verdict],
        state: vec![row],
    })
}
