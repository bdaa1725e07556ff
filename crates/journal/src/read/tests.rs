//! That queries find what is there, whichever blocks it is in, and go through no more of the record than they need.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::entry::{Draft, Entry};
use crate::{Config, Journal};

struct Still;

impl vocab::Ambient for Still {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
    fn random(&self) -> [u8; 16] {
        [7; 16]
    }
}

fn plan(conn: &Connection, (sql, parameters): (String, Vec<SqlValue>)) -> String {
    let mut plan = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let lines =
        plan.query_map(rusqlite::params_from_iter(parameters), |row| row.get::<_, String>(3)).unwrap();
    lines.map(Result::unwrap).collect::<Vec<_>>().join("; ")
}

/// A journal in which each record has one of three agents, and every hundredth is a denial.
async fn journal(path: &Path, records: u64) -> Vec<Draft> {
    let journal = Journal::open(Config { place: path.into() }, Arc::new(Still)).unwrap();
    let mut drafts = Vec::new();
    for number in 0..records {
        let mut draft = Draft::new(if number % 100 == 7 { Kind::Verdict } else { Kind::Message });
        draft.agent = AgentName::new(&format!("agent-{}", number % 3)).ok();
        draft.session = SessionId::new(&format!("s-{}", number / 300)).ok();
        draft.decision = (number % 100 == 7).then_some(Decision::Deny);
        let entry = Entry { subject: Digest::of(b"x"), records: vec![draft.clone()], state: Vec::new() };
        journal.follow(entry).await.unwrap();
        drafts.push(draft);
    }
    journal.close().await.unwrap();
    drafts
}

fn matches(query: &Query, seq: u64, draft: &Draft) -> bool {
    (query.agent.is_none() || query.agent == draft.agent)
        && (query.session.is_none() || query.session == draft.session)
        && query.kind.is_none_or(|kind| kind == draft.kind)
        && (query.decision.is_none() || query.decision == draft.decision)
        && query.after.is_none_or(|after| seq > after)
        && query.before.is_none_or(|before| seq < before)
}

#[tokio::test]
async fn queries_find_what_is_there_in_every_block() {
    let folder = tempfile::tempdir().unwrap();
    let agents = [None, AgentName::new("agent-1").ok(), AgentName::new("agent-9").ok()];
    let sessions = [None, SessionId::new("s-1").ok(), SessionId::new("s-2").ok()];
    for records in [0, 1, 255, 256, 257, 511, 512, 900] {
        let path = folder.path().join(format!("{records}.sqlite"));
        let drafts = journal(&path, records).await;
        let reader = Reader::open(&path.into()).unwrap();
        for agent in &agents {
            for session in &sessions {
                for (decision, after, before, limit) in [
                    (None, None, None, 0),
                    (Some(Decision::Deny), None, None, 2),
                    (None, Some(299), None, 7),
                    (None, Some(600), None, 0),
                    (None, None, Some(258), 0),
                    (Some(Decision::Deny), Some(200), Some(520), 0),
                    (None, Some(255), Some(257), 0),
                    (None, Some(300), Some(300), 0),
                    (None, None, Some(0), 0),
                    (None, Some(1), Some(u64::MAX), 0),
                ] {
                    let query = Query {
                        agent: agent.clone(),
                        session: session.clone(),
                        kind: decision.map(|_| Kind::Verdict),
                        decision,
                        after,
                        before,
                        limit,
                        ..Query::default()
                    };
                    let found: Vec<u64> =
                        reader.query(&query).unwrap().iter().map(|found| found.seq).collect();
                    let there = (1_u64..).zip(&drafts).filter(|(seq, draft)| matches(&query, *seq, draft));
                    let most = if limit == 0 { MAX_LIMIT } else { limit } as usize;
                    let there: Vec<u64> = there.map(|(seq, _)| seq).take(most).collect();
                    assert_eq!(found, there, "{records} records, {query:?}");
                    there_and_back(&reader, &query, &drafts);
                }
            }
        }
    }
}

/// That all a query asks for comes from the end back, too, once and in order, however many at a time.
fn there_and_back(reader: &Reader, query: &Query, drafts: &[Draft]) {
    let there = (1_u64..).zip(drafts).filter(|(seq, draft)| matches(query, *seq, draft));
    let mut there: Vec<u64> = there.map(|(seq, _)| seq).collect();
    there.reverse();
    let (mut query, mut found) = (query.clone(), Vec::new());
    let most = if query.limit == 0 { MAX_LIMIT } else { query.limit } as usize;
    loop {
        let back = reader.back(&query).unwrap();
        assert!(back.records.len() <= most, "{query:?}");
        found.extend(back.records.iter().map(|record| record.seq));
        let Some(before) = back.before else { break };
        assert!(
            query.before.is_none_or(|was| before < was) && before > query.after.unwrap_or(0),
            "{query:?}"
        );
        query.before = Some(before);
    }
    assert_eq!(found, there, "{} records, {query:?}", drafts.len());
}

#[tokio::test]
async fn a_look_back_that_finds_nothing_goes_a_bounded_way_and_says_where_to_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.sqlite");
    // The agent is in each block, and nothing was written so long ago.
    journal(&path, 5 * BLOCK_RECORDS + 9).await;
    let reader = Reader::open(&path.into()).unwrap();
    let nothing =
        Query { agent: AgentName::new("agent-1").ok(), until: Some(Timestamp::MIN), ..Query::default() };
    let first = reader.back_through(&nothing, 3).unwrap();
    assert_eq!(first, Back { records: Vec::new(), before: Some(3 * BLOCK_RECORDS + 1) });
    let last = reader.back_through(&Query { before: first.before, ..nothing }, 3).unwrap();
    assert_eq!(last, Back { records: Vec::new(), before: None });
}

#[tokio::test]
async fn the_block_in_progress_is_remembered_when_the_journal_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.sqlite");
    for _ in 0..5 {
        journal(&path, 100).await;
    }
    assert!(crate::verify::verify(&path.into(), None).unwrap().ok);
}

#[tokio::test]
async fn queries_go_by_blocks_and_sort_nothing_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.sqlite");
    journal(&path, 1).await;
    let conn = crate::readonly::open(&path).unwrap();
    let query = Query {
        session: SessionId::new("s").ok(),
        agent: AgentName::new("a").ok(),
        since: Some(Timestamp::UNIX_EPOCH),
        after: Some(9),
        ..Query::default()
    };
    let search = Search::new(&query);
    let blocks = plan(&conn, search.blocks(0, 9));
    assert!(blocks.contains("PRIMARY KEY (field=? AND value=? AND number>? AND number<?)"), "{blocks}");
    let records = plan(&conn, search.records(1..=256, 10));
    assert!(records.contains("SEARCH record USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"), "{records}");
    for plan in [blocks, records] {
        assert!(!plan.contains("TEMP B-TREE") && !plan.contains("SCAN"), "{plan}");
    }
}
