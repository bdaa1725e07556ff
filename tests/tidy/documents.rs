//! The rules about documents: decisions are numbered, and a guarantee names a test that exists.
//!
//! A line of `docs/guarantees.md` is `` | G1 | sentence | `path/to/file.rs::function` | ``; several tests
//! stand in one cell, each in backticks. The function is a `#[test]`, or listed in its file's `CHECKS`.

use std::path::Path;

use super::source::{Source, is_test_attribute};

/// The names and first lines of the files in `docs/adr/`, in order.
pub fn adr(root: &Path) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = std::fs::read_dir(root.join("docs/adr"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let first = std::fs::read_to_string(&path).unwrap().lines().next().unwrap_or_default().to_owned();
            (path.file_name().unwrap().to_string_lossy().into_owned(), first)
        })
        .collect();
    found.sort();
    found
}

/// Decision `n` is `000n-its-name.md` and opens with `# n. `; no number is missing or given twice.
pub fn decisions(files: &[(String, String)]) -> Vec<String> {
    let mut findings = Vec::new();
    let mut numbers = Vec::new();
    for (name, first) in files {
        let Some(number) = decision_number(name) else {
            findings.push(format!("docs/adr/{name}: expected a name like `0001-its-name.md`"));
            continue;
        };
        numbers.push(number);
        if !first.starts_with(&format!("# {number}. ")) {
            findings.push(format!("docs/adr/{name}: opens with `{first}`, not with `# {number}. `"));
        }
    }
    for number in 1..=numbers.iter().copied().max().unwrap_or(1) {
        let count = numbers.iter().filter(|given| **given == number).count();
        if count != 1 {
            findings.push(format!("docs/adr: number {number} is given {count} times"));
        }
    }
    findings
}

fn decision_number(name: &str) -> Option<u32> {
    let (digits, slug) = name.strip_suffix(".md")?.split_once('-')?;
    let plain = slug.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    (digits.len() == 4 && plain && !slug.is_empty()).then(|| digits.parse().ok()).flatten()
}

/// The text of `docs/guarantees.md`, when there is one.
pub fn guarantees(root: &Path) -> Option<String> {
    let path = root.join("docs/guarantees.md");
    path.exists().then(|| std::fs::read_to_string(path).unwrap())
}

/// `read` gives a file's text by its path from the root.
pub fn guarantee_lines(text: &str, read: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let lines: Vec<&str> = text.lines().filter(|line| is_guarantee(line)).collect();
    if lines.is_empty() {
        return vec!["docs/guarantees.md: no line opens with `| G1 |`".into()];
    }
    let mut findings = Vec::new();
    for line in lines {
        let tests: Vec<&str> =
            line.split('`').skip(1).step_by(2).filter(|part| part.contains(".rs::")).collect();
        if tests.is_empty() {
            findings.push(format!("docs/guarantees.md: names no test: {line}"));
        }
        let wrong = tests.into_iter().filter_map(|test| missing(test, read));
        findings.extend(wrong.map(|why| format!("docs/guarantees.md: {why}")));
    }
    findings
}

/// What is wrong with `docs/record.md`: a test that it names is none, or an event has no line.
pub fn record_reference(text: &str, events: &[&str], read: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let named: Vec<&str> = text.split('`').skip(1).step_by(2).collect();
    let tests = named.iter().filter(|part| part.contains(".rs::"));
    let wrong = tests.filter_map(|test| missing(test, read));
    let untold = events
        .iter()
        .filter(|event| !named.contains(event))
        .map(|event| format!("no line has the event `{event}`"));
    wrong.chain(untold).map(|why| format!("docs/record.md: {why}")).collect()
}

/// The heading of the README under which figures stand, in bold.
const COSTS: &str = "## What it costs";

/// A figure of the README, in bold, that `docs/benchmarks.md` does not have.
pub fn figures(readme: &str, benchmarks: &str) -> Vec<String> {
    let section = readme.split(COSTS).nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap_or_default();
    let figures: Vec<&str> = section.split("**").skip(1).step_by(2).collect();
    if figures.is_empty() {
        return vec![format!("README.md: no figure in bold under `{COSTS}`")];
    }
    let unfounded = figures.into_iter().filter(|figure| !benchmarks.contains(figure));
    unfounded.map(|figure| format!("README.md: `{figure}` is not in docs/benchmarks.md")).collect()
}

fn is_guarantee(line: &str) -> bool {
    let first = line.trim().strip_prefix('|').and_then(|rest| rest.split('|').next()).unwrap_or_default();
    first
        .trim()
        .strip_prefix(['G', 'R'])
        .is_some_and(|number| number.starts_with(|digit: char| digit.is_ascii_digit()))
}

