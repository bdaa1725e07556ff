//! Looking into a record that a gateway is writing.

use bulkhead_journal::read::{MAX_PAGE_BYTES, Query, Reader, Record, whole};
use bulkhead_journal::{Draft, Event, Facts, Ground, Journal, Kind, ModelCall};
use serde_json::{Value, json};
use vocab::{
    AgentName, Decision, Digest, Labels, Layer, PersonId, ProposalId, Resource, SessionId, Status, Timestamp,
    TurnId, Verb,
};

use crate::common::{Clock, NOON, config, database, draft, entry, open};
use crate::kept::Kept;

/// Two agents, two persons, two sessions, verdicts of every kind, an hour apart.
async fn busy_day(journal: &Journal, clock: &Clock) {
    let verdicts = [Decision::Permit, Decision::Deny, Decision::Ask, Decision::Kill];
    for (number, decision) in (0_u32..).zip(verdicts) {
        clock.second.store(NOON + 3600 * i64::from(number), std::sync::atomic::Ordering::Relaxed);
        let name = |what: &str| format!("{what}-{}", number % 2);
        let mut message = Draft::new(Kind::Message);
        message.session = Some(SessionId::new(&name("s")).unwrap());
        message.agent = Some(AgentName::new(&name("agent")).unwrap());
        message.person = Some(PersonId::new(&name("person")).unwrap());
        message.payload = json!({ "text": "please read it" });
        let mut verdict = Draft { kind: Kind::Verdict, payload: Value::Null, ..message.clone() };
        verdict.decision = Some(decision);
        let mut login = Draft::new(Kind::Auth);
        login.person = message.person.clone();
        drop(journal.append(entry(vec![message, verdict, login])).await.unwrap());
    }
}

fn seqs(records: &[Record]) -> Vec<u64> {
    records.iter().map(|record| record.seq).collect()
}

#[tokio::test]
async fn queries_find_what_they_ask_for_and_nothing_else() {
    for kept in Kept::both() {
        let clock = Clock::at(NOON);
        let journal = Journal::open(kept.config(), clock.clone()).unwrap();
        busy_day(&journal, &clock).await;
        let reader = Reader::open(&kept.place()).unwrap();
        let ask = |query: Query| seqs(&reader.query(&query).unwrap());
        let hour = |hour: i64| Some(Timestamp::from_second(NOON + 3600 * hour).unwrap());

        assert_eq!(ask(Query::default()), (1..=12).collect::<Vec<_>>());
        assert_eq!(ask(Query { agent: AgentName::new("agent-1").ok(), ..Query::default() }), [4, 5, 10, 11]);
        assert_eq!(
            ask(Query { person: PersonId::new("person-0").ok(), ..Query::default() }),
            [1, 2, 3, 7, 8, 9]
        );
        assert_eq!(ask(Query { session: SessionId::new("s-1").ok(), ..Query::default() }), [4, 5, 10, 11]);
        assert_eq!(ask(Query { kind: Some(Kind::Auth), ..Query::default() }), [3, 6, 9, 12]);
        assert_eq!(ask(Query { kind: Some(Kind::Message), ..Query::default() }), [1, 4, 7, 10]);
        assert_eq!(ask(Query { decision: Some(Decision::Permit), ..Query::default() }), [2]);
        assert_eq!(ask(Query { decision: Some(Decision::Kill), ..Query::default() }), [11]);
        assert_eq!(ask(Query { since: hour(1), until: hour(2), ..Query::default() }), [4, 5, 6]);
        assert_eq!(ask(Query { after: Some(10), ..Query::default() }), [11, 12]);
        assert_eq!(ask(Query { limit: 2, ..Query::default() }), [1, 2]);
        let all_at_once = Query {
            agent: AgentName::new("agent-1").ok(),
            person: PersonId::new("person-1").ok(),
            session: SessionId::new("s-1").ok(),
            kind: Some(Kind::Verdict),
            decision: Some(Decision::Kill),
            since: hour(2),
            until: hour(4),
            after: Some(5),
            limit: 9,
            ..Query::default()
        };
        assert_eq!(ask(all_at_once), [11]);
        assert_eq!(ask(Query { agent: AgentName::new("nobody").ok(), ..Query::default() }), [0; 0]);
        assert_eq!(seqs(&reader.tail(3).unwrap()), [10, 11, 12]);
        assert!(reader.show(13).unwrap().is_none() && reader.show(u64::MAX).unwrap().is_none());

        // A reader that is open sees what is written meanwhile.
        drop(journal.append(entry(vec![draft(1)])).await.unwrap());
        assert_eq!(seqs(&reader.tail(1).unwrap()), [13]);
    }
}

