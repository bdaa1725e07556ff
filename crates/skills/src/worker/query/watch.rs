//! What SQLite asks before it compiles a query, and how long it may take.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use super::QueryError;
use super::open::Base;
use crate::plain::one_line;
use crate::wire::Readable;

/// How long a query may take.
pub(super) const QUERY_TIME: Duration = Duration::from_secs(20);

/// After how many steps of SQLite's machine the time is looked at.
const STEPS: i32 = 10_000;

/// Where the views of the judged tables are.
const TEMPORARY: &str = "temp";

/// The functions that a query may use: those that only compute. What makes large values of nothing, opens something, tells
/// about the machine or changes how SQLite works is not here.
const FUNCTIONS: &[&str] = &[
    "->",
    "->>",
    "abs",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "avg",
    "ceil",
    "ceiling",
    "char",
    "coalesce",
    "concat",
    "concat_ws",
    "cos",
    "cosh",
    "count",
    "cume_dist",
    "current_date",
    "current_time",
    "current_timestamp",
    "date",
    "datetime",
    "degrees",
    "dense_rank",
    "exp",
    "first_value",
    "floor",
    "format",
    "glob",
    "group_concat",
    "hex",
    "if",
    "ifnull",
    "iif",
    "instr",
    "json",
    "json_array",
    "json_array_length",
    "json_extract",
    "json_group_array",
    "json_group_object",
    "json_insert",
    "json_object",
    "json_patch",
    "json_quote",
    "json_remove",
    "json_replace",
    "json_set",
    "json_type",
    "json_valid",
    "julianday",
    "lag",
    "last_value",
    "lead",
    "length",
    "like",
    "likelihood",
    "likely",
    "ln",
    "log",
    "log10",
    "log2",
    "lower",
    "ltrim",
    "max",
    "median",
    "min",
    "mod",
    "nth_value",
    "ntile",
    "nullif",
    "octet_length",
    "percent_rank",
    "pi",
    "pow",
    "power",
    "printf",
    "quote",
    "radians",
    "rank",
    "replace",
    "round",
    "row_number",
    "rtrim",
    "sign",
    "sin",
    "sqrt",
    "strftime",
    "string_agg",
    "substr",
    "substring",
    "sum",
    "tan",
    "time",
    "timediff",
    "total",
    "trim",
    "trunc",
    "typeof",
    "unicode",
    "upper",
];

/// What was refused first.
pub(super) struct Watch(Arc<Mutex<Option<QueryError>>>);

impl Watch {
    /// Watches over everything that is compiled and done from now on.
    pub(super) fn over(base: &mut Base, tables: &[Readable]) -> Result<Self, QueryError> {
        let rules = Rules {
            alias: base.alias.clone(),
            tables: tables.iter().map(|table| (table.name.clone(), table.columns.clone())).collect(),
        };
        let denied = Arc::new(Mutex::new(None));
        let noted = Arc::clone(&denied);
        let ask = move |asked: AuthContext<'_>| match rules.judge(&asked) {
            Ok(()) => Authorization::Allow,
            Err(why) => {
                noted.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
                Authorization::Deny
            }
        };
        let begun = Instant::now();
        let late = move || begun.elapsed() > QUERY_TIME;
        let set =
            base.conn.authorizer(Some(ask)).and_then(|()| base.conn.progress_handler(STEPS, Some(late)));
        set.map_err(|error| QueryError::Refused(error.to_string()))?;
        Ok(Self(denied))
    }

    /// Why something was refused.
    pub(super) fn denied(&self) -> Option<QueryError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

struct Rules {
    alias: String,
    /// The columns of each judged table; `None` for all.
    tables: BTreeMap<String, Option<Vec<String>>>,
}

impl Rules {
    fn judge(&self, asked: &AuthContext<'_>) -> Result<(), QueryError> {
        match asked.action {
            AuthAction::Select | AuthAction::Recursive => Ok(()),
            AuthAction::Function { function_name } => {
                let name = function_name.to_ascii_lowercase();
                let known = FUNCTIONS.contains(&name.as_str());
                if known { Ok(()) } else { Err(QueryError::Function(one_line(function_name))) }
            }
            AuthAction::Read { table_name, column_name } => {
                self.may_read(asked, &table_name.to_ascii_lowercase(), &column_name.to_ascii_lowercase())
            }
            _ => Err(QueryError::NotSelect("does something else")),
        }
    }

    fn may_read(&self, asked: &AuthContext<'_>, table: &str, column: &str) -> Result<(), QueryError> {
        let Some(columns) = self.tables.get(table) else {
            return Err(QueryError::Undeclared(one_line(table)));
        };
        match asked.database_name {
            // The views that stand for the tables have the granted columns only.
            Some(TEMPORARY) => Ok(()),
            // A table of which no column is used is asked about by an empty name, and not as the view's that named it.
            Some(database) if database == self.alias && column.is_empty() => Ok(()),
            // The tables themselves are read by a view, never by the query's own words.
            Some(database) if database == self.alias && asked.accessor.is_some() => match columns {
                Some(granted) if !granted.iter().any(|other| other == column) => {
                    Err(QueryError::Column(one_line(table), one_line(column)))
                }
                _ => Ok(()),
            },
            _ => Err(QueryError::Undeclared(one_line(table))),
        }
    }
}
