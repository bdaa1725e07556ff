//! Records: ordinary ones, and whatever a type allows.

use bulkhead_export::Origin;
use journal::read::{Record, RecordedAction};
use journal::{Event, Fact, Facts, Ground, Kind, ModelCall};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;
use vocab::{
    AgentName, Decision, Digest, Labels, Layer, PersonId, ProposalId, Resource, SessionId, Status, Timestamp,
    TurnId, Verb,
};

pub(crate) fn origin() -> Origin {
    Origin { host: "gate.example.org".into(), version: "0.1.0".into() }
}

/// A record of `kind` with its number and nothing else.
pub(crate) fn record(seq: u64, kind: Kind) -> Record {
    serde_json::from_value(json!({
        "seq": seq, "kind": kind, "reasons": [],
        "time": Timestamp::from_second(1_790_000_000 + i64::try_from(seq).unwrap()).unwrap(),
        "prev": Digest::of(b"before"), "hash": Digest::of(&seq.to_le_bytes()),
    }))
    .unwrap()
}

/// The same, of a turn of `echo` for `ann`.
pub(crate) fn of_turn(seq: u64, kind: Kind, turn: &str) -> Record {
    Record {
        turn: TurnId::new(turn).ok(),
        session: SessionId::new("s-1").ok(),
        agent: AgentName::new("echo").ok(),
        person: PersonId::new("ann").ok(),
        ..record(seq, kind)
    }
}

/// The same, of a proposal.
pub(crate) fn of_proposal(seq: u64, kind: Kind, proposal: &str, verb: Verb, resource: Resource) -> Record {
    Record {
        proposal: ProposalId::new(proposal).ok(),
        action: Some(RecordedAction { verb: Some(verb), resource: Some(resource) }),
        ..of_turn(seq, kind, "t-1")
    }
}

/// Text that breaks what does not escape: line breaks, quotes, every sign that a form gives a meaning to.
pub(crate) fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<char>().prop_map(String::from),
        select(vec![
            "\n",
            "\r\n",
            "\0",
            "\"",
            "\\",
            "]",
            "|",
            "=",
            ",",
            "+",
            "-",
            "@",
            "\t",
            ";",
            "'",
            "%",
            "<",
            ">",
            "{",
            "}",
            "\u{1b}[31m",
            "\u{2028}",
            "\u{feff}",
            "\u{202e}",
            "=cmd|' /C calc'!A0",
            "12 <110>1 ",
            "a",
            " ",
        ])
        .prop_map(String::from),
    ];
    vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn resource() -> impl Strategy<Value = Resource> {
    let make = select(vec![
        Resource::Path as fn(String) -> Resource,
        Resource::Host,
        Resource::Channel,
        Resource::Model,
        Resource::Person,
        Resource::Command,
        Resource::Table,
        Resource::Collection,
        Resource::Skill,
    ]);
    (make, text()).prop_map(|(make, text)| make(text))
}

fn facts() -> impl Strategy<Value = Facts> {
    let fact = prop_oneof![
        text().prop_map(Fact::from),
        any::<u64>().prop_map(Fact::from),
        any::<bool>().prop_map(Fact::from),
        vec(text(), 0..3).prop_map(Fact::from),
    ];
    vec((text(), fact), 0..4)
        .prop_map(|facts| facts.into_iter().fold(Facts::new(), |all, (name, fact)| all.with(&name, fact)))
}

prop_compose! {
    fn call()(finish in of(text()), tokens in any::<(u64, u64)>()) -> ModelCall {
        ModelCall {
            finish,
            prompt_tokens: ModelCall::tokens(tokens.0),
            completion_tokens: ModelCall::tokens(tokens.1),
            ..ModelCall::new(Digest::of(b"prompt"))
        }
    }
}

const LAYERS: [Layer; 3] = [Layer::Policy, Layer::Guardrail, Layer::Approval];

prop_compose! {
    /// Whatever a record can be.
    pub(crate) fn any_record()(
        seq in 1_u64..1_000_000,
        kind in select(Kind::ALL.to_vec()),
        event in of(select(Event::ALL.to_vec())),
        facts in facts(),
        call in of(call()),
        who in any::<(bool, bool, bool, bool)>(),
        action in of((of(select(Verb::ALL.to_vec())), of(resource()))),
        decision in of(select(vec![Decision::Permit, Decision::Ask, Decision::Deny, Decision::Kill])),
        status in of(select(vec![Status::Done, Status::Failed, Status::Denied, Status::Withheld, Status::Unknown, Status::Late])),
        reasons in vec((select(LAYERS.to_vec()), text()), 0..3),
        labels in of(select(vec![Labels::default(), Labels::public(), Labels::from_names(["restricted", "x"]).unwrap()])),
    ) -> Record {
        Record {
            event,
            facts,
            call,
            turn: who.0.then(|| TurnId::new("t-1").unwrap()),
            proposal: who.1.then(|| ProposalId::new("p-1").unwrap()),
            agent: who.2.then(|| AgentName::new("echo").unwrap()),
            person: who.3.then(|| PersonId::new("ann").unwrap()),
            session: who.0.then(|| SessionId::new("s-1").unwrap()),
            action: action.map(|(verb, resource)| RecordedAction { verb, resource }),
            decision,
            status,
            reasons: reasons.into_iter().map(|(layer, policy)| Ground { layer, policy }).collect(),
            labels,
            policy_version: Some(Digest::of(b"policies")),
            ..record(seq, kind)
        }
    }
}
