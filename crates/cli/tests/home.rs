//! Making a home, and everything that can be wrong with one.

#[cfg(test)]
#[expect(dead_code, reason = "each test binary uses its part of it")]
mod common;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use common::{Home, Said, tree};

#[test]
fn init_makes_a_private_home_and_twice_is_harmless() {
    let home = Home::none();
    home.run(&["init"]).done().has("bulkhead.toml").has("agents/echo/SOUL.md");
    for (path, _) in tree(&home.path()) {
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{path:?}");
    }
    for folder in ["", "agents", "agents/echo/workspace", "data", "keys", "guardrails", "handbook"] {
        let mode = fs::metadata(home.path().join(folder)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{folder}");
    }
    fs::write(home.path().join("agents/echo/SOUL.md"), "mine").unwrap();
    fs::remove_dir_all(home.path().join("agents/helper")).unwrap();
    let before = tree(&home.path());
    home.run(&["init"]).done().has("nothing was changed");
    assert_eq!(tree(&home.path()), before);
    fs::remove_dir_all(home.path()).unwrap();
}

#[test]
fn a_home_of_several_lets_others_through_and_nobody_approve_their_own() {
    let home = Home::none();
    home.run(&["init", "--team", "--person", "ada"]).done();
    assert_eq!(fs::metadata(home.path()).unwrap().permissions().mode() & 0o777, 0o711);
    let settings = fs::read_to_string(home.settings()).unwrap();
    assert!(settings.contains("id = \"ada\"") && !settings.contains("\nsolo ="), "{settings}");
    let alone = Home::none();
    alone.run(&["init", "--person", "ada"]).done();
    assert!(fs::read_to_string(alone.settings()).unwrap().contains("\nsolo = \"ada\"\n"));
}

#[test]
fn init_says_what_it_made_as_json() {
    let home = Home::none();
    let made = home.json(&["init"]);
    assert!(made["made"].as_array().unwrap().len() >= 6 && made["kept"] == serde_json::json!([]));
    assert_eq!(home.json(&["init"])["made"], serde_json::json!([]));
}

#[test]
fn a_home_that_cannot_be_made_is_one_sentence() {
    let home = Home::none();
    fs::write(home.path(), "in the way").unwrap();
    home.run(&["init"]).fails(4, "cannot be made");
    home.run(&["init", "--person", "Not A Name"]).fails(2, "is not a valid person");
}

#[test]
fn without_a_home_every_command_says_how_to_make_one() {
    let home = Home::none();
    for args in [
        vec!["gateway", "start"],
        vec!["gateway", "stop"],
        vec!["gateway", "status"],
        vec!["agents", "list"],
        vec!["agents", "add", "x"],
        vec!["chat", "echo", "hi"],
        vec!["approvals", "list"],
        vec!["audit", "verify"],
        vec!["check"],
    ] {
        home.run(&args).fails(4, "make one with `bulkhead init`");
    }
}

#[test]
fn a_gateway_that_is_down_is_said_with_the_way_out() {
    let home = Home::new();
    for args in [
        vec!["agents", "list"],
        vec!["agents", "kill", "--all"],
        vec!["chat", "echo", "hi"],
        vec!["approvals", "list"],
        vec!["gateway", "status"],
    ] {
        home.run(&args).fails(4, "start it with `bulkhead gateway start`");
    }
    home.run(&["audit", "verify"]).fails(4, "begins with the first");
    home.run(&["gateway", "stop"]).done().has("no gateway was running");
}

#[test]
fn mistyped_commands_are_usage() {
    let home = Home::none();
    home.run(&["frobnicate"]).fails(2, "frobnicate");
    home.run(&["agents", "kill"]).fails(2, "--help");
    home.run(&["agents", "show", "../../etc"]).fails(2, "not a valid agent name");
    home.run(&["audit", "query", "--since", "yesterday"]).fails(2, "24h");
    home.run(&["audit", "verify", "--head", "x"]).fails(2, "N:HASH");
    home.run(&["approvals", "approve", "a-1", "--digest", "zz"]).fails(2, "64 hexadecimal digits");
    let hostile = home.run(&["\u{1b}[2J\u{202e}x"]).fails(2, "<U+202E>x");
    assert!(!hostile.err.contains('\u{1b}'), "{:?}", hostile.err);
    home.run(&["completion", "bash", "--json"]).fails(2, "no JSON");
    home.run(&[]).fails(2, "requires a subcommand");
    let mut bare = home.command(&["agents"]);
    let output = bare.env_remove("BULKHEAD_HOME").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("bulkhead agents kill --all"));
}

