//! JSON Lines: an object a line, with the names of `audit query --json`.

use super::view::View;

/// Adds a record, without a line break.
pub(super) fn write(view: &View<'_>, out: &mut Vec<u8>) -> serde_json::Result<()> {
    // JSON writes every line break within a text as an escape.
    serde_json::to_writer(out, view)
}
