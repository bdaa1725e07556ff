//! Comma-separated values as of RFC 4180, harmless to spreadsheets.
//!
//! A spreadsheet takes a cell that begins with `=`, `+`, `-`, `@`, a tab or a carriage return for a formula, and runs
//! it. Such a cell gets an apostrophe in front, which spreadsheets take for "this is text" (OWASP, CSV injection).

use ::csv::{Terminator, WriterBuilder};

use super::view::{FIELDS, View};

/// What a formula begins with, in ASCII and in the full-width forms that some spreadsheets take for the same.
const FORMULA: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// The longest cell, in bytes: what the common spreadsheets keep of one.
const MAX_CELL_BYTES: usize = 32_000;

/// Adds the line of names, without its break.
pub(super) fn header(out: &mut Vec<u8>) -> Result<(), ::csv::Error> {
    row(FIELDS.map(str::to_owned), out)
}

/// Adds a record, without a line break. A line break within a cell is written out, so that a line of the file is
/// always a record.
pub(super) fn write(view: &View<'_>, out: &mut Vec<u8>) -> Result<(), ::csv::Error> {
    row(view.fields(MAX_CELL_BYTES).map(|(_, cell)| harmless(cell)), out)
}

fn row(cells: impl IntoIterator<Item = String>, out: &mut Vec<u8>) -> Result<(), ::csv::Error> {
    let mut writer = WriterBuilder::new().terminator(Terminator::Any(b'\n')).from_writer(&mut *out);
    writer.write_record(cells.into_iter().map(String::into_bytes))?;
    writer.flush()?;
    drop(writer);
    out.pop();
    Ok(())
}

fn harmless(cell: String) -> String {
    // A blank in front is cut off by some readers, and what is behind it is then what the cell begins with.
    if cell.trim_start().starts_with(FORMULA) { format!("'{cell}") } else { cell }
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn no_cell_is_a_formula() {
        for bad in ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\u{a0}=1", "\u{ff1d}1", "\t=1"] {
            assert_eq!(harmless(bad.to_owned()), format!("'{bad}"));
        }
        for good in ["", "a=b", "1-2", "path:/srv/-x", "2026-11-21T07:00:00Z"] {
            assert_eq!(harmless(good.to_owned()), good);
        }
    }
}
