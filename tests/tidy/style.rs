//! The rules about one Rust file. Each takes a [`Source`] and gives its findings.

use super::source::Source;

/// A file above this is counted and reported.
pub const FILE_AIM: usize = 300;

/// A file above this fails.
pub const FILE_STOP: usize = 600;

/// A function above this fails, from its `fn` to its closing brace.
const FUNCTION_STOP: usize = 70;

/// The walk that a newcomer reads first.
const THE_WALK: (&str, usize) = ("crates/turn/src/run.rs", 200);

/// Samples that must not compile are shown to the compiler as they are.
const COMPILE_FAIL: &str = "/compile_fail/";

pub fn file_length(file: &Source) -> Vec<String> {
    let stop = if file.path == THE_WALK.0 { THE_WALK.1 } else { FILE_STOP };
    let lines = file.lines();
    if lines > stop { vec![format!("{}: {lines} lines; the limit is {stop}", file.path)] } else { vec![] }
}

pub fn function_length(file: &Source) -> Vec<String> {
    let mut findings = Vec::new();
    for index in 0..file.tokens.len().saturating_sub(1) {
        let (token, name) = (&file.tokens[index], &file.tokens[index + 1].text);
        if token.text != "fn" || !name.starts_with(|first: char| first.is_alphabetic() || first == '_') {
            continue;
        }
        let lines = file.tokens[file.item_end(index)].line - token.line + 1;
        if lines > FUNCTION_STOP {
            findings.push(format!(
                "{}:{}: `{name}` has {lines} lines; the limit is {FUNCTION_STOP}",
                file.path, token.line
            ));
        }
    }
    findings
}

pub fn opening(file: &Source) -> Vec<String> {
    let beside_its_module = file.path.ends_with("/tests.rs");
    if beside_its_module || file.path.contains(COMPILE_FAIL) || file.text.starts_with("//! ") {
        return vec![];
    }
    vec![format!("{}: opens without `//! ` and what it is for", file.path)]
}

pub fn lint_attributes(file: &Source) -> Vec<String> {
    let mut findings = Vec::new();
    for (start, inside) in file.attributes() {
        let line = file.tokens[start].line;
        let has = |pattern: &[&str]| inside.clone().any(|index| file.reads(index, pattern));
        if has(&["allow", "("]) {
            findings.push(format!("{}:{line}: `allow`; use `expect` with a reason", file.path));
        }
        if has(&["expect", "("]) && !has(&["reason", "="]) {
            findings.push(format!("{}:{line}: `expect` without a reason", file.path));
        }
    }
    findings
}

pub fn unfinished(file: &Source) -> Vec<String> {
    // In halves, so that this file does not hold the words that it looks for.
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX")];
    let macros = [concat!("to", "do"), "unimplemented"];
    let mut findings = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        let mut parts = line.split(|part: char| !part.is_alphanumeric() && part != '_');
        if let Some(word) = parts.find(|part| words.contains(part)) {
            findings.push(format!("{}:{}: `{word}`", file.path, number + 1));
        }
    }
    for (index, token) in file.tokens.iter().enumerate() {
        if macros.iter().any(|name| file.reads(index, &[name, "!"])) {
            findings.push(format!("{}:{}: `{}!`", file.path, token.line, token.text));
        }
    }
    findings
}

/// `let _ = ...` and a statement that ends in `.ok();` without using it, outside tests.
pub fn swallowed(file: &Source) -> Vec<String> {
    if file.is_test_file() {
        return vec![];
    }
    let tests = file.test_lines();
    let mut findings = Vec::new();
    for (index, token) in file.tokens.iter().enumerate() {
        let drops = file.reads(index, &["let", "_", "="]) || file.reads(index, &["let", "_", ":"]);
        let unused = file.reads(index, &[".", "ok", "(", ")", ";"]) && statement_uses_nothing(file, index);
        if (drops || unused) && !tests.iter().any(|lines| lines.contains(&token.line)) {
            findings.push(format!("{}:{}: a result is swallowed", file.path, token.line));
        }
    }
    findings
}

/// Whether the statement that runs up to token `end` neither binds, assigns nor returns its value.
fn statement_uses_nothing(file: &Source, end: usize) -> bool {
    let mut depth = 0_usize;
    for token in file.tokens[..end].iter().rev() {
        match token.text.as_str() {
            ")" | "]" | "}" => depth += 1,
            "(" | "[" | "{" if depth == 0 => return true,
            "(" | "[" | "{" => depth -= 1,
            ";" if depth == 0 => return true,
            "=" | "return" | "break" if depth == 0 => return false,
            _ => {}
        }
    }
    true
}

