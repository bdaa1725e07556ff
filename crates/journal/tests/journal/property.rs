//! Whatever is handed in comes back as it was, and verifies.

use std::collections::BTreeMap;

use bulkhead_journal::read::{Query, Reader};
use bulkhead_journal::verify::verify;
use bulkhead_journal::{Draft, Event, Fact, Facts, Ground, Kind, ModelCall, Written};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};
use vocab::{AgentName, Decision, Digest, Labels, Layer, PersonId, Resource, SessionId, Status, Verb};

use crate::common::entry;
use crate::kept::Kept;

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(json!("\u{0}\u{7f}\u{2028}\u{feff}😀\\\"")),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4).prop_map(
                |map: BTreeMap<String, Value>| Value::Object(map.into_iter().collect::<Map<_, _>>())
            ),
        ]
    })
}

fn fact() -> impl Strategy<Value = Fact> {
    prop_oneof![
        any::<bool>().prop_map(Fact::from),
        any::<u64>().prop_map(Fact::from),
        any::<String>().prop_map(Fact::from),
        vec(any::<String>(), 0..3).prop_map(Fact::from),
    ]
}

fn resource() -> impl Strategy<Value = Resource> {
    (any::<String>(), 0..3).prop_map(|(name, kind)| match kind {
        0 => Resource::Path(name),
        1 => Resource::Host(name),
        _ => Resource::Skill(name),
    })
}

prop_compose! {
    fn draft()(
        kind in select(Kind::ALL.to_vec()),
        session in of("[a-z0-9][a-z0-9._-]{0,63}"),
        names in (of("[a-z][a-z0-9-]{0,20}"), of("[a-z][a-z0-9-]{0,20}")),
        verb in of(select(Verb::ALL.to_vec())),
        resource in of(resource()),
        decision in of(select(vec![Decision::Permit, Decision::Ask, Decision::Deny, Decision::Kill])),
        status in of(select(vec![Status::Done, Status::Failed, Status::Unknown])),
        policies in vec(any::<String>(), 0..4),
        labels in of(select(vec![Labels::default(), Labels::public(), Labels::from_names(["x", "y"]).unwrap_or_default()])),
        version in of(any::<[u8; 32]>()),
        event in of(select(Event::ALL)),
        facts in vec(("[a-z]{1,6}", fact()), 0..3),
        call in of((any::<[u8; 32]>(), any::<u64>(), any::<i16>())),
        payload in json_value(),
        written in any::<bool>(),
    ) -> Draft {
        Draft {
            kind,
            session: session.and_then(|name| SessionId::new(&name).ok()),
            turn: None,
            proposal: None,
            agent: names.0.and_then(|name| AgentName::new(&name).ok()),
            person: names.1.and_then(|name| PersonId::new(&name).ok()),
            verb,
            resource,
            decision,
            status,
            reasons: policies.into_iter().map(|policy| Ground { layer: Layer::Flow, policy }).collect(),
            labels,
            policy_version: version.map(Digest::from_bytes),
            event,
            facts: facts.into_iter().fold(Facts::new(), |facts, (name, fact)| facts.with(&name, fact)),
            call: call.map(|(prompt, tokens, option)| {
                let mut call = ModelCall::new(Digest::from_bytes(prompt));
                call.prompt_tokens = ModelCall::tokens(tokens);
                call.options.insert("temperature".into(), (f64::from(option) + 0.5).into());
                Box::new(call)
            }),
            erases: None,
            written: written.then(|| Written::of(&payload).ok()).flatten(),
            payload,
        }
    }
}

/// Whether all of `groups` comes back from `kept`, which is empty.
fn comes_back(kept: &Kept, groups: &[Vec<Draft>]) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let journal = kept.open();
    for group in groups {
        let receipt = runtime.block_on(journal.append(entry(group.clone())));
        prop_assert!(receipt.is_ok(), "{:?}", receipt);
    }
    let report = verify(&kept.place(), Some(journal.head()))
        .map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert!(report.ok, "{:?}", report);
    let failed = |error: bulkhead_journal::ReadError| TestCaseError::fail(error.to_string());
    let reader = Reader::open(&kept.place()).map_err(failed)?;
    let records = reader.query(&Query::default()).map_err(failed)?;
    let drafts: Vec<&Draft> = groups.iter().flatten().collect();
    prop_assert_eq!(records.len(), drafts.len());
    for (record, draft) in records.iter().zip(drafts) {
        prop_assert_eq!(record.kind, draft.kind);
        prop_assert_eq!(&record.session, &draft.session);
        prop_assert_eq!(&record.agent, &draft.agent);
        prop_assert_eq!(&record.person, &draft.person);
        prop_assert_eq!(record.action.as_ref().and_then(|action| action.verb), draft.verb);
        prop_assert_eq!(
            record.action.as_ref().and_then(|action| action.resource.clone()),
            draft.resource.clone()
        );
        prop_assert_eq!(record.decision, draft.decision);
        prop_assert_eq!(record.status, draft.status);
        prop_assert_eq!(&record.reasons, &draft.reasons);
        prop_assert_eq!(&record.labels, &draft.labels);
        prop_assert_eq!(&record.policy_version, &draft.policy_version);
        prop_assert_eq!((record.event, &record.facts), (draft.event, &draft.facts));
        prop_assert_eq!(&record.call, &draft.call.as_deref().cloned());
        let content = reader.content(record.seq).map_err(failed)?;
        prop_assert_eq!(content.unwrap_or_default(), draft.payload.clone());
    }
    Ok(())
}

/// So many cases each.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(48))]
    #[test]
    fn drafts_come_back_as_they_were(groups in vec(vec(draft(), 1..4), 1..4)) {
        comes_back(&Kept::sqlite(), &groups)?;
    }
}

proptest! {
    #![proptest_config(cases(16))]
    #[test]
    fn drafts_come_back_from_a_server_as_they_were(groups in vec(vec(draft(), 1..4), 1..4)) {
        if let Some(kept) = Kept::postgres() {
            comes_back(&kept, &groups)?;
        }
    }
}