#[tokio::test]
async fn from_the_end_back_each_comes_once_and_in_order() {
    for kept in Kept::both() {
        let journal = kept.open();
        for number in 0..700_u64 {
            let mut record = draft(number);
            record.agent = Some(AgentName::new(&format!("agent-{}", number % 2)).unwrap());
            record.person = Some(PersonId::new(if number / 256 == 1 { "eve" } else { "bob" }).unwrap());
            journal.follow(entry(vec![record])).await.unwrap();
        }
        journal.flush().await.unwrap();
        let reader = Reader::open(&kept.place()).unwrap();
        for (agent, person) in [("agent-0", "bob"), ("agent-1", "eve"), ("agent-1", "nobody")] {
            let mut query = Query {
                agent: AgentName::new(agent).ok(),
                person: PersonId::new(person).ok(),
                ..Query::default()
            };
            let mut all = seqs(&reader.query(&query).unwrap());
            all.reverse();
            assert_eq!(all.is_empty(), person == "nobody");
            for limit in [1, 100, 0] {
                (query.limit, query.before) = (limit, None);
                let mut found = Vec::new();
                loop {
                    let back = reader.back(&query).unwrap();
                    found.extend(seqs(&back.records));
                    query.before = back.before;
                    if back.before.is_none() {
                        break;
                    }
                }
                assert_eq!(found, all, "{agent} {person} {limit}");
            }
        }
    }
}

#[tokio::test]
async fn actions_labels_and_texts_of_the_metadata_are_found_and_content_is_not() {
    for kept in Kept::both() {
        let journal = kept.open();
        let acts = |verb: Verb, name: &str, labels: &[&str], policy: &str| {
            let mut record = draft(1);
            record.kind = Kind::Verdict;
            record.verb = Some(verb);
            record.resource = Some(Resource::Path(name.into()));
            record.labels = Labels::from_names(labels.iter().copied()).ok();
            record.reasons = vec![Ground { layer: Layer::Policy, policy: policy.into() }];
            record
        };
        let records = vec![
            acts(Verb::FileRead, "/srv/Payroll/50%_off", &["restricted", "salaries"], "rule:5"),
            acts(Verb::FileWrite, "/srv/it's \"x\"\\y", &["public"], "grant:file-writer"),
            acts(Verb::FileRead, "/srv/b", &["internal", "restricted-not"], "rule:6"),
            draft(4),
        ];
        drop(journal.append(entry(records)).await.unwrap());
        let reader = Reader::open(&kept.place()).unwrap();
        let ask = |query: Query| seqs(&reader.query(&query).unwrap());
        let action = |verb| ask(Query { verb: Some(verb), ..Query::default() });
        assert_eq!((action(Verb::FileRead), action(Verb::WebGet)), (vec![1, 3], vec![]));
        let label = |name: &str| ask(Query { label: Some(name.into()), ..Query::default() });
        assert_eq!((label("restricted"), label("salaries"), label("restrict")), (vec![1], vec![1], vec![]));
        let text = |text: &str| ask(Query { text: Some(text.into()), ..Query::default() });
        for (given, found) in [
            ("payroll", vec![1]),
            ("50%_", vec![1]),
            ("5__", vec![]),
            ("it's \"x\"\\y", vec![2]),
            ("rule:", vec![1, 3]),
            ("ECHO", vec![1, 2, 3, 4]),
            ("the words of message", vec![]),
            ("' OR 1=1 --", vec![]),
        ] {
            assert_eq!(text(given), found, "{given}");
        }
        assert_eq!(
            ask(Query { text: Some("srv".into()), verb: Some(Verb::FileRead), limit: 1, ..Query::default() }),
            [1]
        );
        assert_eq!(reader.last().unwrap(), 4);
    }
}

#[tokio::test]
async fn a_record_has_the_shape_that_others_rely_on() {
    for kept in Kept::both() {
        let journal = kept.open();
        let first = journal.append(entry(vec![draft(7)])).await.unwrap();
        let full = Draft {
            kind: Kind::Verdict,
            session: SessionId::new("s-1").ok(),
            turn: TurnId::new("t-1").ok(),
            proposal: ProposalId::new("p-1").ok(),
            agent: AgentName::new("echo").ok(),
            person: PersonId::new("ann").ok(),
            verb: Some(Verb::FileRead),
            resource: Some(Resource::Path("/srv/docs/a".into())),
            decision: Some(Decision::Deny),
            status: Some(Status::Denied),
            reasons: vec![Ground { layer: Layer::Rights, policy: "rights:staff:read:/srv".into() }],
            labels: Labels::from_names(["confidential", "x"]).ok(),
            policy_version: Some(Digest::of(b"policies")),
            event: Some(Event::ContentRead),
            facts: Facts::new().with("records", "1-3").with("count", 3_u64),
            call: Some(Box::new(ModelCall { prompt_tokens: 5, ..ModelCall::new(Digest::of(b"prompt")) })),
            erases: None,
            payload: json!({ "args": { "path": "/srv/docs/a" }, "reasons": ["not yours"] }),
            written: None,
        };
        let receipt = journal.append(entry(vec![full])).await.unwrap();
        let reader = Reader::open(&kept.place()).unwrap();
        let record = reader.show(2).unwrap().unwrap();
        let expected = json!({
            "seq": 2,
            "time": "2026-09-21T14:13:20Z",
            "kind": "verdict",
            "session": "s-1",
            "agent": "echo",
            "person": "ann",
            "action": { "verb": "file.read", "resource": { "kind": "path", "name": "/srv/docs/a" } },
            "decision": "deny",
            "reasons": [{ "layer": "rights", "policy": "rights:staff:read:/srv" }],
            "labels": ["confidential", "x"],
            "prev": first.hash().to_string(),
            "hash": receipt.hash().to_string(),
            "turn": "t-1",
            "proposal": "p-1",
            "status": "denied",
            "policy_version": Digest::of(b"policies").to_string(),
            "event": "content.read",
            "facts": { "count": 3, "records": "1-3" },
            "call": {
                "completion_tokens": 0,
                "prompt": Digest::of(b"prompt").to_string(),
                "prompt_tokens": 5,
            },
        });
        assert_eq!(serde_json::to_value(&record).unwrap(), expected);
        assert_eq!(serde_json::from_value::<Record>(expected.clone()).unwrap(), record);

        let mut shown = expected;
        shown["action"]["args"] = json!({ "path": "/srv/docs/a" });
        shown["content"] = json!({ "reasons": ["not yours"] });
        assert_eq!(whole(&record, reader.content(2).unwrap().unwrap()).unwrap(), shown);

        let plain = serde_json::to_value(reader.show(1).unwrap().unwrap()).unwrap();
        assert_eq!(plain["action"], Value::Null);
        assert_eq!(plain["decision"], Value::Null);
        assert!(plain.get("content").is_none() && !plain.to_string().contains("words"), "{plain}");
        assert_eq!(reader.content(1).unwrap().unwrap()["number"], 7);
    }
}

