//! Bad files: every error at once, where it is, and the way out.

#![expect(
    clippy::indexing_slicing,
    reason = "a list that is too short is a failed test, here as in a test function"
)]

mod support;

use support::{compile, errors};

const HEAD: &str = "# T\n## Identity\n- Name: Echo\n- Role: R\n";

/// The only error of a file that begins with [`HEAD`].
#[track_caller]
fn one(rest: &str, line: u32, column: u32, message: &str, help: &str) {
    let found = errors(&format!("{HEAD}{rest}"));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!((found[0].line, found[0].column), (line, column), "{found:#?}");
    assert!(found[0].message.contains(message), "{found:#?}");
    assert!(found[0].help.contains(help), "{found:#?}");
}

/// The grants of the only skill of a good file.
#[track_caller]
fn grant(rest: &str, name: &str) -> Vec<String> {
    compile(&format!("{HEAD}## Skills\n{rest}")).skills[0].grants[name].clone()
}

#[test]
fn all_errors_come_at_once_in_the_order_of_the_file() {
    let found = errors(
        "## Identity\n- Name: ../x\n## Skills\n- fiel-reader: x\n- browser: y\n  - hosts: https://a.example/x\n## Limits\n- speed: 9\n",
    );
    let lines: Vec<u32> = found.iter().map(|error| error.line).collect();
    assert_eq!(lines, [1, 2, 4, 6, 8]);
    assert!(found[2].help.contains("did you mean `file-reader`"));
    assert!(found[3].help.contains("write `a.example`"));
}

#[test]
fn an_empty_file_says_what_to_write() {
    for source in ["", "\u{feff}", "\r\n\r\n", "<!-- nothing -->", "# Title"] {
        let found = errors(source);
        assert!(found[0].message.contains("`## Identity` is missing"), "{found:?}");
    }
}

#[test]
fn identity_errors() {
    assert!(errors("## Identity\n- Name: Echo\n")[0].message.contains("no `Role`"));
    assert!(errors("## Identity\n- Name:\n- Role: R\n")[0].message.contains("has no value"));
    one("- Name: Other\n", 5, 3, "a second time", "keep one");
    one("- Model: llama 3\n", 5, 3, "a model name was expected", "SERVER/MODEL");
    one("## Identity\n- Name: E\n", 5, 1, "a second time", "first");
}

#[test]
fn skill_errors() {
    one(
        "## Skills\n- telepathy: x\n",
        6,
        3,
        "there is no skill `telepathy`",
        "file-reader, file-writer, browser",
    );
    one("## Skills\n- browser: x\n- browser: y\n", 7, 3, "a second time", "one item");
    one("## Skills\n- browser: x\n  - host: a.example\n", 7, 5, "no grant `host`", "did you mean `hosts`");
    one("## Skills\n- browser: x\n  - hosts:\n", 7, 5, "has no value", "behind the colon");
    one("## Skills\n- browser: x\n  - hosts: a.example,\n", 7, 5, "nothing is here", "delete the comma");
    one(
        "## Skills\n- browser: x\n  - hosts: a.example\n  - hosts: b.example\n",
        8,
        5,
        "a second time",
        "commas",
    );
    one("## Skills\n- browser: x\n  - methods: FETCH\n", 7, 5, "an HTTP method", "GET");
    one(
        "## Skills\n- message: x\n  - channels: board:other\n## Channels\n- board: forum\n",
        6,
        3,
        "not in `## Channels`",
        "board:forum",
    );
    one("## Skills\n- sql: x\n  - tables: orders(id\n", 7, 5, "no closing parenthesis", "orders(id, total)");
    one(
        "## Skills\n- documents: x\n  - collections: The Wiki\n",
        7,
        5,
        "no name of a collection",
        "[collections.NAME]",
    );
    one("## Skills\n- exec: x\n  - memory: lots\n", 7, 5, "a size was expected", "64 KiB");
    one("## Skills\n- exec: x\n  - time: 5\n", 7, 5, "a time with its unit", "90 s");
    one("## Skills\n- sql: x\n  - max-rows: many\n", 7, 5, "a whole number", "whole number");
    one("## Skills\n- sql: x\n  - database: a, b\n", 7, 5, "at most 1", "remove");
}

#[test]
fn paths() {
    let path = |text: &str| format!("## Skills\n- file-reader: x\n  - paths: {text}\n");
    one(&path("/srv/../etc"), 7, 5, "`..` is not followed", "from `/` on");
    one(&path("/srv/*.md"), 7, 5, "patterns are not read", "name the folder");
    one(&path("~/docs"), 7, 5, "nobody's home", "from `/` on");
    one(&path("file:///srv"), 7, 5, "an address", "/srv/docs");
    one(&path("C:\\docs"), 7, 5, "a backslash", "`/`");
    let ok = |text: &str| grant(&format!("- file-reader: x\n  - paths: {text}\n"), "paths");
    assert_eq!(
        ok("/srv/docs/, /srv//docs/./a, /srv/docs/**, `drafts`"),
        ["/srv/docs", "/srv/docs/a", "/home/bulkhead/agents/echo/workspace/drafts"]
    );
    assert_eq!(ok("\n    - /a, b\n    - /c"), ["/a, b", "/c"]);
    assert_eq!(ok("."), ["/home/bulkhead/agents/echo/workspace"]);
    assert_eq!(ok("/**"), ["/"]);
}

