//! `check` and `explain`, on good, bad and hostile SOUL.md files.

#[cfg(test)]
#[expect(dead_code, reason = "each test binary uses its part of it")]
mod common;

use std::fs;

use common::Home;

const BROKEN: &str =
    "# Press\n## Identity\n- Name: Press\n## Rules\n- Be kind\n## Skills\n- time-machine: go back\n";

#[test]
fn what_init_makes_is_valid_and_says_its_strengths() {
    let home = Home::new();
    let said = home.run(&["check"]).done();
    said.has("echo is valid").has("helper is valid").has("enforced").has("screened").has("advisory");
    let reports = home.run(&["check", "--json"]).done().lines();
    assert_eq!(reports.len(), 2);
    assert_eq!((&reports[0]["agent"], &reports[0]["valid"]), (&"echo".into(), &true.into()));
    let rules = reports[0]["rules"].as_array().unwrap();
    let strength = |text: &str| {
        let rule = rules.iter().find(|rule| rule["text"].as_str().unwrap().starts_with(text));
        rule.unwrap()["strength"].as_str().unwrap().to_owned()
    };
    assert_eq!(strength("Never execute code"), "enforced");
    assert_eq!(strength("All outputs must be reviewed"), "enforced");
    assert_eq!(strength("Never provide financial"), "screened");
    assert_eq!(strength("Only write content"), "advisory");
    assert!(reports[1]["skills"][0]["grants"]["paths"][0].as_str().unwrap().ends_with("/handbook"));
}

#[test]
fn strict_fails_where_a_binding_rule_is_only_advisory() {
    let home = Home::new();
    home.run(&["check", "echo", "--strict"]).with(1).has("only the model is told");
    home.run(&["check", "helper", "--strict"]).done();
}

#[test]
fn a_broken_soul_is_said_with_its_lines_and_carets() {
    let home = Home::new();
    home.run(&["agents", "add", "press"]).done();
    fs::write(home.path().join("agents/press/SOUL.md"), BROKEN).unwrap();
    let said = home.run(&["check", "press"]).with(1);
    said.has("error: ")
        .has("line 7")
        .has("time-machine")
        .has("     7 | - time-machine: go back")
        .has("^")
        .has("Role");
    let report = home.run(&["check", "press", "--json"]).with(1).json();
    assert_eq!((&report["agent"], &report["valid"]), (&"press".into(), &false.into()));
    assert!(report["errors"].as_array().unwrap().iter().any(|error| error["line"] == 7));
    home.run(&["explain", "press"]).fails(1, "bulkhead check press");
    home.run(&["check"]).with(1).has("echo is valid").has("is not valid");
}

#[test]
fn a_name_that_is_not_its_folders_is_an_error() {
    let home = Home::new();
    let soul = home.path().join("agents/echo/SOUL.md");
    let said = home.run(&["agents", "add", "press", "--from", soul.to_str().unwrap()]).with(1);
    said.has("cannot run yet");
    home.run(&["check", "press"]).with(1).has("lies in the folder of `press`");
}

#[test]
fn a_file_from_elsewhere_is_checked_without_a_home() {
    let home = Home::none();
    let soul = home.path().with_file_name("SOUL.md");
    fs::write(&soul, "# X\n## Identity\n- Name: X\n- Role: tester\n## Skills\n- browser: look\n").unwrap();
    let said = home.run(&["check", soul.to_str().unwrap()]).done();
    said.has("default: no grant was written");
    home.run(&["check", "nobody"]).fails(2, "neither an agent");
    fs::write(&soul, [b'#', b' ', 0xff]).unwrap();
    home.run(&["check", soul.to_str().unwrap()]).fails(1, "not UTF-8");
    fs::write(&soul, vec![b'a'; 300 * 1024]).unwrap();
    home.run(&["check", soul.to_str().unwrap()]).fails(1, "over the limit");
}

#[test]
fn explain_prints_every_layer() {
    let home = Home::new();
    let said = home.run(&["explain", "echo"]).done();
    said.has("permit").has("forbid").has("wider-audience").has("rule:").has("rights:owners");
    let explained = home.json(&["explain", "echo"]);
    let policies = explained["policies"].as_array().unwrap();
    for layer in ["policy", "rights", "guardrail"] {
        assert!(policies.iter().any(|policy| policy["layer"] == layer), "{layer}");
    }
}

#[test]
fn hostile_text_in_a_soul_does_not_reach_the_terminal() {
    let home = Home::none();
    let soul = home.path().with_file_name("SOUL.md");
    let text = "# X\n## Identity\n- Name: X\n- Role: a\u{1b}[31mred\u{202e}\n## Rules\n- Be \u{1b}]0;t\u{7}nice\u{200b}\n## Skills\n- nope\u{1b}[2J: x\n";
    fs::write(&soul, text).unwrap();
    let said = home.run(&["check", soul.to_str().unwrap()]);
    assert!(!said.out.contains(['\u{1b}', '\u{202e}', '\u{7}', '\u{200b}']), "{:?}", said.out);
    let said = home.run(&["check", "--json", soul.to_str().unwrap()]);
    assert!(!said.out.contains(['\u{1b}', '\u{202e}', '\u{7}', '\u{200b}']), "{:?}", said.out);
}

#[test]
fn agents_are_added_and_put_aside_whole() {
    let home = Home::new();
    home.run(&["agents", "add", "press", "--template", "helper"]).done().has("added press");
    home.run(&["agents", "add", "press"]).fails(2, "already");
    home.run(&["agents", "add", "Bad Name"]).fails(2, "not a valid agent name");
    home.run(&["agents", "add", "far", "--from", "/nonexistent"]).fails(2, "cannot be read");
    fs::write(home.path().join("agents/press/workspace/only-copy"), "precious").unwrap();
    home.run(&["agents", "remove", "press"]).fails(2, "--yes");
    let removed = home.json(&["agents", "remove", "press", "--yes"]);
    let aside = std::path::Path::new(removed["moved_to"].as_str().unwrap());
    assert_eq!(fs::read_to_string(aside.join("workspace/only-copy")).unwrap(), "precious");
    home.run(&["agents", "remove", "press", "--yes"]).fails(2, "there is no agent `press`");
}
