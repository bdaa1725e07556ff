//! Rows beside the records that the journal itself writes, and nobody hands in.

/// A row that is added and never changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stored {
    /// A signed checkpoint of this size; the last one of a size counts.
    Checkpoint {
        size: u64,
        /// The note.
        note: String,
        /// The number of the key that signed it, which has to be the log's newest; none for one that was stored before
        /// and is cosigned.
        by: Option<u64>,
    },
    /// A key of the log.
    Key {
        /// From 1.
        number: u64,
        /// The public key as text.
        verifier: String,
        /// The note that says so, signed by the key before; none for the first, or when that was lost.
        change: Option<String>,
        /// The size after which the key before signs no more: no checkpoint may have come that is larger.
        until: Option<u64>,
    },
}
