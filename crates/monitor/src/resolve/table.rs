//! Queries: of which database, and which tables of it they say that they read.
//!
//! A query is judged by the tables that are named beside it, each by itself, in the one form of their names. The words of
//! the query are not read here: the jailed worker has the named tables and no other, so a query that reads more fails.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use vocab::Resource;
use vocab::table::{self, MAX_QUERY_BYTES, MAX_TABLES, TableNameError};

/// A query that nothing could be judged by. The words follow "the query".
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum QueryError {
    #[error("names no table; `tables` lists every table that it reads")]
    NoTables,
    #[error("names {0} tables; the most is {MAX_TABLES}")]
    Many(usize),
    #[error("names tables that are not texts")]
    NotTexts,
    #[error("names `{0}`, which {1}")]
    Name(String, TableNameError),
    #[error("is no text")]
    NoQuery,
    #[error("has {0} bytes; the most is {MAX_QUERY_BYTES}")]
    Long(usize),
    #[error("has a control character in it other than a tab or a line break")]
    Control,
}

/// Holds the arguments of a query to what can be judged, and puts `tables` in its one form: full names, sorted, each once.
/// Gives what the query is done to: its table, or the database when there are several.
///
/// # Errors
/// When a name has no such form, or the query could not arrive as it stands.
pub(crate) fn check(args: &mut Map<String, Value>, database: &Resource) -> Result<Resource, QueryError> {
    let query = args.get("query").and_then(Value::as_str).ok_or(QueryError::NoQuery)?;
    if query.len() > MAX_QUERY_BYTES {
        return Err(QueryError::Long(query.len()));
    }
    if query.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r')) {
        return Err(QueryError::Control);
    }
    let listed = args.get("tables").and_then(Value::as_array).ok_or(QueryError::NoTables)?;
    if listed.len() > MAX_TABLES {
        return Err(QueryError::Many(listed.len()));
    }
    let mut names = BTreeSet::new();
    for name in listed {
        let name = name.as_str().ok_or(QueryError::NotTexts)?;
        // Grants and records write it behind its database.
        let bare = name.strip_prefix(database.name()).and_then(|rest| rest.strip_prefix('/')).unwrap_or(name);
        let form = table::table(bare).map_err(|error| QueryError::Name(name.to_owned(), error))?;
        names.insert(format!("{}/{form}", database.name()));
    }
    let resource = match (names.first(), names.len()) {
        (None, _) => return Err(QueryError::NoTables),
        (Some(only), 1) => Resource::Table(only.clone()),
        (Some(_), _) => database.clone(),
    };
    args.insert("tables".to_owned(), names.into_iter().map(Value::String).collect());
    Ok(resource)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn checked(args: Value) -> Result<(Resource, Value), QueryError> {
        let Value::Object(mut args) = args else { panic!("arguments are an object") };
        let resource = check(&mut args, &Resource::Table("crm".to_owned()))?;
        Ok((resource, args.remove("tables").unwrap()))
    }

    #[test]
    fn tables_have_one_form_and_what_a_query_is_done_to_covers_them_all() {
        let (one, tables) = checked(json!({"query": "q", "tables": ["Orders", "crm/orders"]})).unwrap();
        assert_eq!((one, tables), (Resource::Table("crm/orders".into()), json!(["crm/orders"])));
        let (all, tables) = checked(json!({"query": "q", "tables": ["salaries", "ORDERS"]})).unwrap();
        assert_eq!((all, tables), (Resource::Table("crm".into()), json!(["crm/orders", "crm/salaries"])));
    }

    #[test]
    fn what_cannot_be_judged_is_said_in_one_sentence() {
        for (args, says) in [
            (json!({"query": "q"}), "names no table"),
            (json!({"query": "q", "tables": []}), "names no table"),
            (json!({"query": "q", "tables": "orders"}), "names no table"),
            (json!({"query": "q", "tables": [1]}), "not texts"),
            (json!({"query": "q", "tables": ["hr/salaries"]}), "is no name of a table"),
            (json!({"query": "q", "tables": ["sqlite_schema"]}), "the database's own"),
            (json!({"query": "q", "tables": ["SQLITE_MASTER"]}), "the database's own"),
            (json!({"query": "q", "tables": ["a\" b"]}), "is no name of a table"),
            (json!({"query": "q", "tables": vec!["a"; MAX_TABLES + 1]}), "the most is 16"),
            (json!({"query": 7, "tables": ["a"]}), "is no text"),
            (json!({"query": "a\u{0}b", "tables": ["a"]}), "a control character"),
            (json!({"query": "x".repeat(10 * 1024 * 1024), "tables": ["a"]}), "the most is 16384"),
        ] {
            let error = checked(args).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
