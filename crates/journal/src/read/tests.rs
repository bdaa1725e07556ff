//! Which index a query goes through, as SQLite's own planner says.

use std::sync::Arc;

use super::*;
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

fn plan(conn: &Connection, query: &Query) -> String {
    let (sql, parameters) = statement(query);
    let mut plan = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let lines =
        plan.query_map(rusqlite::params_from_iter(parameters), |row| row.get::<_, String>(3)).unwrap();
    lines.map(Result::unwrap).collect::<Vec<_>>().join("; ")
}

#[test]
fn queries_go_through_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.sqlite");
    let _journal = Journal::open(Config { path: path.clone() }, Arc::new(Still)).unwrap();
    let conn = crate::readonly::open(&path).unwrap();
    let query = Query::default;
    let some_time = Some(Timestamp::UNIX_EPOCH);
    let cases = [
        (Query { session: SessionId::new("s").ok(), ..query() }, "INDEX record_session (session=?)"),
        (Query { agent: AgentName::new("a").ok(), ..query() }, "INDEX record_agent (agent=?)"),
        (Query { person: PersonId::new("p").ok(), ..query() }, "INDEX record_person (person=?)"),
        (Query { kind: Some(Kind::Alert), ..query() }, "INDEX record_rare_kind (rare_kind=?)"),
        (Query { decision: Some(Decision::Deny), ..query() }, "INDEX record_rare_decision (rare_decision=?)"),
        (Query { agent: AgentName::new("a").ok(), since: some_time, ..query() }, "INDEX record_agent"),
        (Query { session: SessionId::new("s").ok(), kind: Some(Kind::Message), ..query() }, "record_session"),
        (Query { session: SessionId::new("s").ok(), after: Some(9), ..query() }, "(session=? AND rowid>?)"),
        (Query { after: Some(9), ..query() }, "INTEGER PRIMARY KEY (rowid>?)"),
    ];
    for (query, expected) in cases {
        let plan = plan(&conn, &query);
        assert!(plan.contains("SEARCH record") && plan.contains(expected), "{query:?}: {plan}");
        assert!(!plan.contains("TEMP B-TREE"), "the rows are sorted again: {plan}");
    }
}
