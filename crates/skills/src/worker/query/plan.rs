//! The compiled query: every b-tree that it opens.

use rusqlite::Row;

use super::open::Base;
use super::{QueryError, Why};

/// Where attached databases begin: behind the main and the temporary one.
const ATTACHED: i64 = 2;

/// The bit of the last operand by which the page is in a register and not in the program.
const PAGE_IN_REGISTER: i64 = 0x10;

/// Whether the program of `query` opens nothing but what belongs to a table that can be named.
///
/// # Errors
/// When it opens anything else.
pub(super) fn check(base: &Base, query: &str) -> Result<(), Why> {
    let mut statement = base.conn.prepare(&format!("EXPLAIN {query}"))?;
    let mut steps = statement.query([])?;
    while let Some(step) = steps.next()? {
        look(base, step)?;
    }
    Ok(())
}

fn look(base: &Base, step: &Row<'_>) -> Result<(), Why> {
    let opcode: String = step.get("opcode")?;
    match opcode.as_str() {
        "OpenRead" | "ReopenIdx" => {
            let (page, database, bits): (i64, i64, i64) = (step.get("p2")?, step.get("p3")?, step.get("p5")?);
            let owner =
                base.roots.get(&page).filter(|_| database == ATTACHED && bits & PAGE_IN_REGISTER == 0);
            match owner {
                Some(table) if base.names.contains(table) => Ok(()),
                Some(table) => Err(QueryError::Undeclared(crate::plain::one_line(table)).into()),
                None => Err(QueryError::Undeclared("the database's own tables".to_owned()).into()),
            }
        }
        "OpenWrite" | "VOpen" | "VUpdate" | "VCreate" | "VBegin" | "Program" => {
            Err(QueryError::NotSelect("does something else").into())
        }
        _ => Ok(()),
    }
}
