//! The house rules that neither rustc nor clippy holds: sizes, arrows between the rooms, and documents.
//!
//! Each rule is a function from text to findings, so that each can be shown a sample that breaks it: a
//! check that cannot fail does not exist here. The tests in this file put the rules to the whole tree.

#[path = "tidy/arrows.rs"]
mod arrows;
#[path = "tidy/conformance.rs"]
mod conformance;
#[path = "tidy/console.rs"]
mod console;
#[path = "tidy/documents.rs"]
mod documents;
#[path = "tidy/fuzzing.rs"]
mod fuzzing;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/style.rs"]
mod style;
#[path = "tidy/verbs.rs"]
mod verbs;
#[path = "tidy/verifier.rs"]
mod verifier;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use source::Source;

/// The repository's root.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Fails with every finding at once.
fn none(findings: Vec<String>) {
    assert!(findings.is_empty(), "{} finding(s):\n  {}", findings.len(), findings.join("\n  "));
}

/// Every Rust file of the tree, read once for all tests.
static TREE: LazyLock<Vec<Source>> = LazyLock::new(|| source::tree(&root()));

/// One rule over every Rust file of the tree.
fn over_the_tree(rule: fn(&Source) -> Vec<String>) {
    none(TREE.iter().flat_map(rule).collect());
}

#[test]
fn the_tree_is_really_read() {
    for path in ["tests/tidy.rs", "crates/vocab/src/frame.rs"] {
        assert!(TREE.iter().any(|file| file.path == path), "`{path}` was not read");
    }
}

#[test]
fn files_are_short() {
    let long = TREE.iter().filter(|file| file.lines() > style::FILE_AIM).count();
    // Straight to the stream: the harness swallows what a passing test prints.
    writeln!(std::io::stderr(), "tidy: {long} of {} files are above {} lines", TREE.len(), style::FILE_AIM)
        .unwrap();
    none(TREE.iter().flat_map(style::file_length).collect());
}

#[test]
fn functions_are_short() {
    over_the_tree(style::function_length);
}

#[test]
fn files_open_with_what_they_are_for() {
    over_the_tree(style::opening);
}

#[test]
fn lints_are_expected_with_a_reason_never_allowed() {
    over_the_tree(style::lint_attributes);
}

#[test]
fn nothing_is_left_for_later() {
    over_the_tree(style::unfinished);
}

#[test]
fn no_result_is_swallowed() {
    over_the_tree(style::swallowed);
}

#[test]
fn every_channel_has_a_bound() {
    over_the_tree(style::unbounded);
}

#[test]
fn arrows_point_one_way() {
    let manifests = arrows::manifests(&root());
    assert!(manifests.len() > 5, "the crates were not read");
    none(manifests.iter().flat_map(arrows::check).collect());
}

#[test]
fn every_verb_of_the_api_has_its_own_file_and_every_file_its_route() {
    let files = verbs::files(&root());
    assert!(files.len() > 80, "the verbs were not read");
    let table = std::fs::read_to_string(root().join("crates/http/src/table.rs")).unwrap();
    none(verbs::check(&table, &files));
}

#[test]
fn what_the_console_says_stands_in_one_place() {
    let pages = console::pages(&root());
    assert!(pages.len() > 40, "the pages were not read");
    none(pages.iter().flat_map(console::check).collect());
}

#[test]
fn no_file_of_the_console_is_too_long() {
    let written = console::written(&root());
    assert!(written.len() > 100, "the console was not read");
    none(written.iter().flat_map(console::length).collect());
}

#[test]
fn the_verifier_takes_nothing_from_what_writes_and_signs() {
    let read = TREE.iter().filter(|file| file.path.starts_with("crates/journal/src/verify")).count();
    assert!(read > 10, "the verifier was not read");
    over_the_tree(verifier::taken);
}

#[test]
fn every_test_of_the_record_runs_on_both_databases_or_says_why_not() {
    let read = TREE.iter().filter(|file| file.path.starts_with("crates/journal/tests/journal/")).count();
    assert!(read > 20, "the suite was not read");
    none(conformance::check(&TREE));
}

#[test]
fn every_fuzz_target_is_run_and_has_seeds() {
    let targets = fuzzing::targets(&root());
    assert!(targets.files.len() > 10, "the fuzz targets were not read");
    none(fuzzing::check(&targets));
}

#[test]
fn decisions_are_numbered() {
    none(documents::decisions(&documents::adr(&root())));
}

#[test]
fn guarantees_name_tests_that_exist() {
    let root = root();
    let Some(text) = documents::guarantees(&root) else { return };
    none(documents::guarantee_lines(&text, &|path| std::fs::read_to_string(root.join(path)).ok()));
}

#[test]
fn figures_of_the_readme_were_measured() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    none(documents::figures(&read("README.md"), &read("docs/benchmarks.md")));
}

#[test]
fn the_reference_of_the_record_names_every_event_and_tests_that_exist() {
    let root = root();
    let text = std::fs::read_to_string(root.join("docs/record.md")).unwrap();
    let events: Vec<&str> = journal::Event::ALL.iter().map(|event| event.as_str()).collect();
    none(documents::record_reference(&text, &events, &|path| std::fs::read_to_string(root.join(path)).ok()));
}