#[test]
fn sizes_hosts_and_durations_have_one_normal_form() {
    assert_eq!(grant("- file-reader: x\n  - max-bytes: 64 KiB\n", "max-bytes"), ["65536"]);
    assert_eq!(grant("- file-reader: x\n  - max-bytes: 1_000\n", "max-bytes"), ["1000"]);
    assert_eq!(
        grant("- browser: x\n  - hosts: Docs.Example.ORG, *.müller.example, 127.0.0.1\n", "hosts"),
        ["docs.example.org", "*.xn--mller-kva.example", "127.0.0.1"]
    );
    assert_eq!(grant("- exec: x\n  - time: 1h 30m\n", "time"), ["5400 s"]);
    let hosts = |text: &str| format!("## Skills\n- browser: x\n  - hosts: {text}\n");
    for bad in [
        "*",
        "*.org",
        "a.example:8080",
        "http://a.example",
        "a b",
        "a..b",
        "-a.example",
        "user@a.example",
        "*.1.2.3.4",
        "a.example/x",
    ] {
        let found = errors(&format!("{HEAD}{}", hosts(bad)));
        assert_eq!(found.len(), 1, "{bad}: {found:?}");
    }
    let sizes = |text: &str| format!("{HEAD}## Skills\n- file-reader: x\n  - max-bytes: {text}\n");
    for bad in ["0", "-1", "64 K", "1.5 MiB", "99999999999999999999", "9999999 GiB", "KiB", "2 GiB"] {
        assert_eq!(errors(&sizes(bad)).len(), 1, "{bad}");
    }
}

#[test]
fn limits_channels_and_clearance() {
    let charter = compile(&format!(
        "{HEAD}## Limits\n- Actions per minute: 5\n- turn-time: 2 min\n- memory: 64 MiB\n- model-tokens-per-day: 1_000\n## Clearance\n- Confidential\n- employee-personal-data\n"
    ));
    assert_eq!((charter.limits.actions_per_minute, charter.limits.turn_time.as_secs()), (5, 120));
    assert_eq!((charter.limits.memory, charter.limits.model_tokens_per_day), (64 << 20, 1000));
    assert_eq!(charter.clearance.names(), ["confidential", "employee-personal-data"]);
    assert_eq!(compile(HEAD).clearance.names(), ["internal"]);
    one("## Limits\n- actions-per-minut: 5\n", 6, 3, "is not a limit", "did you mean `actions-per-minute`");
    one("## Limits\n- actions-per-minute: 0\n", 6, 3, "outside 1 to 10000", "whole number");
    one("## Limits\n- memory: 1 MiB\n", 6, 3, "outside", "KiB");
    one("## Limits\n- turn-time: 25 h\n", 6, 3, "24 hours", "min");
    one("## Limits\nactions-per-minute: 5\n", 6, 1, "a list item was expected", "- key: value");
    one("## Limits\n- memory: 64 MiB\n- memory: 65 MiB\n", 7, 3, "a second time", "keep one");
    one("## Clearance\n- confidental\n", 6, 3, "not a known label", "did you mean `confidential`");
    one("## Clearance\n- public\n- internal\n", 5, 1, "both levels", "one level");
    one("## Clearance\n- internal\n- internal\n", 7, 3, "a second time", "keep one");
    one("## Channels\n- board\n", 6, 3, "kind: destination", "board: forum");
    one("## Channels\n- board:\n", 6, 3, "no destination", "behind the colon");
    one("## Channels\n- board: forum\n- board: #forum\n", 7, 3, "a second time", "keep one");
    one("## Channels\n- board: The Forum\n", 6, 3, "not the name of a board", "forum");
}

#[test]
fn sections_that_something_swallows_are_found() {
    one("## Notes\n```\n## Rules\n- Never execute code\n", 7, 1, "does not begin a section", "code block");
    one("### Rules\n- Never execute code\n", 5, 1, "does not begin a section", "`## `");
    one("## Notes\n- x\n  ## Rules\n", 7, 3, "does not begin a section", "list");
    let hidden = errors(&format!("{HEAD}## Rules\n<!-- todo\n- Never execute code\n"));
    assert!(hidden[0].message.contains("a comment that is not closed"), "{hidden:?}");
    let behind = errors(&format!("{HEAD}## Rules\n<!-- a --> - Never execute code\n"));
    assert!(behind[0].message.contains("text behind its end"), "{behind:?}");
}

#[test]
fn invisible_characters_are_refused() {
    one("## Rules\n- Never \u{202e}execute code\n", 6, 9, "an invisible character", "delete it");
    one("## Rules\n- a\0b\n", 6, 4, "an invisible character", "delete it");
    one("## Rules\n- a\u{e0041}b\n", 6, 4, "an invisible character", "delete it");
}

#[test]
fn rules_keep_to_their_bounds() {
    one("## Rules\n-\n", 6, 2, "nothing is here", "delete the line");
    one(&format!("## Rules\n- {}\n", "x".repeat(9000)), 6, 3, "over the limit", "several");
    let many: String = (0..600).map(|n| format!("- rule {n}\n")).collect();
    let found = errors(&format!("{HEAD}## Rules\n{many}"));
    assert_eq!(found.len(), 100);
    let broken = "- limit: x\n".repeat(300);
    let found = errors(&format!("{HEAD}## Limits\n{broken}"));
    assert_eq!(found.len(), 101);
    assert!(found[100].message.contains("200 more"), "{}", found[100].message);
    let deep = "> ".repeat(50);
    one(&format!("## Rules\n{deep} x\n"), 6, 33, "nested more than 16", "flatter");
    assert!(errors(&"x".repeat(300_000))[0].message.contains("over the limit"));
}

#[test]
fn a_workspace_must_be_firm() {
    for workspace in ["", "relative", "/a/../b"] {
        let place = soul::Place { workspace: workspace.into(), ..support::place() };
        assert!(soul::compile(HEAD, &place).expect_err("refused")[0].message.contains("absolute path"));
    }
}
