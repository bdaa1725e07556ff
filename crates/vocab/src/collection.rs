//! The names of collections and documents, in the one form in which they are granted, judged and recorded.

/// The longest name of a collection, in bytes.
pub const MAX_COLLECTION_NAME_BYTES: usize = 64;

/// The longest name of a document, in bytes.
pub const MAX_DOCUMENT_NAME_BYTES: usize = 1024;

/// The longest query, in bytes.
pub const MAX_SEARCH_BYTES: usize = 1024;

/// The most passages that a search gives back.
pub const MAX_PASSAGES: u32 = 32;

/// How many a search gives back that does not say.
pub const DEFAULT_PASSAGES: u32 = 8;

/// How the names of documents end, in any mixture of upper and lower case.
pub const ENDINGS: [&str; 4] = ["md", "txt", "html", "csv"];

/// A name that no collection or document can be asked for by. The words follow the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CollectionNameError {
    /// Not a collection's name.
    #[error(
        "is no name of a collection: use lower-case letters, digits, `-` and `_`, at most {MAX_COLLECTION_NAME_BYTES}"
    )]
    Collection,
    /// Not a document's name.
    #[error(
        "is no name of a document: it is a path in the collection, such as `travel/hotels.md`, without `..`, hidden folders or control characters, and ends with `.md`, `.txt`, `.html` or `.csv`"
    )]
    Document,
}

/// Whether `name` can name a collection.
///
/// # Errors
/// When it is empty, too long, or has other characters than lower-case letters, digits, `-` and `_`.
pub fn collection(name: &str) -> Result<(), CollectionNameError> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
    let good = !name.is_empty() && name.len() <= MAX_COLLECTION_NAME_BYTES && name.chars().all(fits);
    if good { Ok(()) } else { Err(CollectionNameError::Collection) }
}

/// Whether `name` can name a document: a path beneath the collection's folder, written in one way.
///
/// # Errors
/// When it is empty, too long, absolute, leads out or into what is hidden, has a control character, or ends in another way.
pub fn document(name: &str) -> Result<(), CollectionNameError> {
    let plain = |part: &str| !part.is_empty() && !part.starts_with('.');
    let ends = name
        .rsplit_once('.')
        .is_some_and(|(_, ending)| ENDINGS.iter().any(|known| known.eq_ignore_ascii_case(ending)));
    let good = name.len() <= MAX_DOCUMENT_NAME_BYTES
        && !name.chars().any(char::is_control)
        && name.split('/').all(plain)
        && ends;
    if good { Ok(()) } else { Err(CollectionNameError::Document) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collection_has_one_name() {
        for name in ["handbook", "h-r_1", &"a".repeat(MAX_COLLECTION_NAME_BYTES)] {
            assert_eq!(collection(name), Ok(()), "{name}");
        }
        for bad in
            ["", "Handbook", "a b", "a/b", "*", "..", "ü", "a\0", &"a".repeat(MAX_COLLECTION_NAME_BYTES + 1)]
        {
            assert_eq!(collection(bad), Err(CollectionNameError::Collection), "{bad:?}");
        }
    }

    #[test]
    fn a_document_is_a_plain_path_beneath_its_collection() {
        for name in ["a.md", "A.MD", "travel/hotels in Zürich.txt", "a.b.csv", "x/y/z.Html"] {
            assert_eq!(document(name), Ok(()), "{name}");
        }
        for bad in [
            "",
            "/etc/passwd.md",
            "../a.md",
            "a/../b.md",
            "a/./b.md",
            "a//b.md",
            "a/",
            ".md",
            ".git/a.md",
            "a/.hidden.md",
            "a.pdf",
            "a",
            "md",
            "a.md/",
            "a.md/x",
            "a\n.md",
            "a\0.md",
            &format!("{}.md", "a".repeat(MAX_DOCUMENT_NAME_BYTES)),
        ] {
            assert_eq!(document(bad), Err(CollectionNameError::Document), "{bad:?}");
        }
    }
}
