//! What the gateway asks of a jailed worker, and what it answers: the forms inside the frames of `vocab::frame`.
//!
//! A frame is an object whose one key names it: what kind it is stands before the rest, so that the rest is read once. Both
//! ends are the same binary. The worker's answers are still taken as hostile: the gateway bounds
//! them again and puts its own marks around them.

use monitor::Over;
use serde::{Deserialize, Serialize};
use vocab::Digest;

/// The largest file that is looked at before it is replaced, in bytes.
pub(crate) const MAX_LOOKED_BYTES: u64 = 8 * 1024 * 1024;

/// The longest text of such a file that is handed on to be shown, in bytes.
pub(crate) const MAX_SEEN_TEXT_BYTES: usize = 128 * 1024;

/// The longest piece of a passage that a search tells, in bytes.
pub(crate) const MAX_SNIPPET_BYTES: usize = 1024;

/// A file or folder as a granted root and what lies beneath it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    /// The granted folder or file, absolute.
    pub(crate) root: String,
    /// The rest of the path, relative to `root`; empty for `root` itself.
    pub(crate) beneath: String,
    /// The largest file that may be read or made, in bytes.
    pub(crate) max_bytes: u64,
}

/// What the gateway asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum ToWorker {
    /// Read a file, or list a folder.
    Read {
        /// Which.
        place: Place,
        /// Bytes of the file to pass over.
        offset: u64,
        /// The most bytes to hand back.
        limit: u64,
    },
    /// Write a file.
    Write {
        /// Which.
        place: Place,
        /// The text.
        content: String,
        /// Whether the text goes behind what is there.
        append: bool,
        /// What alone may be there.
        over: Option<Over>,
    },
    /// Look at a file that a write would replace.
    Look {
        /// Which.
        place: Place,
    },
    /// Read tables of a database.
    Query {
        /// The database's file.
        place: Place,
        /// What it may read; nothing else is there.
        tables: Vec<Readable>,
        /// One SELECT.
        query: String,
        /// The most rows to hand back.
        max_rows: u32,
    },
    /// Look for passages in a collection.
    Search {
        /// Its folder.
        folder: String,
        /// The words.
        query: String,
        /// The most passages to hand back.
        limit: u32,
    },
    /// Read lines of a document in a collection.
    Document {
        /// The collection's folder.
        folder: String,
        /// The document, beneath it.
        document: String,
        /// The first line, from 1.
        from: u64,
        /// The last line; as far as they fit when there is none.
        to: Option<u64>,
    },
    /// Turn the body of a web page into text.
    Page {
        /// The bytes, in base64.
        body: String,
        /// The character encoding that the server named.
        charset: Option<String>,
        /// Whether it is HTML; anything else is text already.
        html: bool,
    },
}

/// A table or view that a query may read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Readable {
    /// Its name, in lower case.
    pub(crate) name: String,
    /// The columns of it, in lower case; `None` for all.
    pub(crate) columns: Option<Vec<String>>,
}

/// What a worker answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum FromWorker {
    /// A file's text.
    Content {
        /// The text.
        text: String,
        /// The file's size, in bytes.
        size: u64,
        /// Where in the file the text ends, in bytes.
        end: u64,
    },
    /// A folder's entries, sorted by name.
    Listing {
        /// The entries.
        entries: Vec<Listed>,
        /// Whether there are more than could be listed.
        more: bool,
    },
    /// The file is on the disk.
    Written {
        /// The file's size now, in bytes.
        size: u64,
        /// Whether there was no such file before.
        created: bool,
    },
    /// What is where a file would be written.
    Seen {
        /// The file, if there is one.
        there: Option<Sight>,
    },
    /// Rows of a database.
    Rows {
        /// The names of the columns as a JSON array, then each row as one, a line each.
        text: String,
        /// How many rows.
        rows: u32,
        /// Whether there are more than were granted or fit.
        more: bool,
    },
    /// Passages of a collection, the best first.
    Found {
        /// The passages.
        passages: Vec<Passage>,
        /// Whether there are more.
        more: bool,
        /// How many documents were searched.
        documents: u32,
        /// What was not.
        left_out: LeftOut,
    },
    /// Lines of a document.
    Lines {
        /// The text.
        text: String,
        /// The first line, from 1.
        from: u64,
        /// The last line.
        to: u64,
        /// How many lines the document has.
        of: u64,
        /// Whether the end of the last line is missing.
        cut: bool,
    },
    /// A page's text.
    Text {
        /// The text.
        text: String,
        /// Whether the end is missing.
        cut: bool,
        /// Whether bytes had no meaning in the page's character encoding and were replaced.
        replaced: bool,
    },
    /// It did not succeed.
    Failed {
        /// Why, in one sentence.
        why: String,
    },
}

impl FromWorker {
    /// Whether it is an answer to that.
    pub(crate) const fn answers(&self, request: &ToWorker) -> bool {
        matches!(
            (self, request),
            (Self::Failed { .. }, _)
                | (Self::Content { .. } | Self::Listing { .. }, ToWorker::Read { .. })
                | (Self::Written { .. }, ToWorker::Write { .. })
                | (Self::Seen { .. }, ToWorker::Look { .. })
                | (Self::Rows { .. }, ToWorker::Query { .. })
                | (Self::Found { .. }, ToWorker::Search { .. })
                | (Self::Lines { .. }, ToWorker::Document { .. })
                | (Self::Text { .. }, ToWorker::Page { .. })
        )
    }
}

/// A file that a write would replace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sight {
    /// The SHA-256 of all of it.
    pub(crate) digest: Digest,
    /// Its size, in bytes.
    pub(crate) size: u64,
    /// Its text, if it is text and short.
    pub(crate) text: Option<String>,
}

/// A passage that fits a query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Passage {
    /// The document.
    pub(crate) document: String,
    /// Its first line, from 1.
    pub(crate) from: u32,
    /// Its last line.
    pub(crate) to: u32,
    /// What of it fits, on one line.
    pub(crate) text: String,
}

/// How many files and folders of a collection are no documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LeftOut {
    /// Files that end in another way.
    pub(crate) other: u32,
    /// What is hidden, or has a name that is too long or cannot be shown as it is.
    pub(crate) names: u32,
    /// Links, pipes, devices and sockets.
    pub(crate) not_plain: u32,
    /// Files that are too large.
    pub(crate) large: u32,
    /// Files that are not text.
    pub(crate) not_text: u32,
    /// Files and folders that could not be opened.
    pub(crate) closed: u32,
}

/// One entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listed {
    /// The name, with control and invisible characters made visible.
    pub(crate) name: String,
    /// What it is.
    pub(crate) kind: Kind,
    /// Its size in bytes, when it is a file.
    pub(crate) bytes: u64,
}

/// What an entry of a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link; it is never followed.
    Link,
    /// A pipe, device or socket; it is never opened.
    Other,
}
