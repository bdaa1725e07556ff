//! The names of databases and tables, in the one form in which they are granted, judged and recorded.

/// The longest name of a database, in bytes.
pub const MAX_DATABASE_NAME_BYTES: usize = 64;

/// The longest name of a table or column, in bytes.
pub const MAX_TABLE_NAME_BYTES: usize = 128;

/// The most tables of one query.
pub const MAX_TABLES: usize = 16;

/// The longest query, in bytes.
pub const MAX_QUERY_BYTES: usize = 16 * 1024;

/// What the tables begin with that a database keeps for itself: its schema, its statistics.
const RESERVED: &str = "sqlite_";

/// A name that no table can be granted or asked for by. The words follow the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TableNameError {
    /// Not a database's name.
    #[error(
        "is no name of a database: use lower-case letters, digits, `-` and `_`, at most {MAX_DATABASE_NAME_BYTES}"
    )]
    Database,
    /// Not a table's or column's name.
    #[error(
        "is no name of a table or column: it has no `/`, quotes, parentheses, commas, `*` or control characters and at most {MAX_TABLE_NAME_BYTES} bytes"
    )]
    Table,
    /// A table of the database's own.
    #[error("begins with `{RESERVED}`: such tables are the database's own and are never read for an agent")]
    Reserved,
}

/// Whether `name` can name a database.
///
/// # Errors
/// When it is empty, too long, or has other characters than lower-case letters, digits, `-` and `_`.
pub fn database(name: &str) -> Result<(), TableNameError> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
    let good = !name.is_empty() && name.len() <= MAX_DATABASE_NAME_BYTES && name.chars().all(fits);
    if good { Ok(()) } else { Err(TableNameError::Database) }
}

/// The one form of a table's or column's name: SQLite tells no ASCII letter in upper case from the same in lower case.
///
/// # Errors
/// When it is empty, too long, has a character that would make it two names, or is one of the database's own.
pub fn table(name: &str) -> Result<String, TableNameError> {
    let misfit = |c: char| c.is_control() || "/\"'`[](),;*".contains(c);
    let edge = |c: char| c.is_whitespace();
    if name.is_empty()
        || name.len() > MAX_TABLE_NAME_BYTES
        || name.chars().any(misfit)
        || name.starts_with(edge)
        || name.ends_with(edge)
    {
        return Err(TableNameError::Table);
    }
    let name = name.to_ascii_lowercase();
    if name.starts_with(RESERVED) { Err(TableNameError::Reserved) } else { Ok(name) }
}

/// Whether `name` is `database`, or `database/table`, in its one form.
#[must_use]
pub fn is_canonical(name: &str) -> bool {
    match name.split_once('/') {
        None => database(name).is_ok(),
        Some((of, name)) => database(of).is_ok() && table(name).is_ok_and(|form| form == name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_form() {
        assert_eq!(table("Orders"), Ok("orders".to_owned()));
        assert_eq!(table("große bestellung"), Ok("große bestellung".to_owned()));
        for bad in ["", " a", "a ", "a/b", "a\"b", "a,b", "a(b)", "*", "a\0", "a\nb", "[a]", "a;b", "a'b"] {
            assert_eq!(table(bad), Err(TableNameError::Table), "{bad:?}");
        }
        assert_eq!(table(&"a".repeat(MAX_TABLE_NAME_BYTES + 1)), Err(TableNameError::Table));
        for own in ["sqlite_schema", "SQLITE_MASTER", "sqlite_stat1", "Sqlite_Sequence"] {
            assert_eq!(table(own), Err(TableNameError::Reserved), "{own}");
        }
        for name in ["crm", "crm/orders", "c-r_m1/a b"] {
            assert!(is_canonical(name), "{name}");
        }
        for name in
            ["", "/", "crm/", "/orders", "CRM", "crm/Orders", "crm/a/b", "crm/sqlite_schema", "*", "c*"]
        {
            assert!(!is_canonical(name), "{name}");
        }
    }
}