#[test]
fn broken_settings_are_said_with_line_and_column() {
    let home = Home::new();
    let text = fs::read_to_string(home.settings()).unwrap();
    let line = text.lines().position(|line| line.starts_with("containment")).unwrap() + 1;
    home.edit("containment = \"full\"", "containmemt = \"full\"");
    let said = format!("line {line}, column 1: unknown field `containmemt`");
    home.run(&["gateway", "start"]).fails(2, &said);
    home.run(&["check"]).fails(2, "unknown field");
    home.edit("containmemt = \"full\"", "containment =");
    home.run(&["gateway", "start"]).fails(2, &format!("line {line}"));
    home.edit("containment =\n", "");
    home.edit("groups = [\"owners\"]", "groups = [\"ghosts\"]");
    home.run(&["gateway", "start"]).fails(2, "no `[[group]]` of that name");
    fs::write(home.settings(), b"[gateway]\n# \xff\xfe").unwrap();
    home.run(&["gateway", "start"]).fails(2, "line 2, column 3: this is not UTF-8");
    home.run(&["init"]).fails(2, "line 2, column 3: this is not UTF-8");
}

#[test]
fn broken_guardrails_are_said_and_missing_ones_are_not_overlooked() {
    let home = Home::new();
    fs::write(home.path().join("guardrails/own.cedar"), "forbid (principal").unwrap();
    home.run(&["gateway", "start"]).fails(2, "own.cedar");
    home.run(&["check"]).fails(2, "own.cedar");
    fs::remove_dir_all(home.path().join("guardrails")).unwrap();
    home.run(&["gateway", "start"]).fails(2, "guardrails");
}

#[test]
fn what_is_not_utf8_is_one_sentence_with_its_place() {
    let home = Home::running("turns: [{say: hello, repeat: true}]");
    let guardrail = home.path().join("guardrails/own.cedar");
    let said = "guardrails/own.cedar` line 2: this is not UTF-8 text; save the file as UTF-8";
    fs::write(&guardrail, b"// our own\n\xff\xfe").unwrap();
    // Those that a running gateway finds changed, too.
    home.run(&["chat", "helper", "hi"]).fails(2, said);
    home.run(&["check"]).fails(2, said);
    home.run(&["gateway", "stop"]).done();
    home.run(&["gateway", "start"]).fails(2, said);
    fs::remove_file(guardrail).unwrap();
    home.run(&["gateway", "start"]).done();

    let scene = home.path().join("rehearsal/scene.yaml");
    let whole = fs::read(&scene).unwrap();
    fs::write(&scene, b"turns:\n- say: \xff\xfe").unwrap();
    let said = "scene.yaml` line 2: this is not UTF-8 text; save the file as UTF-8";
    home.run(&["chat", "helper", "hi"]).fails(4, said);
    fs::write(&scene, whole).unwrap();

    let before = home.json(&["audit", "verify"])["records"].clone();
    for text in [&b"\xff"[..], b"well \xc3\x28 then"] {
        let said = home.command(&["chat", "helper"]).arg(OsStr::from_bytes(text)).output().unwrap();
        Said::from(said).fails(2, "invalid UTF-8 was detected in one or more arguments");
        home.pipe(&["chat", "helper"], text).fails(2, "the message on standard input is not UTF-8 text");
    }
    assert_eq!(home.json(&["audit", "verify"])["records"], before, "something was done");
    home.run(&["chat", "helper", "hi"]).done().has("hello");
}

#[test]
fn what_needs_no_home_works_without_one() {
    let home = Home::none();
    home.run(&["version"]).done().has("bulkhead 0.");
    assert_eq!(home.json(&["version"])["name"], "bulkhead");
    home.run(&["--version"]).done().has("bulkhead 0.");
    for shell in ["bash", "zsh", "fish"] {
        home.run(&["completion", shell]).done().has("approvals").lacks("__spawner");
    }
    let help = home.run(&["--help"]).done();
    help.has("Examples:").has("Exit codes:").lacks("__spawner");
    home.run(&["chat", "--help"]).done().has("bulkhead chat echo");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let home = Home::none();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = home.command(&["version"]).stdout(Stdio::from(writer)).output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}

#[test]
fn a_jailed_role_is_nothing_for_people() {
    let home = Home::none();
    for args in [
        vec!["__spawner"],
        vec!["__spawner", "root"],
        vec!["__spawner", "agent"],
        vec!["__spawner", "--help"],
    ] {
        let said = home.run(&args);
        assert_ne!(said.code, 0);
        assert!(said.out.is_empty() && !said.err.contains("panicked"), "{}{}", said.out, said.err);
    }
}
