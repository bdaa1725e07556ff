//! What the verifier takes from the rest of its crate. What writes and signs the record is no part of it: a mistake there is
//! to be found by the verifier, and not made by it once more.

use super::source::Source;

/// Where the verifier is, beside the folder of the same name.
const ROOT: &str = "crates/journal/src/verify.rs";

/// What it takes all the same, and why that is no way by which a mistake in what is recorded goes unseen.
const SHARED: [(&str, &str); 7] = [
    ("entry::Head", "a number and a hash"),
    ("merkle::TreeHead", "a number and a hash"),
    ("place::Place", "where the record is"),
    ("postgres::PostgresConfig", "how its server is reached"),
    ("readonly", "how its file is opened, to read alone"),
    ("schema::foreign", "what tables there may be, which is said once, where they are made"),
    ("postgres::foreign", "the same on a server"),
];

/// Whether the verifier's own code is in this file.
fn is_verifier(path: &str) -> bool {
    path == ROOT || path.strip_prefix(ROOT.trim_end_matches(".rs")).is_some_and(|rest| rest.starts_with('/'))
}

/// What a file of the verifier takes from elsewhere in its crate.
pub fn taken(file: &Source) -> Vec<String> {
    if !is_verifier(&file.path) || file.is_test_file() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (index, token) in file.tokens.iter().enumerate() {
        let mut paths = Vec::new();
        if file.reads(index, &["crate", ":", ":"]) {
            read(file, index + 3, "", &mut paths);
        } else if file.reads(index, &["super", ":", ":"]) && leads_out(file, index) {
            paths.push("super".to_owned());
        }
        let may = |path: &String| {
            SHARED.iter().any(|(shared, _)| {
                path.strip_prefix(shared).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
            })
        };
        for path in paths.iter().filter(|path| !may(path)) {
            findings.push(format!(
                "{}:{}: the verifier takes `{path}` from what writes and signs; it has to do that itself",
                file.path, token.line
            ));
        }
    }
    findings
}

/// Whether a path that begins with `super` leaves the verifier: from its root always, and where it goes up once more, for which
/// its files have no reason.
fn leads_out(file: &Source, index: usize) -> bool {
    file.path == ROOT || file.reads(index + 3, &["super"])
}

/// Reads the paths that begin at token `index`, a group of them too; gives where they end.
fn read(file: &Source, index: usize, before: &str, found: &mut Vec<String>) -> usize {
    let word = file.tokens[index].text.as_str();
    if word == "{" {
        let end = file.closing(index);
        let mut at = index + 1;
        while at < end {
            at = read(file, at, before, found);
            // Up to the next of the group; what it may be called here is no part of the path.
            while at < end && file.tokens[at].text != "," {
                at += 1;
            }
            at += 1;
        }
        return end + 1;
    }
    let path = if before.is_empty() { word.to_owned() } else { format!("{before}::{word}") };
    let more = file.tokens.get(index + 3).is_some_and(|next| {
        next.text == "{"
            || next.text == "*"
            || next.text.starts_with(|char: char| char.is_alphabetic() || char == '_')
    });
    if file.reads(index + 1, &[":", ":"]) && more {
        return read(file, index + 3, &path, found);
    }
    found.push(path);
    index + 1
}

#[test]
fn what_is_taken_from_the_writer_or_the_notary_is_found() {
    let findings = |path: &str, text: &str| taken(&Source::new(path, text)).len();
    let inside = "crates/journal/src/verify/walk.rs";
    for good in [
        "use super::note::Note; use crate::entry::Head;",
        "use crate::{entry::Head, readonly::{LookError, open}};",
        "fn x() { crate::readonly::open(path) }",
        "use crate::postgres::{PostgresConfig, foreign};",
    ] {
        assert_eq!(findings(inside, good), 0, "{good}");
    }
    for bad in [
        "use crate::note::Note;",
        "use crate::checkpoint::{Keys as Known};",
        "use crate::{entry::Head, merkle::{TreeHead, Frontier}};",
        "use crate::merkle::*;",
        "use crate::*;",
        "use crate::entry::Header;",
        "use crate::postgres;",
        "fn x() { crate::notary::remains(path) }",
        "use super::super::note;",
        "pub use crate::note as own;",
    ] {
        assert_eq!(findings(inside, bad), 1, "{bad}");
    }
    assert_eq!(findings(ROOT, "use super::note::Note;"), 1);
    assert_eq!(findings(ROOT, "use self::note::Note;"), 0);
    for elsewhere in ["crates/journal/src/notary.rs", "crates/journal/src/verify/note/tests.rs"] {
        assert_eq!(findings(elsewhere, "use crate::note::Note;"), 0);
    }
}
