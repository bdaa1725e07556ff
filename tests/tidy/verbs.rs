//! The API has one file for each verb: the table of routes names each, and the folder holds no other.

use std::collections::BTreeSet;
use std::path::Path;

/// What the folder has beside its verbs: its list of them, and the cookie that several of them set.
const BESIDE: [&str; 2] = ["mod", "cookie"];

/// How a function opens that answers a request.
const OPENS: &str = "pub(crate) async fn ";

/// The names of the files of the verbs, each with its text.
pub fn files(root: &Path) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(root.join("crates/http/src/api")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if !BESIDE.contains(&name.as_str()) {
            all.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
    all.sort();
    all
}

/// Every row of the table ends in the verb of a file of that name, and every file has one verb, which is in one row.
pub fn check(table: &str, files: &[(String, String)]) -> Vec<String> {
    let mut findings = Vec::new();
    let mut named = BTreeSet::new();
    let (_, rows) = table.split_once("\ntable! {").unwrap_or_default();
    let rows = rows.lines().map(str::trim).take_while(|row| *row != "}");
    for row in rows.filter(|row| !row.is_empty() && !row.starts_with("//")) {
        let verb = row.rsplit(", ").next().unwrap_or_default().trim_end_matches(';');
        let mut parts = verb.split("::");
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some("api"), Some(file), Some(name), None) if file == name => {
                if !named.insert(name) {
                    findings.push(format!("table.rs: `{name}` is in two rows"));
                }
            }
            _ => findings.push(format!("table.rs: `{verb}` is not `api::x::x`: `{row}`")),
        }
    }
    for (name, text) in files {
        let verbs: Vec<&str> = text
            .match_indices(OPENS)
            .filter_map(|(at, opens)| text[at + opens.len()..].split('(').next())
            .collect();
        if verbs != [name] {
            findings.push(format!("api/{name}.rs: its verbs are {verbs:?}; a file has the one of its name"));
        }
        if !named.remove(name.as_str()) {
            findings.push(format!("api/{name}.rs: no route of the table leads to it"));
        }
    }
    findings.extend(named.into_iter().map(|name| format!("table.rs: there is no api/{name}.rs")));
    findings
}

#[test]
fn a_verb_without_its_own_file_and_a_file_without_its_route_are_found() {
    let table = |rows: &str| format!("macro_rules! x {{}}\ntable! {{\n{rows}\n}}\n");
    let file = |name: &str, verbs: &[&str]| {
        let text: String = verbs.iter().map(|verb| format!("{OPENS}{verb}(a: A) {{}}\n")).collect();
        (name.to_owned(), text)
    };
    let both = "    // Why.\n    get \"a\", READ, plain, api::a::a;\n    post \"b\", Person(Scope::Admin), confirmed, api::b::b;";
    let files = [file("a", &["a"]), file("b", &["b"])];
    assert_eq!(check(&table(both), &files), Vec::<String>::new());

    for (rows, files, wanted) in [
        (both.replace("api::b::b", "api::a::b"), &files[..], 2),
        (both.replace("api::b::b", "api::more::b::b"), &files, 2),
        (both.replace("api::b::b", "api::a::a"), &files, 2),
        (both.to_owned(), &files[..1], 1),
        (both.to_owned(), &[file("a", &["a"]), file("b", &["b", "c"])], 1),
        (both.to_owned(), &[file("a", &["a"]), file("b", &[])], 1),
        (both.to_owned(), &[file("a", &["a"]), file("b", &["b"]), file("c", &["c"])], 1),
    ] {
        let found = check(&table(&rows), files);
        assert_eq!(found.len(), wanted, "{rows}: {found:?}");
    }
}
