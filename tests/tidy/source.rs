//! Reads Rust files into tokens with line numbers. Takes a folder, gives [`Source`]s; knows no rule.

use std::ops::RangeInclusive;
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Folders below the root that hold our own Rust.
const ROOTS: [&str; 3] = ["crates", "tests", "fuzz"];

/// Folders that hold what was built or fetched.
const NOT_OURS: [&str; 4] = ["target", "node_modules", "corpus", "artifacts"];

/// A token's text and the line it is on (from 1). A group is its opening, its content and its closing.
pub struct Token {
    pub text: String,
    pub line: usize,
}

/// One Rust file.
pub struct Source {
    /// From the repository's root.
    pub path: String,
    pub text: String,
    pub tokens: Vec<Token>,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        let stream: TokenStream = text.parse().unwrap_or_else(|error| panic!("`{path}`: {error}"));
        let mut tokens = Vec::new();
        flatten(stream, &mut tokens);
        Self { path: path.into(), text: text.into(), tokens }
    }

    pub fn lines(&self) -> usize {
        self.text.lines().count()
    }

    /// Whether token `index` and those after it read `pattern`.
    pub fn reads(&self, index: usize, pattern: &[&str]) -> bool {
        let here = self.tokens[index..].iter().map(|token| token.text.as_str());
        here.take(pattern.len()).eq(pattern.iter().copied())
    }

    /// The index of what closes the group that opens at `open`.
    pub fn closing(&self, open: usize) -> usize {
        let mut depth = 0_usize;
        for (index, token) in self.tokens.iter().enumerate().skip(open) {
            match token.text.as_str() {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                _ => continue,
            }
            if depth == 0 {
                return index;
            }
        }
        self.tokens.len() - 1
    }

    /// From `start`, the end of the item: the closing of its first braces, or the semicolon before any.
    pub fn item_end(&self, start: usize) -> usize {
        let mut index = start;
        while index < self.tokens.len() {
            match self.tokens[index].text.as_str() {
                "{" => return self.closing(index),
                ";" => return index,
                "(" | "[" => index = self.closing(index) + 1,
                _ => index += 1,
            }
        }
        self.tokens.len() - 1
    }

    /// Every attribute: the index of its `#`, and the range of indices between its brackets.
    pub fn attributes(&self) -> Vec<(usize, std::ops::Range<usize>)> {
        let opens = |index| match () {
            () if self.reads(index, &["#", "["]) => Some(index + 1),
            () if self.reads(index, &["#", "!", "["]) => Some(index + 2),
            () => None,
        };
        (0..self.tokens.len())
            .filter_map(|index| opens(index).map(|open| (index, open + 1..self.closing(open))))
            .collect()
    }

    /// Whether the file exists only for tests, benchmarks or fuzzing.
    pub fn is_test_file(&self) -> bool {
        let folders = self.path.split('/').any(|part| ["tests", "benches", "fuzz"].contains(&part));
        folders || self.path.ends_with("/tests.rs") || self.path.ends_with("_tests.rs")
    }

    /// The lines of test functions and modules.
    pub fn test_lines(&self) -> Vec<RangeInclusive<usize>> {
        let mut found = Vec::new();
        for (start, inside) in self.attributes() {
            let words: Vec<&str> =
                self.tokens[inside.clone()].iter().map(|token| token.text.as_str()).collect();
            if is_test_attribute(&words) {
                let end = self.item_end(inside.end + 1);
                found.push(self.tokens[start].line..=self.tokens[end].line);
            }
        }
        found
    }
}

/// `test`, `tokio::test(...)`, `cfg(test)`, `cfg(all(test, ...))`; not `cfg(not(test))`.
pub fn is_test_attribute(words: &[&str]) -> bool {
    let path_end = words.iter().position(|word| *word == "(").unwrap_or(words.len());
    let conditional = words.first() == Some(&"cfg") && words.contains(&"test") && !words.contains(&"not");
    conditional || words[..path_end].last() == Some(&"test")
}

fn flatten(stream: TokenStream, into: &mut Vec<Token>) {
    for tree in stream {
        let line = tree.span().start().line;
        let TokenTree::Group(group) = tree else {
            into.push(Token { text: tree.to_string(), line });
            continue;
        };
        let (open, close) = match group.delimiter() {
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::Brace => ("{", "}"),
            Delimiter::Bracket => ("[", "]"),
            Delimiter::None => {
                flatten(group.stream(), into);
                continue;
            }
        };
        into.push(Token { text: open.into(), line });
        flatten(group.stream(), into);
        into.push(Token { text: close.into(), line: group.span_close().start().line });
    }
}

/// Every Rust file of ours below `root`, in order of its path.
pub fn tree(root: &Path) -> Vec<Source> {
    let mut found = Vec::new();
    for folder in ROOTS {
        walk(root, &root.join(folder), &mut found);
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<Source>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_symlink() || name.starts_with('.') || NOT_OURS.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            walk(root, &path, found);
        } else if name.ends_with(".rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push(Source::new(&path.strip_prefix(root).unwrap().to_string_lossy(), &text));
        }
    }
}

#[test]
fn test_code_is_told_from_the_rest() {
    let text = "fn a() {\n}\n#[cfg(test)]\nmod tests {\n  fn b() {}\n}\n#[cfg(not(test))]\nfn c() {}\n\
                #[tokio::test(start_paused = true)]\nasync fn d() {\n}\n";
    assert_eq!(Source::new("crates/x/src/lib.rs", text).test_lines(), [3..=6, 9..=11]);
    assert!(Source::new("crates/x/src/run/tests.rs", "").is_test_file());
    assert!(!Source::new("crates/x/src/attests.rs", "").is_test_file());
}