#[tokio::test]
async fn large_records_come_in_pages_that_join_up() {
    for kept in Kept::both() {
        let journal = kept.open();
        let size = MAX_PAGE_BYTES / 3;
        for _ in 0..7 {
            let mut large = draft(1);
            large.resource = Some(Resource::Path("x".repeat(size)));
            drop(journal.append(entry(vec![large])).await.unwrap());
        }
        let reader = Reader::open(&kept.place()).unwrap();
        let (mut seen, mut pages) = (Vec::new(), 0);
        loop {
            let page = reader.query(&Query { after: seen.last().copied(), ..Query::default() }).unwrap();
            if page.is_empty() {
                break;
            }
            pages += 1;
            seen.extend(seqs(&page));
        }
        assert_eq!(seen, (1..=7).collect::<Vec<_>>());
        assert!(pages >= 2, "{pages}");
        assert_eq!(seqs(&reader.tail(7).unwrap()).last(), Some(&7));
    }
}

#[tokio::test]
async fn contents_come_apart_from_records_and_in_bounded_pages() {
    for kept in Kept::both() {
        let journal = kept.open();
        let size = MAX_PAGE_BYTES / 3;
        for number in 0..5_u64 {
            let mut large = draft(number);
            large.payload = json!({ "number": number, "text": "x".repeat(size) });
            drop(journal.append(entry(vec![large, Draft::new(Kind::Alert)])).await.unwrap());
        }
        let reader = Reader::open(&kept.place()).unwrap();
        assert!(reader.tail(10).unwrap().iter().all(|record| !record.erased));
        let mut wanted = (1..=12).collect::<Vec<u64>>();
        let (mut seen, mut pages) = (Vec::new(), 0);
        while !wanted.is_empty() {
            let (found, through) = reader.contents(&wanted).unwrap();
            seen.extend(found.into_iter().map(|(seq, content)| (seq, content["number"].as_u64().unwrap())));
            wanted.drain(..through);
            pages += 1;
        }
        assert_eq!(seen, [(1, 0), (3, 1), (5, 2), (7, 3), (9, 4)]);
        assert!(pages >= 2, "{pages}");
    }
}

#[tokio::test]
async fn content_that_is_missing_without_an_erasure_is_not_said_to_be_erased() {
    for kept in Kept::both() {
        let journal = kept.open();
        drop(journal.append(entry(vec![draft(1)])).await.unwrap());
        kept.tamper("DELETE FROM payload");
        let reader = Reader::open(&kept.place()).unwrap();
        let record = reader.show(1).unwrap().unwrap();
        assert!(!record.erased && record.erased_by.is_none() && reader.content(1).unwrap().is_none());
    }
}

#[tokio::test]
async fn a_journal_on_a_medium_that_cannot_be_written_is_read_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    drop(journal.append(entry(vec![draft(1)])).await.unwrap());
    journal.close().await.unwrap();
    let Some(_mount) = crate::full::mount(folder.path(), "bind,ro") else { return };
    let path = database(folder.path());
    assert_eq!(Reader::open(&path.as_path().into()).unwrap().tail(9).unwrap().len(), 1);
    assert!(bulkhead_journal::verify::verify(&path.as_path().into(), None).unwrap().ok);
    let Err(error) = Journal::open(config(folder.path()), Clock::at(NOON)) else { panic!("opened") };
    assert!(matches!(error, bulkhead_journal::OpenError::Unwritable { .. }), "{error}");
}