pub fn unbounded(file: &Source) -> Vec<String> {
    let names = [concat!("unbounded", "_channel"), "UnboundedSender", "UnboundedReceiver"];
    let mut findings = Vec::new();
    for (index, token) in file.tokens.iter().enumerate() {
        let named =
            names.contains(&token.text.as_str()) || file.reads(index, &["mpsc", ":", ":", "unbounded"]);
        // `mpsc::channel()` takes a bound everywhere but in the standard library.
        let channel = ["mpsc", ":", ":", "channel"];
        let bare = file.reads(index, &channel) && called_with_nothing(file, index + channel.len());
        if named || bare {
            findings.push(format!("{}:{}: a channel without a bound", file.path, token.line));
        }
    }
    findings
}

fn called_with_nothing(file: &Source, mut index: usize) -> bool {
    if file.reads(index, &[":", ":", "<"]) {
        while index < file.tokens.len() && !["(", ";"].contains(&file.tokens[index].text.as_str()) {
            index += 1;
        }
    }
    file.reads(index, &["(", ")"])
}

/// What `rule` finds in `text`, were it a file of ours.
#[cfg(test)]
fn findings(rule: fn(&Source) -> Vec<String>, text: &str) -> usize {
    rule(&Source::new("crates/x/src/lib.rs", text)).len()
}

#[test]
fn long_files_are_found() {
    let walk = |lines: usize| Source::new(THE_WALK.0, &"//\n".repeat(lines));
    assert_eq!((findings(file_length, &"\n".repeat(600)), findings(file_length, &"\n".repeat(601))), (0, 1));
    assert_eq!((file_length(&walk(200)).len(), file_length(&walk(201)).len()), (0, 1));
}

#[test]
fn long_functions_are_found_in_macros_too() {
    let function = |lines: usize| format!("fn f(g: fn(u8))\n{{{}}}", "\n".repeat(lines - 2));
    assert_eq!((findings(function_length, &function(70)), findings(function_length, &function(71))), (0, 1));
    assert_eq!(findings(function_length, &format!("proptest! {{ {} }}", function(71))), 1);
    assert_eq!(findings(function_length, &format!("trait T {{ fn f();\n {} }}", function(71))), 1);
}

#[test]
fn files_without_a_purpose_are_found() {
    assert_eq!(findings(opening, "//! What for.\n#![forbid(unsafe_code)]"), 0);
    for text in ["", "use std::fs;\n//! Late.", "// What for.", "/// What for.\nfn f() {}"] {
        assert_eq!(findings(opening, text), 1, "{text}");
    }
}

#[test]
fn lint_attributes_are_found_wherever_they_stand() {
    let good = r#"#[expect(dead_code, reason = "held for its drop")] struct S; fn f() { x.expect("y") }"#;
    assert_eq!(findings(lint_attributes, good), 0);
    let bad =
        ["#[allow(x)] fn f() {}", "#![allow(x)]", "#[cfg_attr(a, allow(x))] fn f() {}", "m! { #[allow(x)] }"];
    for text in bad.into_iter().chain(["#[expect(x)] fn f() {}"]) {
        assert_eq!(findings(lint_attributes, text), 1, "{text}");
    }
}

#[test]
fn unfinished_work_is_found() {
    assert_eq!(findings(unfinished, "// a TODOS list\nconst SUFFIX: &str = \"XXXXXX\"; fn todo() {}"), 0);
    let bad = [concat!("// TO", "DO: x"), concat!("// (FIX", "ME)"), concat!("// X", "XX")];
    for text in bad.into_iter().chain([concat!("fn f() { to", "do!() }"), "fn f() { unimplemented!(\"x\") }"])
    {
        assert_eq!(findings(unfinished, text), 1, "{text}");
    }
}

#[test]
fn swallowed_results_are_found_outside_tests() {
    let good = "fn f() { let _held = g(); let x = g().ok(); return g().ok(); }";
    assert_eq!(findings(swallowed, good), 0);
    assert_eq!(findings(swallowed, "#[test]\nfn f() {\n let _ = g();\n}"), 0);
    for text in ["fn f() { let _ = g(); }", "fn f() { let _: R = g(); }", "fn f() { x = 1; g(a).ok(); }"] {
        assert_eq!(findings(swallowed, text), 1, "{text}");
    }
    assert_eq!(findings(swallowed, "tokio::select! { x = y => { let _ = g(); } }"), 1);
}

#[test]
fn channels_without_a_bound_are_found() {
    let good = "fn f() { mpsc::channel::<u8>(BOUND); mpsc::channel(8); oneshot::channel(); }";
    assert_eq!(findings(unbounded, good), 0);
    let bad = [
        concat!("tokio::sync::mpsc::unbounded", "_channel()"),
        "mpsc::channel()",
        "mpsc::channel::<Vec<u8>>()",
    ];
    for text in bad.into_iter().chain(["futures::channel::mpsc::unbounded()"]) {
        assert_eq!(findings(unbounded, &format!("fn f() {{ {text}; }}")), 1, "{text}");
    }
}
