//! What the documents tell people to type is what the commands take: every command block of README.md, CONTRIBUTING.md and
//! the documentation, every command named in a sentence there, the picture of the demo, and every example of `--help`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;

use super::*;

/// The fewest command lines that are found, so that a way of writing them that is not seen is noticed.
const AT_LEAST: usize = 60;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// README.md, CONTRIBUTING.md and each document beside the decisions, with its text.
fn documents() -> Vec<(String, String)> {
    let mut files: Vec<PathBuf> = fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .chain(["README.md", "CONTRIBUTING.md"].map(|name| root().join(name)))
        .collect();
    files.sort();
    files.iter().map(|path| (path.display().to_string(), fs::read_to_string(path).unwrap())).collect()
}

/// The lines of the blocks of a document that are code: indented or fenced.
fn code(text: &str) -> Vec<&str> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if fenced || line.starts_with("    ") {
            lines.push(line.trim());
        }
    }
    lines
}

/// The words of a command line as a shell takes them, up to where something else begins: a comment, a redirection, a pipe,
/// or an explanation behind two spaces.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut letters = line.trim().chars().peekable();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, ' ') => {
                words.extend(word.take());
                if letters.peek().is_some_and(|next| [' ', '#', '>', '|', '&', ';'].contains(next)) {
                    return words;
                }
            }
            (Some(_), _) | (None, _) => word.get_or_insert_default().push(letter),
        }
    }
    assert_eq!(quote, None, "a quote is not closed: {line}");
    words.extend(word);
    words
}

/// What stands for something of the reader's own, as something: their name, and a digest of which the beginning is shown.
fn filled(word: &str) -> String {
    let begun = word.strip_suffix("...").filter(|begun| begun.bytes().all(|byte| byte.is_ascii_hexdigit()));
    match begun {
        Some(begun) => format!("{begun:0<64}"),
        None => word.replace("$USER", "ada"),
    }
}

/// Whether a word stands for something to be put in there, as in `--format F`.
fn is_placeholder(error: &clap::Error) -> bool {
    let value = error.get(clap::error::ContextKind::InvalidValue).map(ToString::to_string);
    value.is_some_and(|value| !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_uppercase()))
}

/// Why nobody can type this. Of a command that is only named, what it needs besides may be left out or be a placeholder.
fn wrong(line: &str, named: bool) -> Option<String> {
    let error = Cli::try_parse_from(words(line).iter().map(|word| filled(word))).err()?;
    let left_out = matches!(
        error.kind(),
        ErrorKind::MissingRequiredArgument
            | ErrorKind::MissingSubcommand
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    ) || is_placeholder(&error);
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) || (named && left_out) {
        return None;
    }
    Some(format!("`{line}`: {}", sentence(&error.render().to_string())))
}

#[test]
fn every_command_in_the_documents_is_one_that_can_be_typed() {
    let (mut found, mut faults) = (0, Vec::new());
    for (path, text) in documents() {
        let blocks =
            code(&text).into_iter().filter(|line| line.starts_with("bulkhead ")).map(|line| (line, false));
        // The text between backticks, which may go over the end of a line.
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let named = text.split('`').skip(1).step_by(2).filter(|part| part.starts_with("bulkhead "));
        for (line, named) in blocks.chain(named.map(|line| (line, true))) {
            found += 1;
            faults.extend(wrong(line, named).map(|why| format!("{path}: {why}")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(found >= AT_LEAST, "only {found} commands were found");
}

#[test]
fn the_readme_tells_to_type_nothing_that_is_not_there() {
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let targets: BTreeSet<&str> = makefile
        .lines()
        .filter(|line| !line.starts_with(['\t', '.', '#']))
        .filter_map(|line| line.split_once(':').map(|(target, _)| target))
        .collect();
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let lines = code(&readme);
    assert!(lines.len() >= 9, "{lines:?}");
    for line in lines {
        let words = words(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words[..] {
            ["make", target] => assert!(targets.contains(target), "{line}: {targets:?}"),
            ["cargo", "install", "--locked", "--path", folder] => {
                let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
                assert!(manifest.contains("name = \"bulkhead\""), "{line}");
            }
            ["bulkhead", ..] => assert_eq!(wrong(line, false), None),
            _ => panic!("`{line}`: who holds that this can be typed?"),
        }
    }
    let contributing = fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    for line in code(&contributing).into_iter().filter(|line| line.starts_with("make ")) {
        assert!(targets.contains(words(line)[1].as_str()), "{line}: {targets:?}");
    }
}

#[test]
fn the_picture_of_the_demo_shows_commands_that_can_be_typed() {
    let picture = fs::read_to_string(root().join("docs/images/demo.svg")).unwrap();
    let commands: Vec<&str> = picture
        .split("bulkhead ")
        .skip(1)
        .map(|rest| rest.split(['`', '<', '\n']).next().unwrap().trim())
        .collect();
    assert!(commands.contains(&"demo") && commands.len() >= 3, "{commands:?}");
    let faults: Vec<String> =
        commands.iter().filter_map(|command| wrong(&format!("bulkhead {command}"), false)).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_example_of_a_help_can_be_typed() {
    fn look(command: &clap::Command, faults: &mut Vec<String>, found: &mut usize) {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        for line in help.lines().map(str::trim).filter(|line| line.starts_with("bulkhead ")) {
            *found += 1;
            faults.extend(wrong(line, false).map(|why| format!("{}: {why}", command.get_name())));
        }
        command.get_subcommands().for_each(|verb| look(verb, faults, found));
    }
    let (mut faults, mut found) = (Vec::new(), 0);
    look(&Cli::command(), &mut faults, &mut found);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(found >= AT_LEAST, "only {found} examples were found");
}

#[test]
fn a_command_that_cannot_be_typed_is_found() {
    assert_eq!(
        words("bulkhead chat echo \"Write a post\"  # so"),
        ["bulkhead", "chat", "echo", "Write a post"]
    );
    assert_eq!(words("bulkhead audit prove 17 > 17.tlog-proof"), ["bulkhead", "audit", "prove", "17"]);
    assert_eq!(words("bulkhead audit key show     # write it down"), ["bulkhead", "audit", "key", "show"]);
    for line in ["bulkhead chat", "bulkhead frobnicate", "bulkhead audit verify --fast", "bulkhead init a b"]
    {
        assert!(wrong(line, false).is_some(), "{line}");
    }
    assert!(wrong("bulkhead audit export --format F", true).is_none());
    assert!(wrong("bulkhead audit export --format F", false).is_some());
    assert!(wrong("bulkhead audit verify --key abc...", false).is_none());
    assert!(wrong("bulkhead chat", true).is_none() && wrong("bulkhead chat --fast", true).is_some());
    assert_eq!(code("a\n\n    b\n\n```sh\nc\n```\nd"), ["b", "c"]);
}