/// Why `path.rs::function` is no test that runs.
fn missing(test: &str, read: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let (path, function) = test.split_once("::")?;
    let Some(text) = read(path) else { return Some(format!("`{path}` does not exist")) };
    let function = function.rsplit("::").next().unwrap_or(function);
    let file = Source::new(path, &text);
    let mut is_test = false;
    for (_, inside) in file.attributes() {
        let words: Vec<&str> = file.tokens[inside.clone()].iter().map(|token| token.text.as_str()).collect();
        let item = &file.tokens[inside.end..=file.item_end(inside.end + 1)];
        let names = |pair: &[super::source::Token]| pair[0].text == "fn" && pair[1].text == function;
        // The first function behind the attribute is the one that it stands on.
        let first = item.windows(2).find(|pair| pair[0].text == "fn");
        if !first.is_some_and(names) {
            continue;
        }
        if words.contains(&"ignore") {
            return Some(format!("`{test}` is ignored"));
        }
        is_test |= is_test_attribute(&words) && words.first() != Some(&"cfg");
    }
    if is_test || checked_by_a_main(&file, function) { None } else { Some(format!("`{test}` is no test")) }
}

/// A test binary with a main of its own lists what it runs in a constant named `CHECKS`.
fn checked_by_a_main(file: &Source, function: &str) -> bool {
    let listed = |index: usize| {
        let list = &file.tokens[index..=file.item_end(index)];
        file.reads(index, &["const", "CHECKS"]) && list.iter().any(|token| token.text == function)
    };
    let exists = (0..file.tokens.len()).any(|index| file.reads(index, &["fn", function]));
    exists && (0..file.tokens.len()).any(listed)
}

#[test]
fn wrong_numbers_are_found() {
    let file = |name: &str, first: &str| (name.to_owned(), first.to_owned());
    let one = file("0001-a.md", "# 1. A");
    assert_eq!(decisions(&[one.clone(), file("0002-b-c.md", "# 2. B")]), [""; 0]);
    for bad in [
        vec![],
        vec![one.clone(), file("0003-b.md", "# 3. B")],
        vec![one.clone(), file("0002-b.md", "# 3. B")],
        vec![one.clone(), file("0002-b_c.md", "# 2. B")],
        vec![one.clone(), file("2-b.md", "# 2. B")],
        vec![one.clone(), file("0001-b.md", "# 1. B")],
    ] {
        assert_eq!(decisions(&bad).len(), 1, "{bad:?}");
    }
}

#[test]
fn figures_that_nobody_measured_are_found() {
    let readme =
        |figure: &str| format!("# B\n\n## What it costs\n\n| kill | **{figure}** |\n\n## Next\n**9 ms**\n");
    assert!(figures(&readme("1.8 ms"), "a kill took 1.8 ms").is_empty());
    assert_eq!(figures(&readme("1.7 ms"), "a kill took 1.8 ms").len(), 1);
    assert_eq!(figures("# B\n", "a kill took 1.8 ms").len(), 1);
}

#[test]
fn an_event_without_a_line_and_a_line_without_a_test_are_found() {
    let read = |path: &str| (path == "a.rs").then(|| "#[test]\nfn real() {}\nfn plain() {}".to_owned());
    assert_eq!(record_reference("| `a.b`: `x` | `a.rs::real` |", &["a.b"], &read), [""; 0]);
    assert_eq!(record_reference("| `a.b` | `a.rs::plain`, `b.rs::real` |", &["a.b", "a.c"], &read).len(), 3);
}

#[test]
fn guarantees_without_a_running_test_are_found() {
    let code = "fn plain() {}\n#[test]\nfn real() {}\nproptest! { #[test] fn inner(x in 0..1) {} }\n\
                #[test]\n#[ignore]\nfn asleep() {}\n#[cfg(test)] mod m { fn within() {} }\n\
                #[tokio::test]\nasync fn waits() {}\n\
                const CHECKS: &[Check] = &[(\"a\", listed), (\"b\", elsewhere)];\nfn listed() {}";
    let read = |path: &str| (path == "a/b.rs").then(|| code.to_owned());
    let check = |cell: &str| guarantee_lines(&format!("| - | - | - |\n| G1 | Holds. | {cell} |"), &read);
    for good in [
        "`a/b.rs::real`",
        "`a/b.rs::inner`",
        "`a/b.rs::waits`",
        "`a/b.rs::real`, `a/b.rs::m::waits`",
        "`a/b.rs::listed`",
    ] {
        assert_eq!(check(good), [""; 0], "{good}");
    }
    for bad in ["plain", "asleep", "within", "gone", "elsewhere"] {
        assert_eq!(check(&format!("`a/b.rs::{bad}`")).len(), 1, "{bad}");
    }
    assert_eq!(check("`a/gone.rs::real`").len(), 1);
    assert_eq!(check("none yet").len(), 1);
    assert_eq!(guarantee_lines("| guarantee | test |", &read).len(), 1);
}
