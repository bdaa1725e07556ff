//! Whatever stands in the documents of a collection, whatever is looked for and whatever document is asked for: there is an
//! answer, nothing outside of the folder is in it, and each passage is told with lines that are there.
//!
//! The first line is the query, the second the name of a document, the rest what every document says.

#![no_main]

use std::io::BufReader;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use tempfile::TempDir;
use vocab::frame;

/// What fits into a socket that nobody reads yet, as the answers do.
const MAX_BYTES: usize = 16 * 1024;

const SECRET: &str = "f1ac0d22-outside";

static FIELD: LazyLock<(TempDir, PathBuf)> = LazyLock::new(|| {
    let field = tempfile::tempdir_in(std::fs::canonicalize(std::env::temp_dir()).unwrap()).unwrap();
    let folder = field.path().join("collection");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(field.path().join("secret.md"), SECRET).unwrap();
    std::os::unix::fs::symlink(field.path(), folder.join("up")).unwrap();
    (field, folder)
});

fn ask(request: &Value) -> Value {
    let (mut here, there) = UnixStream::pair().unwrap();
    frame::write(&mut here, request).unwrap();
    here.shutdown(Shutdown::Write).unwrap();
    skills::work(there).unwrap();
    frame::read(&mut BufReader::new(here)).unwrap().unwrap()
}

fuzz_target!(|bytes: &[u8]| {
    if bytes.len() > MAX_BYTES {
        return;
    }
    let mut parts = bytes.splitn(3, |byte| *byte == b'\n');
    let mut text = || String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let (query, name) = (text(), text());
    let rest = parts.next().unwrap_or_default();
    let folder = FIELD.1.as_path();
    for document in ["a.md", "b.html", "c.csv"] {
        std::fs::write(folder.join(document), rest).unwrap();
    }
    let read = |document: &str, from: u64, to: Option<u64>| {
        ask(&json!({ "document": { "folder": folder, "document": document, "from": from, "to": to } }))
    };
    let found = ask(&json!({ "search": { "folder": folder, "query": query, "limit": 32 } }));
    assert!(found["found"]["passages"].is_array(), "{found}");
    for passage in found.pointer("/found/passages").and_then(Value::as_array).into_iter().flatten() {
        let (from, to) = (passage["from"].as_u64().unwrap(), passage["to"].as_u64().unwrap());
        let lines = read(passage["document"].as_str().unwrap(), from, Some(to));
        assert_eq!(lines["lines"]["from"], from, "{passage}: {lines}");
    }
    let answer = read(&name, 1, None);
    assert!(!answer.to_string().contains(SECRET) && !found.to_string().contains(SECRET), "{name}");
});
